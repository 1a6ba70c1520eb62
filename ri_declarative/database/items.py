"""Records and their outcomes as rows of `import_batch_items`, and what hooks logged as rows of `import_logs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from ri_declarative.database.copy import copy_buffer
from ri_declarative.database.jsonb import KEPT_AS_TEXT, printable, printable_json, storable, to_jsonb
from ri_declarative.errors import UsageError
from ri_declarative.records import LogEntry, Outcome, Problem, Record, describe, item_id

_ENDS = "status, action, processed_data, metadata, target_table, target_id, problems, error_message, key_hash"
_NEW = f"batch_id, item_index, id, source_line, source_data, parent_item_id, {_ENDS}"
_SOURCE_DATA = _NEW.split(", ").index("source_data")
_PENDING = "batch_id, item_index, id, status, source_data, metadata, processed_at"
_LOGS = "batch_id, item_id, log_level, message, details"
_STORED_AT_ONCE = 1000


class BatchRows(NamedTuple):
    """The rows of one batch, inside an open transaction."""

    cursor: Cursor
    schema: str  # quoted
    batch_id: str

    def insert(self, records: Sequence[Record], outcomes: Sequence[Outcome], target: str | None) -> list[str]:
        """One item per record with the end that it reached; their source data as it is stored."""
        rows = [self._new(record, outcome, target) for record, outcome in zip(records, outcomes, strict=True)]
        self.cursor.copy_expert(f"COPY {self.schema}.import_batch_items ({_NEW}) FROM STDIN", copy_buffer(rows))
        return [str(row[_SOURCE_DATA]) for row in rows]

    def update(self, records: Sequence[Record], outcomes: Sequence[Outcome], target: str | None) -> None:
        """The ends of items that are stored as pending."""
        rows = [(str(r.index), *_end(outcome, target)) for r, outcome in zip(records, outcomes, strict=True)]
        table, cursor = f"{self.schema}.import_batch_items", self.cursor
        cursor.execute(
            f"CREATE TEMPORARY TABLE ri_ends ON COMMIT DROP AS SELECT item_index, {_ENDS} FROM {table} WITH NO DATA"
        )
        cursor.copy_expert(f"COPY pg_temp.ri_ends (item_index, {_ENDS}) FROM STDIN", copy_buffer(rows))
        assignments = ", ".join(f"{name} = e.{name}" for name in _ENDS.split(", ") if name != "metadata")
        cursor.execute(
            f"UPDATE {table} AS i SET {assignments}, processed_at = pg_catalog.now(), "
            "metadata = CASE WHEN e.metadata IS NULL THEN i.metadata ELSE COALESCE(i.metadata, '{}') || e.metadata END "
            "FROM pg_temp.ri_ends AS e WHERE i.batch_id = %s AND i.item_index = e.item_index AND i.status = 'pending'",
            (self.batch_id,),
        )
        if cursor.rowcount != len(rows):
            raise AssertionError(f"{len(rows)} items of batch {self.batch_id} were to end, not {cursor.rowcount}")

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
        self.cursor.copy_expert(f"COPY {self.schema}.import_logs ({_LOGS}) FROM STDIN", copy_buffer(rows))

    def insert_pending(self, items: Iterable[Mapping[str, Any]]) -> int:
        """Store mappings as pending items; how many. Raises UsageError naming the one that cannot be stored."""
        count, rows = 0, _pending_rows(self.batch_id, items)
        while some := list(islice(rows, _STORED_AT_ONCE)):
            statement = f"COPY {self.schema}.import_batch_items ({_PENDING}) FROM STDIN"
            self.cursor.copy_expert(statement, copy_buffer(some))
            count += len(some)
        return count

    def _new(self, record: Record, outcome: Outcome, target: str | None) -> tuple[str | None, ...]:
        """In the order of _NEW."""
        source_data, kept_as_text = to_jsonb(record.source_data)
        noted = {**(record.metadata or {}), **(outcome.metadata or {}), **(KEPT_AS_TEXT if kept_as_text else {})}
        return (
            self.batch_id,
            str(record.index),
            item_id(self.batch_id, record.index),
            None if record.line is None else str(record.line),
            source_data,
            record.parent_item_id,
            *_end(outcome._replace(metadata=noted), target),
        )


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


def _end(outcome: Outcome, target: str | None) -> tuple[str | None, ...]:
    """In the order of _ENDS."""
    completed = not outcome.problems
    return (
        outcome.status.value,
        None if outcome.action is None else outcome.action.value,
        None if outcome.data is None else printable_json(outcome.data),
        printable_json(outcome.metadata) if outcome.metadata else None,
        _printable(outcome.target_table or target) if completed else None,
        _printable(outcome.target_id),
        _problems(outcome.problems) if outcome.problems else None,
        printable(describe(outcome.problems)) if outcome.problems else None,
        outcome.key_hash,
    )


def _printable(text: str | None) -> str | None:
    return text if text is None or (text.isascii() and "\0" not in text) else printable(text)


def _problems(problems: Sequence[Problem]) -> str:
    return printable_json(
        [{"code": p.code, "field": p.field, "message": p.message, "details": dict(p.details)} for p in problems]
    )
