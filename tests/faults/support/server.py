"""A PostgreSQL of the fault suite's own, which tests may crash and start again.

    def test_…(fault_server: FaultServer, fault_database: Database): …     (fixtures of faults/conftest.py)

    fault_database.url          what `ri` is told: TCP, a role without privileges of its own, PASSWORD in the address
    fault_database.admin_url    the superuser through the socket; `fault_database.sql("SELECT …")` uses it
    fault_server.crash()        an immediate shutdown, as a power cut; then start(), or restart(max_connections="8")
    fault_server.socket_dir, .port      for a proxy or a pgbouncer in front of it (both socket and TCP use .port)

What was committed outlives a crash of the server (synchronous_commit is on), not one of the machine (fsync is off).
The folder and the server are gone when the session is, even when it is killed (`python -m faults.support.server`).
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from support.embedded import connected, eventually
from support.places import new_folder
from support.template import prepare_template

from ri_declarative.database.embedded import postmaster
from ri_declarative.database.embedded.binaries import find_binaries, reachable_by
from ri_declarative.database.embedded.cluster import SETTINGS
from ri_declarative.database.embedded.postmaster import SUPERUSER, Cluster
from ri_declarative.database.embedded.server_user import make_owned_folder, run_tool, server_user, spawn_detached

ROLE = "importer"
PASSWORD = "planted-Pa55word"
TEMPLATE = "ri_faults_template"
FAST_ENOUGH = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "synchronous_commit": "on"}
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Database:
    """A database of one test."""

    name: str
    url: str  # as ROLE, who owns it
    admin_url: str

    def sql(self, statement: str | sql.Composable, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run SQL as the superuser, committed at once; the rows, if there are any."""
        with connected(self.admin_url) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description is not None else []


@dataclass(frozen=True)
class FaultServer:
    """A data folder with a template database, and the server that serves it when it is started."""

    cluster: Cluster
    bin_dir: Path
    port: int  # of 127.0.0.1; the socket's name has it, too

    @property
    def socket_dir(self) -> Path:
        """Where the socket .s.PGSQL.PORT is."""
        return self.cluster.socket_dir

    def url(self, database: str) -> str:
        """What `ri` is told: over TCP, with a password that is really asked for."""
        return f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = "postgres") -> str:
        """The superuser, through the socket."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.socket_dir}&port={self.port}"

    def start(self, **settings: str) -> None:
        """Nothing; the server accepts connections, after it has recovered where it has to."""
        ours = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir),
        }
        options = [f"-c{name}={value}" for name, value in {**SETTINGS, **FAST_ENOUGH, **settings, **ours}.items()]
        command: list[str | Path] = [self.bin_dir / "postgres", "-D", self.cluster.data, *options]
        with self.cluster.log.open("ab") as log:
            spawn_detached(command, self.cluster.user, log=log.fileno(), keep=[])
        assert eventually(self.accepts, within_s=PATIENCE_S), self.cluster.log.read_text()[-2000:]

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Nothing; the server is gone, if there was one: SIGINT lets nobody finish, SIGTERM waits for all."""
        postmaster.send(self.cluster, number)
        assert eventually(self._is_gone, within_s=PATIENCE_S), self.cluster.log.read_text()[-2000:]

    def crash(self) -> None:
        """Nothing; the server is gone without a checkpoint or a word to its clients (immediate shutdown)."""
        self.stop(signal.SIGQUIT)

    def restart(self, **settings: str) -> None:
        """Nothing; stopped and started, with these settings until the next start."""
        self.stop()
        self.start(**settings)

    def accepts(self) -> bool:
        """Whether somebody can connect."""
        try:
            psycopg2.connect(self.admin_url()).close()
        except psycopg2.OperationalError:
            return False
        return True

    def database(self, name: str) -> Database:
        """The one of that name."""
        return Database(name, self.url(name), self.admin_url(name))

    @contextlib.contextmanager
    def fresh_database(self, template: str = TEMPLATE) -> Iterator[Database]:
        """Within: a copy of the template with the bookkeeping tables; dropped afterwards whoever is connected."""
        name = f"faults_{next(_numbers)}"
        self.run("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY wal_log", name, template, ROLE)
        try:
            yield self.database(name)
        finally:
            if not self.accepts():
                self.start()
            self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def run(self, statement: str, *names: str) -> None:
        """Nothing; the statement, with the names in its {}, was run by the superuser outside a transaction."""
        with connected(self.admin_url()) as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def make_template(self) -> None:
        """Nothing; the role and the template are there."""
        with connected(self.admin_url()) as cursor:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(ROLE)), (PASSWORD,))
        self.run("CREATE DATABASE {} OWNER {}", TEMPLATE, ROLE)
        with contextlib.closing(psycopg2.connect(self.url(TEMPLATE))) as connection:
            prepare_template(connection)
            connection.commit()

    def _is_gone(self) -> bool:
        return postmaster.server_pid(self.cluster) is None and not (self.cluster.data / "postmaster.pid").exists()


_numbers = count(1)


@contextlib.contextmanager
def running_fault_server() -> Iterator[FaultServer]:
    """Within: a server of our own; afterwards neither a process nor a file of it is left."""
    home = new_folder("ri-faults-")
    home.chmod(0o711)  # as root, the server runs as another user
    guard = subprocess.Popen(
        [sys.executable, "-m", "faults.support.server", home],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,  # the terminal's Ctrl-C is for the tests
    )
    try:
        server = _made(home)
        server.start()
        server.make_template()
        yield server
    finally:
        guard.communicate(timeout=2 * PATIENCE_S)


def _made(home: Path) -> FaultServer:
    """A server that has never been started, for the machine's own tests: trusted in its socket, not over TCP."""
    cluster = _cluster(home)
    bin_dir = reachable_by(cluster.user, find_binaries()).bin_dir
    make_owned_folder(cluster.socket_dir, cluster.user)
    options = ["--locale=C.UTF-8", "--encoding=UTF8", "--auth-local=trust", "--auth-host=scram-sha-256"]
    make_owned_folder(cluster.data, cluster.user)
    code, output = run_tool([bin_dir / "initdb", "-D", cluster.data, "-U", SUPERUSER, *options], cluster.user)
    assert code == 0, output
    return FaultServer(cluster, bin_dir, _free_port())


def _cluster(home: Path) -> Cluster:
    data = home / "data"
    return Cluster(data, home / "lock", home / "log", home / "socket", server_user(data))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _guard(home: Path) -> None:
    sys.stdin.read()
    try:
        postmaster.send(_cluster(home), signal.SIGQUIT)
        eventually(lambda: postmaster.server_pid(_cluster(home)) is None, within_s=PATIENCE_S)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
