"""Records and their outcomes as rows of `import_batch_items`, and what hooks logged as rows of `import_logs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from ri_declarative.blocks import OutcomeBlock, OutcomeColumns, RecordBlock, indexes_of, lines_of
from ri_declarative.database.copy import NULL, Cells, copy_in, copy_text
from ri_declarative.database.jsonb import (
    KEPT_AS_TEXT,
    all_to_jsonb,
    json_of_texts,
    objects_to_jsonb,
    printable,
    printable_json,
    storable,
)
from ri_declarative.database.ownership import Ownership
from ri_declarative.errors import UsageError
from ri_declarative.records import ITEM_PREFIX, LogEntry, Problem, Record, describe, item_id

_ENDS = "status, action, processed_data, metadata, target_table, target_id, problems, error_message, key_hash"
_BEGINNING = "batch_id, id, item_index, source_line, source_data"
_REST = f"parent_item_id, {_ENDS}".split(", ")
_PENDING = "batch_id, item_index, id, status, source_data, metadata, processed_at"
_LOGS = "batch_id, item_id, log_level, message, details"
_STORED_AT_ONCE = 1000


class ItemRows(NamedTuple):
    """Rows of import_batch_items as COPY takes them."""

    names: str  # of their columns
    text: bytes


class KeptRecords(NamedTuple):
    """The records of a chunk as their items keep them. Made without the database, before it is asked to store them."""

    records: Sequence[Record]
    indexes: Sequence[int]
    source_data: list[str]  # JSON texts that JSONB accepts
    as_text: frozenset[int]  # the places of those that are a string with the record's JSON text
    beginnings: list[str]  # of the items' rows for COPY: the columns of _BEGINNING
    expected: OutcomeColumns | None = None  # the ends for which `rows` is made
    rows: Sequence[ItemRows] | None = None

    def rows_with(self, ends: OutcomeColumns, target: str | None) -> Sequence[ItemRows]:
        """The items, with the ends that their records reached. Those with problems come by themselves: they are few,
        and what the others have need not be asked of each of them."""
        if self.rows is not None and ends is self.expected:
            return self.rows
        refused = [place for place, why in enumerate(ends.problems) if why]
        if not refused or len(refused) == len(ends.problems):
            return [self._rows(ends, target)]
        others = [place for place, why in enumerate(ends.problems) if not why]
        return [self._at(places)._rows(_at(ends, places), target) for places in (others, refused)]

    def _rows(self, ends: OutcomeColumns, target: str | None) -> ItemRows:
        columns = [self.parents(), *_ends(ends, target, noted=self.noted())]
        # Most records have neither problems nor metadata nor a parent: what nobody has is NULL by default.
        filled = {name: column for name, column in zip(_REST, columns, strict=True) if column is not None}
        # Of a chunk that went well most have the same status, action and table: these are not joined row by row.
        alike = {name: column for name, column in filled.items() if column.count(column[0]) == len(column)}
        others = {name: column for name, column in filled.items() if name not in alike}
        end_of_all = copy_text([[column[0]] for column in alike.values()]).decode()[:-1] if alike else ""
        text = copy_text(list(others.values()), beginnings=self.beginnings, joint=f"\t{end_of_all}" if alike else "")
        return ItemRows(", ".join([_BEGINNING, *alike, *others]), text)

    def expecting(self, ends: OutcomeColumns, target: str | None) -> KeptRecords:
        """The same, with the rows for these ends."""
        return self._replace(expected=ends, rows=self.rows_with(ends, target))

    def parents(self) -> Cells | None:
        """The items that the records repeat; None: none of them does."""
        if isinstance(self.records, RecordBlock):
            return None
        parents = [record.parent_item_id for record in self.records]
        return parents if any(parents) else None

    def noted(self) -> list[dict[str, Any] | None] | None:
        """What the items say about their records; None: nothing of any."""
        if not self.as_text and (
            isinstance(self.records, RecordBlock) or not any(record.metadata for record in self.records)
        ):
            return None
        return [
            {**(record.metadata or {}), **(KEPT_AS_TEXT if place in self.as_text else {})}
            for place, record in enumerate(self.records)
        ]

    def _at(self, places: Sequence[int]) -> KeptRecords:
        """Those at these places, as far as their rows need it."""
        place_of = {place: k for k, place in enumerate(places)}
        return KeptRecords(
            [self.records[place] for place in places] if self.noted() or self.parents() else self.records,
            [],
            [],
            frozenset(place_of[place] for place in self.as_text if place in place_of),
            [self.beginnings[place] for place in places],
        )

    def first(self, count: int) -> KeptRecords:
        """Its first records only."""
        if count == len(self.records):
            return self
        texts, beginnings = self.source_data[:count], self.beginnings[:count]
        return KeptRecords(self.records[:count], self.indexes[:count], texts, self.as_text, beginnings)


def keep(
    owner: Ownership, records: Sequence[Record], expected: OutcomeBlock | None = None, target: str | None = None
) -> KeptRecords:
    """What the batch's items will keep of the records; nothing of those that are stored as items already.

    `expected`: the ends that they will reach if nothing is refused; None: nobody knows.
    """
    indexes, batch_id = indexes_of(records), owner.batch_id
    if owner.items_stored:
        return KeptRecords(records, indexes, [], frozenset(), [])
    source_data, as_text = source_texts(records)
    prefix = f"{batch_id}\t{batch_id[:ITEM_PREFIX]}"
    escaped = source_data if "\\" not in "".join(source_data) else [text.replace("\\", "\\\\") for text in source_data]
    beginnings = [
        f"{prefix}{index:08x}\t{index}\t{NULL if line is None else line}\t{text}"
        for index, line, text in zip(indexes, lines_of(records), escaped, strict=True)
    ]
    kept = KeptRecords(records, indexes, source_data, as_text, beginnings)
    return kept if expected is None else kept.expecting(expected.columns, target)


def source_texts(records: Sequence[Record]) -> tuple[list[str], frozenset[int]]:
    """The records' source data as JSON texts that JSONB accepts, and the places of those that hold a JSON text."""
    if isinstance(records, RecordBlock) and (texts := objects_to_jsonb(records.header, records.columns)) is not None:
        return texts, frozenset()
    return all_to_jsonb([record.source_data for record in records])


