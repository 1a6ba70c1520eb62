"""A reprocessing that has stopped is finished by the same call, and by resume_batch: with its own corrections."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from resuming import TABLE, pipeline, refusal
from support.interruptions import (
    check_accounts,
    dying_after,
    emptied,
    final_state,
    interrupted_after,
    killed_run,
    logged,
)
from support.workbench import Workbench, csv_text

from ri_declarative import BatchManager
from ri_declarative.errors import RiError, SourceError, UsageError
from ri_declarative.records import StopReason

# Eight bad records among twelve, in chunks of three when they are taken again. The keys of lines 3 and 7 come later
# once more, and that of line 9 before; line 11 cannot be mended.
ROWS = ("1,a", "x2,b", "x3,c", "4,d", "x5,e", "x6,f", "x7,g", "x1,h", "2,i", "xx,j", "6,k", "x12,l")
MENDED = pipeline(source="format: csv, fields: {k: {clean: [digits]}}")
FAILED = 8
CHUNKS = 3
REPAIRED = (5, 1, 2, 0)  # completed, failed, skipped, pending


def failed_batch(bench: Workbench, manager: BatchManager) -> str:
    """The id of a batch with eight failed records."""
    bench.pipeline("p", pipeline())
    batch = manager.run_pipeline("p", bench.file("data/p.csv", csv_text("k,v", ROWS)))
    assert (batch.status, batch.failed_items) == ("completed", FAILED)
    return batch.batch_id


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql(TABLE)
    return workbench


def corrections(bench: Workbench, manager: BatchManager, batch_id: str, *, name: str = "fix.csv") -> Path:
    """The exported file, with its keys repaired."""
    text = io.StringIO(newline="")
    assert manager.export_failed(batch_id, text) == FAILED
    return bench.file(name, text.getvalue().replace('"x', '"'))


def mended(bench: Workbench, manager: BatchManager, batch_id: str) -> dict[str, Any]:
    """Words for reprocess_batch that find the pipeline mended."""
    bench.pipeline("p", MENDED)
    return {}


def corrected(bench: Workbench, manager: BatchManager, batch_id: str) -> dict[str, Any]:
    """Words for reprocess_batch that take corrections in."""
    return {"corrections": corrections(bench, manager, batch_id)}


def everything(bench: Workbench, manager: BatchManager, batch_id: str) -> dict[str, Any]:
    """Words for reprocess_batch that take the good records, too."""
    bench.pipeline("p", MENDED)
    return {"failed_items_only": False}


HOW = [mended, corrected, everything]


def stopped_repair(manager: BatchManager, batch_id: str, chunks: int = 1, **words: Any) -> str:
    """The id of a reprocessing that was interrupted when so many chunks were committed."""
    again = manager.reprocess_batch(batch_id, **words, **interrupted_after(chunks))
    assert again is not None
    assert manager.get_batch(again).stop_reason is StopReason.INTERRUPTED
    assert manager.get_batch(again).counts.processed == 3 * chunks
    return again


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("stop", "by"), [("interrupted", "resume"), ("killed", "reprocess")])
def test_a_repair_that_stopped_is_finished_as_if_nothing_had_stopped_it(
    bench: Workbench, how: Callable[..., dict[str, Any]], stop: str, by: str
) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        assert manager.reprocess_batch(first, **how(bench, manager, first)) is not None
        expected = final_state(bench, "t")
        emptied(bench, "t")
        first = failed_batch(bench, manager)
        words = how(bench, manager, first)
        if stop == "interrupted":
            again = stopped_repair(manager, first, **words)
        else:
            again = killed_run(bench, lambda **more: manager.reprocess_batch(first, **words, **more), 2)
            manager.rescue_batches()
        check_accounts(bench, again)
        assert manager.unfinished_batches() == [again]
        if by == "resume":
            assert manager.resume_batch(again).batch_id == again
        else:
            assert manager.reprocess_batch(first, **words) == again
        check_accounts(bench, again)
    assert without_path(final_state(bench, "t")) == without_path(expected)


def without_path(state: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without the digest of the corrections, which name the items of this very batch."""
    lines = [line.split('"repetition"')[0] for line in state["batches"]]
    return {**state, "batches": lines}


