"""Writes the books: connections and transactions, batches that wait, single lines.

One `Store` per run, used by one thread at a time. Who owns a batch is `ownership.py`, what its owner writes is
`batch_transaction.py`, reading the books is `books.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any, Self

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.batch_transaction import Transaction
from ri_declarative.database.driver import cut, descriptor_of, driver_cursor, in_transaction, within
from ri_declarative.database.items import BatchRows
from ri_declarative.database.jsonb import printable, printable_json, refuse_unstorable
from ri_declarative.database.ownership import Ownership
from ri_declarative.database.sqlstate import connection_lost, stopped_by
from ri_declarative.database.statements import Statements
from ri_declarative.errors import StoppedError, UsageError

LEASE_S = 60.0
SHORT_S = 60.0  # twice what we wait for a lock
# A stopped owner's transaction, and with it its row locks, ends before its lease does.
_IDLE_SHARE = 0.75
_PERHAPS_IDLE = " (a hook that has used its transaction may pause for {:g} s; `lease` in ri.yaml makes it longer)"
_UNIQUE_VIOLATION = "23505"


class Store:
    """The books of one database, for writing."""

    def __init__(self, engine: Engine, schema: str, *, lease_s: float = LEASE_S) -> None:
        self.statements = Statements(schema, lease_s=lease_s)
        self.backend_pid = 0  # of the server's process for the transaction in progress; 0: there is none
        self.used_by_hooks = False  # they may hold its transactions open
        self._engine = engine
        self._connection: Connection | None = None
        self._begun_at = 0.0  # the transaction in progress

    @property
    def lease_s(self) -> float:
        """How long a batch belongs to a runner that is silent."""
        return self.statements.lease_s

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

    def another(self) -> Store:
        """The same books over a connection of their own, for another thread."""
        return Store(self._engine, self.statements.schema, lease_s=self.lease_s)

    def descriptor(self) -> int | None:
        """The file descriptor of the connection; None: there is none."""
        return None if self._connection is None else descriptor_of(self._connection)

    def cancel(self) -> None:
        """Ask the server, over a connection of its own, to end the statement in progress. Any thread may call it."""
        if pid := self.backend_pid:
            with suppress(DBAPIError), self._engine.connect() as connection:
                connection.execute(text("SELECT pg_catalog.pg_cancel_backend(:pid)"), {"pid": pid})

    def cut(self) -> None:
        """End the connection from another thread: whoever waits for its answer gets an error at once."""
        with suppress(Exception):  # it may be on its way out in its own thread
            cut(self.descriptor())

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """A block of statements that are short: a server that does not answer so long is taken for dead."""
        return within(seconds, self.cut)

    def create_pending(
        self,
        batch_id: str,
        batch_type: str,
        items: Iterable[Mapping[str, Any]],
        *,
        source_info: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> None:
        """Store a new batch that waits to be processed, with its items. UsageError stores nothing."""
        parameters = {"id": batch_id, "batch_type": batch_type}
        for name, value in (("source_info", source_info), ("metadata", metadata)):
            try:
                refuse_unstorable(value)
                parameters[name] = printable_json(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise UsageError("item-type", f"{name} holds what JSON cannot: {error}") from error
        with self.transaction(idle_s=0) as connection:  # whoever gives the items may take its time
            self.statements.execute(connection, "create_pending", parameters)
            total = BatchRows(driver_cursor(connection), f'"{self.statements.schema}"', batch_id).insert_pending(items)
            self.statements.execute(connection, "set_total", {"id": batch_id, "total": total})

    @contextmanager
    def transaction_of(self, owner: Ownership) -> Iterator[Transaction]:
        """Begins when it is first used; commits at the end of the block, rolls back on any error."""
        with ExitStack() as stack:
            yield Transaction(
                self.statements, owner, lambda: stack.enter_context(self.transaction(batch_id=owner.batch_id))
            )

    def renew(self, owner: Ownership, *, backend_pid: int) -> bool | None:
        """Extend the lease: whether the server still has the process `backend_pid` (0: not asked); None: lost it."""
        parameters = {"id": owner.batch_id, "token": owner.token, "lease_s": self.lease_s, "pid": backend_pid}
        with self.transaction() as connection:
            answer: bool | None = self.statements.execute(connection, "renew", parameters).scalar_one_or_none()
        return answer

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
            self.statements.execute(connection, "log", parameters)

    def dismiss(self, batch_id: str, items: Sequence[str], *, reason: str | None) -> int:
        """Mark failed items (none named: all of the batch, and the batch itself) as needing no attention; how many."""
        parameters = {"batch_id": batch_id, "items": list(items) or None, "reason": reason}
        with self.transaction() as connection:
            if not items:
                self.statements.execute(connection, "dismiss_batch", {"batch_id": batch_id, "reason": reason})
            return int(self.statements.execute(connection, "dismiss", parameters).rowcount)

    @contextmanager
    def transaction(self, *, idle_s: float | None = None, batch_id: str | None = None) -> Iterator[Connection]:
        """READ COMMITTED with the settings that our SQL relies on; driver errors become ours.

        Raises ConnectionLost when the connection is gone, be it at COMMIT: what was sent may then be committed.
        `idle_s`: how long it may be idle; 0: for ever. The default is for transactions that hold locks on a batch.
        `batch_id`: the batch that its owner works on; pg_stat_activity shows it.
        """
        idle_s = self.lease_s * _IDLE_SHARE if idle_s is None else idle_s
        try:
            parameters = {
                "idle": f"{round(idle_s * 1000)}ms",
                "application_name": f"ri {batch_id}" if batch_id else None,
            }
            with self._begun(parameters) as connection:
                yield connection
        except (DBAPIError, psycopg2.Error, StoppedError) as error:
            judged = self._judged(error)
            if judged is error:
                raise
            raise judged from error
        finally:
            self.backend_pid = 0

    @contextmanager
    def _begun(self, settings: Mapping[str, Any]) -> Iterator[Connection]:
        """Commits at the end of the block. What fails first is raised: a lost connection fails at ROLLBACK, too."""
        if self._connection is not None and (self._connection.closed or self._connection.invalidated):
            self.close()
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="READ COMMITTED")
        transaction = self._connection.begin()
        self._begun_at = time.monotonic()
        try:
            self.backend_pid = self.statements.execute(self._connection, "begin_settings", settings).scalar_one()
            yield self._connection
            transaction.commit()
        except BaseException:
            self._roll_back(self._connection)
            raise

    def _roll_back(self, connection: Connection) -> None:
        """Nothing of the transaction stays; no connection stays that is gone or that a hook has confused."""
        gone = connection.invalidated or connection.closed
        try:
            if (transaction := connection.get_transaction()) is not None:
                transaction.rollback()
            if gone or connection.invalidated or in_transaction(connection):
                self.close()
        except (DBAPIError, psycopg2.Error):
            self.close()

    def _judged(self, error: Exception) -> Exception:
        """What it means for the run: itself, when it is one of ours or no driver's."""
        cause = error.__cause__ if isinstance(error, StoppedError) else error
        said = cause.orig if isinstance(cause, DBAPIError) else cause
        if not isinstance(said, psycopg2.Error):
            return error
        if self.descriptor() is None:
            lost = connection_lost(said)
            if self.used_by_hooks and time.monotonic() - self._begun_at > self.lease_s * _IDLE_SHARE:
                lost.message += _PERHAPS_IDLE.format(self.lease_s * _IDLE_SHARE)
            return lost
        if isinstance(error, StoppedError):
            return error
        if said.pgcode == _UNIQUE_VIOLATION and said.diag.constraint_name == "import_batch_items_parent":
            return StoppedError(
                "already-reprocessed",
                "another batch has taken these records again meanwhile",
                hint="ri status shows it",
            )
        return stopped_by(said)
