"""Values through a repair: what is exported, edited and read back is equal, in csv and in jsonl."""

from __future__ import annotations

import csv
import io
import json

import pytest
from law_repairs import again, cells_of_w, fixed, table_and_pipeline
from support.workbench import Workbench, csv_text


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """A workbench with the table and its pipeline."""
    return table_and_pipeline(workbench)


_CELLS = [
    *("=1+1", "'=1+1", "+49", "-5", "@x", "\tx", "''", "'", "a\nb", "a\rb", 'say "hi"', " pad ", "007", "1.10"),
    *("null", "é🗼", "a,b;c", "_ri_item", "\\N", "true"),
]


def test_exported_cells_come_back_equal(bench: Workbench) -> None:
    rows = [{"k": str(n), "v": "x", "w": cell} for n, cell in enumerate(_CELLS)]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["k", "v", "w"], quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    first = bench.run("p", out.getvalue())
    with bench.manager() as manager:
        # The cells of v are repaired, those of w come back as they were.
        fix = fixed(bench, manager, first.batch_id, **{w: {"v": "1"} for w in cells_of_w(manager, first.batch_id)})
        second = again(manager, first.batch_id, corrections=fix)
        items = list(manager.iter_items(second.batch_id))
    assert second.completed_items == len(_CELLS)
    assert [item.source_data for item in items] == [{**row, "v": "1"} for row in rows]
    assert [w for (w,) in bench.sql("SELECT w FROM t ORDER BY k")] == _CELLS


_VALUES = ["12", "true", "null", '"x"', "", "=1+1", {"a": [1, None, "2"]}, [], True, 12, "[1]", "007", " 1", "x\ny"]


def test_exported_json_values_come_back_equal_in_value_and_type(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v int, w jsonb)")
    workbench.pipeline(
        "p",
        "schema: {properties: {k: {type: integer}, v: {type: integer}, w: {}}}\n"
        "target: {table: t, key: k, columns: {k: k, v: v, w: w}}\n",
    )
    records = [{"k": n, "v": "x", "w": value} for n, value in enumerate(_VALUES)] + [{"k": 99, "v": "x"}]
    first = workbench.run("p", "".join(json.dumps(record) + "\n" for record in records), ending="jsonl")
    assert first.failed_items == len(records)
    with workbench.manager() as manager:
        fix = fixed(workbench, manager, first.batch_id, **{w: {"v": "1"} for w in cells_of_w(manager, first.batch_id)})
        second = again(manager, first.batch_id, corrections=fix)
        items = list(manager.iter_items(second.batch_id))
    assert [item.source_data for item in items] == [{**record, "v": 1} for record in records]
    assert second.completed_items == len(records)
    stored = [w for (w,) in workbench.sql("SELECT w FROM t ORDER BY k")]
    assert stored == [*_VALUES, None]


def test_an_unreadable_line_can_be_written_anew(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", ["1,1,a", "2,2,b,one too many", "3,3,c"]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, **{"": {"k": "2", "v": "2", "w": "b"}})
        second = again(manager, first.batch_id, corrections=fix)
        (item,) = manager.iter_items(second.batch_id)
    assert (item.status, item.line, item.source_data) == ("completed", 3, {"k": "2", "v": "2", "w": "b"})
    assert bench.sql("SELECT k FROM t ORDER BY k") == [(1,), (2,), (3,)]
