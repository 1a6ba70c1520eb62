"""DESIGN section 6: what items, batches, logs and views hold after a run, and when a fingerprint differs."""

from __future__ import annotations

import hashlib
import io
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from support.workbench import Workbench

from ri_declarative.errors import SourceError
from ri_declarative.records import BatchStatus, BatchSummary, StopReason

PIPELINE = "target: {table: t, key: k, columns: {k: k, v: v}}\n"


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    workbench.pipeline("p", PIPELINE)
    return workbench


def column(bench: Workbench, name: str) -> list[Any]:
    """One column of the items in file order."""
    return [value for (value,) in bench.sql(f"SELECT {name} FROM import_batch_items ORDER BY batch_id, item_index")]


# ── items ────────────────────────────────────────────────────────────────────────────────────────


def test_every_record_has_an_item_with_its_place_line_and_data(bench: Workbench) -> None:
    bench.run("p", 'k,v\n1,"two\nlines"\nx,b\n3\n')
    assert column(bench, "item_index") == [0, 1, 2]
    assert column(bench, "source_line") == [2, 4, 5]
    assert column(bench, "status") == ["completed", "failed", "failed"]
    assert column(bench, "action") == ["inserted", None, None]
    assert column(bench, "source_data") == [{"k": "1", "v": "two\nlines"}, {"k": "x", "v": "b"}, "3"]


def test_an_item_that_failed_says_why_and_names_no_target(bench: Workbench) -> None:
    bench.run("p", "k,v\nx,b\n")
    [[problem]] = column(bench, "problems")
    assert (problem["code"], problem["field"]) == ("field.integer", "k")
    assert column(bench, "error_message") == [f"k: {problem['message']}"]
    assert column(bench, "target_table") == column(bench, "target_id") == [None]


def test_an_item_that_completed_names_table_and_row(bench: Workbench) -> None:
    bench.run("p", "k,v\n7,b\n")
    assert column(bench, "target_table") == ["public.t"]
    assert column(bench, "target_id") == ["7"]
    assert column(bench, "problems") == column(bench, "error_message") == [None]
    assert column(bench, "processed_at > now() - interval '1 hour'") == [True]


@pytest.mark.parametrize(
    ("table", "target_id"),
    [
        ("(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b int, UNIQUE (a, b))", "1"),
        ("(a text, b int, PRIMARY KEY (a, b))", '["x,\\"y", 2]'),
        ("(a text, b int, PRIMARY KEY (b, a))", '[2, "x,\\"y"]'),
        ("(a text, b int, UNIQUE (a, b))", '["x,\\"y", 2]'),
    ],
)
def test_the_target_id_is_the_primary_key_or_else_the_pipeline_s_key(
    workbench: Workbench, table: str, target_id: str
) -> None:
    workbench.sql(f"CREATE TABLE u {table}")
    workbench.pipeline("p", "target: {table: u, key: [a, b], columns: {a: a, b: b}}")
    for _ in ("inserted", "unchanged"):
        workbench.run("p", 'a,b\n"x,""y",2\n')
    assert column(workbench, "target_id") == [target_id] * 2


def test_a_skipped_item_names_the_row_that_was_there(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'old')")
    bench.pipeline("p", PIPELINE.replace("}}", "}, on_conflict: ignore}"))
    bench.run("p", "k,v\n1,b\n")
    assert column(bench, "status") == ["skipped"]
    assert column(bench, "target_id") == ["1"]


def test_a_reprocessed_item_keeps_its_place_and_line_and_names_the_one_it_repeats(bench: Workbench) -> None:
    first = bench.run("p", "k,v\n1,a\nx,b\n")
    bench.pipeline("p", "source: {fields: {k: {clean: [digits]}}}\n" + PIPELINE)
    with bench.manager() as manager:
        again = manager.reprocess_batch(first.batch_id)
        assert again is not None
        [item] = manager.iter_items(again)
        assert manager.get_batch_summary(again).parent_batch_id == first.batch_id
    failed = bench.items(first)[1]
    assert (item.index, item.line, item.parent_item_id) == (1, 3, failed.item_id)


# ── batches ──────────────────────────────────────────────────────────────────────────────────────


def counters(bench: Workbench) -> tuple[Any, ...]:
    [row] = bench.sql(
        "SELECT total, next_index, completed, failed, skipped, inserted, updated, unchanged FROM import_batches"
    )
    return row