@pytest.mark.parametrize("how", HOW)
def test_a_repair_whose_runner_died_behind_its_last_record_is_finished_by_resume(
    bench: Workbench, how: Callable[..., dict[str, Any]]
) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        words = how(bench, manager, first)
        chunks = 4 if how is everything else CHUNKS
        again = killed_run(bench, lambda **w: manager.reprocess_batch(first, **words, **w), chunks)
        assert manager.resume_batch(again).status == "completed"
        assert sum(check_accounts(bench, again)) == (12 if how is everything else FAILED)


@pytest.mark.parametrize("all_repaired", [False, True])
def test_a_repair_whose_runner_died_behind_its_last_record_is_finished_by_the_same_call(
    bench: Workbench, all_repaired: bool
) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        bench.pipeline("p", MENDED)
        if all_repaired:
            [(hopeless,)] = bench.sql("SELECT id::text FROM import_batch_items WHERE source_line = 11")
            manager.dismiss(first, [hopeless])
        again = killed_run(bench, lambda **words: manager.reprocess_batch(first, **words), CHUNKS)
        manager.reprocess_batch(first)
        assert manager.get_batch(again).status == "completed"


def test_records_that_failed_again_before_the_interruption_are_not_taken_a_third_time(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        again = stopped_repair(manager, first)  # nothing is mended: all fail again
        assert manager.reprocess_batch(first) == again
        assert check_accounts(bench, again) == (0, FAILED, 0, 0)
        third = manager.reprocess_batch(first)
        assert third is not None
        assert third != again
        assert check_accounts(bench, third) == (0, FAILED, 0, 0)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_repaired_line_never_overwrites_a_later_one_wherever_the_run_was_cut(bench: Workbench, chunks: int) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        bench.pipeline("p", MENDED)
        again = stopped_repair(manager, first, chunks)
        manager.reprocess_batch(first)
        skipped = [(item.line, item.problems[0].code) for item in manager.iter_items(again, status="skipped")]
    assert skipped == [(3, "target.superseded"), (7, "target.superseded")]
    assert bench.sql("SELECT v FROM t WHERE k IN (1, 2, 6) ORDER BY k") == [("h",), ("i",), ("k",)]


def test_the_log_says_that_a_repair_is_gone_on_with(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        again = stopped_repair(manager, first)
        manager.reprocess_batch(first)
    assert logged(bench, again) == [
        f"p: reprocessing batch {first}",
        f"p: reprocessing batch {first}, resumed at record 5",
    ]
    assert caplog.messages == [f"resuming batch {again}, which stopped (interrupted) after 3 records"]


def test_other_words_are_another_repair(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        again = stopped_repair(manager, first)
        file = corrections_of_rest(bench, manager, first)
        other = manager.reprocess_batch(first, corrections=file)
        assert other != again
        assert manager.unfinished_batches() == [again]


def corrections_of_rest(bench: Workbench, manager: BatchManager, batch_id: str) -> Path:
    text = io.StringIO(newline="")
    assert manager.export_failed(batch_id, text) == FAILED - 3
    return bench.file("rest.csv", text.getvalue().replace('"x', '"'))


# ── corrections ──────────────────────────────────────────────────────────────────────────────


def test_corrections_that_have_changed_meanwhile_are_refused_by_resume(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        file = corrections(bench, manager, first)
        again = stopped_repair(manager, first, corrections=file)
        content = file.read_text()
        file.write_text(content.replace('"l"', '"L"'))
        before = final_state(bench, "t")
        refused = refusal(manager.resume_batch, again)
        assert isinstance(refused, UsageError)
        assert (refused.code, refused.exit_code, str(file) in refused.message) == ("repair-changed", 2, True)
        assert f"ri reprocess {first[:8]} --from {file}" in (refused.hint or "")
        assert final_state(bench, "t") == before
        file.write_text(content)
        assert manager.resume_batch(again).status == "completed"


def test_changed_corrections_are_taken_in_by_a_batch_of_their_own_as_far_as_they_are_needed(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        file = corrections(bench, manager, first)
        again = stopped_repair(manager, first, corrections=file)
        file.write_text(file.read_text().replace('"l"', '"L"'))
        other = manager.reprocess_batch(first, corrections=file)
        assert other is not None
        assert other != again
        assert sum(check_accounts(bench, other)) == FAILED - 3
    assert bench.sql("SELECT v FROM t WHERE k = 12") == [("L",)]


def test_corrections_that_are_gone_are_missed_by_resume(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        file = corrections(bench, manager, first)
        again = stopped_repair(manager, first, corrections=file)
        file.unlink()
        refused = refusal(manager.resume_batch, again)
        assert isinstance(refused, SourceError)
        assert (refused.code, str(file) in refused.message) == ("source-missing", True)


def test_the_same_corrections_elsewhere_go_on_with_the_same_batch(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        file = corrections(bench, manager, first)
        again = stopped_repair(manager, first, corrections=file)
        moved = file.rename(bench.root / "moved.csv")
        assert manager.reprocess_batch(first, corrections=moved) == again
        assert manager.get_batch(again).status == "completed"


def test_corrections_that_were_taken_in_before_the_border_are_none_that_nothing_took(
    bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        file = corrections(bench, manager, first)
        again = stopped_repair(manager, first, corrections=file)
        manager.reprocess_batch(first, corrections=file)
    assert "left out" not in caplog.text
    assert not any("left out" in line for line in logged(bench, again))


# ── chains ───────────────────────────────────────────────────────────────────────────────────


def test_an_interrupted_import_is_repaired_in_part_and_finished_later(bench: Workbench) -> None:
    with bench.manager() as manager:
        bench.pipeline("p", pipeline())
        file = bench.file("data/p.csv", csv_text("k,v", ROWS))
        batch = manager.run_pipeline("p", file, **interrupted_after(2))
        bench.pipeline("p", MENDED)
        again = manager.reprocess_batch(batch.batch_id)
        assert again is not None
        assert check_accounts(bench, again) == (4, 0, 0, 0)  # line 10 is not read yet
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id
        assert manager.get_batch(batch.batch_id).status == "completed"
        assert manager.reprocess_batch(batch.batch_id) is not None
    assert bench.sql("SELECT v FROM t ORDER BY k") == [("h",), ("i",), ("c",), ("d",), ("e",), ("k",), ("g",), ("l",)]


def test_a_repair_of_a_repair_is_gone_on_with(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        second = manager.reprocess_batch(first)
        assert second is not None
        bench.pipeline("p", MENDED)
        third = stopped_repair(manager, second)
        assert manager.reprocess_batch(second) == third
        assert check_accounts(bench, third) == REPAIRED


def test_an_abandoned_repair_leaves_its_records_to_the_next_one(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        bench.pipeline("p", MENDED)
        again = stopped_repair(manager, first)
        manager.abandon_batch(again)
        other = manager.reprocess_batch(first)
        assert other is not None
        assert other != again
        assert sum(check_accounts(bench, other)) == FAILED - 3


def test_a_limit_that_is_given_to_a_repair_holds_for_that_resumption_alone(bench: Workbench) -> None:
    """A pipeline's own limit is for files, not for records that have failed before."""
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        again = stopped_repair(manager, first)
        bench.pipeline("p", pipeline(more="limits: {max_failed: 0}"))
        stopped = manager.resume_batch(again, max_failed=4)
        assert (stopped.stop_reason, stopped.counts.failed) == (StopReason.MAX_FAILED, 6)
        assert manager.resume_batch(again).status == "completed"


def test_a_repair_of_a_batch_that_runs_is_refused(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = failed_batch(bench, manager)
        again = killed_run(bench, lambda **words: manager.reprocess_batch(first, **words), 1)
        bench.sql(
            "UPDATE import_batches SET lease_expires_at = clock_timestamp() + interval '1 minute' WHERE id = %s",
            [again],
        )
        for verb, batch_id in ((manager.reprocess_batch, first), (manager.resume_batch, again)):
            refused = refusal(verb, batch_id)
            assert (refused.code, refused.exit_code, again in refused.message) == ("batch-running", 3, True)


def test_stored_items_are_repaired_across_an_interruption(bench: Workbench) -> None:
    bench.pipeline("p", pipeline())
    mappings = [dict(zip(("k", "v"), row.split(","), strict=True)) for row in ROWS]
    with bench.manager() as manager:
        first = manager.create_batch("p", mappings, {"format": "csv"})
        manager.process_batch(first)
        bench.pipeline("p", MENDED)
        with pytest.raises(RiError):
            manager.reprocess_batch(first, **dying_after(bench, 2))
        again = manager.reprocess_batch(first)
        assert again is not None
        assert check_accounts(bench, again) == REPAIRED
