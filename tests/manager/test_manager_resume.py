"""resume_batch and run_pipeline finish what has stopped: for every reason, as if nothing had stopped it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from resuming import CHUNKS, ROWS, emptied_again, interrupted, killed, pipeline, prepared, undisturbed
from support.interruptions import DEAD, check_accounts, final_state, interrupted_after, killed_run, logged
from support.workbench import Workbench

from ri_declarative import BatchManager, BatchSummary
from ri_declarative.errors import LostOwnership, RiError, StoppedError, UsageError
from ri_declarative.records import BatchStatus, Progress, StopReason


class Stop(NamedTuple):
    """A way for a run to stop, and to go on."""

    reason: StopReason
    pipeline: str  # of the run that stops
    run: Callable[[Workbench, BatchManager, Path], object] = lambda bench, manager, file: manager.run_pipeline(
        "p", file
    )
    raises: bool = False
    setup: str = "SELECT"
    mended: str = "SELECT"
    resume: dict[str, Any] = {}
    processed: int = 6


_FULL_DISK = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'no space' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.k = 5) EXECUTE FUNCTION full_disk()
"""


def _breaks_off(bench: Workbench, manager: BatchManager, file: Path) -> object:
    """Somebody touches the file while it is read: what was read may be from before or after."""
    return manager.run_pipeline("p", file, on_progress=lambda progress: os.utime(file, (0, progress.elapsed_s)))


def _caller_fails(bench: Workbench, manager: BatchManager, file: Path) -> object:
    def on_batch(batch_id: str) -> None:
        raise LookupError(batch_id)

    try:
        return manager.run_pipeline("p", file, on_batch=on_batch)
    except LookupError as error:
        raise StoppedError("internal", "as the command line sees it") from error


STOPS = {
    "interrupted": Stop(StopReason.INTERRUPTED, pipeline(), lambda bench, manager, file: interrupted(manager, file)),
    "killed": Stop(StopReason.LOST, pipeline(), lambda bench, manager, file: killed(bench, manager, file)),
    "limit": Stop(
        StopReason.MAX_FAILED,
        pipeline(target=", on_duplicate: error", more="limits: {max_failed: 1}"),
        resume={"max_failed": "80%"},
    ),
    "first failed item": Stop(
        StopReason.ITEM_FAILED,
        pipeline(),
        lambda bench, manager, file: manager.run_pipeline("p", file, continue_on_error=False),
        processed=3,
    ),
    "database": Stop(
        StopReason.DATABASE, pipeline(), raises=True, setup=_FULL_DISK, mended="DROP TRIGGER full_disk ON t"
    ),
    "source": Stop(StopReason.SOURCE, pipeline(), _breaks_off, raises=True, processed=len(ROWS)),
    "an error of ours": Stop(StopReason.ERROR, pipeline(), _caller_fails, raises=True, processed=0),
}
OUTSIDE = ("interrupted", "killed", "database", "source", "an error of ours")


def stopped(bench: Workbench, manager: BatchManager, file: Path, stop: Stop) -> BatchSummary:
    """The batch that has stopped in this way, whose cause is mended."""
    bench.sql(stop.setup)
    if stop.raises:
        with pytest.raises(StoppedError):
            stop.run(bench, manager, file)
    else:
        stop.run(bench, manager, file)
    manager.rescue_batches()
    bench.sql(stop.mended)
    [batch] = manager.list_batches()
    return batch


def refusal(verb: Callable[..., object], *words: Any, **options: Any) -> RiError:
    with pytest.raises(RiError) as error:
        verb(*words, **options)
    return error.value


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
def test_a_batch_that_a_hook_has_stopped_is_finished_when_the_hook_lets_it(workbench: Workbench, hook: str) -> None:
    file = prepared(workbench)
    module = workbench.file("hooks/p.py", "def validate_item(item, ctx):\n    return True\n")
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        good = module.read_text()
        module.write_text(good + hook)
        if hook is _START:
            assert "no rates" in refusal(manager.run_pipeline, "p", file).message
        else:
            manager.run_pipeline("p", file)
        [batch] = manager.list_batches()
        assert (batch.stop_reason, batch.counts.processed) == (StopReason.HOOK, 0)
        module.write_text(good)
        assert manager.resume_batch(batch.batch_id).status == "completed"
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
        for chunks in (1, 2):
            batch = interrupted(manager, file, chunks)
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


