"""What is in an embedded database, as told to a person who is about to remove it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import psycopg2

from ri_declarative.database.embedded.connecting import without_pg_variables
from ri_declarative.database.embedded.server import attach
from ri_declarative.errors import DatabaseError

# The server's own estimate of rows: counting big tables would take longer than removing them.
_TABLES = """
SELECT schemaname || '.' || relname, n_live_tup, pg_total_relation_size(relid)
FROM pg_stat_user_tables ORDER BY 3 DESC, 1
"""


class Table(NamedTuple):
    """A table of the database."""

    name: str  # with its schema
    rows: int  # as the server estimates; 0 after a crash
    size_bytes: int  # with indexes


def contents(root: Path) -> list[Table] | None:
    """The tables, biggest first; None when the database cannot be asked (damaged, of another version).

    Starts the server when need be.
    """
    try:
        with attach(root) as server:
            with without_pg_variables():
                connection = psycopg2.connect(server.dsn)
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(_TABLES)
                return [Table(*row) for row in cursor.fetchall()]
    except (DatabaseError, psycopg2.Error):
        return None
