"""Whether a run may begin: books there, server writable, privileges held. Asked before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from ri_declarative.database.migrations import check_version
from ri_declarative.database.queries import queries
from ri_declarative.errors import DatabaseError, StoppedError


def check_readiness(connection: Connection, schema: str) -> None:
    """Raise DatabaseError naming role and object when a run could not be booked."""
    found = connection.execute(text(queries("catalogue")["readiness"]), {"schema": schema}).mappings().one()
    if found["standby"] or found["read_only"]:
        what = "is a standby" if found["standby"] else "only reads (default_transaction_read_only)"
        raise DatabaseError("read-only", f"the server {what}: nothing can be imported", hint="connect to the primary")
    if found["denied"]:
        denied = ", ".join(found["denied"])
        raise DatabaseError("privilege", f'role {found["role"]} lacks {denied} in schema "{schema}"')
    check_version(connection, schema)
    if not found["may_temp"]:
        raise DatabaseError(
            "privilege",
            f"role {found['role']} may not create temporary tables in this database",
            hint=f"GRANT TEMPORARY ON DATABASE … TO {found['role']}",
        )


@contextmanager
def before_any_run() -> Iterator[None]:
    """A block in which nothing has begun yet that could be stopped: its StoppedError is a DatabaseError.

    >>> with before_any_run():
    ...     raise StoppedError("db.world", "out of memory", hint="try later")
    Traceback (most recent call last):
    ri_declarative.errors.DatabaseError: error[db.world] out of memory
      try later
    """
    try:
        yield
    except StoppedError as stopped:
        raise DatabaseError(stopped.code, stopped.message, hint=stopped.hint) from stopped
