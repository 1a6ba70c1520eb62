"""Steps of repairing: run again, export, correct."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from support.workbench import Workbench

from ri_declarative.manager import BatchManager
from ri_declarative.records import BatchSummary

SCHEMA = "schema: {properties: {k: {type: integer}, v: {type: integer, minimum: 0}, w: {type: string}}}\n"


def table_and_pipeline(workbench: Workbench) -> Workbench:
    """The workbench with a table of (k, v, w) and its pipeline."""
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v int CHECK (v < 900), w text)")
    pipeline(workbench)
    return workbench


def pipeline(workbench: Workbench, *, on_duplicate: str = "last", on_conflict: str = "update", size: int = 4) -> None:
    """Write the pipeline with these policies and this chunk size."""
    workbench.pipeline(
        "p",
        f"{SCHEMA}target: {{table: t, key: k, columns: {{k: k, v: v, w: w}}, on_duplicate: {on_duplicate}, "
        f"on_conflict: {on_conflict}}}\nchunk_size: {size}\n",
    )


def again(manager: BatchManager, batch_id: str, **how: Any) -> BatchSummary:
    """The batch that repeats this one's failed items."""
    new_id = manager.reprocess_batch(batch_id, **how)
    assert new_id is not None
    return manager.get_batch_summary(new_id)


def fixed(bench: Workbench, manager: BatchManager, batch_id: str, **values: dict[str, str]) -> Path:
    """The exported file with these cells changed: values of `w` → cells."""
    stream = io.StringIO(newline="")
    manager.export_failed(batch_id, stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    for row in rows:
        row |= values.get(row["w"], {})
    out = io.StringIO(newline="")
    # Everything quoted: csv leaves a lone CR unquoted, and readers then see two lines.
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return bench.file("fix.csv", out.getvalue())


def cells_of_w(manager: BatchManager, batch_id: str) -> list[str]:
    """The cells of w as they stand in the exported file."""
    stream = io.StringIO(newline="")
    manager.export_failed(batch_id, stream)
    return [row["w"] for row in csv.DictReader(io.StringIO(stream.getvalue(), newline=""))]
