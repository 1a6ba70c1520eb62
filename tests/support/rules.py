"""Short ways to ask what the pipeline language does: one table, one file, what was stored or refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2
import pytest

from ri_declarative.records import BatchSummary
from support.workbench import Workbench


def csv_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A CSV file with these cells, quoted where they need it."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return stream.getvalue()


def jsonl_of(*records: Mapping[str, Any]) -> str:
    """A JSON Lines file with these records."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def read_into(
    bench: Workbench, column_type: str, cells: Sequence[str], *, field: str = "", more: str = ""
) -> list[Any]:
    """Per CSV cell: what a column `v` of this type holds afterwards, as text, or the code of the cell's problem.

    `field`: how `source.fields` reads it; `more`: further lines of the pipeline.
    """
    _one_column(bench, column_type, field=field, more=more)
    batch = bench.run("one", csv_of(("k", "v"), [(str(k), cell) for k, cell in enumerate(cells)]))
    return _ends(bench, batch)


def read_json_into(bench: Workbench, column_type: str, values: Sequence[str], *, more: str = "") -> list[Any]:
    """The same for JSON values, written as they stand in the file; a text `absent` leaves the key out."""
    _one_column(bench, column_type, field="", more=more)
    lines = [f'{{"k": {k}}}' if v == "absent" else f'{{"k": {k}, "v": {v}}}' for k, v in enumerate(values)]
    return _ends(bench, bench.run("one", "\n".join(lines) + "\n", ending="jsonl"))


def _one_column(bench: Workbench, column_type: str, *, field: str, more: str) -> None:
    bench.sql(f"CREATE TABLE one (k int PRIMARY KEY, v {column_type})")
    source = f"source: {{fields: {{v: {{{field}}}}}}}\n" if field else ""
    bench.pipeline("one", f"{source}target: {{table: one, key: k, columns: {{k: k, v: v}}}}\n{more}")


def _ends(bench: Workbench, batch: BatchSummary) -> list[Any]:
    stored = dict(bench.sql("SET TIME ZONE 'UTC'; SET lc_monetary = 'C'; SELECT k, CAST(v AS text) FROM one"))
    return [
        "; ".join(problem.code for problem in item.problems) if item.problems else stored[item.index]
        for item in bench.items(batch)
    ]


def actions(bench: Workbench, batch: BatchSummary) -> list[str]:
    """Per item in file order: its action, or `status: code` of its first problem."""
    return [
        item.action.value if item.action else f"{item.status.value}: {item.problems[0].code}"
        for item in bench.items(batch)
    ]


def require_xml(bench: Workbench) -> None:
    """Skip the test on a server that was built without xml."""
    try:
        bench.sql("SELECT CAST('<a/>' AS xml)")
    except psycopg2.errors.FeatureNotSupported:
        pytest.skip("this server was built without xml")
