"""Laws 1 and 2, at every commit: every record is accounted for, and completed means that its row is there."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from law_oracle import Policy
from law_records import FORMATS, Sample, random_samples, rendered
from support.workbench import Workbench

from ri_declarative.records import BatchSummary, Progress

POLICIES = [Policy(), Policy("update", "first"), Policy("ignore", "last"), Policy("error", "error")]
_TABLES = """
    CREATE TABLE ref (id int PRIMARY KEY);
    INSERT INTO ref VALUES (1), (2);
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k int UNIQUE, v int CHECK (v < 900),
                    w varchar(5), r int REFERENCES ref, g int GENERATED ALWAYS AS (100 / (v - 13)) STORED,
                    batch uuid, item uuid, line int);
    INSERT INTO t (k, v) VALUES (1, 1), (2, 2);
"""
_PIPELINE = """
    schema: {properties: {k: {type: integer}, v: {type: integer, minimum: 0}, w: {type: string}, r: {type: integer}}}
    target:
      table: t
      key: k
      columns: {k: k, v: v, w: w, r: r, batch: {run: batch_id}, item: {run: item_id}, line: {run: line}}
      on_conflict: %s
      on_duplicate: %s
    chunk_size: 20
"""


def _samples(seed: str) -> list[Sample]:
    return random_samples(random.Random(seed), [str(k) for k in range(1, 50)], 110)


def _bench(workbench: Workbench, policy: Policy) -> Workbench:
    workbench.sql(_TABLES)
    workbench.pipeline("p", _PIPELINE % policy)
    return workbench


def _run(workbench: Workbench, text: str, format: str) -> BatchSummary:  # noqa: A002
    return workbench.run("p", text, ending=format)


_COUNTED = """
    SELECT b.completed, b.failed, b.skipped, b.inserted, b.updated, b.unchanged, b.next_index,
           count(i.*) FILTER (WHERE i.status = 'completed'), count(i.*) FILTER (WHERE i.status = 'failed'),
           count(i.*) FILTER (WHERE i.status = 'skipped'), count(i.*) FILTER (WHERE i.action = 'inserted'),
           count(i.*) FILTER (WHERE i.action = 'updated'), count(i.*) FILTER (WHERE i.action = 'unchanged'),
           count(DISTINCT i.item_index)
    FROM import_batches b JOIN import_batch_items i ON i.batch_id = b.id GROUP BY b.id
