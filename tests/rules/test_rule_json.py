"""JSON documents end to end: records by path, nested values, files that break, repair of nested values."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, SourceError, StoppedError
from ri_declarative.records import BatchStatus, BatchSummary, StopReason

PIPELINE = """
    source: {{fields: {{city: {{from: address.city, clean: [trim]}}}}{source}}}
    schema:
      properties: {{k: {{type: integer}}, city: {{type: string, minLength: 2}}, address: {{type: object}}}}
    target: {{table: t, key: k, columns: {{k: k, city: city, address: address}}}}
"""


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, city text, address jsonb)")
    return workbench


def run_file(bench: Workbench, name: str, content: str | bytes, *, source: str = "") -> BatchSummary:
    bench.pipeline("p", PIPELINE.format(source=source and f", {source}"))
    path: Path = bench.file(f"data/{name}", content)
    with bench.manager() as manager:
        return manager.run_pipeline("p", path)


def newest(bench: Workbench) -> BatchSummary:
    with bench.manager() as manager:
        return manager.get_batch_summary(manager.list_batches(limit=1)[0].batch_id)


KOELN = {"k": 1, "address": {"city": " Köln ", "zip": "50667", "geo": [Decimal("50.94"), Decimal("6.96")]}}


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.json", "[%s]", ""),
        ("a.jsonl", "%s\n", ""),
        ("a.txt", '{"v": 1, "data": {"items": [%s]}}', "format: json, records: data.items"),
        ("a.json", '{"data": {"new.items": [%s]}}', 'records: [data, "new.items"]'),
    ],
)
def test_nested_values_are_addressed_and_kept(bench: Workbench, name: str, content: str, source: str) -> None:
    run = run_file(bench, name, content % json.dumps(KOELN, default=float, ensure_ascii=False), source=source)
    assert (run.completed_items, run.failed_items) == (1, 0)
    assert bench.sql("SELECT k, city, address ->> 'zip', address ->> 'geo' FROM t") == [
        (1, "Köln", "50667", "[50.94, 6.96]")
    ]
    (item,) = bench.items(run)
    assert (item.source_data, item.line) == (KOELN, 1)


def test_the_same_file_again_is_unchanged(bench: Workbench) -> None:
    for _ in range(2):
        batch = run_file(bench, "a.json", json.dumps([KOELN], default=float))
    assert (batch.unchanged_items, batch.source_info["format"]) == (1, "json")


def test_an_empty_array_is_a_complete_batch(bench: Workbench) -> None:
    batch = run_file(bench, "a.json", "[]")
    assert (batch.status, batch.total_items) == (BatchStatus.COMPLETED, 0)


def test_each_bad_record_fails_alone_with_its_place(bench: Workbench) -> None:
    bad = ['{"k": NaN}', '{"k": 2,\n "k": 2}', '{"k": "\\ud800"}', "[3]", '{"k": 4, "address": "Main St"}',
           '{"k": 5, "city": "x"}', '{"k": 6, "address": {"city": "\\u0000x"}}',
           "[" * 100_000 + "]" * 100_000]  # fmt: skip
    good = ['{"k": 100}', '{"k": 101, "address": {}}']
    batch = run_file(bench, "a.json", "[\n" + ",\n".join([good[0], *bad, good[1]]) + "]")
    assert bench.sql("SELECT k FROM t ORDER BY k") == [(100,), (101,)]
    assert list(dict.fromkeys((line, code) for line, code, _ in bench.failures(batch))) == [
        (3, "source.json"),
        (4, "source.duplicate_key"),
        (6, "source.json"),
        (7, "source.not_an_object"),
        (8, "field.path"),
        (9, "source.unknown_field"),
        (10, "field.nul"),
        (11, "source.json"),
    ]
    assert bench.items(batch)[1].source_data == '{"k": NaN}'


@pytest.mark.parametrize("chunk_size", [2, 1000])
def test_a_file_that_is_cut_off_stops_the_batch_and_keeps_what_was_read(bench: Workbench, chunk_size: int) -> None:
    bench.pipeline("p", f"chunk_size: {chunk_size}\ntarget: {{table: t, key: k, columns: {{k: k}}}}\n")
    with pytest.raises(StoppedError, match="line 5, column 9: the file ends in the middle of the record") as stopped:
        bench.run("p", '[\n{"k": 1},\n{"k": 2},\n{"k": 3},\n{"k": 40', ending="json")
    assert (stopped.value.code, stopped.value.exit_code) == ("source-json", 3)
    batch = newest(bench)
    assert (batch.status, batch.stop_reason, batch.completed_items) == (BatchStatus.FAILED, StopReason.SOURCE, 3)
    assert bench.sql("SELECT k FROM t ORDER BY k") == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("content", "source", "code"),
    [
        ('{"k": 1}', "", "source-records"),
        ('[{"k": 1', "", "source-json"),
        ('{"d": {}}', "records: d.items", "source-records"),
        ('[{"k": 1}]'.encode("utf-16"), "", "source-encoding"),
        ("", "", "source-empty"),
    ],
)
def test_a_file_without_a_first_record_is_refused_before_a_batch_is_made(
    bench: Workbench, content: str | bytes, source: str, code: str
) -> None:
    with pytest.raises(SourceError) as refused:
        run_file(bench, "a.json", content, source=source)
    assert refused.value.code == code
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_a_path_to_records_is_for_json_only(bench: Workbench) -> None:
    with pytest.raises(SourceError, match="path into a JSON document, but the format is csv"):
        run_file(bench, "a.csv", "k\n1\n", source="records: items")
    with pytest.raises(ConfigError) as wrong:
        run_file(bench, "a.csv", "k\n1\n", source="format: csv, records: items")
    (finding,) = wrong.value.diagnostics
    assert (finding.code, finding.position.line, finding.position.column) == ("invalid-value", 2, 76)
    assert finding.message == "source.records: is a path into a JSON document, but the format is csv; remove it"


@pytest.mark.parametrize("records", ["''", "data..items", "[]", "[data, '']"])
def test_a_path_to_records_has_no_empty_keys(bench: Workbench, records: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        run_file(bench, "a.json", "[]", source=f"records: {records}")
    assert [d.code for d in wrong.value.diagnostics] == ["invalid-value"]


def test_a_failed_record_with_nested_values_is_repaired_and_comes_back_equal(bench: Workbench) -> None:
    first = run_file(bench, "a.json", '[{"k": 1, "address": {"city": "X", "geo": [0.10, null, "1"]}}, {"k": NaN}]')
    assert first.failed_items == 2
    text = io.StringIO(newline="")
    with bench.manager() as manager:
        manager.export_failed(first.batch_id, text)
        rows = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
        assert (rows[0]["k"], rows[0]["address"]) == ("1", '{"geo":[0.10,null,"1"],"city":"X"}')
        assert '{"k": NaN}' in rows[1]["_ri_error"]
        rows[0]["address"] = rows[0]["address"].replace('"X"', '"Xanten"')
        rows[1] |= {"k": "2", "address": '{"city":"Köln"}'}
        fixed = bench.file("fix.csv", written(rows))
        again = manager.get_batch_summary(manager.reprocess_batch(first.batch_id, corrections=fixed) or "")
    assert (again.completed_items, again.failed_items) == (2, 0)
    assert [item.source_data for item in bench.items(again)] == [
        {"k": 1, "address": {"city": "Xanten", "geo": [Decimal("0.10"), None, "1"]}},
        {"k": 2, "address": {"city": "Köln"}},
    ]
    assert bench.sql("SELECT k, city FROM t ORDER BY k") == [(1, "Xanten"), (2, "Köln")]


def written(rows: list[dict[str, str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
