from __future__ import annotations

from cli.scripted_batches import batch
from ri_declarative.cli import texts
from ri_declarative.records import BatchStatus, ItemStatus, ProblemGroup, StopReason


def test_the_summary_of_a_run_is_understood_at_one_look() -> None:
    assert texts.of_run(batch(), "embedded").splitlines() == [
        "customer_data · customers.csv → database embedded",
        "  500 records read in 0.4 s (1,250/s)",
        "  472 completed (470 inserted, 2 updated, 0 unchanged)",
        "   28 failed",
        '    19 × schema.format on email  e.g. line 7: expected an e-mail address, got "x"',
        "     9 × source.ragged           e.g. line 12: expected 6 cells, found 5",
        "batch 3f2a9c1e · see: ri errors 3f2a9c1e",
        "repair: ri errors 3f2a9c1e --csv fix.csv, then ri reprocess 3f2a9c1e --from fix.csv",
    ]


def test_a_run_without_failures_names_no_repair() -> None:
    text = texts.of_run(batch(failed_items=0, completed_items=500, problems=()), "embedded")
    assert text.endswith("\nbatch 3f2a9c1e")
    assert "failed" not in text


def test_skipped_records_are_told_apart_from_failed_ones() -> None:
    skipped = ProblemGroup("target.exists", None, ItemStatus.SKIPPED, 3, 4, "the row exists")
    lines = texts.of_run(batch(skipped_items=3, problems=(*batch().problems, skipped)), "embedded").splitlines()
    assert lines[3:5] == ["    3 skipped", "    3 × target.exists  e.g. line 4: the row exists"]


def test_many_kinds_of_problems_are_cut_at_the_end_of_a_run_but_not_in_status() -> None:
    groups = tuple(ProblemGroup(f"code.{i}", None, ItemStatus.FAILED, 1, i, "why") for i in range(14))
    assert "… and 4 more kinds: ri status 3f2a9c1e" in texts.of_run(batch(problems=groups), "embedded")
    assert "code.13" in texts.of_status(batch(problems=groups), "embedded", needs_attention=True)


def test_a_stopped_batch_says_why_and_what_to_do_next() -> None:
    stopped = batch(
        status=BatchStatus.FAILED,
        stop_reason=StopReason.MAX_FAILED,
        error_message="more than 20% failed",
        pending_items=100,
        total_items=None,
    )
    text = texts.of_run(stopped, "embedded")
    assert "  600 records read" in text
    assert "  100 pending: not tried yet" in text
    assert "  stopped by limits.max_failed: more than 20% failed" in text
    assert "to finish it: ri resume 3f2a9c1e --max-failed 50%" in text


def test_every_stop_reason_has_words() -> None:
    for reason in StopReason:
        assert "stopped" in texts.of_run(batch(status=BatchStatus.FAILED, stop_reason=reason), "x") or reason == (
            StopReason.INTERRUPTED
        )


def test_a_reprocessing_names_the_batch_it_comes_from() -> None:
    again = batch(parent_batch_id="77aa88bb-0000-4000-8000-000000000009")
    assert texts.title(again, "embedded") == (
        "customer_data · customers.csv, again from batch 77aa88bb → database embedded"
    )


def test_file_names_and_messages_cannot_move_the_cursor() -> None:
    evil = ProblemGroup("field.date", "da\x1bte", ItemStatus.FAILED, 1, 2, "got \x1b[2J\n")
    text = texts.of_run(batch(source_info={"name": "\x1b]0;x\x07.csv"}, problems=(evil,)), "embedded")
    assert "\x1b" not in text
    assert "\x07" not in text


def test_status_tells_when_everything_was_repaired_since() -> None:
    text = texts.of_status(batch(), "embedded", needs_attention=False)
    assert "every failed record has been repaired or dismissed since" in text
    assert "repair:" not in text
