"""The test session's own PostgreSQL: in a temporary folder, without TCP, without fsync; gone when the session is.

A guard process (this file, run as a program) stops the server and removes its folder when its standard input
ends, which the kernel sees to even when the test session is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg2
from psycopg2 import sql

from ri_declarative.database.embedded.cluster import SETTINGS, ensure_running, halt
from ri_declarative.database.embedded.home import cluster_of
from support.places import new_folder
from support.template import prepare_template

TEMPLATE = "ri_test_template"

# RI_TEST_PG_BIN=/usr/lib/postgresql/15/bin runs the suite on that PostgreSQL (conftest.py sees to it).
BIN_DIR = os.environ.get("RI_TEST_PG_BIN")

UNSAFE_AND_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_prepared_transactions": "0",
}


@dataclass(frozen=True)
class Server:
    """A running server with a template database."""

    socket_dir: Path

    def url(self, database: str) -> str:
        """A URL that psycopg2 takes, and SQLAlchemy after its first word is made postgresql+psycopg2."""
        return f"postgresql://ri@/{database}?host={self.socket_dir}&port=5432"

    @contextlib.contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Within: the URL of a copy of the template, which is dropped afterwards whoever is connected."""
        name = f"test_{next(_numbers)}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        try:
            yield self.url(name)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def make_template(self) -> None:
        """Nothing; the template is there."""
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        with contextlib.closing(psycopg2.connect(self.url(TEMPLATE))) as connection:
            prepare_template(connection)
            connection.commit()

    def _run(self, statement: sql.Composable) -> None:
        with contextlib.closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


_numbers = count(1)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Within: a server of our own; afterwards neither a process nor a file of it is left."""
    home = new_folder("ri-test-")
    home.chmod(0o711)  # as root, the server runs as another user
    guard = subprocess.Popen(
        [sys.executable, "-m", "support.postgres", home],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        start_new_session=True,  # the terminal's Ctrl-C is for the tests
    )
    try:
        ensure_running(cluster_of(home), settings={**SETTINGS, **UNSAFE_AND_FAST})
        server = Server(cluster_of(home).socket_dir)
        server.make_template()
        yield server
    finally:
        guard.communicate(timeout=60)


def _guard(home: Path) -> None:
    sys.stdin.read()
    try:
        halt(cluster_of(home))
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
