"""Which batch is gone on with, and what of a pipeline that was edited meanwhile."""

from __future__ import annotations

import pytest
from resuming import (
    ROWS,
    interrupted,
    pipeline,
    prepared,
    refusal,
)
from support.interruptions import check_accounts, interrupted_after, killed_run
from support.workbench import Workbench

from ri_declarative.errors import UsageError
from ri_declarative.records import StopReason

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


def test_unfinished_batches_are_told_newest_first_and_those_that_a_limit_has_stopped_last(
    workbench: Workbench,
) -> None:
    prepared(workbench)
    names = ["one", "two", "three", "four", "five"]
    files = [workbench.file(f"data/{name}.csv", f"k,v\n1,{name}\n2,b\nx,c\n4,d\n") for name in names]
    with workbench.manager() as manager:
        assert manager.unfinished_batches() == []
        one, two = (manager.run_pipeline("p", file, **interrupted_after(1)).batch_id for file in files[:2])
        manager.run_pipeline("p", files[2])
        four = killed_run(workbench, lambda **words: manager.run_pipeline("p", files[3], **words), 1)
        assert manager.unfinished_batches() == [two, one]
        manager.rescue_batches()
        five = manager.run_pipeline("p", files[4], continue_on_error=False).batch_id
        assert manager.unfinished_batches() == [four, two, one, five]
        manager.abandon_batch(two)
        assert manager.unfinished_batches() == [four, one, five]


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
