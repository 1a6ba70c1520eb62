"""Data → rows: the canonical texts of a record's cells in the target's order. Pure; knows no database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ri_declarative.records import Problem
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.parse import Chunk
from ri_declarative.stages.refusal import RefusedError, visible

__all__ = ["CellRule", "ColumnType", "Mapper", "Row"]

Row = tuple[str | None, ...]  # None: no value


class CellRule(NamedTuple):
    """What fills one cell of the row."""

    field: str
    type: ColumnType
    required: bool = False  # part of the key: a record without a value is refused
    mark_absent: bool = False  # a cell follows that is "t" when the field is absent, None when it is not


class Mapper:
    """Makes rows for one pipeline's target."""

    def __init__(self, cells: Sequence[CellRule]) -> None:
        """Raises ValueError when an array type names no element type."""
        self._cells = tuple((cell, canonical(cell.type)) for cell in cells)
        self._plan = tuple((cell.field, make) for cell, make in self._cells)
        self._required = tuple(place for place, cell in enumerate(cells) if cell.required)
        self._marked = any(cell.mark_absent for cell in cells)

    def __call__(self, chunk: Chunk) -> tuple[list[Row | None], Chunk]:
        """Per position the row or None, and the chunk with the new refusals."""
        rows: list[Row | None] = []
        problems: dict[int, tuple[Problem, ...]] = {}
        for position, record in enumerate(chunk.data):
            made = None if record is None else self._row(record)
            if isinstance(made, list):
                problems[position] = tuple(made)
                made = None
            rows.append(made)
        return rows, chunk.refuse(problems)

    def _row(self, record: dict[str, Any]) -> Row | list[Problem]:
        get = record.get
        row: list[str | None] = []
        append = row.append
        try:
            for field, make in self._plan:
                value = get(field)
                append(None if value is None else make(value))
        except RefusedError:
            return self._problems(record)
        for place in self._required:
            if row[place] is None:
                return self._problems(record)
        return self._with_marks(record, row) if self._marked else tuple(row)

    def _with_marks(self, record: dict[str, Any], row: list[str | None]) -> Row:
        marked: list[str | None] = []
        for (cell, _), text in zip(self._cells, row, strict=True):
            marked.append(text)
            if cell.mark_absent:
                marked.append(None if cell.field in record else "t")
        return tuple(marked)

    def _problems(self, record: dict[str, Any]) -> list[Problem]:
        """All problems of the record's cells, each told once."""
        problems: list[Problem] = []
        for cell, make in self._cells:
            found = _problem(cell, make, record.get(cell.field))
            if found is not None and found not in problems:
                problems.append(found)
        return problems


def _problem(cell: CellRule, make: Callable[[Any], str], value: Any) -> Problem | None:
    if value is None:
        message = "the key needs a value, the record has none"
        return Problem("target.key_missing", visible(cell.field), message) if cell.required else None
    try:
        make(value)
    except RefusedError as refused:
        return refused.problem(cell.field)
    return None
