"""The file that `ri errors --csv` writes, a person repairs, and `ri reprocess --from` reads back.

Its columns are the source's own, and three of ours. Every cell and header is neutral in a
spreadsheet (formula.py). A source's own column that is called like one of ours gets one more
underscore in front, and loses it on the way back: `_ri_item` ↔ `__ri_item`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from ri_declarative.errors import SourceError
from ri_declarative.records import Record
from ri_declarative.sources.formula import neutral, original
from ri_declarative.sources.open import open_source
from ri_declarative.sources.source import Source
from ri_declarative.sources.typed_cells import ABSENT, from_cell, to_cell

__all__ = ["ABSENT", "DELIMITERS", "FailedRow", "Repair", "from_cell", "read_repairs", "to_cell", "write_failed"]

ITEM, CODE, ERROR = "_ri_item", "_ri_code", "_ri_error"
_OURS = (ITEM, CODE, ERROR)
_LIKE_OURS = re.compile(r"_+ri_(item|code|error)")
# What spreadsheets write: commas; semicolons where the comma is the decimal sign; "Unicode text". And the bar of
# sources that use it.
DELIMITERS = (",", ";", "\t", "|")


class Repair(NamedTuple):
    """One row of a repaired file."""

    line: int  # 1-based, in the repaired file
    item: str  # id of the failed item
    values: dict[str, str]  # the source's own columns that the file has → cell


class FailedRow(NamedTuple):
    """One row to be repaired."""

    values: Mapping[str, str] | None  # None: the record was unreadable, its cells stay empty
    item: str
    code: str
    error: str


def write_failed(
    stream: TextIO,
    header: Sequence[str],
    rows: Iterable[FailedRow | tuple[Mapping[str, str] | None, str, str, str]],
    *,
    delimiter: str = ",",
) -> None:
    """Write the rows as CSV with LF line ends; open `stream` with newline="".

    Everything is quoted: csv leaves a lone CR unquoted, and readers then see two lines.
    """
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([neutral(_shielded(name)) for name in header] + list(_OURS))
    for values, item, code, error in rows:
        cells = ["" if values is None else values.get(name, "") for name in header]
        writer.writerow([neutral(cell) for cell in (*cells, item, code, error)])


def read_repairs(path: str | Path) -> Iterator[Repair]:
    """The rows of a repaired file, in order.

    The columns may be any of the source's own, in any order, and `_ri_item`; any of `DELIMITERS`; with
    or without a byte-order mark. SourceError "repair-columns" without `_ri_item`, "repair-encoding" when
    it is not UTF-8, "repair-row" for a malformed row, "repair-duplicate" when an item is there twice.
    """
    lines: dict[str, int] = {}
    with _open_repairs(Path(path)) as source:
        names = {name: _unshielded(original(name)) for name in source.info.header or ()}
        for record in source:
            repair = _repair(record, names, name=source.info.name)
            before = lines.setdefault(repair.item, repair.line)
            if before != repair.line:
                raise SourceError(
                    "repair-duplicate",
                    f"{source.info.name}: item {repair.item} stands on line {before} and on line {repair.line}",
                    hint="keep one of the two lines",
                )
            yield repair


def _repair(record: Record, names: Mapping[str, str | None], *, name: str) -> Repair:
    line, cells = record.line or 0, record.source_data
    if isinstance(cells, str):
        if any(problem.code == "source.encoding" for problem in record.problems):
            raise _not_utf8(f"{name}: line {line}")
        raise SourceError("repair-row", f"{name}: line {line} cannot be read: {record.problems[0].message}")
    item = original(cells[ITEM]).strip()
    if not item:
        raise SourceError(
            "repair-row", f"{name}: line {line} has no {ITEM}", hint="remove the line, or restore its item"
        )
    return Repair(line, item, {own: original(cells[column]) for column, own in names.items() if own is not None})


def _open_repairs(path: Path) -> Source:
    """The file as a source, with the delimiter by which its header has `_ri_item`."""
    failure: SourceError | None = None
    for delimiter in DELIMITERS:
        try:
            source = open_source(path, format="csv", delimiter=delimiter)
        except SourceError as error:
            if error.code == "source-encoding":
                raise _not_utf8(f"{path.name}: the header") from error
            failure = failure or error
            continue
        if ITEM in (source.info.header or ()):
            return source
        source.close()
    raise failure or SourceError(
        "repair-columns",
        f"{path.name}: the header has no column {ITEM}, which says what each line repairs",
        hint="repair a file that `ri errors --csv` wrote, and keep that column",
    )


def _not_utf8(place: str) -> SourceError:
    hint = "save the file as UTF-8; in a spreadsheet: CSV UTF-8"
    return SourceError("repair-encoding", f"{place} is not UTF-8", hint=hint)


def _shielded(name: str) -> str:
    return "_" + name if _LIKE_OURS.fullmatch(name) else name


def _unshielded(name: str) -> str | None:
    """The source's name of a column, None for ours."""
    if name in _OURS:
        return None
    return name[1:] if _LIKE_OURS.fullmatch(name) else name
