"""Faults that pass: the chunk is tried again, a bounded number of times, and nothing is written twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from support.embedded import eventually
from support.workbench import Workbench

from refusals.refusal_causes import trigger
from refusals.refusal_runs import kept, prepare, run_keys
from ri_declarative.engine import run as engine
from ri_declarative.errors import PassingFault, StoppedError
from ri_declarative.processors.retry import Retry
from ri_declarative.records import BatchStatus, StopReason

PASSING = ["40001", "40P01", "55P03"]
DOUBLE = "SELECT k FROM t GROUP BY k HAVING count(*) > 1"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait between two tries."""
    monkeypatch.setattr(Retry, "pause_s", lambda retry, attempt: 0.001)


def failing(times: int, sqlstate: str, *, key: int) -> str:
    """DDL of a trigger that raises this at the first `times` tries of a key; a sequence survives rollbacks."""
    return "CREATE SEQUENCE tries; " + trigger(
        f"IF NEW.k = {key} AND nextval('tries') <= {times} THEN RAISE USING ERRCODE = '{sqlstate}', "
        "MESSAGE = 'try again'; END IF; RETURN NEW;"
    )


@pytest.mark.parametrize("sqlstate", PASSING)
@pytest.mark.parametrize("times", [1, 3])
def test_a_chunk_is_tried_again_after_a_fault_that_passes(workbench: Workbench, sqlstate: str, times: int) -> None:
    prepare(workbench, failing(times, sqlstate, key=15), size=10)
    ended = run_keys(workbench, 30)
    assert ended.error is None
    assert (ended.batch.inserted_items, ended.batch.completed_items, ended.batch.failed_items) == (30, 30, 0)
    assert kept(workbench) == (30, 30, 30)
    assert workbench.sql(DOUBLE) == []
    assert workbench.sql("SELECT last_value FROM tries") == [(times + 1,)]


@pytest.mark.parametrize("sqlstate", PASSING)
def test_a_fault_that_never_passes_stops_the_run_with_nothing_of_its_chunk(workbench: Workbench, sqlstate: str) -> None:
    prepare(workbench, failing(1_000_000, sqlstate, key=15), size=10)
    ended = run_keys(workbench, 30)
    assert isinstance(ended.error, PassingFault)
    assert sqlstate in ended.error.message
    assert kept(workbench) == (10, 10, 10)
    assert (ended.batch.status, ended.batch.stop_reason) == (BatchStatus.FAILED, StopReason.DATABASE)
    ((tries,),) = workbench.sql("SELECT last_value FROM tries")
    assert 2 <= tries <= 10


def test_a_bad_row_next_to_a_passing_fault_fails_once(workbench: Workbench) -> None:
    prepare(workbench, "ALTER TABLE t ADD CHECK (k <> 14); " + failing(1, "40001", key=15), size=10)
    ended = run_keys(workbench, 30)
    assert (ended.batch.completed_items, ended.batch.failed_items) == (29, 1)
    assert [code for _, code, _ in workbench.failures(ended.batch)] == ["db.check"]
    assert kept(workbench) == (29, 30, 30)


