"""Other sessions, other runners and the source, while a run goes on: who wins, and which cause is told."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from support.embedded import eventually
from support.workbench import Workbench, csv_text

from refusals.refusal_causes import trigger
from refusals.refusal_runs import Disturbance, kept, prepare, run_keys
from ri_declarative import BatchManager
from ri_declarative.errors import ConnectionLost, RiError, SourceFault, StoppedError
from ri_declarative.manager.definitions import PipelineDefinition
from ri_declarative.manager.importing import Import, Manner
from ri_declarative.manager.works import FileWork
from ri_declarative.processors.retry import Retry
from ri_declarative.records import BatchStatus, BatchSummary, Record, StopReason
from ri_declarative.sources.incoming import Incoming
from ri_declarative.sources.source import SourceInfo
from ri_declarative.spec.pipeline import load_pipeline

OTHERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
SLEEPING = f"{OTHERS} AND wait_event = 'PgSleep'"
TERMINATE = f"SELECT pg_terminate_backend(pid) FROM ({OTHERS}) AS others"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait between two tries."""
    monkeypatch.setattr(Retry, "pause_s", lambda retry, attempt: 0.001)


@contextlib.contextmanager
def meanwhile(bench: Workbench, condition: str, act: Callable[[], object]) -> Iterator[None]:
    """Within: `act` is called once this SQL gives a row."""

    def wait_and_act() -> None:
        met.append(eventually(lambda: bool(bench.sql(condition))))
        act()

    met: list[bool] = []
    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert met == [True], f"never happened: {condition}"


# ── another session's values ─────────────────────────────────────────────────────────────────────

KEEPING = """
    target:
      table: t
      key: k
      columns: {k: k, v: v, kept: {field: kept, on_missing: keep}, filled: {field: filled, on_update: fill},
                mine: {field: v, on_update: keep}}
"""


@pytest.mark.parametrize("walked", [False, True])
def test_what_another_session_writes_while_we_wait_for_its_row_survives_keep_and_fill(
    workbench: Workbench, walked: bool
) -> None:
    workbench.sql(
        "CREATE TABLE t (k int PRIMARY KEY, v text, kept text, filled text, mine text); "
        "INSERT INTO t VALUES (1, 'old', 'old', NULL, 'old'), (2, 'old', 'old', NULL, 'old')"
    )
    if walked:
        workbench.sql(trigger("IF NEW.k = 3 THEN RAISE 'no'; END IF; RETURN NEW;"))
    workbench.pipeline("p", KEEPING)
    with contextlib.closing(psycopg2.connect(workbench.dsn)) as other:
        other.cursor().execute(
            "UPDATE t SET v = 'theirs', kept = 'theirs', filled = 'theirs', mine = 'theirs' WHERE k = 1"
        )
        with meanwhile(workbench, "SELECT 1 FROM pg_locks WHERE NOT granted", other.commit):
            batch = workbench.run("p", csv_text("k,v,kept,filled", ["1,ours,,ours", "2,ours,,ours", "3,ours,,ours"]))
    assert batch.updated_items == 2
    assert workbench.sql("SELECT * FROM t WHERE k < 3 ORDER BY k") == [
        (1, "ours", "theirs", "theirs", "theirs"),
        (2, "ours", "old", "ours", "old"),
    ]


@pytest.mark.parametrize("timeout", ["0", "60s"])
def test_a_cancelled_walk_is_tried_again_and_books_no_timeout(workbench: Workbench, timeout: str) -> None:
    slow = "IF NEW.k = 1 THEN RAISE 'no'; END IF; "
    slow += "IF NEW.k = 3 AND current_query() LIKE 'DO%' AND nextval('tries') = 1 THEN PERFORM pg_sleep(30); END IF; "
    prepare(workbench, f"CREATE SEQUENCE tries; {trigger(slow + 'RETURN NEW;')}", size=10)
    ((name,),) = workbench.sql("SELECT current_database()")
    workbench.sql(f"ALTER DATABASE {name} SET statement_timeout = '{timeout}'")
    cancel = f"SELECT pg_cancel_backend(pid) FROM ({SLEEPING}) AS sleeping"
    with meanwhile(workbench, SLEEPING, lambda: workbench.sql(cancel)):
        ended = run_keys(workbench, 5)
    assert ended.error is None
    assert workbench.failures(ended.batch) == [(2, "db.raised", None)]
    assert workbench.sql("SELECT last_value FROM tries") == [(2,)]
    assert kept(workbench) == (4, 5, 5)