def test_a_batch_counts_every_end(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'a'), (2, 'old')")
    batch = bench.run("p", "k,v\n1,a\n2,b\n3,c\nx,d\n")
    assert counters(bench) == (4, 4, 3, 1, 0, 1, 1, 1)
    assert (batch.status, batch.stop_reason, batch.error_message) == (BatchStatus.COMPLETED, None, None)
    assert batch.batch_type == "p"


def test_a_batch_at_its_end_has_no_owner_and_no_claim(bench: Workbench) -> None:
    bench.run("p", "k,v\n1,a\n")
    claims = "claim_from, claim_to, lease_token, lease_expires_at"
    assert bench.sql(f"SELECT {claims} FROM import_batches") == [(None, None, None, None)]
    assert bench.sql("SELECT created_at <= started_at, started_at <= completed_at FROM import_batches") == [
        (True, True)
    ]


def test_a_batch_groups_its_problems_with_an_example_each(bench: Workbench) -> None:
    batch = bench.run("p", "k,v\nx,a\n1,b\ny,c\n9999999999,d\n")
    found = [(group.code, group.field, group.count, group.example_line) for group in batch.problems]
    assert found == [("field.integer", "k", 2, 2), ("field.range", "k", 1, 5)]
    assert '"x"' in batch.problems[0].example_message


def test_source_info_describes_the_file_exactly(bench: Workbench) -> None:
    content = b"\xef\xbb\xbfk;v\r\n1;a\r\n"
    bench.pipeline("p", "source: {delimiter: ';'}\n" + PIPELINE)
    path = bench.file("data/my file.csv", content)
    with bench.manager() as manager:
        info = dict(manager.run_pipeline("p", path).source_info)
    mtime = datetime.fromisoformat(info.pop("mtime"))
    assert abs(mtime - datetime.fromtimestamp(path.stat().st_mtime, UTC)).total_seconds() < 1e-3
    assert info == {
        "name": "my file.csv",
        "path": str(path),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": "csv",
        "encoding": "utf-8",
        "header": ["k", "v"],
        "delimiter": ";",
    }


# ── standard input ───────────────────────────────────────────────────────────────────────────────


def from_stdin(bench: Workbench, monkeypatch: pytest.MonkeyPatch, content: bytes) -> BatchSummary:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with bench.manager() as manager:
        return manager.run_pipeline("p", "-")


