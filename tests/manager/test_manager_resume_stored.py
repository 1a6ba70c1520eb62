"""Batches of create_batch that have stopped are finished from the database alone."""

from __future__ import annotations

import pytest
from manager_classes import items
from resuming import CONTENT, ROWS, pipeline, refusal
from support.interruptions import check_accounts, interrupted_after, killed_run
from support.workbench import Workbench

from ri_declarative import BatchManager
from ri_declarative.errors import UsageError
from ri_declarative.records import StopReason


def stored(bench: Workbench, manager: BatchManager) -> str:
    """The id of a batch with the rows of the file as pending items; nothing but the database has them."""
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    bench.pipeline("p", pipeline(source=""))
    mappings = [dict(zip(("k", "v"), row.split(","), strict=True)) for row in ROWS]
    return manager.create_batch("p", mappings, {"format": "csv", "name": "crm"}, {"tenant": "x"})


@pytest.mark.parametrize("verb", ["resume_batch", "process_batch"])
@pytest.mark.parametrize("chunks", [0, 2, 3])
def test_stored_items_are_gone_on_with_from_the_database_alone(workbench: Workbench, verb: str, chunks: int) -> None:
    with workbench.manager() as manager:
        batch_id = stored(workbench, manager)
        stopped = manager.process_batch(batch_id, **interrupted_after(chunks))
        assert (stopped.stop_reason, stopped.total_items) == (StopReason.INTERRUPTED, len(ROWS))
        assert stopped.pending_items == len(ROWS) - 3 * chunks
        assert check_accounts(workbench, batch_id)[3] == stopped.pending_items
        assert manager.unfinished_batches() == [batch_id]
    with workbench.manager() as other:
        done = getattr(other, verb)(batch_id)
        assert (done.status, done.completed_items, done.failed_items) == ("completed", 9, 2)
        assert (done.pending_items, done.metadata) == (0, {"tenant": "x"})
    check_accounts(workbench, batch_id)


@pytest.mark.parametrize("verb", ["resume_batch", "process_batch"])
@pytest.mark.parametrize("chunks", [2, 4])
def test_stored_items_survive_their_runner_also_behind_the_last_one(
    workbench: Workbench, verb: str, chunks: int
) -> None:
    with workbench.manager() as manager:
        batch_id = stored(workbench, manager)
        killed_run(workbench, lambda **words: manager.process_batch(batch_id, **words), chunks)
        assert getattr(manager, verb)(batch_id).status == "completed"
    assert check_accounts(workbench, batch_id) == (9, 2, 0, 0)


def test_a_class_is_gone_on_with_as_a_pipeline_is(workbench: Workbench, manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", items([1, 2, -3, 4, 5, 6, 7]))
    killed_run(workbench, lambda **words: manager.process_batch(batch_id, **words), 1)
    again = manager.resume_batch(batch_id, **interrupted_after(1))
    assert again.pending_items == 7 - again.counts.processed
    assert manager.resume_batch(batch_id).completed_items == 6
    assert workbench.sql("SELECT k FROM applied ORDER BY 1") == [(1,), (2,), (4,), (5,), (6,), (7,)]


def test_a_class_that_reads_a_file_is_gone_on_with_too(workbench: Workbench, manager: BatchManager) -> None:
    numbers = [1, 2, -3, 4, 5, 6, 7]
    file = workbench.file("data/keep.jsonl", "".join(f'{{"k": {number}}}\n' for number in numbers))
    batch_id = killed_run(workbench, lambda **words: manager.run_pipeline("keep", file, **words), 1)
    again = manager.run_pipeline("keep", file, **interrupted_after(1))
    assert (again.batch_id, again.status, again.total_items) == (batch_id, "failed", None)
    assert manager.resume_batch(batch_id).total_items == 7
    assert check_accounts(workbench, batch_id) == (6, 1, 0, 0)
    assert workbench.sql("SELECT k FROM applied ORDER BY 1") == [(1,), (2,), (4,), (5,), (6,), (7,)]


def test_a_batch_that_the_first_failed_item_has_stopped_goes_on_behind_it(
    workbench: Workbench, manager: BatchManager
) -> None:
    batch_id = manager.create_batch("keep", items([1, -2, 3, 4]))
    stopped = manager.process_batch(batch_id, continue_on_error=False)
    assert (stopped.stop_reason, stopped.pending_items) == (StopReason.ITEM_FAILED, 2)
    assert check_accounts(workbench, batch_id) == (1, 1, 0, 2)
    assert manager.resume_batch(batch_id).pending_items == 0
    assert check_accounts(workbench, batch_id) == (3, 1, 0, 0)


def test_a_batch_that_nobody_has_begun_is_none_that_stopped_but_can_be_resumed_or_abandoned(
    workbench: Workbench,
) -> None:
    with workbench.manager() as manager:
        first = stored(workbench, manager)
        second = manager.create_batch("p", [{"k": "7", "v": "z"}], {"format": "csv"})
        assert manager.unfinished_batches() == []
        assert manager.resume_batch(first).total_items == len(ROWS)
        assert manager.abandon_batch(second).pending_items == 1
        assert check_accounts(workbench, second) == (0, 0, 0, 1)
        refused = refusal(manager.process_batch, second)
        assert (refused.code, refused.exit_code) == ("nothing-pending", 2)


def test_a_file_for_a_batch_that_reads_none_is_refused(workbench: Workbench) -> None:
    file = workbench.file("data/p.csv", CONTENT)
    with workbench.manager() as manager:
        batch_id = stored(workbench, manager)
        assert isinstance(refusal(manager.resume_batch, batch_id, file=file), UsageError)