# ── the connection ───────────────────────────────────────────────────────────────────────────────


def stopped_with_its_cause(batch: BatchSummary, error: RiError | None) -> None:
    """The error and the books name what happened first, not what the clean-up met afterwards."""
    assert isinstance(error, ConnectionLost)
    assert "the connection to the database was lost" in error.message
    assert "already closed" not in error.message
    assert (batch.status, batch.stop_reason) == (BatchStatus.FAILED, StopReason.DATABASE)
    assert batch.error_message == error.message


BETWEEN_CHUNKS, IN_A_STATEMENT = "between two chunks", "within a statement"


@pytest.mark.parametrize("when", [BETWEEN_CHUNKS, IN_A_STATEMENT])
@pytest.mark.parametrize("patient", [True, False], ids=["reconnects", "gives up at once"])
def test_a_terminated_connection_is_made_anew_or_told_by_its_first_cause(
    workbench: Workbench, when: str, patient: bool
) -> None:
    sleep = "IF NEW.k = 15 AND nextval('tries') = 1 THEN PERFORM pg_sleep(30); END IF; RETURN NEW;"
    prepare(workbench, f"CREATE SEQUENCE tries; {trigger(sleep if when == IN_A_STATEMENT else 'RETURN NEW;')}", size=10)
    patience_s = 60 if patient else 0
    if when == BETWEEN_CHUNKS:
        terminate = Disturbance(lambda: workbench.sql(TERMINATE), after=10)
        ended = run_keys(workbench, 30, on_progress=terminate, give_up_after_s=patience_s)
    else:
        with meanwhile(workbench, SLEEPING, lambda: workbench.sql(TERMINATE)):
            ended = run_keys(workbench, 30, give_up_after_s=patience_s)
    if not patient:
        stopped_with_its_cause(ended.batch, ended.error)
        assert kept(workbench) == (10, 10, 10)
        ended = run_keys(workbench, 30)
    assert (ended.error, ended.batch.inserted_items) == (None, 30)
    assert kept(workbench) == (30, 30, 30)


# ── other runners ────────────────────────────────────────────────────────────────────────────────

CHECKED = "ALTER TABLE t ADD CONSTRAINT bad CHECK (v <> 'v2' AND v <> 'v4')"
EXPIRED, OWNED = "-1 s", "1 h"


@pytest.mark.parametrize("when", ["on_batch", "on_progress"])
def test_a_reprocessing_is_refused_while_another_one_takes_the_same_records(workbench: Workbench, when: str) -> None:
    prepare(workbench, CHECKED, size=1)
    parent = run_keys(workbench, 5).batch.batch_id
    workbench.sql("ALTER TABLE t DROP CONSTRAINT bad")
    refused: list[str] = []

    def overtake(_: object) -> None:
        if refused:
            return
        with workbench.manager() as other, pytest.raises(StoppedError) as error:
            other.reprocess_batch(parent)
        refused.append(error.value.code)

    watchers: dict[str, Any] = {when: overtake}
    with workbench.manager() as manager:
        again = manager.get_batch_summary(str(manager.reprocess_batch(parent, **watchers)))
        assert manager.reprocess_batch(parent) is None
    assert refused == ["batch-running"]
    assert (again.status, again.completed_items) == (BatchStatus.COMPLETED, 2)
    assert kept(workbench) == (5, 7, 7)
    assert workbench.sql("SELECT * FROM failed_imports_report") == []


def left_in_processing(workbench: Workbench, *, lease: str) -> BatchSummary:
    """A batch with a failed record, in the state in which a killed process leaves it."""
    prepare(workbench, CHECKED, size=10)
    batch = run_keys(workbench, 5).batch
    workbench.sql("ALTER TABLE t DROP CONSTRAINT bad")
    workbench.sql(
        "UPDATE import_batches SET status = 'processing', lease_token = gen_random_uuid(), "
        "lease_expires_at = clock_timestamp() + CAST(%s AS interval)",
        [lease],
    )
    return batch


def test_a_batch_whose_owner_died_can_be_reprocessed_when_its_lease_has_ended(workbench: Workbench) -> None:
    batch = left_in_processing(workbench, lease=EXPIRED)
    with workbench.manager() as manager:
        again = manager.get_batch_summary(str(manager.reprocess_batch(batch.batch_id)))
    assert (again.completed_items, again.failed_items) == (2, 0)


