"""Records → data: cells cleaned, emptied and read by their declared kind. Pure; source_data is never changed.

Text sources: clean, then null values (the key is then absent), then the kind. JSON sources: values
keep their type and null stays an explicit null; cleaners apply to strings, a date pattern or a decimal
comma to strings of the fields that declare one; null values do not apply. A field of theirs may be
a path into nested values: `address.city`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ri_declarative.blocks import RecordBlock
from ri_declarative.records import Problem, Record
from ri_declarative.stages.cleaners import Cleaning, cleaning
from ri_declarative.stages.columns import REFUSED, Known, RecordsOfColumns, has_none
from ri_declarative.stages.headers import (
    FieldRule,
    Header,
    ambiguous_message,
    check_header,
    match_header,
    unknown_message,
)
from ri_declarative.stages.plain_numbers import read_plain_numbers
from ri_declarative.stages.refusal import RefusedError, quoted, visible
from ri_declarative.stages.scalars import Kind, Reader, read_number, reader

__all__ = ["Chunk", "FieldRule", "Kind", "Parser", "unreadable"]

_MOST_PLANS = 256  # JSON records differ in their keys; a hostile file must not fill the memory


class Columns(NamedTuple):
    """What all records of a chunk have, field by field."""

    values: Mapping[str, Sequence[Any]]
    gaps: frozenset[str]  # the fields that some records may lack


class Chunk(NamedTuple):
    """What one stage hands to the next. Positions are places in the chunk, 0 to n-1, not record indices."""

    data: Sequence[dict[str, Any] | None]  # None: refused or skipped already
    problems: dict[int, tuple[Problem, ...]]  # position → why
    # The same values by field, None where a record has none: where all were read alike, and nobody changed them.
    columns: Columns | None = None

    def refuse(self, problems: dict[int, tuple[Problem, ...]]) -> Chunk:
        """The chunk without the data of the records refused here; the chunk itself when there are none."""
        if not problems:
            return self
        if isinstance(self.data, RecordsOfColumns):
            return self._replace(data=self.data.without(problems), problems=self.problems | problems)
        data = list(self.data)
        for position in problems:
            data[position] = None
        return self._replace(data=data, problems=self.problems | problems)


class _Cell(NamedTuple):
    header: str
    name: str
    clean: Cleaning | None
    read: Reader | None  # None: the value is taken as it is
    known: Known | None = None  # what `read` makes of cells that were read before


class _NestedCell(NamedTuple):
    keys: tuple[str, ...]  # that lead to its value; the first is a key of the record
    cell: _Cell


class _ReadColumn(NamedTuple):
    """One field of many records."""

    values: Sequence[Any]
    has_absent: bool  # some are _NOTHING
    has_refused: bool  # some are REFUSED
    may_have_none: bool = False  # JSON in a cell, or a corrected value that is taken as it is

    def or_none(self) -> Sequence[Any]:
        """The values, None for absent ones."""
        return [None if value is _NOTHING else value for value in self.values] if self.has_absent else self.values


class _Plan(NamedTuple):
    """How records with one order of keys are read."""

    cells: tuple[_Cell, ...]
    paths: tuple[_NestedCell, ...]
    problems: tuple[Problem, ...]  # of the keys themselves: unknown, ambiguous


class Parser:
    """Reads chunks of records by the rules of one pipeline."""

    def __init__(
        self,
        rules: Sequence[FieldRule],
        *,
        null_values: Collection[str],
        textual: bool,
        unknown_fields: Literal["error", "ignore"],
        open: bool,  # noqa: A002
    ) -> None:
        """`rules`: every field the pipeline knows. `open`: headers that no rule claims pass as text.

        Raises ValueError when a rule's date pattern is wrong or contradicts its kind.
        """
        self._rules = tuple(rules)
        self._nulls = frozenset(null_values)
        self._ignore_unknown = unknown_fields == "ignore"
        self._open = open
        self._cleanings = {rule.name: cleaning(rule.clean) for rule in rules}
        self._readers = {rule.name: _reader(rule, textual=textual) for rule in rules}
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._nested = not textual
        self._by_columns = textual
        self._changeable = {rule.name for rule in rules if rule.kind == "json"}  # lists and dicts must not be shared
        self._read_cells = self._read_texts if textual else self._read_values

    def check_header(self, header: Sequence[str], required: Collection[str]) -> list[str]:
        """What is wrong with a text source's header, one message each; empty when it is fine."""
        return check_header(self._match(header), self._rules, required)

    def __call__(self, records: Sequence[Record]) -> Chunk:
        """The parsed data of every record, or all problems of its cells."""
        alike = self._read_alike(records) if self._by_columns else None
        if alike is not None and alike.columns is not None:
            return alike
        data: list[dict[str, Any] | None] = [None] * len(records) if alike is None else list(alike.data)
        problems: dict[int, tuple[Problem, ...]] = {}
        plans = self._plans
        for position, record in enumerate(records):
            if data[position] is not None:
                continue
            source = record.source_data
            if record.problems or isinstance(source, str):
                parsed: dict[str, Any] | tuple[Problem, ...] = unreadable(record)
            else:
                parsed = self._read(source, plans.get(tuple(source)) or self._plan(source))
            if isinstance(parsed, dict):
                data[position] = parsed
            else:
                problems[position] = parsed
        return Chunk(data, problems)

    def _read_alike(self, records: Sequence[Record]) -> Chunk | None:
        """The records that have the first one's keys and no fault, read column by column; None: that is not possible.

        Three times as fast as record by record. The same functions read the cells, so that the result is the
        same; what is refused here is read again, alone, so that all of its problems are told.
        """
        keys = _first_keys(records)
        if keys is None:
            return None
        plan = self._plans.get(keys) or self._plan(keys)
        if plan.problems or not plan.cells:
            return None
        by_header, places = _columns(records, keys)
        try:
            read = {cell.name: self._read_column(cell, by_header[cell.header]) for cell in plan.cells}
        except (TypeError, AttributeError):  # a value that is no text, in a corrected record
            return None
        if any(has_none(column.values) for column in read.values() if column.may_have_none):
            return None  # a null is a value, which columns cannot say
        columns = {name: column.or_none() for name, column in read.items()}
        gaps = frozenset(name for name, column in read.items() if column.has_absent)
        made = RecordsOfColumns(columns)
        refused = {
            place
            for column in read.values()
            if column.has_refused
            for place, value in enumerate(column.values)
            if value is REFUSED
        }
        if not places and not refused:
            return Chunk(made, {}, Columns(columns, gaps))
        data: list[dict[str, Any] | None] = [None] * len(records)
        for place, parsed in enumerate(made):
            if place not in refused:
                data[places[place] if places else place] = parsed
        return Chunk(data, {})

    def _read_column(self, cell: _Cell, texts: Sequence[str]) -> _ReadColumn:
        if cell.clean is not None:
            texts = list(map(cell.clean, texts))
        has_absent = any(null in texts for null in self._nulls)  # without a hash of every cell
        if cell.read is read_number and not has_absent and (numbers := read_plain_numbers(texts)) is not None:
            return _ReadColumn(numbers, False, False)
        if cell.known is not None:
            values, has_refused = cell.known.all(texts)
            return _ReadColumn(values, has_absent, has_refused, cell.name in self._changeable)
        if not has_absent:
            return _ReadColumn(texts, False, False, True)
        nulls = self._nulls
        return _ReadColumn([_NOTHING if text in nulls else text for text in texts], True, False, True)

    def _read(self, source: Mapping[str, Any], plan: _Plan) -> dict[str, Any] | tuple[Problem, ...]:
        if not plan.problems:
            try:
                parsed = self._read_cells(source, plan.cells)
                for path in plan.paths:
                    parsed |= self._read_path(source, path, plan, parsed)
                return parsed
            except (RefusedError, TypeError, AttributeError):
                # Type and AttributeError: a value that is no text in a text source (a corrected
                # record). Asking every cell for its type up front would cost every record.
                pass
        return self._read_slowly(source, plan)

    def _read_slowly(self, source: Mapping[str, Any], plan: _Plan) -> dict[str, Any] | tuple[Problem, ...]:
        """Cell by cell, so that all problems of a record are told at once."""
        problems = list(plan.problems)
        parsed: dict[str, Any] = {}
        for cell in plan.cells:
            try:
                parsed |= self._read_cells(source, (cell,))
            except RefusedError as refused:
                problems.append(refused.problem(cell.name))
            except (TypeError, AttributeError):
                if isinstance(source[cell.header], str):
                    raise
                parsed[cell.name] = source[cell.header]
        for path in plan.paths:
            try:
                parsed |= self._read_path(source, path, plan, parsed)
            except RefusedError as refused:
                problems.append(refused.problem(path.cell.name))
        return tuple(problems) if problems else parsed

    def _read_texts(self, source: Mapping[str, Any], cells: tuple[_Cell, ...]) -> dict[str, Any]:
        nulls = self._nulls
        parsed = {}
        for header, name, clean, read, _ in cells:
            cell = source[header]
            if clean is not None:
                cell = clean(cell)
            if cell in nulls:
                continue
            parsed[name] = cell if read is None else read(cell)
        return parsed

    def _read_values(self, source: Mapping[str, Any], cells: tuple[_Cell, ...]) -> dict[str, Any]:
        parsed = {}
        for header, name, clean, read, _ in cells:
            value = source[header]
            if (clean is not None or read is not None) and isinstance(value, str):
                if clean is not None:
                    value = clean(value)
                if read is not None:
                    value = read(value)
            parsed[name] = value
        return parsed

    def _read_path(
        self, source: Mapping[str, Any], path: _NestedCell, plan: _Plan, parsed: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The field that lies in nested values; empty when it is not there."""
        value = _value_at(source, path.keys)
        if value is _NOTHING:
            return {}
        cell = path.cell
        if cell.name in parsed:
            cells = (*plan.cells, *(other.cell for other in plan.paths))
            texts = [other.header for other in cells if other.name == cell.name]
            raise RefusedError("source.ambiguous_field", ambiguous_message("keys", cell.name, texts))
        return self._read_values({cell.header: value}, (cell,))

    def _plan(self, source: Iterable[str]) -> _Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        keys = tuple(source)
        matched = self._match(keys)
        cells = tuple(
            self._cell(header, name)
            for header, names in zip(matched.headers, matched.names, strict=True)
            for name in names
        )
        paths = tuple(_NestedCell(path.keys, self._cell(path.text, path.name)) for path in matched.paths)
        plan = self._plans[keys] = _Plan(cells, paths, self._problems_of_keys(matched))
        return plan

    def _cell(self, header: str, name: str) -> _Cell:
        read = self._readers.get(name)
        known = None
        if read is not None:
            known = Known(read, dict.fromkeys(self._nulls, _NOTHING), remembers=name not in self._changeable)
        return _Cell(header, name, self._cleanings.get(name), read, known)

    def _match(self, header: Sequence[str]) -> Header:
        return match_header(
            header, self._rules, is_open=self._open, ignore_unknown=self._ignore_unknown, nested=self._nested
        )

    def _problems_of_keys(self, matched: Header) -> tuple[Problem, ...]:
        known = [source for rule in self._rules for source in rule.sources]
        unknown = (
            Problem("source.unknown_field", visible(key), unknown_message("field", key, known))
            for key in matched.unknown
        )
        ambiguous = (
            Problem("source.ambiguous_field", visible(name), ambiguous_message("keys", name, keys))
            for name, keys in matched.ambiguous.items()
        )
        return (*unknown, *ambiguous)


def _first_keys(records: Sequence[Record]) -> tuple[str, ...] | None:
    """The keys of the first record that can be read; None: there is none."""
    if isinstance(records, RecordBlock):
        return records.header
    return next((tuple(r.source_data) for r in records if not r.problems and type(r.source_data) is dict), None)


def _columns(records: Sequence[Record], keys: tuple[str, ...]) -> tuple[Mapping[str, Sequence[Any]], list[int]]:
    """The values by key of the records that have these keys and no fault, and their places; none: it is all of them."""
    if isinstance(records, RecordBlock):
        return dict(zip(keys, records.columns, strict=True)), []
    sources: list[Any] = [record.source_data for record in records]
    places: list[int] = []
    are_dicts = set(map(type, sources)) == _DICT
    if not are_dicts or not all(map(keys.__eq__, map(tuple, sources))) or any(r.problems for r in records):
        places = [
            position
            for position, record in enumerate(records)
            if not record.problems and type(record.source_data) is dict and tuple(record.source_data) == keys
        ]
        sources = [sources[position] for position in places]
    return dict(zip(keys, zip(*map(dict.values, sources), strict=True), strict=True)), places


def _value_at(source: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The value that the keys lead to, _NOTHING when one of them is missing or what should hold it is null."""
    value = source[keys[0]]
    for depth, key in enumerate(keys[1:], 1):
        if value is None:
            return _NOTHING
        if not isinstance(value, Mapping):
            where = visible(".".join(keys[:depth]))
            raise RefusedError("field.path", f'expected an object at "{where}", got {quoted(value)}')
        if key not in value:
            return _NOTHING
        value = value[key]
    return value


def unreadable(record: Record) -> tuple[Problem, ...]:
    """Why there is nothing to read in a record; empty when there is."""
    return record.problems or ((_UNREADABLE,) if isinstance(record.source_data, str) else ())


_NOTHING: Any = object()
_DICT = {dict}
_UNREADABLE = Problem(
    "source.unreadable", None, "the record could not be read from its source; correct it and reprocess it with --from"
)


def _reader(rule: FieldRule, *, textual: bool) -> Reader | None:
    try:
        read = reader(rule.kind, date=rule.date, decimal=rule.decimal)
    except ValueError as mistake:
        raise ValueError(f"source.fields.{rule.name}.date: {mistake}") from None
    if textual or rule.date is not None or (rule.decimal != "." and rule.kind in ("number", "text")):
        return read
    return None
