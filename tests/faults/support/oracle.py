"""What must become of each record, in plain Python: an independent reader of the file, a judge, a table as a dict.

    for record in read_csv(text): record.index, record.line, record.cells
    judge(record.cells, shape)     the codes and fields of the problems of a bad record; () for a good one
    table = Table(shape); ends = table.apply(records)     one batch, record by record in file order → Expected
    table.rows                     key → Row as it must be afterwards

Knows nothing of SQL, chunks, batches that resume, or of ri_declarative.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from faults.support.project import Shape
from faults.support.records import BAD, COUNTRIES, Cells

Codes = tuple[tuple[str, str | None], ...]


class Read(NamedTuple):
    """A record of a file, or one given to create_batch (`line` is None then)."""

    index: int
    line: int | None
    cells: Cells


class Expected(NamedTuple):
    """How an item must end."""

    index: int
    line: int | None
    status: str
    action: str | None
    codes: Codes
    cells: Cells


class Row(NamedTuple):
    """A row of public.members, without its key and without ids."""

    name: str
    joined_on: date | None
    balance: Decimal | None
    country_id: int
    greeting: str
    line: int

    @property
    def values(self) -> tuple[object, ...]:
        """What decides whether a row changes: `line` is written only when another column is."""
        return self[:-1]


def read_csv(text: str) -> list[Read]:
    """The records of a file with the lines they begin at."""
    reader = csv.reader(io.StringIO(text, newline=""))
    header = next(reader)
    found: list[Read] = []
    line = reader.line_num + 1
    for cells in reader:
        found.append(Read(len(found), line, dict(zip(header, cells, strict=True))))
        line = reader.line_num + 1
    return found


def key_of(cells: Cells) -> str:
    """The record's key, as the column holds it."""
    return cells["email"].strip().lower()


def row_of(record: Read) -> Row:
    """The row that a good record becomes."""
    cells = record.cells
    return Row(
        name=cells["name"],
        joined_on=datetime.strptime(cells["joined"], "%d/%m/%Y").date() if cells.get("joined") else None,
        balance=Decimal(cells["balance"].replace(",", ".")) if cells.get("balance") else None,
        country_id=COUNTRIES.index(cells["country"]) + 1,
        greeting=f"Dear {cells['name']}",
        line=record.line or record.index + 1,
    )


# kind of bad record → (by the pipeline, by its process_item, by a class)
_CODES: dict[str, tuple[tuple[str, str | None], tuple[str, str | None], tuple[str, str | None]]] = {
    "parse": (("field.date", "joined"), ("field.date", "joined"), ("hook.process_item", None)),
    "schema": (("schema.format", "email"), ("schema.format", "email"), ("hook.validate_item", None)),
    "lookup": (("lookup.missing", "country"), ("hook.process_item", None), ("hook.process_item", None)),
    "check": (("db.check", "balance"), ("db.check", None), ("db.check", None)),
    "raise": (("db.raised", None), ("db.raised", None), ("db.raised", None)),
}
_IS_BAD: dict[str, Callable[[Cells], bool]] = {
    kind: lambda cells, bad=bad: all(cells.get(name) == cell for name, cell in bad.items())  # type: ignore[misc]
    for kind, bad in BAD.items()
}


def judge(cells: Cells, shape: Shape) -> Codes:
    """The problems of a record, () when it is good."""
    column = {"sets": 0, "walk": 0, "process_item": 1, "by_hand": 2}[shape.writes]
    return tuple(_CODES[kind][column] for kind, is_bad in _IS_BAD.items() if is_bad(cells))


@dataclass
class Table:
    """The target, and which record of which batch has written each row last."""

    shape: Shape
    rows: dict[str, Row] = field(default_factory=dict)

    def apply(self, records: Sequence[Read], *, completed_before: Sequence[Read] = ()) -> list[Expected]:
        """The ends of a batch. `completed_before`: the lineage's completed records, when it reprocesses."""
        return [self._apply(record, completed_before) for record in records]

    def _apply(self, record: Read, completed_before: Sequence[Read]) -> Expected:
        codes = judge(record.cells, self.shape)
        if codes:
            return _end(record, "failed", None, codes)
        key, new = key_of(record.cells), row_of(record)
        if any(later.index > record.index and key_of(later.cells) == key for later in completed_before):
            return _end(record, "skipped", None, (("target.superseded", None),))
        old = self.rows.get(key)
        if old is not None and old.values == new.values:
            return _end(record, "completed", "unchanged", ())
        self.rows[key] = new
        return _end(record, "completed", "inserted" if old is None else "updated", ())


def _end(record: Read, status: str, action: str | None, codes: Codes) -> Expected:
    return Expected(record.index, record.line, status, action, codes, record.cells)
