"""Bugs whose input is better made than kept in a folder: huge numbers, odd file names, a thousand columns."""

from __future__ import annotations

import os
from decimal import Decimal

import pytest
from support.workbench import Workbench

from ri_declarative.errors import ConfigError
from ri_declarative.records import BatchSummary

BEYOND_NUMERIC = {
    "20,000 fraction digits": "0." + "7" * 20_000,
    "140,000 digits": "7" * 140_000 + ".5",
    "140,000 digits by exponent": "7e140000",
    "far below 1": "0." + "7" * 1_000 + "e-15900",
}
JSON_PIPELINE = """
    source: {unknown_fields: ignore}
    target: {table: t, key: k, columns: {k: k%s}}
    chunk_size: %d
"""


def run_numbers(bench: Workbench, number: str, *, mapped: bool, size: int) -> BatchSummary:
    """A number between two neighbours that are none."""
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, num numeric)")
    bench.pipeline("p", JSON_PIPELINE % (", num: num" if mapped else "", size))
    lines = [
        '{"k": 1, "num": 1.10}',
        f'{{"k": 2, "num": {number}, "in": [{{"num": {number}}}]}}',
        '{"k": 3, "num": 1.30}',
    ]
    return bench.run("p", "\n".join(lines) + "\n", ending="jsonl")


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("number", BEYOND_NUMERIC.values(), ids=BEYOND_NUMERIC)
def test_a_number_that_numeric_cannot_hold_is_kept_where_nothing_is_mapped_from_it(
    workbench: Workbench, number: str, size: int
) -> None:
    batch = run_numbers(workbench, number, mapped=False, size=size)
    assert (batch.inserted_items, batch.failed_items) == (3, 0)
    kept = [item.source_data for item in workbench.items(batch)]
    huge = Decimal(number)
    assert kept[1] == {"k": 2, "num": huge, "in": [{"num": huge}]}
    assert [kept[0], kept[2]] == [{"k": 1, "num": Decimal("1.10")}, {"k": 3, "num": Decimal("1.30")}]


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("number", BEYOND_NUMERIC.values(), ids=BEYOND_NUMERIC)
def test_a_number_that_numeric_cannot_hold_fails_alone_where_it_is_mapped(
    workbench: Workbench, number: str, size: int
) -> None:
    batch = run_numbers(workbench, number, mapped=True, size=size)
    assert [(line, field) for line, _, field in workbench.failures(batch)] == [(2, "num")]
    assert workbench.sql("TABLE t ORDER BY k") == [(1, Decimal("1.1")), (3, Decimal("1.3"))]
    data = workbench.items(batch)[1].source_data
    assert not isinstance(data, str)
    assert data["num"] == Decimal(number)


@pytest.mark.parametrize("mapped", [False, True])
def test_an_integer_that_nobody_reads_fails_alone_and_is_kept_as_it_was_written(
    workbench: Workbench, mapped: bool
) -> None:
    batch = run_numbers(workbench, "7" * 140_000, mapped=mapped, size=5000)
    first, huge, last = workbench.items(batch)
    assert [item.status for item in (first, last)] == ["completed", "completed"]
    shown = huge.source_data if isinstance(huge.source_data, str) else str(huge.source_data["num"])
    assert "7" * 140_000 in shown


# ── file names ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [b"caf\xe9.csv", b"\xff\xfe.csv", "café\n.csv".encode()])
def test_a_file_name_that_is_not_utf_8_is_written_escaped(workbench: Workbench, name: bytes) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, file text)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, file: {run: source_name}}}")
    path = workbench.file(os.fsdecode(name), "k\n1\nx\n")
    expected = os.fsdecode(name).encode("utf-8", "backslashreplace").decode()
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", path)
        assert manager.get_batch_summary(batch.batch_id).source_info["name"] == expected
        again = manager.reprocess_batch(batch.batch_id)
    assert again is not None
    assert (batch.inserted_items, batch.failed_items) == (1, 1)
    assert workbench.sql("TABLE t") == [(1, expected)]


# ── many columns ─────────────────────────────────────────────────────────────────────────────────


def wide(bench: Workbench, count: int, *, mapped: int) -> str:
    """A CSV of one record of `count` columns, and a pipeline that maps so many of them."""
    names = [f"c{n}" for n in range(count)]
    bench.sql(f"CREATE TABLE t (c0 int PRIMARY KEY, {', '.join(f'{name} int' for name in names[1:])})")
    columns = ", ".join(f"{name}: {name}" for name in names[:mapped])
    bench.pipeline("p", f"source: {{unknown_fields: ignore}}\ntarget: {{table: t, key: c0, columns: {{{columns}}}}}")
    return f"{','.join(names)}\n{','.join('1' for _ in names)}\n"


def test_more_columns_than_one_statement_holds_are_refused_before_the_run(workbench: Workbench) -> None:
    text = wide(workbench, 1500, mapped=1500)
    with pytest.raises(ConfigError) as refused:
        workbench.run("p", text)
    (finding,) = refused.value.diagnostics
    assert finding.code == "statement"
    assert "1664" in finding.message
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]


@pytest.mark.parametrize("mapped", [300, 750])
def test_hundreds_of_columns_of_a_wide_table_are_written(workbench: Workbench, mapped: int) -> None:
    text = wide(workbench, 1500, mapped=mapped)
    assert workbench.run("p", text).inserted_items == 1
    assert workbench.run("p", text).unchanged_items == 1
    assert workbench.run("p", text.replace(",1", ",2")).updated_items == 1
    assert workbench.sql(f"SELECT c0, c1, c{mapped - 1}, c{mapped} FROM t") == [(1, 2, 2, None)]


def test_a_record_with_an_empty_key_does_not_block_the_repair_of_others(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "source: {unknown_fields: ignore}\ntarget: {table: t, key: k, columns: {k: k}}\n")
    batch = workbench.run("p", '{"k": "x", "": 1}\n{"k": "y"}\n', ending="jsonl")
    failed = workbench.root / "failed.csv"
    with workbench.manager() as manager:
        with failed.open("w", encoding="utf-8", newline="") as stream:
            assert manager.export_failed(batch.batch_id, stream) == 2
        lines = failed.read_text(encoding="utf-8").splitlines()
        failed.write_text("\n".join([lines[0], lines[1], lines[2].replace('"y"', '"7"')]) + "\n", encoding="utf-8")
        again = manager.reprocess_batch(batch.batch_id, corrections=failed)
        assert again is not None
        summary = manager.get_batch_summary(again)
    assert (summary.completed_items, summary.failed_items) == (1, 1)
    assert workbench.sql("SELECT k FROM t") == [(7,)]
