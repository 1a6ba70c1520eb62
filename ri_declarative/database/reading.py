"""Statements that look at the database before a chunk is written, and may find that nothing can be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import cursor as Cursor

from ri_declarative.database.sqlstate import Fault, fault_of

# What a record, or our own statement, is to blame for: the set-based statement, or the walk, will say it.
TOLD_LATER = (Fault.RECORD, Fault.OURS, Fault.PIPELINE)


@contextmanager
def reading(cursor: Cursor) -> Iterator[None]:
    """A block that only reads: it ends where the server refuses something. What it sets is undone.

    Raises what is no record's fault.
    """
    cursor.execute("SAVEPOINT ri_read")
    try:
        yield
    except psycopg2.Error as error:
        if fault_of(error.pgcode) not in TOLD_LATER:
            raise
    cursor.execute("ROLLBACK TO SAVEPOINT ri_read; RELEASE SAVEPOINT ri_read")


def go_by_the_index(cursor: Cursor) -> None:
    """Within `reading`: rows are found by their keys' index. The planner likes to read the whole table for a chunk."""
    cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
