"""The chunk's transaction as hooks use it: a savepoint for each call, and nobody but the engine ends it.

It begins with the first use, so that no transaction stays open while hooks run that need none. A
savepoint is released together with the next one's beginning: one round trip for each item, not two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg2
from psycopg2.errors import InvalidSavepointSpecification, NoActiveSqlTransaction
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.queries import queries
from ri_declarative.database.sqlstate import Fault, connection_lost, fault_of, primary_message, problem_code, stopped_by
from ri_declarative.errors import ConnectionLost, StoppedError
from ri_declarative.records import Problem

_ENDS_TRANSACTION = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
    r"(?:commit|end|abort|begin|start\s+transaction|prepare\s+transaction|rollback(?!(?:\s+work|\s+transaction)?\s+to\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_AFTER_A_FAILURE = "25P02"
_NOT_YOURS = (
    "a hook may not begin, commit, roll back, close or change the connection: its chunk is one transaction with the "
    "books; raise an exception to undo the item"
)


class HookMisuse(Exception):
    """A hook did what would break the books; nothing of it has happened. The item fails with this text."""


class TransactionStopped(StoppedError):
    """The chunk's transaction cannot go on, or its hook must not. Ours: what hooks raise never is."""


class TransactionLost(TransactionStopped, ConnectionLost):
    """The connection is gone."""