# ── a runner that died ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("chunks", range(1, CHUNKS + 1))
def test_a_batch_whose_runner_died_is_finished_also_behind_its_last_record(workbench: Workbench, chunks: int) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch_id = killed(workbench, manager, file, chunks)
        assert manager.unfinished_batches() == []  # nobody has looked yet
        assert manager.rescue_batches() == [batch_id]
        assert manager.rescue_batches() == []
        assert manager.unfinished_batches() == [batch_id]
        batch = manager.get_batch(batch_id)
        assert (batch.status, batch.stop_reason, batch.total_items) == ("failed", StopReason.LOST, None)
        assert "is gone" in (batch.error_message or "")
        assert sum(check_accounts(workbench, batch_id)) == min(3 * chunks, len(ROWS))
        assert manager.resume_batch(batch_id).total_items == len(ROWS)
    assert final_state(workbench, "t") == expected


def test_resuming_rescues_by_itself(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch_id = killed(workbench, manager, file)
        assert manager.resume_batch(batch_id).status == "completed"


def test_a_run_says_which_other_batches_have_lost_their_runner(
    workbench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    file = prepared(workbench)
    other = workbench.file("data/other.csv", "k,v\n9,z\n")
    with workbench.manager() as manager:
        lost = killed(workbench, manager, file)
        caplog.clear()
        assert manager.run_pipeline("p", other).status == "completed"
        assert manager.get_batch(lost).stop_reason is StopReason.LOST
    assert caplog.messages == [f"batch {lost} has lost its runner; to finish it: ri resume {lost[:8]}"]


def test_a_batch_that_dies_twice_without_a_killer_loses_no_record(workbench: Workbench) -> None:
    """Suspicious runners take less and less, and go on where the one before them came to."""
    file = prepared(workbench)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        for done in (3, 5):
            batch_id = killed(workbench, manager, file, 1)
            assert manager.get_batch(batch_id).counts.processed == done
        assert manager.run_pipeline("p", file).status == "completed"
    assert final_state(workbench, "t") == expected


def test_a_record_near_which_three_runners_have_died_is_left_out(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        before = undisturbed(workbench, manager, file)
        for _ in range(3):
            killed(workbench, manager, file, 1)
        batch = manager.run_pipeline("p", file)
        [poisoned] = [item for item in workbench.items(batch) if item.problems and item.problems[0].code == "poison"]
        check_accounts(workbench, batch.batch_id)
        assert (poisoned.index, poisoned.status, poisoned.source_data) == (6, "failed", {"k": "2", "v": "g"})
        assert manager.reprocess_batch(batch.batch_id) is not None  # it is as good as any other failed record
    after = final_state(workbench, "t")
    assert after["t"] == before["t"]
    assert innocent(after) == innocent(before)


def test_runners_that_die_before_they_begin_cast_no_suspicion(workbench: Workbench) -> None:
    """In on_batch_start, say: no record was in work."""
    file = prepared(workbench)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        for _ in range(5):
            with pytest.raises(LostOwnership):
                manager.run_pipeline("p", file, on_batch=lambda batch_id: workbench.sql(DEAD))
        claim = "claim_from, claim_to, claim_attempts, claim_suspect"
        assert workbench.sql(f"SELECT {claim} FROM import_batches") == [(0, 3, 1, 0)]
        assert manager.run_pipeline("p", file).status == "completed"
    assert final_state(workbench, "t") == expected


def innocent(state: dict[str, list[Any]]) -> list[str]:
    """The items of the first batch, without the seventh."""
    return [item for item in state["items"] if '["batch 0", ' in item and '["batch 0", 6,' not in item]


def test_a_batch_that_stood_still_is_left_to_an_owner_that_lives(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch_id = killed(workbench, manager, file)
        workbench.sql("UPDATE import_batches SET lease_expires_at = clock_timestamp() + interval '1 minute'")
        assert manager.rescue_batches() == []
        for verb in (manager.resume_batch, manager.abandon_batch, manager.reprocess_batch):
            assert refusal(verb, batch_id).code == "batch-running"
        refused = refusal(manager.run_pipeline, "p", file)
        assert (refused.code, refused.exit_code, batch_id in refused.message) == ("batch-running", 3, True)
        workbench.sql("UPDATE import_batches SET lease_expires_at = clock_timestamp()")
        assert manager.rescue_batches() == [batch_id]


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


@pytest.mark.xfail(strict=True, reason="resume_batch takes any count or share, and raises ValueError for other words")
@pytest.mark.parametrize("limit", [-1, "101%", "many", "5"])
def test_a_limit_that_no_pipeline_could_have_is_refused(workbench: Workbench, limit: int | str) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 1)
        assert isinstance(refusal(manager.resume_batch, batch.batch_id, max_failed=limit), UsageError)
        assert manager.get_batch(batch.batch_id) == batch._replace(problems=())


# ── which batch ──────────────────────────────────────────────────────────────────────────────


def test_a_batch_at_its_end_has_nothing_to_resume(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", file)
        refused = refusal(manager.resume_batch, batch.batch_id)
        assert (refused.code, refused.exit_code) == ("nothing-to-resume", 2)
        assert f"ri reprocess {batch.batch_id[:8]}" in (refused.hint or "")
        assert manager.get_batch_summary(batch.batch_id) == batch


def test_a_limit_at_the_last_record_leaves_nothing_to_resume(workbench: Workbench) -> None:
    file = prepared(workbench, pipeline(more="limits: {max_failed: 1}"))
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", file)
        assert (batch.stop_reason, batch.total_items) == (StopReason.MAX_FAILED, len(ROWS))
        assert manager.unfinished_batches() == []
        assert refusal(manager.resume_batch, batch.batch_id, max_failed=10).code == "nothing-to-resume"


def test_an_unknown_batch_is_no_batch_to_resume(workbench: Workbench) -> None:
    with workbench.manager() as manager:
        for verb in (manager.resume_batch, manager.abandon_batch):
            assert isinstance(refusal(verb, "6f1c5a1e-0000-4000-8000-000000000000"), UsageError)


def test_unfinished_batches_are_told_newest_first(workbench: Workbench) -> None:
    prepared(workbench)
    names = ["one", "two", "three", "four"]
    files = [workbench.file(f"data/{name}.csv", f"k,v\n1,{name}\n2,b\n3,c\n4,d\n") for name in names]
    with workbench.manager() as manager:
        assert manager.unfinished_batches() == []
        one, two = (manager.run_pipeline("p", file, **interrupted_after(1)).batch_id for file in files[:2])
        manager.run_pipeline("p", files[2])
        four = killed_run(workbench, lambda **words: manager.run_pipeline("p", files[3], **words), 1)
        assert manager.unfinished_batches() == [two, one]
        manager.rescue_batches()
        assert manager.unfinished_batches() == [four, two, one]
        manager.abandon_batch(two)
        assert manager.unfinished_batches() == [four, one]


def test_a_new_batch_leaves_the_old_one_as_it_is(workbench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        old = interrupted(manager, file)
        new = manager.run_pipeline("p", file, new_batch=True)
        assert (new.batch_id == old.batch_id, new.total_items) == (False, len(ROWS))
        assert manager.get_batch(old.batch_id) == old._replace(problems=())
        assert manager.unfinished_batches() == [old.batch_id]
    assert f"batch {old.batch_id} of the same content stays stopped (interrupted)" in caplog.text


def test_of_several_stopped_batches_the_newest_is_gone_on_with(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        interrupted(manager, file)
        newer = manager.run_pipeline("p", file, new_batch=True, **interrupted_after(1))
        assert manager.run_pipeline("p", file).batch_id == newer.batch_id


def test_an_older_stopped_batch_is_not_gone_on_with_behind_a_completed_one(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        interrupted(manager, file)
        manager.run_pipeline("p", file, new_batch=True)
        third = manager.run_pipeline("p", file)
        assert third.counts.processed == len(ROWS)
        assert len(manager.list_batches()) == 3


def test_another_pipeline_does_not_go_on_with_the_batch(workbench: Workbench) -> None:
    file = prepared(workbench)
    workbench.pipeline("q", pipeline())
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        assert manager.run_pipeline("q", file).total_items == len(ROWS)
        assert manager.get_batch(batch.batch_id) == batch._replace(problems=())


# ── the pipeline was edited ──────────────────────────────────────────────────────────────────


def test_a_pipeline_that_was_edited_meanwhile_is_said_with_both_fingerprints(
    workbench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        caplog.clear()
        workbench.pipeline("p", pipeline(source="format: csv, fields: {k: {clean: [digits]}}"))
        finished = manager.resume_batch(batch.batch_id)
        [*_, line] = [line for line in manager.iter_logs(batch.batch_id) if "resumed at" in line["message"]]
    assert finished.status == "completed"
    old, new = batch.fingerprint, finished.fingerprint
    assert old is not None
    assert new is not None
    assert old != new
    assert line["message"] == "p: importing p.csv, resumed at record 6; the pipeline has changed since"
    assert line["details"] == {"fingerprint": new, "fingerprint_before": old}
    assert any(f"{old[:12]} then, {new[:12]} now" in message for message in caplog.messages)


def test_a_pipeline_whose_words_alone_were_edited_is_the_same(
    workbench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        workbench.pipeline("p", f"# a remark\ndescription: members\n{pipeline()}")
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id
    assert "changed" not in caplog.text


def test_the_edited_pipeline_holds_from_the_border_on(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 3)
        upper = pipeline(source="format: csv, fields: {v: {clean: [upper]}}").replace("chunk_size: 3", "chunk_size: 1")
        workbench.pipeline("p", upper)
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id
        check_accounts(workbench, batch.batch_id)
    assert workbench.sql("SELECT k, v FROM t WHERE k IN (5, 6) ORDER BY k") == [(5, "i"), (6, "J")]


def test_a_pipeline_that_reads_the_file_otherwise_now_is_told_as_another_source(workbench: Workbench) -> None:
    file = prepared(workbench, content="k,v\n" + "".join(f"{k},\u00e9\n" for k in range(9)))
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        workbench.pipeline("p", pipeline(source="format: csv, encoding: cp1252"))
        assert refusal(manager.run_pipeline, "p", file).code == "source-differs"
        workbench.pipeline("p", pipeline())
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id


# ── abandon ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["interrupted", "killed", "limit", "first failed item"])
def test_an_abandoned_batch_keeps_what_it_has_and_is_not_resumed(workbench: Workbench, name: str) -> None:
    file, stop = prepared(workbench, STOPS[name].pipeline), STOPS[name]
    with workbench.manager() as manager:
        batch = stopped(workbench, manager, file, stop)
        before = check_accounts(workbench, batch.batch_id)
        given_up = manager.abandon_batch(batch.batch_id, reason="wrong file")
        assert (given_up.status, given_up.stop_reason) == ("failed", StopReason.ABANDONED)
        assert given_up.metadata == {"dismissed": {"reason": "wrong file"}}
        assert check_accounts(workbench, batch.batch_id) == before
        assert manager.unfinished_batches() == []
        refused = refusal(manager.resume_batch, batch.batch_id, max_failed="100%")
        assert (refused.code, "given up" in refused.message) == ("nothing-to-resume", True)
        assert workbench.sql("SELECT count(*) FROM failed_imports_report WHERE kind = 'batch'") == [(0,)]
        assert manager.run_pipeline("p", file).batch_id != batch.batch_id


def test_a_batch_whose_runner_died_is_abandoned_without_a_rescue(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch_id = killed(workbench, manager, file)
        assert manager.abandon_batch(batch_id).stop_reason is StopReason.ABANDONED
        assert manager.rescue_batches() == []


def test_a_completed_batch_cannot_be_abandoned(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", file)
        assert refusal(manager.abandon_batch, batch.batch_id).code == "nothing-to-abandon"
        assert manager.get_batch_summary(batch.batch_id) == batch


def test_the_failed_records_of_an_abandoned_batch_can_be_repaired(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        manager.abandon_batch(batch.batch_id)
        workbench.pipeline("p", pipeline(source="format: csv, fields: {k: {clean: [digits]}}"))
        new_id = manager.reprocess_batch(batch.batch_id)
        assert new_id is not None
        assert check_accounts(workbench, new_id)[1] == 1


def test_an_abandoned_batch_may_be_abandoned_once_more(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        manager.abandon_batch(batch.batch_id, reason="once")
        assert manager.abandon_batch(batch.batch_id, reason="twice").metadata == {"dismissed": {"reason": "twice"}}


@pytest.mark.xfail(strict=True, reason="the refusal says that none of its items is pending: all of them are")
def test_an_abandoned_batch_of_stored_items_says_why_it_is_not_processed(workbench: Workbench) -> None:
    prepared(workbench)
    with workbench.manager() as manager:
        batch_id = manager.create_batch("p", [{"k": "7", "v": "z"}], {"format": "csv"})
        manager.abandon_batch(batch_id)
        assert "given up" in refusal(manager.process_batch, batch_id).message


def test_nothing_is_written_by_a_refusal(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", file)
        before = final_state(workbench, "t")
        for verb in (manager.resume_batch, manager.abandon_batch):
            assert refusal(verb, batch.batch_id).exit_code == 2
    assert final_state(workbench, "t") == before


def test_the_log_level_of_resuming_is_that_of_a_warning(workbench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    """So that a job that prints no progress says it, too."""
    file = prepared(workbench)
    with workbench.manager() as manager:
        interrupted(manager, file)
        manager.run_pipeline("p", file)
    assert [record.levelno for record in caplog.records if "resuming" in record.message] == [logging.WARNING]