class BatchRows(NamedTuple):
    """The rows of one batch, inside an open transaction."""

    cursor: Cursor
    schema: str  # quoted
    batch_id: str

    def insert(self, kept: KeptRecords, ends: OutcomeColumns, target: str | None) -> None:
        """One item per record with the end that it reached."""
        for names, text in kept.rows_with(ends, target):
            copy_in(self.cursor, f"COPY {self.schema}.import_batch_items ({names}) FROM STDIN", text)

    def update(self, ends: OutcomeColumns, target: str | None) -> None:
        """The ends of items that are stored as pending."""
        nothing = [None] * len(ends.index)
        filled = [nothing if column is None else column for column in _ends(ends, target)]
        columns = [list(map(str, ends.index)), *filled]
        table, cursor = f"{self.schema}.import_batch_items", self.cursor
        cursor.execute(
            f"CREATE TEMPORARY TABLE ri_ends ON COMMIT DROP AS SELECT item_index, {_ENDS} FROM {table} WITH NO DATA"
        )
        copy_in(cursor, f"COPY pg_temp.ri_ends (item_index, {_ENDS}) FROM STDIN", copy_text(columns))
        assignments = ", ".join(f"{name} = e.{name}" for name in _ENDS.split(", ") if name != "metadata")
        cursor.execute(
            f"UPDATE {table} AS i SET {assignments}, processed_at = pg_catalog.now(), "
            "metadata = CASE WHEN e.metadata IS NULL THEN i.metadata ELSE COALESCE(i.metadata, '{}') || e.metadata END "
            "FROM pg_temp.ri_ends AS e WHERE i.batch_id = %s AND i.item_index = e.item_index AND i.status = 'pending'",
            (self.batch_id,),
        )
        if cursor.rowcount != len(ends.index):
            raise AssertionError(f"{len(ends.index)} items of batch {self.batch_id} were to end, not {cursor.rowcount}")

    def log(self, entries: Sequence[LogEntry]) -> None:
        """Lines of the batch's log, in their order."""
        rows = [
            (
                self.batch_id,
                None if entry.item_index is None else item_id(self.batch_id, entry.item_index),
                entry.level,
                printable(entry.message),
                printable_json(entry.details) if entry.details else None,
            )
            for entry in entries
        ]
        text = copy_text([*zip(*rows, strict=True)])
        copy_in(self.cursor, f"COPY {self.schema}.import_logs ({_LOGS}) FROM STDIN", text)

    def insert_pending(self, items: Iterable[Mapping[str, Any]]) -> int:
        """Store mappings as pending items; how many. Raises UsageError naming the one that cannot be stored."""
        count, rows = 0, _pending_rows(self.batch_id, items)
        while some := list(islice(rows, _STORED_AT_ONCE)):
            statement = f"COPY {self.schema}.import_batch_items ({_PENDING}) FROM STDIN"
            copy_in(self.cursor, statement, copy_text([*zip(*some, strict=True)]))
            count += len(some)
        return count


