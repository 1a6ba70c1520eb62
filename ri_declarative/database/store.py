"""Writes the books: batches, items and logs. The fence is the last statement of every chunk.

One `Store` per run, used by one thread at a time. Reading the books is `books.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.copy import copy_buffer
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.jsonb import KEPT_AS_TEXT, printable, printable_json, to_jsonb
from ri_declarative.database.queries import queries
from ri_declarative.database.sqlstate import stopped_by
from ri_declarative.errors import LostOwnership, RiError, StoppedError
from ri_declarative.records import BatchStatus, Counts, Outcome, Problem, Record, StopReason, item_id

LEASE_S = 60.0
_UNIQUE_VIOLATION = "23505"
_ITEM_COLUMNS = (
    "batch_id, item_index, id, source_line, status, action, source_data, processed_data, metadata, "
    "target_table, target_id, problems, error_message, parent_item_id, key_hash"
)


@dataclass(frozen=True)
class Ownership:
    """A batch and the token that proves who works on it."""

    batch_id: str
    token: str
    started_at: str  # ISO 8601, UTC, by the database's clock


class Chunk:
    """The open transaction of one chunk."""

    def __init__(self, store: Store, owner: Ownership, connection: Connection) -> None:
        self.connection = connection
        self._store = store
        self._owner = owner

    def book(self, records: Sequence[Record], outcomes: Sequence[Outcome], target: str | None) -> None:
        """Store one item per record with the end that it reached."""
        rows = [
            _item_row(self._owner.batch_id, record, outcome, target)
            for record, outcome in zip(records, outcomes, strict=True)
        ]
        cursor = driver_cursor(self.connection)
        table = f'"{self._store.schema}".import_batch_items'
        cursor.copy_expert(f"COPY {table} ({_ITEM_COLUMNS}) FROM STDIN", copy_buffer(rows))

    def advance(self, counts: Counts, *, old_index: int, new_index: int, claim_to: int) -> None:
        """The fence. Raises `LostOwnership` when another runner owns the batch or booked this chunk."""
        parameters = {**counts._asdict(), "id": self._owner.batch_id, "token": self._owner.token}
        parameters |= {"old_index": old_index, "new_index": new_index, "claim_to": claim_to, "lease_s": LEASE_S}
        if self._store.execute(self.connection, "advance", parameters).rowcount != 1:
            raise LostOwnership(
                "lost-ownership", f"another runner owns batch {self._owner.batch_id}: this chunk is dropped"
            )


class Store:
    """The books of one database, for writing."""

    def __init__(self, engine: Engine, schema: str) -> None:
        self.schema = schema
        self._engine = engine
        self._connection: Connection | None = None
        self._queries = {name: sql.format(schema=f'"{schema}"') for name, sql in queries("store").items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; an open transaction is rolled back."""
        if self._connection is not None:
            with suppress(DBAPIError, psycopg2.Error):
                self._connection.close()
            self._connection = None

    def create_batch(
        self,
        batch_type: str,
        source_info: Mapping[str, Any],
        *,
        fingerprint: str | None,
        parent_batch_id: str | None,
        claim_to: int,
    ) -> Ownership:
        """A new batch in processing, owned by the caller, with the first chunk claimed."""
        batch_id, token = new_batch_id(), str(uuid.uuid4())
        parameters = {
            "id": batch_id,
            "batch_type": batch_type,
            "source_info": printable_json(source_info),
            "metadata": "{}",
            "fingerprint": fingerprint,
            "parent_batch_id": parent_batch_id,
            "claim_to": claim_to,
            "token": token,
            "lease_s": LEASE_S,
        }
        with self.transaction() as connection:
            started_at = self.execute(connection, "create_batch", parameters).scalar_one()
        return Ownership(batch_id, token, started_at)

    @contextmanager
    def chunk(self, owner: Ownership) -> Iterator[Chunk]:
        """The transaction of one chunk; commits at the end of the block, rolls back on any error."""
        with self.transaction() as connection:
            yield Chunk(self, owner, connection)

    def finish(
        self,
        owner: Ownership,
        status: BatchStatus,
        *,
        ended: bool,
        source_info: Mapping[str, Any],
        stop_reason: StopReason | None = None,
        error_message: str | None = None,
    ) -> None:
        """The end of a batch. `ended`: the source was read to its end, so that the total is known."""
        parameters = {
            "id": owner.batch_id,
            "token": owner.token,
            "status": status.value,
            "stop_reason": stop_reason.value if stop_reason else None,
            "error_message": printable(error_message) if error_message else None,
            "ended": ended,
            "source_info": printable_json(source_info),
        }
        with self.transaction() as connection:
            if self.execute(connection, "finish", parameters).rowcount != 1:
                raise LostOwnership("lost-ownership", f"another runner owns batch {owner.batch_id}")

    def log(self, batch_id: str, level: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """One line in `import_logs`."""
        parameters = {
            "batch_id": batch_id,
            "item_id": None,
            "log_level": level,
            "message": printable(message),
            "details": printable_json(details) if details else None,
        }
        with self.transaction() as connection:
            self.execute(connection, "log", parameters)

    def dismiss(self, batch_id: str, items: Sequence[str], *, reason: str | None) -> int:
        """Mark failed items (none named: all of the batch, and the batch itself) as needing no attention; how many."""
        parameters = {"batch_id": batch_id, "items": list(items) or None, "reason": reason}
        with self.transaction() as connection:
            if not items:
                self.execute(connection, "dismiss_batch", {"batch_id": batch_id, "reason": reason})
            return int(self.execute(connection, "dismiss", parameters).rowcount)

    def execute(self, connection: Connection, name: str, parameters: Mapping[str, Any]) -> Any:
        """Run a query of store.sql."""
        return connection.execute(text(self._queries[name]), parameters)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """READ COMMITTED with the settings that our SQL relies on; driver errors become ours."""
        try:
            with self._begun() as connection:
                yield connection
        except DBAPIError as error:
            if isinstance(error.orig, psycopg2.Error):
                raise self._judged(error.orig) from error
            raise
        except psycopg2.Error as error:
            raise self._judged(error) from error

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        """Commits at the end of the block. What fails first is raised: a lost connection fails at ROLLBACK, too."""
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="READ COMMITTED")
        transaction = self._connection.begin()
        try:
            self._connection.execute(text(self._queries["begin_settings"]))
            yield self._connection
            transaction.commit()
        except BaseException:
            try:
                transaction.rollback()
            except (DBAPIError, psycopg2.Error):
                self.close()
            raise

    def _judged(self, error: psycopg2.Error) -> RiError:
        if error.pgcode == _UNIQUE_VIOLATION and error.diag.constraint_name == "import_batch_items_parent":
            return StoppedError(
                "already-reprocessed",
                "another batch has taken these records again meanwhile",
                hint="ri status shows it",
            )
        return stopped_by(error)


