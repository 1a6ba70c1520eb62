"""resume_batch and run_pipeline finish what has stopped: for every reason, as if nothing had stopped it."""

from __future__ import annotations

import pytest
from resuming import (
    CHUNKS,
    OUTSIDE,
    ROWS,
    STOPS,
    emptied_again,
    interrupted,
    killed,
    pipeline,
    prepared,
    refusal,
    stopped,
    undisturbed,
)
from support.interruptions import check_accounts, final_state, interrupted_after, logged
from support.workbench import Workbench

from ri_declarative.errors import UsageError
from ri_declarative.records import BatchStatus, Progress, StopReason

# ── every reason to stop ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", STOPS)
def test_a_batch_that_stopped_is_finished_as_if_nothing_had_stopped_it(workbench: Workbench, name: str) -> None:
    stop = STOPS[name]
    with workbench.manager() as manager:
        file = prepared(workbench, stop.pipeline.replace("max_failed: 1", "max_failed: 80%"))
        expected = undisturbed(workbench, manager, file)
        workbench.pipeline("p", stop.pipeline)
        batch = stopped(workbench, manager, file, stop)
        assert (batch.status, batch.stop_reason) == (BatchStatus.FAILED, stop.reason)
        assert (batch.counts.processed, batch.total_items, batch.pending_items) == (stop.processed, None, 0)
        assert sum(check_accounts(workbench, batch.batch_id)) == stop.processed
        assert manager.unfinished_batches() == [batch.batch_id]
        finished = manager.resume_batch(batch.batch_id, **stop.resume)
        assert (finished.batch_id, finished.status, finished.stop_reason) == (batch.batch_id, "completed", None)
        assert (finished.total_items, finished.error_message) == (len(ROWS), None)
        assert manager.unfinished_batches() == []
    assert final_state(workbench, "t") == expected


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_same_command_goes_on_with_what_stopped_from_outside_and_says_so(
    workbench: Workbench, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, stop = prepared(workbench), STOPS[name]
    with workbench.manager() as manager:
        batch = stopped(workbench, manager, file, stop)
        caplog.clear()
        finished = manager.run_pipeline("p", file)
    assert (finished.batch_id, finished.status) == (batch.batch_id, "completed")
    said = f"resuming batch {batch.batch_id}, which stopped ({stop.reason}) after {stop.processed} records"
    assert caplog.messages == [said]
    assert logged(workbench, batch)[-1] == f"p: importing p.csv, resumed at record {stop.processed}"


@pytest.mark.parametrize("name", ["limit", "first failed item"])
def test_the_same_command_begins_anew_after_a_limit_and_says_what_stays(
    workbench: Workbench, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    stop = STOPS[name]
    file = prepared(workbench, stop.pipeline)
    with workbench.manager() as manager:
        batch = stopped(workbench, manager, file, stop)
        caplog.clear()
        again = manager.run_pipeline("p", file)
        assert again.batch_id != batch.batch_id
        assert manager.get_batch(batch.batch_id) == batch
    stays = f"batch {batch.batch_id} of the same content stays stopped ({stop.reason}): ri abandon {batch.batch_id[:8]}"
    assert caplog.messages == [stays]


# ── hooks that stop a batch ──────────────────────────────────────────────────────────────────

_VALIDATE = "def validate_batch(ctx):\n    return False\n"
_START = "def on_batch_start(ctx):\n    raise OSError('no rates')\n"


@pytest.mark.parametrize("hook", [_VALIDATE, _START])
@pytest.mark.parametrize("by", ["run", "resume"])
def test_a_batch_that_a_hook_has_stopped_is_finished_when_the_hook_lets_it(
    workbench: Workbench, hook: str, by: str
) -> None:
    file = prepared(workbench)
    good = "def validate_item(item, ctx):\n    return True\n"
    module = workbench.file("hooks/p.py", good)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        module.write_text(good + hook)
        if hook is _START:
            assert "no rates" in refusal(manager.run_pipeline, "p", file).message
        else:
            manager.run_pipeline("p", file)
        [batch] = manager.list_batches()
        assert (batch.stop_reason, batch.counts.processed) == (StopReason.HOOK, 0)
        assert manager.unfinished_batches() == [batch.batch_id]
        module.write_text(good)
        done = manager.run_pipeline("p", file) if by == "run" else manager.resume_batch(batch.batch_id)
        assert (done.batch_id, done.status) == (batch.batch_id, "completed")
    assert final_state(workbench, "t") == expected


# ── the policies, across the border ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("on_duplicate", ["last", "first", "error"])
@pytest.mark.parametrize("on_conflict", ["update", "ignore", "error"])
def test_policies_reach_across_the_border_of_an_interruption(
    workbench: Workbench, on_duplicate: str, on_conflict: str
) -> None:
    """What the batch has inserted before it stopped is no row that was there before the batch."""
    file = prepared(workbench, pipeline(target=f", on_duplicate: {on_duplicate}, on_conflict: {on_conflict}"))
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = interrupted(manager, file, 1)
        assert manager.resume_batch(batch.batch_id).status == "completed"
        assert final_state(workbench, "t") == expected
        emptied_again(workbench)
        killed(workbench, manager, file, 3)
        assert manager.run_pipeline("p", file).status == "completed"
    assert final_state(workbench, "t") == expected


@pytest.mark.parametrize("chunks", range(CHUNKS + 1))
def test_it_does_not_matter_where_a_run_was_interrupted(workbench: Workbench, chunks: int) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = manager.run_pipeline("p", file, **interrupted_after(chunks))
        if chunks == CHUNKS:  # a stop that is asked for behind the last record comes too late
            assert batch.status == "completed"
        else:
            assert sum(check_accounts(workbench, batch.batch_id)) == 3 * chunks
            assert manager.resume_batch(batch.batch_id).counts.processed == len(ROWS)
    assert final_state(workbench, "t") == expected


def test_a_batch_may_be_interrupted_again_and_again(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = interrupted(manager, file, 0)
        for chunks in range(1, CHUNKS):
            again = manager.resume_batch(batch.batch_id, **interrupted_after(1))
            assert (again.stop_reason, again.counts.processed) == (StopReason.INTERRUPTED, 3 * chunks)
        assert manager.resume_batch(batch.batch_id).status == "completed"
    assert final_state(workbench, "t") == expected
    assert workbench.sql("SELECT retry_count FROM import_batches") == [(CHUNKS,)]


def test_a_resumed_batch_keeps_its_times_and_tells_all_of_its_progress(workbench: Workbench) -> None:
    file = prepared(workbench)
    seen: list[Progress] = []
    ids: list[str] = []
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        finished = manager.resume_batch(batch.batch_id, on_progress=seen.append, on_batch=ids.append)
    assert ids == [batch.batch_id]
    assert [progress.counts.processed for progress in seen] == [9, 11]
    assert seen[-1].counts == finished.counts
    assert (finished.created_at, finished.started_at) == (batch.created_at, batch.started_at)
    assert finished.completed_at is not None
    assert batch.completed_at is not None
    assert finished.completed_at > batch.completed_at


def test_the_speed_of_a_resumed_run_is_that_of_its_own_records(workbench: Workbench) -> None:
    """Else nine million records of yesterday are imported in this second."""
    file = prepared(workbench)
    seen: list[Progress] = []
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        manager.resume_batch(batch.batch_id, on_progress=seen.append)
    assert [round(progress.rate * progress.elapsed_s) for progress in seen] == [3, 5]


def test_rows_say_the_same_of_their_run_on_both_sides_of_the_border(workbench: Workbench) -> None:
    columns = "k: k, v: v, batch: {run: batch_id}, item: {run: item_id}, at: {run: started_at}, line: {run: line}"
    file = prepared(workbench, pipeline().replace("k: k, v: v", columns))
    workbench.sql("ALTER TABLE t ADD batch uuid, ADD item uuid, ADD at timestamptz, ADD line int; TRUNCATE t")
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        manager.resume_batch(batch.batch_id)
    assert workbench.sql("SELECT DISTINCT batch::text, at FROM t") == [(batch.batch_id, batch.started_at)]
    joined = "t JOIN import_batch_items i ON i.id = t.item AND i.source_line = t.line AND i.target_id = t.k::text"
    assert workbench.sql(f"SELECT count(*) FROM {joined}") == [(6,)]


_REMEMBERING = """
def on_batch_start(ctx):
    ctx.set_metadata("starts", ctx.get_metadata("starts", 0) + 1)

def validate_item(item, ctx):
    ctx.set_metadata("last", item.index)
    return True

def on_batch_complete(ctx, success):
    ctx.set_metadata("ends", [*ctx.get_metadata("ends", []), success])
"""


def test_hooks_find_what_they_have_remembered_before_the_interruption(workbench: Workbench) -> None:
    file = prepared(workbench)
    workbench.file("hooks/p.py", _REMEMBERING)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        assert batch.metadata == {"starts": 1, "last": 5, "ends": [False]}
        finished = manager.resume_batch(batch.batch_id)
    assert finished.metadata == {"starts": 2, "last": 9, "ends": [False, True]}


# ── limits ───────────────────────────────────────────────────────────────────────────────────


def test_a_limit_that_is_exceeded_already_is_to_be_raised_first(workbench: Workbench) -> None:
    stop = STOPS["limit"]
    file = prepared(workbench, stop.pipeline)
    with workbench.manager() as manager:
        batch = stopped(workbench, manager, file, stop)
        for words in ({}, {"max_failed": 1}, {"max_failed": 0}):
            refused = refusal(manager.resume_batch, batch.batch_id, **words)
            assert (refused.code, refused.exit_code) == ("limit-reached", 2)
            assert f"ri resume {batch.batch_id[:8]} --max-failed" in (refused.hint or "")
        assert manager.get_batch(batch.batch_id) == batch


def test_a_raised_limit_holds_for_the_whole_batch(workbench: Workbench) -> None:
    stop = STOPS["limit"]
    file = prepared(workbench, stop.pipeline)
    with workbench.manager() as manager:
        batch = stopped(workbench, manager, file, stop)
        again = manager.resume_batch(batch.batch_id, max_failed=batch.failed_items)
        assert (again.stop_reason, again.counts.processed) == (StopReason.MAX_FAILED, 9)
        workbench.pipeline("p", stop.pipeline.replace("max_failed: 1", "max_failed: 100"))
        assert manager.resume_batch(batch.batch_id).status == "completed"


def test_a_limit_may_be_lowered_for_a_batch_that_was_interrupted(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 0)
        again = manager.resume_batch(batch.batch_id, max_failed=0)
    assert (again.stop_reason, again.counts.processed) == (StopReason.MAX_FAILED, 3)


def test_a_share_is_that_of_the_whole_batch_wherever_it_was_interrupted(workbench: Workbench) -> None:
    """Two of eleven are too many, one of the last five alone is not counted."""
    file = prepared(workbench, pipeline(more="limits: {max_failed: 18%}"))
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = interrupted(manager, file)
        assert manager.resume_batch(batch.batch_id).stop_reason is StopReason.MAX_FAILED
    assert final_state(workbench, "t") == expected


@pytest.mark.parametrize("limit", [-1, "101%", "many", "5"])
def test_a_limit_that_no_pipeline_could_have_is_refused(workbench: Workbench, limit: int | str) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 1)
        assert isinstance(refusal(manager.resume_batch, batch.batch_id, max_failed=limit), UsageError)
        assert manager.get_batch(batch.batch_id) == batch._replace(problems=())
