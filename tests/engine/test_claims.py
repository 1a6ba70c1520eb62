"""Claims as a simulation: runners live and die on a list of records, some of which kill whoever works on them.

What a runner does is told here once more in a few lines, after engine/run.py: it reads a chunk ahead while the one
before is written, unless it is suspicious. What passes from one runner to the next goes through the books' columns.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ri_declarative.database.ownership import Claim, Stopped, claimed
from ri_declarative.engine.claims import POISON_AFTER, claim_of, first_claim, is_poison, next_claim
from ri_declarative.records import BatchStatus, Counts, StopReason

MOST_LIVES = 1000  # of one batch: a simulation that needs more goes on for ever


class Killer(NamedTuple):
    """A record that kills whoever works on it, at one of two moments."""

    index: int  # type: ignore[assignment]  # its place in the source
    in_writing: bool  # a hook in the writer's thread; else when it is prepared, perhaps ahead


class Death(NamedTuple):
    """The end of a runner by a record."""

    killer: int  # its place
    in_work: range  # places of the records that the books may blame for it


@dataclass
class Books:
    """What is committed of one batch, as columns."""

    indexes: Sequence[int]  # of the records, which may have gaps: items that are taken again
    claim_to: int
    claim_attempts: int = 1
    claim_suspect: int = 0
    next_index: int = 0
    stop_reason: StopReason | None = None
    begun: bool = False
    done: list[int] = field(default_factory=list)  # indexes that have reached an end, in order
    poisoned: list[int] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)

    def stopped(self) -> Stopped:
        """As `lock` reads it."""
        claim = Claim(self.claim_to - self.next_index, self.claim_attempts, self.claim_suspect)
        status, total = BatchStatus.FAILED, len(self.indexes)
        return Stopped(
            "b", status, self.stop_reason, total, self.next_index, Counts(), claim, self.begun, None, {}, None
        )

    def claim(self, claim: Claim) -> None:
        """As `take` and `advance` write it."""
        for name, value in claimed(self.next_index, claim).items():
            setattr(self, name, value)


@dataclass
class Runner:
    """One life."""

    books: Books
    killers: dict[int, Killer]  # by index
    chunk_size: int
    chance: random.Random

    def live(self) -> bool:
        """Whether it comes to the end of the source; False: it dies of a record."""
        claim = self._take()
        places = [place for place, index in enumerate(self.books.indexes) if index >= self.books.next_index]
        writing: tuple[list[int], Claim] | None = None
        while chunk := places[: claim.size]:
            places = places[claim.size :]
            if not is_poison(claim) and (killer := self._killer(chunk, in_writing=False)) is not None:
                return self._die(killer, writing)
            if writing is not None and not self._write(*writing):
                return False
            writing = (chunk, claim)
            if claim.suspect:
                if not self._write(*writing):
                    return False
                writing = None
            claim = next_claim(claim, self.chunk_size)
        return writing is None or self._write(*writing)

    def _take(self) -> Claim:
        claim = claim_of(self.books.stopped(), self.chunk_size)
        self.books.claim(claim)
        self.books.stop_reason, self.books.begun = None, True
        return claim

    def _die(self, killer: int, writing: tuple[list[int], Claim] | None) -> bool:
        """While it read: what it wrote meanwhile is in the books, or not."""
        if writing is not None and self._killer(writing[0], in_writing=True) is None and self.chance.random() < 0.5:
            self._write(*writing)
        return self._dead(killer)

    def _write(self, chunk: list[int], claim: Claim) -> bool:
        books = self.books
        if not is_poison(claim) and (killer := self._killer(chunk, in_writing=True)) is not None:
            return self._dead(killer)
        written = [books.indexes[place] for place in chunk]
        books.done += written
        books.poisoned += written if is_poison(claim) else []
        books.next_index = written[-1] + 1
        books.claim(next_claim(claim, self.chunk_size))
        return True

    def _dead(self, killer: int) -> bool:
        first = sum(index < self.books.next_index for index in self.books.indexes)
        claim = self.books.stopped().claim
        in_work = claim.size if claim.suspect else claim.size + self.chunk_size
        self.books.deaths.append(Death(killer, range(first, first + in_work)))
        self.books.stop_reason = StopReason.LOST
        return False

    def _killer(self, chunk: list[int], *, in_writing: bool) -> int | None:
        deadly = [self.killers.get(self.books.indexes[place]) for place in chunk]
        return next(
            (place for place, one in zip(chunk, deadly, strict=True) if one and one.in_writing == in_writing), None
        )


class Case(NamedTuple):
    """One batch."""

    indexes: list[int]
    killers: list[Killer]
    seed: int


@st.composite
def cases(draw: st.DrawFn, *, sparse: bool = False) -> Case:
    """A batch of up to 300 records, up to 6 of which are killers; `sparse`: with gaps between the indexes."""
    gaps = draw(st.lists(st.integers(1, 4), max_size=120)) if sparse else [1] * draw(st.integers(0, 300))
    indexes = [sum(gaps[:place]) for place in range(len(gaps))]
    deadly = draw(st.lists(st.sampled_from(indexes), max_size=6, unique=True)) if indexes else []
    return Case(indexes, [Killer(index, draw(st.booleans())) for index in deadly], draw(st.integers(0, 1 << 32)))


def batch_of(case: Case, chunk_sizes: Sequence[int]) -> Books:
    """The books when one runner after the other, each with its chunk size, has brought the batch to its end."""
    books = Books(case.indexes, claim_to=first_claim(chunk_sizes[0]).size)
    killers, chance = {killer.index: killer for killer in case.killers}, random.Random(case.seed)
    for life in range(MOST_LIVES):
        if Runner(books, killers, chunk_sizes[life % len(chunk_sizes)], chance).live():
            return books
    raise AssertionError(f"it never ends: {len(books.deaths)} deaths")


sizes = st.integers(1, 40)


@settings(max_examples=300, deadline=None)
@given(st.one_of(cases(), cases(sparse=True)), sizes)
def test_killers_are_poison_after_three_deaths_and_nothing_else_is(case: Case, chunk_size: int) -> None:
    books = batch_of(case, [chunk_size])
    assert books.done == case.indexes  # each once, in order
    assert books.poisoned == sorted(killer.index for killer in case.killers)
    assert len(books.deaths) == POISON_AFTER * len(case.killers)
    for number, index in enumerate(books.poisoned):
        near = books.deaths[POISON_AFTER * number :][:POISON_AFTER]
        assert all(case.indexes.index(index) in death.in_work for death in near)
        assert case.indexes[near[-1].killer] == index  # alone: it was the only one in work
        assert len(near[-1].in_work) == 1 or chunk_size == 1


@settings(max_examples=150, deadline=None)
@given(st.one_of(cases(), cases(sparse=True)), st.lists(sizes, min_size=1, max_size=4))
def test_a_chunk_size_that_changes_between_runners_condemns_no_innocent_record(case: Case, changing: list[int]) -> None:
    books = batch_of(case, changing)
    assert books.done == case.indexes
    assert books.poisoned == sorted(killer.index for killer in case.killers)


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 5000])
@pytest.mark.parametrize("in_writing", [False, True])
def test_all_records_may_be_killers(chunk_size: int, in_writing: bool) -> None:
    case = Case(list(range(30)), [Killer(index, in_writing) for index in range(30)], seed=7)
    books = batch_of(case, [chunk_size])
    assert books.poisoned == books.done == case.indexes
    assert len(books.deaths) == 30 * POISON_AFTER


@pytest.mark.parametrize("index", [0, 70, 71, 4999, 5000, 5001, 11_999])
def test_few_records_are_taken_one_by_one_to_find_one_of_many(index: int) -> None:
    """A suspicious runner is a slow one: 70 commits for a part of a chunk of 5,000, and 70 for its records."""
    books = Books(range(12_000), claim_to=5000)
    runners = [Runner(books, {index: Killer(index, in_writing=True)}, 5000, random.Random(7)) for _ in range(4)]
    assert [runner.live() for runner in runners] == [False, False, False, True]
    assert books.poisoned == [index]
    narrow = [len(death.in_work) for death in books.deaths]
    assert narrow[0] == 10_000
    assert narrow[1] <= 71
    assert narrow[2] == 1


def test_a_runner_that_was_interrupted_or_had_not_begun_is_no_suspicion() -> None:
    books = Books(range(10), claim_to=4, begun=True)
    assert claim_of(books.stopped()._replace(stop_reason=StopReason.LOST), 4) == Claim(2, 2, 8)
    assert claim_of(books.stopped()._replace(stop_reason=StopReason.LOST, begun=False), 4) == Claim(4)
    for reason in (StopReason.INTERRUPTED, StopReason.DATABASE, StopReason.MAX_FAILED, None):
        assert claim_of(books.stopped()._replace(stop_reason=reason), 4) == first_claim(4)


def test_a_runner_that_had_not_begun_leaves_the_suspicion_as_it_found_it() -> None:
    suspicious = Books(range(10), claim_to=2, claim_attempts=2, claim_suspect=8, stop_reason=StopReason.LOST).stopped()
    assert claim_of(suspicious, 4) == Claim(2, 2, 8)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), sizes, st.lists(st.integers(0, 60), min_size=2, max_size=2), st.integers(0, 1 << 32))
def test_two_runners_that_die_of_something_else_condemn_no_record(
    count: int, chunk_size: int, moments: list[int], seed: int
) -> None:
    """The power fails after so many records: the books cannot know that the record in work is innocent."""
    books = Books(range(count), claim_to=first_claim(chunk_size).size)
    for moment in moments:
        passing = {moment: Killer(moment, in_writing=seed % 2 == 0)} if moment < count else {}
        if Runner(books, passing, chunk_size, random.Random(seed)).live():
            break
    else:
        assert Runner(books, {}, chunk_size, random.Random(seed)).live()
    assert books.poisoned == []
    assert books.done == list(range(count))
