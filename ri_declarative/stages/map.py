"""Data → rows: the canonical texts of a record's cells in the target's order. Pure; knows no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from types import NoneType
from typing import Any, NamedTuple

from ri_declarative.records import Problem
from ri_declarative.stages.canonical import canonical, is_storable_text
from ri_declarative.stages.canonical_numbers import most_digits
from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.columns import REFUSED, Known, RecordsOfColumns
from ri_declarative.stages.parse import Chunk
from ri_declarative.stages.plain_numbers import plain_numeric_texts
from ri_declarative.stages.refusal import RefusedError, visible

__all__ = ["CellRule", "ColumnType", "Mapper", "Row"]

Row = tuple[str | None, ...]  # None: no value


class CellRule(NamedTuple):
    """What fills one cell of the row."""

    field: str
    type: ColumnType
    required: bool = False  # part of the key: a record without a value is refused
    mark_absent: bool = False  # a cell follows that is "t" when the field is absent, None when it is not


class TextColumn:
    """Values → the canonical texts of one column."""

    def __init__(self, column: ColumnType, make: Callable[[Any], str]) -> None:
        self._make = make
        self._takes_texts = column.category in ("text", "other")
        self._length = column.length
        self._plain = plain_numeric_texts(*most_digits(column)) if column.category == "numeric" else None
        self._known: dict[type, Known] = {}  # by type: True is equal to 1, their texts are not

    def __call__(self, values: Sequence[Any]) -> tuple[Sequence[Any], bool]:
        """The texts, None for no value, REFUSED where there is no text; whether some are REFUSED."""
        kinds = set(map(type, values))
        has_none = NoneType in kinds
        kinds.discard(NoneType)
        if not kinds:
            return values, False
        kind = kinds.pop()
        if kind is Decimal and not kinds and not has_none and self._plain is not None:
            numbers = self._plain(values)
            if numbers is not None:
                return numbers, False
        if kinds or kind not in (str, int, bool):
            return self._each(values)
        if kind is str and self._takes_texts:
            texts = filter(None, values) if has_none else values
            return (values, False) if self._are_texts(texts) else self._each(values)
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = Known(self._make, {None: None})
        return known.all(values)

    def _are_texts(self, texts: Iterable[str]) -> bool:
        """Whether all of these texts are what the column takes as it is."""
        texts = list(texts)
        fits = self._length is None or max(map(len, texts), default=0) <= self._length
        return fits and is_storable_text("".join(texts))

    def _each(self, values: Sequence[Any]) -> tuple[list[Any], bool]:
        make = self._make
        try:
            return [None if value is None else make(value) for value in values], False
        except RefusedError:
            return [self._made(value) for value in values], True

    def _made(self, value: Any) -> Any:
        try:
            return None if value is None else self._make(value)
        except RefusedError:
            return REFUSED


class Mapped(NamedTuple):
    """What the mapper makes of a chunk."""

    columns: list[Sequence[str | None]]  # the target's cells, of the records that have a row
    positions: list[int]  # of these records in the chunk
    chunk: Chunk  # with what the mapper has refused

    @property
    def rows(self) -> list[Row | None]:
        """Per position the row, None where there is none."""
        rows: list[Row | None] = [None] * len(self.chunk.data)
        for position, row in zip(self.positions, zip(*self.columns, strict=True), strict=True):
            rows[position] = row
        return rows


class Mapper:
    """Makes rows for one pipeline's target."""

    def __init__(self, cells: Sequence[CellRule]) -> None:
        """Raises ValueError when an array type names no element type."""
        self._cells = tuple((cell, canonical(cell.type)) for cell in cells)
        self._columns = tuple((cell, TextColumn(cell.type, make)) for cell, make in self._cells)

    def __call__(self, chunk: Chunk) -> Mapped:
        """Column by column; what is refused is told record by record."""
        data = chunk.data
        if isinstance(data, RecordsOfColumns):
            positions = data.places
        else:
            positions = [position for position, record in enumerate(data) if record is not None]
        columns: list[Sequence[str | None]] = []
        refused: set[int] = set()
        for cell, column in self._columns:
            field = cell.field
            values = _values(chunk, field, positions)
            texts, has_refused = column(values)
            columns.append(texts)
            if has_refused:
                refused.update(place for place, text in enumerate(texts) if text is REFUSED)
            if cell.required and None in texts:
                refused.update(place for place, text in enumerate(texts) if text is None)
            if cell.mark_absent:
                columns.append(_marks(data, field, positions, values))
        if not refused:
            return Mapped(columns, positions, chunk)
        kept = [place for place in range(len(positions)) if place not in refused]
        problems = {positions[place]: self._problems(data[positions[place]] or {}) for place in sorted(refused)}
        return Mapped(
            [[texts[place] for place in kept] for texts in columns],
            [positions[place] for place in kept],
            chunk.refuse(problems),
        )

    def _problems(self, record: dict[str, Any]) -> tuple[Problem, ...]:
        """All problems of the record's cells, each told once."""
        problems: list[Problem] = []
        for cell, make in self._cells:
            found = _problem(cell, make, record.get(cell.field))
            if found is not None and found not in problems:
                problems.append(found)
        return tuple(problems)


def _values(chunk: Chunk, field: str, positions: list[int]) -> Sequence[Any]:
    """The field's value in each of the records, None where there is none."""
    if chunk.columns is None:
        return [record.get(field) for record in chunk.data if record is not None]
    column = chunk.columns.values.get(field)
    if column is None:
        return [None] * len(positions)
    return column if len(positions) == len(column) else [column[position] for position in positions]


def _marks(
    data: Sequence[dict[str, Any] | None], field: str, positions: list[int], values: Sequence[Any]
) -> Sequence[str | None]:
    """What tells an absent field from one that is null."""
    return [
        "t" if value is None and field not in (data[position] or {}) else None
        for position, value in zip(positions, values, strict=True)
    ]


def _problem(cell: CellRule, make: Callable[[Any], str], value: Any) -> Problem | None:
    if value is None:
        message = "the key needs a value, the record has none"
        return Problem("target.key_missing", visible(cell.field), message) if cell.required else None
    try:
        make(value)
    except RefusedError as refused:
        return refused.problem(cell.field)
    return None
