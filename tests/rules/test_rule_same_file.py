"""source.same_file: a file whose content was imported completely before is imported again, with a word, or refused."""

from __future__ import annotations

import logging
import re

import pytest
from support.interruptions import check_accounts, final_state, interrupted_after
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, SourceError
from ri_declarative.records import BatchSummary

POLICIES = ("again", "warn", "refuse")
CONTENT = "k,v\n1,a\n2,b\nx,c\n3,d\n"


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    return workbench


def pipeline(bench: Workbench, policy: str | None, *, name: str = "p", more: str = "") -> None:
    source = f"{{format: csv, same_file: {policy}}}" if policy else "{format: csv}"
    target = "{table: t, key: k, columns: {k: k, v: v}}"
    bench.pipeline(name, f"source: {source}\ntarget: {target}\nchunk_size: 2\n{more}")


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of the same content."""
    return [record.message for record in caplog.records if "same content" in record.message]


def refused(bench: Workbench, content: str = CONTENT) -> SourceError:
    """The refusal of a run, which has written nothing."""
    before = final_state(bench, "t")
    with pytest.raises(SourceError) as error:
        bench.run("p", content)
    assert (error.value.code, error.value.exit_code) == ("same-file", 2)
    assert final_state(bench, "t") == before
    return error.value


def imported_anew(bench: Workbench, content: str = CONTENT) -> BatchSummary:
    """A batch that found every good record as it was."""
    batch = bench.run("p", content)
    assert (batch.status, batch.unchanged_items, batch.failed_items) == ("completed", 3, 1)
    return batch


# ── the policies ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", ["again", "warn", None])
def test_the_same_content_changes_nothing(bench: Workbench, policy: str | None) -> None:
    pipeline(bench, policy)
    first = bench.run("p", CONTENT)
    second = imported_anew(bench)
    assert second.batch_id != first.batch_id
    check_accounts(bench, second.batch_id)


def test_again_says_nothing(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, "again")
    bench.run("p", CONTENT)
    imported_anew(bench)
    assert said(caplog) == []


@pytest.mark.parametrize("policy", ["warn", None], ids=["warn", "default"])
def test_warn_says_when_and_by_which_batch_it_came(
    bench: Workbench, policy: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, policy)
    first = bench.run("p", CONTENT)
    assert said(caplog) == []
    imported_anew(bench)
    when = f"{first.completed_at:%Y-%m-%d %H:%M:%S} UTC"
    assert said(caplog) == [
        f"p.csv: the same content was imported {when} by batch {first.batch_id}; importing it again"
    ]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_warn_names_the_newest_batch_that_was_completed(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, None)
    bench.run("p", CONTENT)
    second = imported_anew(bench)
    caplog.clear()
    imported_anew(bench)
    assert second.batch_id in caplog.text


def test_refuse_says_when_and_by_which_batch_it_came_and_writes_nothing(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    first = bench.run("p", CONTENT)
    error = refused(bench)
    assert re.search(
        rf"^p\.csv: the same content was imported [-\d]+ [:\d]+ UTC by batch {first.batch_id};", error.message
    )
    assert "same_file" in (error.hint or "")


def test_refuse_refuses_a_new_batch_too(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    bench.run("p", CONTENT)
    with bench.manager() as manager, pytest.raises(SourceError, match="the pipeline refuses it again"):
        manager.run_pipeline("p", bench.root / "data/p.csv", new_batch=True)


# ── what is the same content ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("other", [CONTENT + "4,e\n", CONTENT.replace("a", "A"), CONTENT.replace("\n", "\r\n")])
def test_other_bytes_are_another_content(bench: Workbench, other: str, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, "refuse")
    bench.run("p", CONTENT)
    assert bench.run("p", other).status == "completed"
    assert said(caplog) == []


def test_another_name_or_time_makes_no_other_content(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    bench.run("p", CONTENT)
    copy = bench.file("elsewhere/copy.csv", CONTENT)
    with bench.manager() as manager, pytest.raises(SourceError, match=r"copy\.csv: the same content"):
        manager.run_pipeline("p", copy)


def test_another_pipeline_has_not_imported_it(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    pipeline(bench, "refuse", name="q")
    bench.run("p", CONTENT)
    assert bench.run("q", CONTENT).unchanged_items == 3


def test_an_edited_pipeline_has_imported_it_all_the_same(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    bench.run("p", CONTENT)
    pipeline(bench, "refuse", more="limits: {max_failed: 50%}")
    assert refused(bench).code == "same-file"


# ── what is a complete import ────────────────────────────────────────────────────────────────


def test_records_that_failed_do_not_make_an_import_incomplete(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    assert bench.run("p", "k,v\nx,a\n").failed_items == 1
    refused(bench, "k,v\nx,a\n")


@pytest.mark.parametrize("policy", POLICIES)
def test_an_import_that_was_interrupted_is_gone_on_with_and_not_refused(
    bench: Workbench, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, policy)
    file = bench.file("data/p.csv", CONTENT)
    with bench.manager() as manager:
        stopped = manager.run_pipeline("p", file, **interrupted_after(1))
        done = manager.run_pipeline("p", file)
    assert (done.batch_id, done.status) == (stopped.batch_id, "completed")
    assert said(caplog) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_an_import_that_was_given_up_is_begun_anew(
    bench: Workbench, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline(bench, policy)
    file = bench.file("data/p.csv", CONTENT)
    with bench.manager() as manager:
        stopped = manager.run_pipeline("p", file, **interrupted_after(1))
        manager.abandon_batch(stopped.batch_id)
        done = manager.run_pipeline("p", file)
    assert (done.batch_id == stopped.batch_id, done.status, done.unchanged_items) == (False, "completed", 2)
    assert said(caplog) == []


@pytest.mark.parametrize("policy", POLICIES)
def test_an_import_that_its_limit_has_stopped_is_begun_anew(bench: Workbench, policy: str) -> None:
    pipeline(bench, policy, more="limits: {max_failed: 0}")
    stopped = bench.run("p", CONTENT.replace("1,a", "y,a"))
    pipeline(bench, policy)
    done = bench.run("p", CONTENT.replace("1,a", "y,a"))
    assert (done.batch_id == stopped.batch_id, done.status) == (False, "completed")


def test_a_resumed_import_is_a_complete_one(bench: Workbench) -> None:
    pipeline(bench, "refuse")
    file = bench.file("data/p.csv", CONTENT)
    with bench.manager() as manager:
        stopped = manager.run_pipeline("p", file, **interrupted_after(1))
        manager.resume_batch(stopped.batch_id)
    assert stopped.batch_id in refused(bench).message


def test_reprocessing_is_no_second_import(bench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    pipeline(bench, "refuse")
    first = bench.run("p", CONTENT)
    with bench.manager() as manager:
        assert manager.reprocess_batch(first.batch_id, failed_items_only=False) is not None
    assert said(caplog) == []
    assert first.batch_id in refused(bench).message  # and not the batch that took its records again


# ── where it is said ─────────────────────────────────────────────────────────────────────────


def test_a_project_may_say_it_for_all_pipelines(bench: Workbench) -> None:
    bench.file("ri.yaml", "defaults: {source: {same_file: refuse}}\n")
    pipeline(bench, None)
    bench.run("p", CONTENT)
    refused(bench)
    pipeline(bench, "again")
    imported_anew(bench)


def test_it_does_not_belong_to_the_fingerprint(bench: Workbench) -> None:
    found = set()
    for policy in (None, "again", "warn"):
        pipeline(bench, policy)
        found.add(bench.run("p", CONTENT).fingerprint)
    assert len(found) == 1


def test_another_word_is_an_error_that_names_the_right_ones(bench: Workbench) -> None:
    pipeline(bench, "reject")
    with pytest.raises(ConfigError) as error:
        bench.run("p", CONTENT)
    assert all(policy in str(error.value) for policy in POLICIES)
