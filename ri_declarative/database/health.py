"""What a server that answers says about itself: read only, and every question works for any role."""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.migrations import all_migrations, applied_version
from ri_declarative.database.queries import queries
from ri_declarative.errors import DatabaseError


class ServerHealth(NamedTuple):
    """One server, one database and the role that we are in it."""

    version: str
    encoding: str
    role: str
    name: str  # of the database
    standby: bool
    read_only: bool
    may_temp: bool
    may_migrate: bool  # may make the bookkeeping tables, or their schema
    data_dir: str | None  # None: we may not know, or it is on another machine
    books_version: int | None  # 0: there are none; None: we may not read it
    newest_books: int  # that this ri knows
    denied: tuple[str, ...]  # "INSERT on import_logs"
    clock_ahead_s: float  # the server's clock minus ours


def examine_server(engine: Engine, schema: str) -> ServerHealth:
    """The state of the database behind `engine`. Raises DatabaseError "database-unreachable" when it goes away."""
    try:
        with engine.connect() as connection:
            return _examined(connection, schema)
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise DatabaseError("database-unreachable", f"the database does not answer any more: {said}") from None


def _examined(connection: Connection, schema: str) -> ServerHealth:
    sql = queries("health")
    parameters = {"schema": schema}
    server = connection.execute(text(sql["server"]), parameters).mappings().one()
    hidden = connection.execute(text(sql["version_is_hidden"]), parameters).scalar()
    denied = connection.execute(text(sql["denied"]), parameters).scalars().all()
    return ServerHealth(
        **server,
        books_version=None if hidden else applied_version(connection, schema),
        newest_books=all_migrations()[-1].version,
        denied=tuple(denied),
        clock_ahead_s=_clock_ahead_s(connection, sql["clock"]),
    )


def _clock_ahead_s(connection: Connection, sql: str) -> float:
    """By how much the server's clock is ahead of ours; right to half the time that the question took."""
    before = time.time()
    server = connection.execute(text(sql)).scalar_one().timestamp()
    return float(server - (before + time.time()) / 2)