def new_batch_id() -> str:
    """A random version-4 UUID whose low 32 bits are zero: an item's id puts its index there."""
    return str(uuid.UUID(int=uuid.uuid4().int >> 32 << 32))


def _item_row(batch_id: str, record: Record, outcome: Outcome, target: str | None) -> tuple[str | None, ...]:
    source_data, kept_as_text = to_jsonb(record.source_data)
    metadata = {**(record.metadata or {}), **(KEPT_AS_TEXT if kept_as_text else {})}
    completed = outcome.action is not None
    return (
        batch_id,
        str(record.index),
        item_id(batch_id, record.index),
        None if record.line is None else str(record.line),
        outcome.status.value,
        outcome.action.value if outcome.action is not None else None,
        source_data,
        None if outcome.data is None else printable_json(outcome.data),
        printable_json(metadata) if metadata else None,
        target if completed else None,
        outcome.target_id,
        _problems(outcome.problems) if outcome.problems else None,
        printable(describe(outcome.problems)) if outcome.problems else None,
        record.parent_item_id,
        outcome.key_hash,
    )


def _problems(problems: Sequence[Problem]) -> str:
    return printable_json(
        [{"code": p.code, "field": p.field, "message": p.message, "details": dict(p.details)} for p in problems]
    )


def describe(problems: Sequence[Problem]) -> str:
    """All problems of a record in one line.

    >>> describe([Problem("schema.required", "email", "is required")])
    'email: is required'
    """
    return "; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems)