def test_a_transient_fault_in_a_deferred_trigger_is_tried_again(workbench: Workbench) -> None:
    deferred = failing(1, "40001", key=15).replace("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
    deferred = deferred.replace("BEFORE INSERT OR UPDATE ON t", "AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED")
    prepare(workbench, deferred, size=10)
    ended = run_keys(workbench, 30)
    assert (ended.error, ended.batch.completed_items) == (None, 30)
    assert kept(workbench) == (30, 30, 30)


@pytest.mark.parametrize("sqlstate", ["53100", "53300", "57P01", "58030", "XX000", "08006"])
def test_a_fault_of_the_world_stops_at_once_and_fails_no_item(workbench: Workbench, sqlstate: str) -> None:
    prepare(workbench, failing(1_000_000, sqlstate, key=15), size=10)
    ended = run_keys(workbench, 30)
    assert isinstance(ended.error, StoppedError)
    assert not isinstance(ended.error, PassingFault)
    assert sqlstate in ended.error.message
    assert kept(workbench) == (10, 10, 10)
    assert ended.batch.failed_items == 0
    assert workbench.sql("SELECT last_value FROM tries") == [(1,)]


# ── other sessions ───────────────────────────────────────────────────────────────────────────────


class OnRetry(logging.Handler):
    """Calls `act` when a chunk is about to be tried again."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._act = act

    def emit(self, record: logging.LogRecord) -> None:
        if "trying the chunk again" in record.getMessage():
            self._act()


@pytest.fixture
def other(workbench: Workbench) -> Iterator[psycopg2.extensions.connection]:
    """Another session, in a transaction."""
    connection = psycopg2.connect(workbench.dsn)
    yield connection
    connection.close()


def set_for_all(workbench: Workbench, setting: str) -> None:
    """A setting of every session that begins from now on."""
    ((name,),) = workbench.sql("SELECT current_database()")
    workbench.sql(f"ALTER DATABASE {name} SET {setting}")


def test_a_lock_timeout_is_tried_again_until_the_lock_is_free(
    workbench: Workbench, other: psycopg2.extensions.connection
) -> None:
    prepare(workbench, "INSERT INTO t VALUES (15, 'old')", size=10)
    set_for_all(workbench, "lock_timeout = '60ms'")
    other.cursor().execute("UPDATE t SET v = 'theirs' WHERE k = 15")
    handler = OnRetry(other.rollback)
    engine.log.addHandler(handler)
    try:
        ended = run_keys(workbench, 30)
    finally:
        engine.log.removeHandler(handler)
    assert ended.error is None
    assert (ended.batch.inserted_items, ended.batch.updated_items) == (29, 1)
    assert workbench.sql("SELECT v FROM t WHERE k = 15") == [("v15",)]


MEETING = "CREATE SEQUENCE tries; " + trigger(
    "IF NEW.k = 1 AND nextval('tries') = 1 THEN PERFORM pg_advisory_xact_lock(42); "
    "FOR i IN 1..500 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted); PERFORM pg_sleep(0.01); END LOOP; "
    "END IF; RETURN NEW;",
    when="BEFORE UPDATE",
)  # fmt: skip


def test_a_deadlock_with_another_session_is_tried_again(
    workbench: Workbench, other: psycopg2.extensions.connection
) -> None:
    """Ours locks row 1, theirs row 2, then each wants the other; ours looks for deadlocks first and is the victim."""
    prepare(workbench, "INSERT INTO t VALUES (1, 'old'), (2, 'old'); " + MEETING, size=10)
    theirs = other.cursor()
    theirs.execute("SET deadlock_timeout = '60s'; UPDATE t SET v = 'theirs' WHERE k = 2")
    set_for_all(workbench, "deadlock_timeout = '10ms'")

    def cross() -> None:
        met = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND granted"
        if eventually(lambda: bool(workbench.sql(met))):
            theirs.execute("UPDATE t SET v = 'theirs' WHERE k = 1")
        other.commit()

    thread = threading.Thread(target=cross)
    thread.start()
    ended = run_keys(workbench, 10)
    thread.join()
    assert ended.error is None
    assert (ended.batch.inserted_items, ended.batch.updated_items, ended.batch.failed_items) == (8, 2, 0)
    assert workbench.sql("SELECT k, v FROM t ORDER BY k") == [(k, f"v{k}") for k in range(1, 11)]
    assert workbench.sql("SELECT last_value >= 2 FROM tries") == [(True,)]


@pytest.mark.parametrize("slow", [1, 4])
def test_a_row_that_times_out_fails_alone(workbench: Workbench, slow: int) -> None:
    prepare(workbench, trigger(f"IF NEW.k = {slow} THEN PERFORM pg_sleep(5); END IF; RETURN NEW;"), size=4)
    set_for_all(workbench, "statement_timeout = '200ms'")
    ended = run_keys(workbench, 6)
    assert ended.error is None
    assert (ended.batch.completed_items, ended.batch.failed_items) == (5, 1)
    (problem,) = [problem for item in workbench.items(ended.batch) for problem in item.problems]
    assert (problem.code, problem.details["sqlstate"]) == ("db.timeout", "57014")
    assert workbench.sql("SELECT k FROM t ORDER BY k") == [(k,) for k in range(1, 7) if k != slow]


def test_a_chunk_that_is_too_slow_as_a_whole_is_written_in_parts(workbench: Workbench) -> None:
    prepare(workbench, trigger("PERFORM pg_sleep(0.08); RETURN NEW;"), size=4)
    set_for_all(workbench, "statement_timeout = '250ms'")
    ended = run_keys(workbench, 4)
    assert ended.error is None
    assert (ended.batch.inserted_items, ended.batch.failed_items) == (4, 0)
    assert kept(workbench) == (4, 4, 4)
