"""The driver's own cursor: for COPY and for generated SQL, which must not pass through parameter parsing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection


def driver_cursor(connection: Connection) -> Cursor:
    """A psycopg2 cursor inside the open transaction of `connection`.

    SQLAlchemy reads `%` and `:name` in a statement as parameters; names of columns may hold both.
    """
    return cast(Cursor, connection.connection.cursor())


def in_transaction(connection: Connection) -> bool:
    """Whether the server has a transaction open, whatever SQLAlchemy thinks. A closed connection has none."""
    raw = connection.connection.dbapi_connection
    return raw is not None and not raw.closed and raw.info.transaction_status != TRANSACTION_STATUS_IDLE


def descriptor_of(connection: Connection) -> int | None:
    """The file descriptor that leads to the server; None: the connection is closed."""
    if connection.closed or connection.invalidated:
        return None
    raw = connection.connection.dbapi_connection
    return None if raw is None or raw.closed else int(raw.fileno())


def cut(descriptor: int | None) -> None:
    """End a connection from another thread: whoever waits for its answer gets an error at once."""
    if descriptor is not None:
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connected:
            connected.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """A block of statements that are short: after so many seconds `end` is called, from another thread."""
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
