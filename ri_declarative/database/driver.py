"""The driver's own cursor: for COPY and for generated SQL, which must not pass through parameter parsing."""

from __future__ import annotations

from typing import cast

from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection


def driver_cursor(connection: Connection) -> Cursor:
    """A psycopg2 cursor inside the open transaction of `connection`.

    SQLAlchemy reads `%` and `:name` in a statement as parameters; names of columns may hold both.
    """
    return cast(Cursor, connection.connection.cursor())
