"""Batches whose runner died, and those that are given up: rescue_batches and abandon_batch."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from resuming import (
    CHUNKS,
    ROWS,
    STOPS,
    interrupted,
    killed,
    pipeline,
    prepared,
    refusal,
    stopped,
    undisturbed,
)
from support.interruptions import DEAD, check_accounts, final_state, interrupted_after
from support.workbench import Workbench

from ri_declarative.errors import LostOwnership
from ri_declarative.records import StopReason

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


def test_an_abandoned_batch_keeps_no_other_pipeline_waiting(workbench: Workbench) -> None:
    file = prepared(workbench)
    workbench.pipeline("q", pipeline(more="requires: [p]"))
    with workbench.manager() as manager:
        manager.run_pipeline("p", file)
        batch = manager.run_pipeline("p", file, **interrupted_after(1))
        refused = refusal(manager.run_pipeline, "q", file)
        assert (refused.code, batch.batch_id in refused.message) == ("requires", True)
        manager.abandon_batch(batch.batch_id)
        assert manager.run_pipeline("q", file).status == "completed"


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