def _pending_rows(batch_id: str, items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str | None, ...]]:
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise UsageError("item-type", f"item {index} is of type {type(item).__name__}, expected a mapping")
        try:
            source_data, kept_as_text = storable(dict(item))
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError("item-type", f"item {index} holds what JSON cannot: {error}") from error
        metadata = printable_json(KEPT_AS_TEXT) if kept_as_text else None
        yield batch_id, str(index), item_id(batch_id, index), "pending", source_data, metadata, None


def _ends(
    outcomes: OutcomeColumns, target: str | None, *, noted: Sequence[Mapping[str, Any] | None] | None = None
) -> list[Cells | None]:
    """In the order of _ENDS, None for what is NULL everywhere. `noted`: to be kept beside what the outcomes say."""
    problems, metadata = outcomes.problems, outcomes.metadata
    if noted is not None:
        metadata = [{**(first or {}), **(then or {})} for first, then in zip(noted, metadata, strict=True)]
    failed = any(problems)
    label = _printable(target)
    tables: Cells = [label] * len(problems)
    if any(outcomes.target_table):
        tables = [_printable(own) or label for own in outcomes.target_table]
    if failed:
        tables = [None if why else table for table, why in zip(tables, problems, strict=True)]
    ids = outcomes.target_id
    columns: list[Cells | None] = [
        outcomes.status,
        outcomes.action,
        [None if value is None else printable_json(value) for value in outcomes.data],
        [printable_json(value) if value else None for value in metadata] if any(metadata) else None,
        tables,
        ids if _are_printable(ids) else [_printable(text) for text in ids],
        [_problems(why) if why else None for why in problems] if failed else None,
        [printable(describe(why)) if why else None for why in problems] if failed else None,
        outcomes.key_hash,
    ]
    return [None if column is None or column.count(None) == len(column) else column for column in columns]


def _at(ends: OutcomeColumns, places: Sequence[int]) -> OutcomeColumns:
    return OutcomeColumns._make([column[place] for place in places] for column in ends)


def _are_printable(texts: Sequence[str | None]) -> bool:
    joined = "".join(filter(None, texts))
    return joined.isascii() and "\0" not in joined


def _printable(text: str | None) -> str | None:
    return text if text is None or (text.isascii() and "\0" not in text) else printable(text)


def _problems(problems: Sequence[Problem]) -> str:
    return json_of_texts(
        [{"code": p.code, "field": p.field, "message": p.message, "details": dict(p.details)} for p in problems]
    )
