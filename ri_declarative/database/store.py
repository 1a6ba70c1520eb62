"""Writes the books: batches, items and logs. The fence is the last statement of every chunk.

One `Store` per run, used by one thread at a time. Reading the books is `books.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.driver import descriptor_of, driver_cursor, in_transaction
from ri_declarative.database.hook_transaction import ended_by_hook
from ri_declarative.database.items import BatchRows
from ri_declarative.database.jsonb import printable, printable_json, refuse_unstorable
from ri_declarative.database.queries import queries
from ri_declarative.database.sqlstate import stopped_by
from ri_declarative.errors import LostOwnership, RiError, StoppedError, UsageError
from ri_declarative.records import BatchStatus, Counts, LogEntry, Outcome, Record, StopReason

LEASE_S = 60.0
_UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True)
class Ownership:
    """A batch and the token that proves who works on it; where the work begins."""

    batch_id: str
    token: str
    started_at: str  # ISO 8601, UTC, by the database's clock
    next_index: int = 0
    counts: Counts = field(default_factory=Counts)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    items_stored: bool = False  # as pending ones, by create_batch


class Transaction:
    """One transaction on a batch by its owner. It begins with the first use of `connection`."""

    def __init__(self, store: Store, owner: Ownership, begin: Callable[[], Connection]) -> None:
        self._store = store
        self._owner = owner
        self._begin = begin

    @cached_property
    def connection(self) -> Connection:
        """The open transaction."""
        return self._begin()

    def book(self, records: Sequence[Record], outcomes: Sequence[Outcome], target: str | None) -> None:
        """Store the end that each record has reached."""
        rows = self._rows()
        write = rows.update if self._owner.items_stored else rows.insert
        write(records, outcomes, target)

    def note(self, entries: Sequence[LogEntry], metadata: Mapping[str, Any]) -> None:
        """Store what hooks logged, and what they want to be remembered with the batch."""
        if entries:
            self._rows().log(entries)
        if metadata:
            parameters = {"id": self._owner.batch_id, "metadata": printable_json(metadata)}
            self._store.execute(self.connection, "set_metadata", parameters)

    def advance(self, counts: Counts, *, old_index: int, new_index: int, claim_to: int) -> None:
        """The fence. Raises `LostOwnership` when another runner owns the batch or booked this chunk."""
        parameters = {**counts._asdict(), "id": self._owner.batch_id, "token": self._owner.token}
        parameters |= {"old_index": old_index, "new_index": new_index, "claim_to": claim_to, "lease_s": LEASE_S}
        if self._store.execute(self.connection, "advance", parameters).rowcount != 1:
            self._refuse_other_transaction()
            raise LostOwnership(
                "lost-ownership", f"another runner owns batch {self._owner.batch_id}: this chunk is dropped"
            )

    def finish(
        self,
        status: BatchStatus,
        *,
        ended: bool,
        source_info: Mapping[str, Any],
        stop_reason: StopReason | None = None,
        error_message: str | None = None,
    ) -> None:
        """The end of a batch. `ended`: the source was read to its end, so that the total is known."""
        parameters = {
            "id": self._owner.batch_id,
            "token": self._owner.token,
            "status": status.value,
            "stop_reason": stop_reason.value if stop_reason else None,
            "error_message": printable(error_message) if error_message else None,
            "ended": ended,
            "source_info": printable_json(source_info),
        }
        if self._store.execute(self.connection, "finish", parameters).rowcount != 1:
            self._refuse_other_transaction()
            raise LostOwnership("lost-ownership", f"another runner owns batch {self._owner.batch_id}")

    def _rows(self) -> BatchRows:
        return BatchRows(driver_cursor(self.connection), f'"{self._store.schema}"', self._owner.batch_id)

    def _refuse_other_transaction(self) -> None:
        """A hook that sends COMMIT and BEGIN behind our back leaves a transaction that we did not begin."""
        if not self._store.execute(self.connection, "is_our_transaction", {}).scalar_one():
            raise ended_by_hook()


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

    def descriptor(self) -> int | None:
        """The file descriptor of the connection; None: there is none."""
        return None if self._connection is None else descriptor_of(self._connection)

    def create_batch(
        self,
        batch_type: str,
        source_info: Mapping[str, Any],
        *,
        fingerprint: str | None,
        parent_batch_id: str | None,
        claim_to: int,
        metadata: Mapping[str, Any] | None = None,
    ) -> Ownership:
        """A new batch in processing, owned by the caller, with the first chunk claimed."""
        batch_id, token = new_batch_id(), str(uuid.uuid4())
        parameters = {
            "id": batch_id,
            "batch_type": batch_type,
            "source_info": printable_json(source_info),
            "metadata": printable_json(metadata or {}),
            "fingerprint": fingerprint,
            "parent_batch_id": parent_batch_id,
            "claim_to": claim_to,
            "token": token,
            "lease_s": LEASE_S,
        }
        with self.transaction() as connection:
            started_at = self.execute(connection, "create_batch", parameters).scalar_one()
        return Ownership(batch_id, token, started_at, metadata=metadata or {})

    def create_pending(
        self,
        batch_type: str,
        items: Iterable[Mapping[str, Any]],
        *,
        source_info: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> str:
        """A new batch that waits to be processed, with its items; its id. UsageError stores nothing."""
        batch_id = new_batch_id()
        parameters = {"id": batch_id, "batch_type": batch_type}
        for name, value in (("source_info", source_info), ("metadata", metadata)):
            try:
                refuse_unstorable(value)
                parameters[name] = printable_json(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise UsageError("item-type", f"{name} holds what JSON cannot: {error}") from error
        with self.transaction() as connection:
            self.execute(connection, "create_pending", parameters)
            total = BatchRows(driver_cursor(connection), f'"{self.schema}"', batch_id).insert_pending(items)
            self.execute(connection, "set_total", {"id": batch_id, "total": total})
        return batch_id

    def claim_batch(self, batch_id: str, *, fingerprint: str | None, chunk_size: int) -> Ownership | None:
        """Take a batch whose items are stored; None when it has nothing pending or somebody works on it."""
        token = str(uuid.uuid4())
        parameters = {"id": batch_id, "token": token, "lease_s": LEASE_S}
        parameters |= {"fingerprint": fingerprint, "chunk_size": chunk_size}
        with self.transaction() as connection:
            row = self.execute(connection, "claim_batch", parameters).mappings().one_or_none()
        if row is None:
            return None
        counts = Counts(*(row[name] for name in Counts._fields))
        return Ownership(batch_id, token, row["started"], row["next_index"], counts, row["metadata"], items_stored=True)

    @contextmanager
    def transaction_of(self, owner: Ownership) -> Iterator[Transaction]:
        """Begins when it is first used; commits at the end of the block, rolls back on any error."""
        with ExitStack() as stack:
            yield Transaction(self, owner, lambda: stack.enter_context(self.transaction()))

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
        if self._connection is not None and (self._connection.closed or self._connection.invalidated):
            self.close()
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="READ COMMITTED")
        transaction = self._connection.begin()
        try:
            self._connection.execute(text(self._queries["begin_settings"]))
            yield self._connection
            transaction.commit()
        except BaseException:
            try:
                if transaction.is_active:
                    transaction.rollback()
                if self._connection is not None and in_transaction(self._connection):
                    self.close()  # a hook has confused SQLAlchemy: what is open must not be committed later
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