def test_standard_input_is_a_source_when_its_format_is_declared(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"k\tv\n1\ta\n2\tb\n"
    bench.pipeline("p", "source: {format: tsv}\n" + PIPELINE)
    batch = from_stdin(bench, monkeypatch, content)
    assert (batch.completed_items, batch.source_info["name"], batch.source_info["size"]) == (2, "<stdin>", len(content))
    assert batch.source_info["sha256"] == hashlib.sha256(content).hexdigest()
    assert bench.sql("TABLE t ORDER BY k") == [(1, "a"), (2, "b")]


def test_standard_input_without_a_format_is_refused(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"source: {format: csv}"):
        from_stdin(bench, monkeypatch, b"k,v\n1,a\n")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


# ── views and logs ───────────────────────────────────────────────────────────────────────────────


def test_import_batch_summary_tells_counts_duration_and_throughput(bench: Workbench) -> None:
    batch = bench.run("p", "k,v\n1,a\nx,b\n")
    columns = "batch_id::text, batch_type, status, source_name, total, completed, failed, skipped, pending, inserted"
    assert bench.sql(f"SELECT {columns} FROM import_batch_summary") == [
        (batch.batch_id, "p", "completed", "p.csv", 2, 1, 1, 0, 0, 1)
    ]
    [(duration_s, rate)] = bench.sql("SELECT duration_s, records_per_s FROM import_batch_summary")
    assert duration_s > 0
    assert rate == pytest.approx(2 / duration_s)


REPORT = "SELECT kind, source_line, batch_id::text FROM failed_imports_report ORDER BY kind DESC, source_line"


def test_failed_imports_report_lists_failed_items_and_batches_that_stopped(bench: Workbench) -> None:
    first = bench.run("p", "k,v\n1,a\nx,b\n")
    bench.pipeline("p", PIPELINE + "limits: {max_failed: 0}\nchunk_size: 1")
    second = bench.run("p", "k,v\ny,b\n2,b\n3,b\n")
    assert second.stop_reason is StopReason.MAX_FAILED
    assert sorted(bench.sql(REPORT), key=str) == sorted(
        [("item", 3, first.batch_id), ("item", 2, second.batch_id), ("batch", None, second.batch_id)], key=str
    )


def test_failed_imports_report_forgets_a_stopped_batch_that_is_dismissed(bench: Workbench) -> None:
    bench.pipeline("p", PIPELINE + "limits: {max_failed: 0}\nchunk_size: 1")
    batch = bench.run("p", "k,v\ny,b\n2,b\n3,b\n")
    with bench.manager() as manager:
        assert manager.dismiss(batch.batch_id, reason="the mended file was imported") == 1
    assert bench.sql(REPORT) == []


def test_failed_imports_report_leaves_out_a_batch_whose_every_record_was_read(bench: Workbench) -> None:
    bench.pipeline("p", PIPELINE + "limits: {max_failed: 0}")
    batch = bench.run("p", "k,v\n1,a\ny,b\n")
    assert (batch.stop_reason, batch.total_items) == (StopReason.MAX_FAILED, 2)
    assert bench.sql(REPORT) == [("item", 3, batch.batch_id)]


def test_failed_imports_report_lists_a_record_that_fails_again_once(bench: Workbench) -> None:
    first = bench.run("p", "k,v\n1,a\nx,b\n")
    with bench.manager() as manager:
        again = manager.reprocess_batch(first.batch_id)
    assert bench.sql(REPORT) == [("item", 3, again)]


def test_failed_imports_report_forgets_what_was_repaired_or_dismissed(bench: Workbench) -> None:
    first = bench.run("p", "k,v\nx1,a\ny,b\n")
    bench.pipeline("p", "source: {fields: {k: {clean: [digits]}}}\n" + PIPELINE)
    with bench.manager() as manager:
        again = manager.reprocess_batch(first.batch_id)
        assert bench.sql(REPORT) == [("item", 3, again)]
        assert again is not None
        assert manager.dismiss(again, reason="not ours") == 1
    assert bench.sql(REPORT) == []


def test_the_log_tells_what_was_imported_and_with_which_fingerprint(bench: Workbench) -> None:
    batch = bench.run("p", "k,v\n1,a\n")
    first = bench.sql("SELECT batch_id::text, log_level, message, details FROM import_logs ORDER BY id")[0]
    assert first == (batch.batch_id, "info", "p: importing p.csv", {"fingerprint": batch.fingerprint})


def test_the_log_of_a_reprocessing_says_that_the_pipeline_has_changed(bench: Workbench) -> None:
    first = bench.run("p", "k,v\nx,a\n")
    bench.pipeline("p", "source: {fields: {k: {clean: [trim]}}}\n" + PIPELINE)
    with bench.manager() as manager:
        again = manager.reprocess_batch(first.batch_id)
        assert again is not None
        line = next(iter(manager.iter_logs(again)))
        second = manager.get_batch_summary(again)
    assert "the pipeline has changed since" in line["message"]
    assert line["details"] == {"fingerprint": second.fingerprint, "fingerprint_before": first.fingerprint}


# ── the fingerprint ──────────────────────────────────────────────────────────────────────────────

SCHEMA = '{"properties": {"k": {"type": "integer"}, "v": {}}}'


def fingerprint(bench: Workbench, *, pipeline: str = PIPELINE, schema: str = SCHEMA, project: str = "") -> str | None:
    bench.pipeline("p", pipeline)
    bench.file("schema/p.json", schema)
    bench.file("ri.yaml", project)
    return bench.run("p", "k,v\n1,a\n").fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline": PIPELINE.replace("v: v", "v: {field: v, on_update: keep}")},
        {"pipeline": PIPELINE + "chunk_size: 7\n"},
        {"pipeline": PIPELINE + "limits: {max_failed: 1}\n"},
        {"schema": SCHEMA.replace("{}", '{"type": "string"}')},
        {"project": "defaults: {source: {null_values: ['-']}}\n"},
    ],
)
def test_the_fingerprint_differs_when_a_rule_changes(bench: Workbench, change: dict[str, str]) -> None:
    assert fingerprint(bench, **change) != fingerprint(bench)


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline": f"# a remark\ndescription: said\n{PIPELINE}"},
        {"pipeline": "target:\n  key: k\n  table: t\n  columns:\n    k: k\n    v: v\n"},
        {"schema": SCHEMA.replace(": ", ":\n ")},
        {"project": "database: postgresql://elsewhere/\n"},
    ],
)
def test_the_fingerprint_stays_when_only_the_words_around_the_rules_change(
    bench: Workbench, change: dict[str, str]
) -> None:
    assert fingerprint(bench, **change) == fingerprint(bench)
