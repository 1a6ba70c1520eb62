"""Connections to an embedded server, in which the caller's PG* variables have no say.

Most of them could be overruled word by word in the connection string (PGHOSTADDR would lead to another machine,
PGREQUIREAUTH refuses a server without passwords), but not PGSERVICE: when the service it names is missing, libpq
refuses every connection. So all of them are out of sight for the moment of connecting.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping

import psycopg2
from psycopg2.extensions import connection as Connection

from ri_declarative.database.embedded.postmaster import Cluster

CONNECT_TIMEOUT_S = 10

_hiding = threading.Lock()  # os.environ belongs to all threads: the second one must not restore what the first hid


def connect(cluster: Cluster, database: str) -> Connection:
    """A connection as the superuser. Raises psycopg2.OperationalError."""
    with without_pg_variables():
        return psycopg2.connect(cluster.dsn(database), connect_timeout=CONNECT_TIMEOUT_S)


@contextlib.contextmanager
def without_pg_variables() -> Iterator[None]:
    """Within: the environment has no PG* variables."""
    with _hiding:
        hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
        try:
            yield
        finally:
            os.environ.update(hidden)


def no_pg_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of the environment without PG* variables, for a program that connects.

    >>> no_pg_variables({"PGSERVICE": "gone", "PAGER": "less"})
    {'PAGER': 'less'}
    """
    return {name: value for name, value in environ.items() if not name.startswith("PG")}
