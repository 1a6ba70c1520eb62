"""Repair the failed rows of the demo: `python examples/repair.py FAILED.csv REPAIRED.csv`.

Reads what `ri errors last --csv FAILED.csv` wrote: the columns of customers.csv and `_ri_item`, `_ri_code`,
`_ri_error`. Writes the same columns with the right values, for `ri reprocess last --from REPAIRED.csv`.

Where a person would correct a cell in a spreadsheet, the demo asks the generator, which knows what should have
been written. The last 8 hex digits of an item's id are the record's place in the file, from 0.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

from generate import HEADER, Customer, customers

OWN = ("_ri_item", "_ri_code", "_ri_error")
Row = dict[str, str]


def repaired(row: Row, known: list[Customer]) -> Row:
    """The exported row with the right values in the file's own columns."""
    place = int(row["_ri_item"].replace("-", "")[-8:], 16)
    return row | dict(zip(HEADER, known[place].right, strict=True))


def read(path: Path) -> list[Row]:
    """The rows of an export; ends the program when it is not one of customers.csv."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        missing = {*HEADER, *OWN} - set(reader.fieldnames or ())
        if missing:
            sys.exit(f"{path}: not an export of failed customers: no column {', '.join(sorted(missing))}")
        return list(reader)


def write(path: Path, rows: list[Row]) -> None:
    """Writes the rows with the columns of the first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Reads the export, writes the repaired rows and says how many there were of each kind."""
    parser = argparse.ArgumentParser(description="Repair the rows that the demo's first import refused.")
    parser.add_argument("failed", type=Path, help="what `ri errors last --csv` wrote")
    parser.add_argument("repaired", type=Path, help="file to write")
    args = parser.parse_args()
    rows, known = read(args.failed), customers()
    if not rows:
        sys.exit(f"{args.failed}: nothing to repair")
    write(args.repaired, [repaired(row, known) for row in rows])
    kinds = ", ".join(f"{count} {code}" for code, count in Counter(row["_ri_code"] for row in rows).most_common())
    print(f"{args.repaired}: {len(rows)} rows repaired ({kinds})")


if __name__ == "__main__":
    main()
