"""Patience with a database that is away, against a clock that moves when it is told to: nobody sleeps here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from ri_declarative.engine import patience as module
from ri_declarative.engine.patience import Patience
from ri_declarative.errors import ConnectionLost, PassingFault, StoppedError


@dataclass
class Clock:
    """`time.monotonic`, and the pauses that were made."""

    now: float = 1000.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def pause(self, patience: Patience, seconds: float) -> None:
        """In place of Patience.pause."""
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(Patience, "pause", lambda patience, seconds: made.pause(patience, seconds))
    monkeypatch.setattr(module, "random", SimpleNamespace(uniform=lambda low, high: high))  # the longest pauses
    return made


def lost() -> ConnectionLost:
    return ConnectionLost("db.connection", "the connection to the database was lost")


@dataclass
class Step:
    """Fails as it is told to, then gives its name."""

    name: str
    failures: Iterable[Exception | None] = ()
    takes_s: float = 0.0
    clock: Clock | None = None
    calls: int = 0

    def __post_init__(self) -> None:
        self._left = iter(self.failures)

    def __call__(self) -> str:
        self.calls += 1
        if self.clock is not None:
            self.clock.now += self.takes_s
        failure = next(self._left, None)
        if failure is not None:
            raise failure
        return self.name


def for_ever(make: Callable[[], Exception] = lost) -> Iterable[Exception]:
    while True:
        yield make()


def test_a_step_that_succeeds_is_done_once_without_a_pause(clock: Clock) -> None:
    step, again = Step("first"), Step("again")
    assert Patience().through(step, again=again) == "first"
    assert (step.calls, again.calls, clock.pauses) == (1, 0, [])


def test_after_a_loss_it_is_not_the_step_that_is_done_again_where_something_else_is_given(clock: Clock) -> None:
    step, again = Step("first", [lost()]), Step("again", [lost(), lost()])
    assert Patience().through(step, again=again) == "again"
    assert (step.calls, again.calls) == (1, 3)


def test_a_step_alone_is_its_own_repetition(clock: Clock) -> None:
    step = Step("first", [lost(), lost()])
    assert Patience().through(step) == "first"
    assert step.calls == 3


def test_pauses_grow_from_a_tenth_of_a_second_to_five(clock: Clock) -> None:
    assert Patience(60).through(Step("first", [lost() for _ in range(10)])) == "first"
    assert clock.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize("limit_s", [0.3, 1.0, 7.0, 60.0, 3600.0])
def test_it_gives_up_within_the_limit_with_the_last_loss(clock: Clock, limit_s: float) -> None:
    with pytest.raises(ConnectionLost):
        Patience(limit_s).through(Step("never", for_ever()))
    assert sum(clock.pauses) <= limit_s
    assert sum(clock.pauses) + 5.0 >= min(limit_s, 5.0)
    assert clock.pauses


def test_a_step_that_takes_long_to_fail_counts_against_the_limit(clock: Clock) -> None:
    step = Step("never", for_ever(), takes_s=10.0, clock=clock)
    with pytest.raises(ConnectionLost):
        Patience(25).through(step)
    assert step.calls == 4  # lost at 10, 20.1 and 30.3, which is within the limit, and at 40.7


def test_a_limit_of_nothing_is_no_second_try(clock: Clock) -> None:
    step = Step("never", for_ever())
    with pytest.raises(ConnectionLost):
        Patience(0).through(step)
    assert (step.calls, clock.pauses) == (1, [])


def test_every_step_has_the_whole_limit(clock: Clock) -> None:
    patience = Patience(1.0)
    for _ in range(5):
        assert patience.through(Step("done", [lost(), lost()])) == "done"
    assert sum(clock.pauses) > 1.0


@pytest.mark.parametrize(
    "other", [PassingFault("db.passing", "deadlock"), StoppedError("db.world", "disk"), KeyError()]
)
def test_what_is_no_lost_connection_is_raised_at_once(clock: Clock, other: Exception) -> None:
    with pytest.raises(type(other)):
        Patience().through(Step("never", [other]))
    with pytest.raises(type(other)):
        Patience().through(Step("never", [lost(), other]))
    assert len(clock.pauses) == 1


def test_it_is_said_once_how_long_it_will_try(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ri_declarative")
    Patience(42).through(Step("done", [lost(), lost(), lost()]))
    assert caplog.messages == ["the connection to the database was lost; trying again for 42 s"]


@pytest.mark.parametrize("by", ["hurry", "should_stop"])
def test_who_is_in_a_hurry_does_not_try_again(clock: Clock, by: str) -> None:
    patience = Patience(60, should_stop=lambda: by == "should_stop")
    if by == "hurry":
        patience.hurry()
    step = Step("never", for_ever())
    assert patience.hurried
    with pytest.raises(ConnectionLost):
        patience.through(step)
    assert (step.calls, clock.pauses) == (1, [])


def test_a_stop_that_is_asked_for_during_a_pause_ends_the_trying(clock: Clock) -> None:
    patience = Patience(60, should_stop=lambda: len(clock.pauses) >= 2)
    step = Step("never", for_ever())
    with pytest.raises(ConnectionLost):
        patience.through(step)
    assert step.calls == 3  # the one after the pause may have been the good one


# ── with the real clock ──────────────────────────────────────────────────────────────────────


def test_hurry_ends_a_pause_of_another_thread() -> None:
    patience = Patience()
    thread = threading.Thread(target=patience.pause, args=(600,))
    thread.start()
    patience.hurry()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_stop_that_is_asked_for_ends_a_pause() -> None:
    asked = iter([False, False])
    Patience(should_stop=lambda: next(asked, True)).pause(600)


def test_a_pause_lasts_as_long_as_it_should() -> None:
    begun = module.time.monotonic()
    Patience().pause(0.05)
    assert module.time.monotonic() - begun >= 0.05
