"""Reads the books: batches, their items and what went wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar, cast

import psycopg2
from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.driver import cut, descriptor_of, within
from ri_declarative.database.jsonb import KEPT_AS_TEXT, from_jsonb
from ri_declarative.database.migrations import check_version
from ri_declarative.database.queries import queries
from ri_declarative.database.sqlstate import connection_lost, is_loss, primary_message, stopped_by
from ri_declarative.database.statistics import read_statistics
from ri_declarative.errors import DatabaseError, UsageError
from ri_declarative.records import (
    Action,
    BatchStatistics,
    BatchStatus,
    BatchSummary,
    Item,
    ItemStatus,
    Problem,
    ProblemGroup,
    Record,
    StopReason,
)

PAGE = 2000
# Of what is to be taken again: whoever only asks whether there is something reads the first page and no more.
_FIRST_PAGE, _TAKEN_PAGE = 100, 5000
_SHORT_S = 60.0  # of a page: a server that takes longer is taken for dead
_NO_BOOKS = ("42P01", "42703", "3F000")  # no such table, column, schema: never migrated, or by another version
_DENIED = "42501"
T = TypeVar("T")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID_PREFIX = re.compile(r"[0-9a-f][0-9a-f-]{0,35}")


class Books:
    """The books of one database, for reading. Every call is a connection and a transaction of its own."""

    def __init__(
        self, engine: Engine, schema: str, *, through: Callable[[Callable[[], Any]], Any] | None = None
    ) -> None:
        self._engine, self._schema, self._through = engine, schema, through
        self._queries = {name: sql.format(schema=f'"{schema}"') for name, sql in queries("books").items()}

    def patient(self, through: Callable[[Callable[[], Any]], Any]) -> Books:
        """The same books, whose pages of items are read by way of `through`, which asks again after ConnectionLost."""
        return Books(self._engine, self._schema, through=through)

    def batches(self, *, limit: int, batch_type: str | None = None) -> list[BatchSummary]:
        """Newest first, without problems."""
        with self._connection() as connection:
            return self._batches(connection, batch_type=batch_type, limit=limit)

    def last_batches(self) -> list[BatchSummary]:
        """The newest batch of each pipeline, without problems."""
        with self._connection() as connection:
            return self._batches(connection, newest_of_each=True)

    def statistics(self, *, days: int) -> BatchStatistics:
        """How the batches are doing. Raises `UsageError` when `days` is no window."""
        with self._connection() as connection:
            return read_statistics(connection, self._schema, days=days)

    def batch(self, batch_id: str) -> BatchSummary:
        """One batch with its problems grouped. Raises `UsageError` when there is none."""
        batch = self.batch_row(batch_id)
        with self._connection() as connection:
            groups = self._rows(connection, "problem_groups", {"batch_id": batch_id})
        return batch._replace(problems=tuple(_group(row) for row in groups))

    def batch_row(self, batch_id: str) -> BatchSummary:
        """One batch without its problems: one row is read. Raises `UsageError` when there is none."""
        with self._connection() as connection:
            found = self._batches(connection, id=batch_id)
        if not found:
            raise UsageError("unknown-batch", f"there is no batch {batch_id}", hint="ri status lists them")
        return found[0]

    def _batches(self, connection: Connection, **wanted: Any) -> list[BatchSummary]:
        parameters = {"id": None, "batch_type": None, "newest_of_each": False, "limit": None, **wanted}
        return [_summary(row) for row in self._rows(connection, "batches", parameters)]

    def resolve(self, reference: str) -> str:
        """The id that `last`, a full id or an unambiguous beginning of one means. Raises `UsageError`."""
        with self._connection() as connection:
            if reference == "last":
                found = [row["id"] for row in self._rows(connection, "newest_batch", {})]
                if not found:
                    raise UsageError("unknown-batch", "there are no batches yet", hint="import: ri run PIPELINE FILE")
            else:
                found = self._beginning_with(connection, reference.lower())
        if len(found) == 1:
            return str(found[0])
        if not found:
            raise UsageError("unknown-batch", f'there is no batch "{reference}"', hint="ri status lists them")
        shown = ", ".join(f"{id_[:13]}…" for id_ in found[:5])
        raise UsageError("ambiguous-batch", f'"{reference}" could be {shown}', hint="write more of the id")

    def _beginning_with(self, connection: Connection, prefix: str) -> list[str]:
        if not _ID_PREFIX.fullmatch(prefix):
            return []
        return [row["id"] for row in self._rows(connection, "batches_like", {"prefix": prefix})]

    def id_of(self, reference: str) -> str:
        """A full id as it is, without asking; else what `resolve` says."""
        return reference if _ID.fullmatch(reference) else self.resolve(reference)

    def is_owned(self, batch_id: str) -> bool:
        """Whether somebody works on the batch, by its lease and the database's clock."""
        with self._connection() as connection:
            return bool(self._rows(connection, "is_owned", {"batch_id": batch_id})[0]["owned"])

    def requirement(self, batch_type: str) -> tuple[bool, str | None]:
        """Whether a batch of the type has completed, and the id of one that is not at its end; None: there is none."""
        with self._connection() as connection:
            row = self._rows(connection, "requirement", {"batch_type": batch_type})[0]
        return row["completed"], row["unfinished"]

    def items(self, batch_id: str, *, status: ItemStatus | None = None, limit: int | None = None) -> Iterator[Item]:
        """A batch's items in file order, read page by page."""
        return self._pages("items", {"batch_id": batch_id, "status": status.value if status else None}, limit)

    def needs_attention(self, batch_id: str, *, limit: int | None = None) -> Iterator[Item]:
        """Failed items that nothing repeats and nobody dismissed, in file order."""
        return self._pages("needs_attention", {"batch_id": batch_id}, limit)

    def to_reprocess(self, batch_id: str, *, failed_items_only: bool) -> Iterator[Record]:
        """The newest items that repeat this batch's items, in file order: the failed ones, or all.

        As the records that they are when they are taken again, with the problems of those that could not be read.
        """
        parameters = {"batch_id": batch_id, "all_items": not failed_items_only}
        index, limit = 0, _FIRST_PAGE

        def page(connection: Connection) -> tuple[int | None, list[Any]]:
            border = {**parameters, "from_index": index, "limit": limit}
            last: int | None = self._rows(connection, "reprocess_border", border)[0]["last_index"]
            if last is None:
                return None, []
            between = {**parameters, "from_index": index, "to_index": last}
            return last, list(connection.execute(text(self._queries["to_reprocess"]), between))

        while True:
            last, rows = self._read(page)
            if last is None:
                return
            yield from itertools.starmap(_record, rows)
            index, limit = last + 1, _TAKEN_PAGE

    def failing_repeats(self, batch_id: str) -> dict[str, int]:
        """Id of a batch that took this one's failed records again → how many need attention there, newest first."""
        with self._connection() as connection:
            rows = self._rows(connection, "failing_repeats", {"batch_id": batch_id})
        return {row["batch_id"]: row["failed"] for row in rows}

    def lineage(self, batch_id: str) -> tuple[str, ...]:
        """Ids of all batches whose records count as one file with this one's, the first one first."""
        with self._connection() as connection:
            return tuple(row["id"] for row in self._rows(connection, "lineage", {"batch_id": batch_id}))

    def unfinished(self) -> list[str]:
        """Ids of batches that stopped early and can be finished, the newest first."""
        with self._connection() as connection:
            return [row["id"] for row in self._rows(connection, "unfinished", {})]

    def logs(self, batch_id: str) -> list[dict[str, Any]]:
        """A batch's log in order."""
        with self._connection() as connection:
            return [dict(row) for row in self._rows(connection, "logs", {"batch_id": batch_id})]

    def _pages(self, query: str, parameters: Mapping[str, Any], limit: int | None) -> Iterator[Item]:
        """Keyset pages, so that memory is bounded and no transaction stays open between them."""
        index, left = 0, limit
        while left is None or left > 0:
            page = PAGE if left is None else min(PAGE, left)
            rows = self._page(query, {**parameters, "from_index": index, "limit": page})
            yield from map(_item, rows)
            if len(rows) < page:
                return
            index = rows[-1]["item_index"] + 1
            left = None if left is None else left - page

    def _page(self, query: str, parameters: Mapping[str, Any]) -> list[RowMapping]:
        return self._read(lambda connection: self._rows(connection, query, parameters))

    def _read(self, page: Callable[[Connection], T]) -> T:
        def read() -> T:
            with self._connection() as connection:
                return page(connection)

        return read() if self._through is None else cast(T, self._through(read))

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection; what the database refuses becomes a DatabaseError that says what to do."""
        try:
            with self._engine.connect() as connection:
                descriptor = descriptor_of(connection)
                with within(_SHORT_S, lambda: cut(descriptor)) if self._through else nullcontext():
                    yield connection
        except DBAPIError as error:
            state = getattr(error.orig, "pgcode", None)
            if state in _NO_BOOKS:
                self._refuse_version(error)
            if self._through is not None and isinstance(error.orig, psycopg2.Error):  # in the midst of a run
                raise (connection_lost if is_loss(error.orig) else stopped_by)(error.orig) from error
            raise _refused(error, state, schema=self._schema) from error

    def _refuse_version(self, error: DBAPIError) -> None:
        with self._engine.connect() as connection:
            try:
                check_version(connection, self._schema)
            except DatabaseError as wrong:
                raise wrong from error

    def _rows(self, connection: Connection, query: str, parameters: Mapping[str, Any]) -> list[RowMapping]:
        return list(connection.execute(text(self._queries[query]), parameters).mappings())


def _refused(error: DBAPIError, state: str | None, *, schema: str) -> DatabaseError:
    said = primary_message(error.orig) if isinstance(error.orig, psycopg2.Error) else str(error.orig)
    if state == _DENIED:
        return DatabaseError("privilege", f'the books in schema "{schema}" cannot be read: {said}')
    shown = f" (SQLSTATE {state})" if state else ""
    return DatabaseError("database-unreachable", f"the database does not answer: {said}{shown}")


def _summary(row: RowMapping) -> BatchSummary:
    processed = row["completed"] + row["failed"] + row["skipped"]
    pending = row["pending"] if row["total"] is None else row["total"] - processed
    return BatchSummary(
        batch_id=str(row["id"]),
        batch_type=row["batch_type"],
        status=BatchStatus(row["status"]),
        stop_reason=_or_none(StopReason, row["stop_reason"]),
        parent_batch_id=_or_none(str, row["parent_batch_id"]),
        source_info=row["source_info"],
        fingerprint=row["fingerprint"],
        total_items=row["total"],
        completed_items=row["completed"],
        failed_items=row["failed"],
        skipped_items=row["skipped"],
        pending_items=pending,
        inserted_items=row["inserted"],
        updated_items=row["updated"],
        unchanged_items=row["unchanged"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        duration_s=row["duration_s"],
        error_message=row["error_message"],
        metadata=row["metadata"],
    )


def _group(row: RowMapping) -> ProblemGroup:
    return ProblemGroup(**{**row, "status": ItemStatus(row["status"])})


def _item(row: RowMapping) -> Item:
    metadata = row["metadata"] or {}
    kept_as_text = KEPT_AS_TEXT.items() <= metadata.items()
    return Item(
        item_id=str(row["id"]),
        batch_id=str(row["batch_id"]),
        index=row["item_index"],
        line=row["source_line"],
        status=ItemStatus(row["status"]),
        action=_or_none(Action, row["action"]),
        source_data=from_jsonb(row["source_text"], kept_as_text=kept_as_text),
        problems=tuple(Problem(p["code"], p["field"], p["message"], p["details"]) for p in row["problems"] or ()),
        error_message=row["error_message"],
        parent_item_id=_or_none(str, row["parent_item_id"]),
        target_table=row["target_table"],
        target_id=row["target_id"],
        metadata=metadata,
        processed_data=row["processed_data"],
    )


def _record(
    item_id: str, index: int, line: int | None, source_text: str, kept_as_text: bool, problems: str | None
) -> Record:
    found = [] if problems is None else from_jsonb(problems, kept_as_text=False)
    why = tuple(Problem(p["code"], p["field"], p["message"], p["details"]) for p in found)
    return Record(index, line, from_jsonb(source_text, kept_as_text=kept_as_text), why, item_id)


def _or_none(make: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else make(value)