class HookTransaction:
    """One object per run, used by the writer's thread only."""

    def __init__(self) -> None:
        self.used = False  # by the call in progress
        self.isolate = False  # passing faults are the item's: trying the whole chunk again did not help
        self._connect: Callable[[], Connection] | None = None
        self._connection: Connection | None = None
        self._watched: Connection | None = None
        self._in_savepoint = False
        self._in_call = False
        self._deferred: str | None = None  # the statement that defers what its table defers; "": nothing does

    # ── the engine's side ────────────────────────────────────────────────────────────────────

    @contextmanager
    def within(self, connect: Callable[[], Connection], *, isolate: bool = False) -> Iterator[None]:
        """`connect` begins the transaction, at its first use, and is the one to end it."""
        self._connect, self._connection, self._in_savepoint = connect, None, False
        self._deferred = None  # a hook, or somebody else, may have made a constraint meanwhile
        self.isolate = isolate
        try:
            yield
        finally:
            self._connect = self._connection = None
            self._in_call = False  # what stops the run leaves a call without its end

    def between_calls(self) -> Connection:
        """The transaction without any savepoint of a call."""
        connection = self._open()
        if self._in_savepoint:
            self._send("; ".join(filter(None, ["RELEASE SAVEPOINT ri_item", self._deferred])))
            self._in_savepoint = False
        return connection

    # ── the side of a hook's call ────────────────────────────────────────────────────────────

    def begin_call(self) -> None:
        """A hook is called from here on."""
        self.used = False
        self._in_call = True

    def connection(self) -> Connection:
        """The transaction for the call in progress."""
        if not self._in_call:
            raise HookMisuse("there is no transaction outside of a hook's call")
        connection = self._open()
        if not self.used:
            self._set_savepoint(connection)
            self.used = True
        return connection

    def check(self) -> None:
        """Raise HookMisuse when the call has left something behind so far."""
        if self.used and (wrong := self._left_behind()) is not None:
            raise HookMisuse(wrong)

    def keep(self) -> None:
        """The call went well. Raises HookMisuse, or the driver's error of a deferred constraint."""
        self._in_call = False
        self.check()
        if self.used and self._deferred:
            self._send("SET CONSTRAINTS ALL IMMEDIATE")

    def undo(self) -> None:
        """The call failed: nothing of what it wrote stays."""
        self._in_call = False
        if self.used:
            self._left_behind()
            self._send("ROLLBACK TO SAVEPOINT ri_item")

    def judged(self, error: BaseException, *, place: str) -> Problem | None:
        """The item's problem, when the database refused a statement of this transaction; None: it is not about us.

        Raises PassingFault or StoppedError when the fault is not the item's.
        """
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg2.Error) or not self._is_ours(cause):
            return None
        if cause.pgcode == _AFTER_A_FAILURE:
            return None  # an earlier statement failed, and the hook went on
        if cause.pgcode is None and not self._lost():
            return None  # the driver refused it: wrong parameters, a value that it cannot send
        if self._lost():
            raise connection_lost(cause) from error
        fault = fault_of(cause.pgcode)
        if fault in (Fault.RECORD, Fault.OURS) or (fault is Fault.PASSING and self.isolate):
            return _problem(cause)
        raise stopped_by(cause, place=place) from error

    # ── below ────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> Connection:
        if self._connect is None:
            raise HookMisuse("there is no transaction outside of a batch")
        if self._connection is None:
            self._connection = self._begun(self._connect)
            self._cursor = driver_cursor(self._connection)
            if self._watched is not self._connection:
                self._watch(self._connection)
            if self._deferred is None:
                self._deferred = self._connection.execute(text(queries("catalogue")["defer_again"])).scalar_one()
        return self._connection

    def _begun(self, connect: Callable[[], Connection]) -> Connection:
        """The transaction that `connect` begins. It may roll back what it began before the line broke."""
        in_call, self._in_call = self._in_call, False
        try:
            return connect()
        except StoppedError as stopped:
            kind = TransactionLost if isinstance(stopped, ConnectionLost) else TransactionStopped
            raise kind(stopped.code, stopped.message, hint=stopped.hint) from stopped
        finally:
            self._in_call = in_call

    def _set_savepoint(self, connection: Connection) -> None:
        statements = ["RELEASE SAVEPOINT ri_item"] if self._in_savepoint else []
        if self._deferred:  # the check of the call before has made all of them immediate
            statements.append(self._deferred)
        self._send("; ".join([*statements, "SAVEPOINT ri_item"]))
        self._in_savepoint = True

    def _left_behind(self) -> str | None:
        """What the hook did not put away, which is put away here; None: nothing."""
        assert self._connection is not None
        if self._lost():
            raise TransactionLost("db.connection", "the connection to the database was lost while a hook ran")
        status = self._raw().info.transaction_status
        transaction = self._connection.get_transaction()
        if status == TRANSACTION_STATUS_IDLE or transaction is None or not transaction.is_active:
            raise ended_by_hook()
        wrong = "a statement of the hook failed and the hook went on" if status == TRANSACTION_STATUS_INERROR else None
        while (nested := self._connection.get_nested_transaction()) is not None:
            wrong = wrong or "the hook left a savepoint open (begin_nested)"
            nested.rollback()
        return wrong

    def _send(self, statement: str) -> None:
        assert self._connection is not None
        try:
            self._cursor.execute(statement)
        except (InvalidSavepointSpecification, NoActiveSqlTransaction) as error:
            raise ended_by_hook() from error

    def _raw(self) -> Any:
        assert self._connection is not None
        return self._connection.connection.dbapi_connection

    def _lost(self) -> bool:
        return self._connection is None or self._connection.invalidated or bool(self._raw().closed)

    def _is_ours(self, error: psycopg2.Error) -> bool:
        if self._connection is None:
            return False
        if self._connection.invalidated:
            return True
        cursor = getattr(error, "cursor", None)
        return cursor is not None and cursor.connection is self._raw()

    def _watch(self, connection: Connection) -> None:
        """Refuse what would end the transaction, once for each connection of the run.

        Events alone come too late: SQLAlchemy has given its transaction up by then.
        """
        for name in ("commit", "rollback", "close", "detach", "invalidate", "execution_options"):
            setattr(connection, name, self._guarded(connection, name))
        for name in ("commit", "rollback"):  # by way of a Session, or of the transaction itself
            event.listen(connection, name, self._refuse)
        event.listen(connection, "before_cursor_execute", self._refuse_statement)
        self._watched = connection

    def _guarded(self, connection: Connection, name: str) -> Callable[..., Any]:
        method = getattr(connection, name)

        def guarded(*arguments: Any, **named: Any) -> Any:
            if name != "invalidate" or not arguments:  # SQLAlchemy itself gives the error that broke the connection
                self._refuse()
            return method(*arguments, **named)

        return guarded

    def _refuse(self, *_: Any) -> None:
        if self._in_call:
            raise HookMisuse(_NOT_YOURS)

    def _refuse_statement(self, connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if self._in_call:
            refuse_ending(statement)


def refuse_ending(statement: str) -> None:
    """Raise HookMisuse when a hook's statement begins with COMMIT, ROLLBACK or the like."""
    if _ends_transaction(statement):
        raise HookMisuse(_NOT_YOURS)


@lru_cache(maxsize=256)
def _ends_transaction(statement: str) -> bool:
    return _ENDS_TRANSACTION.match(statement) is not None


def ended_by_hook() -> StoppedError:
    """Nothing can be put right any more: the run stops."""
    return TransactionStopped(
        "hook-transaction",
        "a hook ended the transaction of its chunk: what it had written is committed without its items",
        hint="take BEGIN, COMMIT and ROLLBACK out of the hook; the items of this chunk are still to do",
    )


def _problem(error: psycopg2.Error) -> Problem:
    diagnostics: Any = error.diag
    named = {
        "constraint": diagnostics.constraint_name,
        "column": diagnostics.column_name,
        "table": diagnostics.table_name,
    }
    details = {"sqlstate": str(error.pgcode)} | {key: str(value) for key, value in named.items() if value}
    return Problem(problem_code(str(error.pgcode)), None, primary_message(error), details)