"""


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_counters_equal_items_after_every_chunk(workbench: Workbench, policy: Policy) -> None:
    bench = _bench(workbench, policy)
    format = FORMATS[POLICIES.index(policy) % 3]  # noqa: A001
    text = rendered(_samples(str(policy)), format, numbers=("k", "v", "r")).text
    path = bench.file(f"data/p.{format}", text)
    seen: list[int] = []

    def look(progress: Progress) -> None:
        (row,) = bench.sql(_COUNTED)
        assert row[:7] == row[7:] == (*progress.counts, progress.counts.processed)
        seen.append(progress.counts.processed)

    with bench.manager() as manager:
        batch = manager.run_pipeline("p", path, on_progress=look)
    assert seen == [20, 40, 60, 80, 100, 110]
    assert (batch.total_items, batch.pending_items, batch.status.value) == (110, 0, "completed")


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_whoever_did_not_complete_has_a_code_and_a_reason(workbench: Workbench, policy: Policy) -> None:
    bench = _bench(workbench, policy)
    batch = _run(bench, rendered(_samples(f"why-{policy}"), "csv").text, "csv")
    for item in bench.items(batch):
        assert bool(item.problems) == (item.status != "completed"), item
        assert bool(item.error_message) == (item.status != "completed"), item
        for problem in item.problems:
            assert "." in problem.code, item
            assert len(problem.message) > 10, item


@pytest.mark.parametrize("format", FORMATS)
def test_items_hold_the_records_as_an_independent_reader_reads_them(workbench: Workbench, format: str) -> None:  # noqa: A002
    bench = _bench(workbench, Policy())
    samples = _samples(f"read-{format}")
    text = rendered(samples, format, numbers=("k", "v", "r")).text
    items = bench.items(_run(bench, text, format))
    assert [item.index for item in items] == list(range(110))
    for item, expected in zip(items, _read(text, format), strict=True):
        if isinstance(item.source_data, str):
            assert item.source_data.rstrip("\n") == expected, f"record {item.index}"
        else:
            assert item.source_data == expected, f"record {item.index}"


def _read(text: str, format: str) -> list[Any]:  # noqa: A002
    """Records by the standard library; of malformed ones their text."""
    if format == "jsonl":
        return [json.loads(line, parse_float=Decimal) if line.endswith("}") else line for line in text.splitlines()]
    delimiter = "," if format == "csv" else "\t"
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [dict(zip(header, row, strict=True)) if len(row) == len(header) else _joined(row, delimiter) for row in rows]


def _joined(row: list[str], delimiter: str) -> str:
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if any(c in cell for c in f'"\n{delimiter}') else cell for cell in row
    )


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_completed_means_that_the_row_is_there_and_names_its_item(workbench: Workbench, policy: Policy) -> None:
    bench = _bench(workbench, policy)
    batch = _run(bench, rendered(_samples(f"row-{policy}"), "csv").text, "csv")
    rows = {row[0]: row for row in bench.sql("SELECT id::text, k, v, w, r, batch::text, item::text, line FROM t")}
    last: dict[str, Any] = {}
    for item in bench.items(batch):
        if item.status == "completed":
            assert (item.target_table, item.target_id in rows) == ("public.t", True), item
            last[item.target_id or ""] = item
            if item.action != "unchanged":
                writer = last[f"writer of {item.target_id}"] = item
                assert writer.target_id == item.target_id
        else:
            assert item.target_table is None, item
    for target_id in (key for key in list(last) if key.isdigit()):
        _check_row(rows[target_id], last[target_id].source_data, last.get(f"writer of {target_id}"), batch)
    ours = {row[0] for row in rows.values() if row[5] is not None}
    assert ours == {key.removeprefix("writer of ") for key in last if not key.isdigit()}


def _check_row(row: tuple[Any, ...], record: Mapping[str, str], writer: Any, batch: BatchSummary) -> None:
    """The row has the values of the last record completed, and points to the last one that wrote it."""
    _, k, v, w, r, batch_id, item_id, line = row
    assert (k, v, w, r) == (int(record["k"]), _int(record["v"]), record["w"] or None, _int(record["r"]))
    if writer is not None:
        assert (batch_id, item_id, line) == (batch.batch_id, writer.item_id, writer.line)


def _int(cell: str) -> int | None:
    return int(cell) if cell else None


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_file_again_changes_nothing(workbench: Workbench, format: str) -> None:  # noqa: A002
    bench = _bench(workbench, Policy())
    samples = [s for s in _samples("again") if s.refused is None]
    samples = list({s.cells["k"]: s for s in samples}.values())
    text = rendered(samples, format, numbers=("k", "v", "r")).text
    state = "SELECT t.*, xmin::text, ctid::text, (SELECT last_value FROM t_id_seq) FROM t ORDER BY id"
    _run(bench, text, format)
    before = bench.sql(state)
    batch = _run(bench, text, format)
    assert (batch.unchanged_items, batch.completed_items) == (len(samples), len(samples))
    assert bench.sql(state) == before


@pytest.mark.parametrize("policy", [Policy("ignore", "first"), Policy("error", "error")], ids=str)
def test_rows_that_may_not_be_changed_are_not_touched_by_the_same_file(workbench: Workbench, policy: Policy) -> None:
    bench = _bench(workbench, policy)
    text = rendered(_samples("once"), "csv").text
    state = "SELECT t.*, xmin::text, ctid::text, (SELECT last_value FROM t_id_seq) FROM t ORDER BY id"
    first = _run(bench, text, "csv")
    before = bench.sql(state)
    again = _run(bench, text, "csv")
    # What was refused while it was written is tried again, and may burn a value.
    assert again.completed_items == 0
    assert first.inserted_items > 0
    assert [row[:-1] for row in bench.sql(state)] == [row[:-1] for row in before]


@pytest.mark.parametrize("reason", ["second unique column", "trigger"])
def test_the_same_file_again_changes_nothing_row_by_row(workbench: Workbench, reason: str) -> None:
    extra = {
        "second unique column": "ALTER TABLE t ADD UNIQUE (w)",
        "trigger": "CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER same BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION same()",
    }[reason]
    workbench.sql("CREATE TABLE t (id serial PRIMARY KEY, k int UNIQUE, w text, d int DEFAULT 7);" + extra)
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w, d: d}}")
    text = "k,w,d\n" + "".join(f"{k},w{k},{k % 3}\n" for k in range(30))
    workbench.run("p", text)
    state = "SELECT t.*, xmin::text, ctid::text, (SELECT last_value FROM t_id_seq) FROM t ORDER BY id"
    before = workbench.sql(state)
    assert len(before) == 30
    assert workbench.run("p", text).unchanged_items == 30
    assert workbench.sql(state) == before


def test_an_absent_field_with_a_default_is_unchanged_the_second_time_only_if_the_row_has_null(
    workbench: Workbench,
) -> None:
    """On insert the default, on update NULL: the second run says NULL, the third changes nothing."""
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, w text DEFAULT 'new')")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w}}")
    actions = []
    for _ in range(3):
        (item,) = workbench.items(workbench.run("p", "k,w\n1,\n"))
        actions.append((item.action, workbench.sql("SELECT w FROM t")[0][0]))
    assert actions == [("inserted", "new"), ("updated", None), ("unchanged", None)]
