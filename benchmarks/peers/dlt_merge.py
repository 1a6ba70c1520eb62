"""dlt: the file's rows, typed, merged by e-mail into a table of its own making.

    .venv-peers/bin/python benchmarks/peers/dlt_merge.py DSN FILE.csv FOLDER [--arrow]

FOLDER keeps what dlt remembers between runs. Rows go as dictionaries, as in dlt's documentation; with --arrow, the
fastest way that was found: pyarrow reads the file, and dlt loads CSV by COPY.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

COLUMNS: dict[str, Any] = {
    "signup_date": {"data_type": "date"},
    "balance": {"data_type": "decimal", "precision": 12, "scale": 2},
    "points": {"data_type": "bigint"},
    "active": {"data_type": "bool"},
}


def rows(file: str) -> Iterator[dict[str, Any]]:
    """Dictionaries; dlt turns their texts into the types of COLUMNS."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield {**row, "active": row["active"] == "true"}


def tables(file: str) -> Iterator[Any]:
    """One pyarrow table for each block of the file."""
    import pyarrow
    import pyarrow.csv

    types = pyarrow.csv.ConvertOptions(column_types={"balance": pyarrow.decimal128(12, 2)})
    for batch in pyarrow.csv.open_csv(file, convert_options=types):
        yield pyarrow.Table.from_batches([batch])


def main() -> None:
    """Load the file."""
    dsn, file, folder, *how = sys.argv[1:]
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=folder, destination=dlt.destinations.postgres(dsn), dataset_name="dlt_bench"
    )
    arrow = how == ["--arrow"]
    resource = dlt.resource(
        tables(file) if arrow else rows(file),
        name="customers",
        primary_key="email",
        write_disposition="merge",
        columns=None if arrow else COLUMNS,
    )
    print(pipeline.run(resource, loader_file_format="csv" if arrow else None))


if __name__ == "__main__":
    main()