def test_a_batch_that_somebody_works_on_cannot_be_reprocessed(workbench: Workbench) -> None:
    batch = left_in_processing(workbench, lease=OWNED)
    with workbench.manager() as manager, pytest.raises(StoppedError) as refused:
        manager.reprocess_batch(batch.batch_id)
    assert refused.value.code == "batch-running"
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(1,)]


class Broken(Exception):
    """A mistake in the caller's own function."""


def test_an_exception_in_on_batch_leaves_the_batch_failed(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    file = workbench.file("data/p.csv", "k,v\n1,a\n")
    begun: list[str] = []

    def on_batch(batch_id: str) -> None:
        begun.append(batch_id)
        raise Broken("cell 1")

    with workbench.manager() as manager:
        with pytest.raises(Broken):
            manager.run_pipeline("p", file, on_batch=on_batch)
        batch = manager.get_batch_summary(begun[0])
    assert (batch.status, batch.stop_reason, batch.error_message) == (BatchStatus.FAILED, StopReason.ERROR, "Broken")
    assert workbench.sql("SELECT lease_token, lease_expires_at FROM import_batches") == [(None, None)]


# ── which cause is told ──────────────────────────────────────────────────────────────────────────


class BreaksOff:
    """A source that gives ten records, then breaks before the first or in the midst of the next chunk."""

    info = SourceInfo(name="p.csv", path=None, format="csv", encoding="utf-8", header=("k", "v"))
    textual = True
    bytes_read = 0
    sha256 = None

    def __init__(self, error: Exception, *, after: int) -> None:
        self._error, self._after = error, after

    def __iter__(self) -> Iterator[Record]:
        for index in range(self._after):
            yield Record(index, index + 2, {"k": str(index), "v": "x"})
        raise self._error

    def pieces(self) -> Iterator[Record]:
        return iter(self)

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> BreaksOff:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""


def importing(manager: BatchManager, definition: PipelineDefinition, source: BreaksOff) -> Import:
    manner = Manner()
    return Import(
        manager._setting,
        definition,
        FileWork(definition, lambda: source, Incoming(Path("p.csv"), "p.csv", "00")),
        manner,
        manner.patience(),
    )


@pytest.mark.parametrize("after", [10, 13])
@pytest.mark.parametrize("error", [Broken("later"), SourceFault("source-unreadable", "p.csv: cannot be read")])
def test_the_writer_s_error_is_told_when_the_source_breaks_off_after_it(
    workbench: Workbench, error: Exception, after: int
) -> None:
    prepare(workbench, trigger("RAISE USING ERRCODE = '53100', MESSAGE = 'disk full';"), size=10)
    with workbench.manager() as manager:
        pipeline = load_pipeline(manager.project, "p")
        run = importing(manager, PipelineDefinition(pipeline), BreaksOff(error, after=after))
        with pytest.raises(StoppedError) as stopped:
            run.run()
        (batch,) = manager.list_batches()
    assert "53100" in stopped.value.message
    assert (batch.stop_reason, batch.error_message) == (StopReason.DATABASE, stopped.value.message)
    assert kept(workbench) == (0, 0, 0)


@pytest.mark.parametrize("error", [Broken("later"), SourceFault("source-unreadable", "p.csv: cannot be read")])
def test_the_source_s_error_is_told_when_the_writer_met_none(workbench: Workbench, error: Exception) -> None:
    prepare(workbench, size=10)
    with workbench.manager() as manager:
        pipeline = load_pipeline(manager.project, "p")
        with pytest.raises(type(error)):
            importing(manager, PipelineDefinition(pipeline), BreaksOff(error, after=10)).run()
    assert kept(workbench) == (10, 10, 10)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57014"])
def test_a_cell_in_the_message_of_a_passing_fault_reaches_neither_log_nor_books(
    workbench: Workbench, sqlstate: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = f"RAISE USING ERRCODE = '{sqlstate}', MESSAGE = 'not ' || NEW.v, DETAIL = NEW.v, HINT = NEW.v;"
    prepare(workbench, trigger(body), size=10)
    with caplog.at_level(logging.DEBUG):
        ended = run_keys(workbench, 1)
    assert ended.error is not None
    assert sqlstate in ended.error.message
    books = workbench.sql("SELECT b::text FROM import_batches b UNION ALL SELECT l::text FROM import_logs l")
    assert "v1" not in f"{ended.error} {caplog.text} {books}"
