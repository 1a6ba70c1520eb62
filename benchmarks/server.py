"""A PostgreSQL of the benchmark's own: as it comes, in a temporary folder on the disk, gone when the benchmark is.

Default configuration, fsync included; it only listens at a socket in that folder instead of TCP. The programs are those
of the wheel, or in RI_BENCH_PG_BIN, such as /usr/lib/postgresql/15/bin.

A guard process (this file, run as a program) stops the server and removes its folder when its standard input ends,
which the kernel sees to even when the benchmark is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2

from ri_declarative.database.embedded import no_pg_variables, postmaster
from ri_declarative.database.embedded.binaries import find_binaries, reachable_by
from ri_declarative.database.embedded.postmaster import PORT, SUPERUSER, Cluster
from ri_declarative.database.embedded.server_user import make_owned_folder, run_tool, server_user, spawn_detached

FOLDER = Path("/var/tmp")  # not /tmp, which may lie in memory
PATIENCE_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True)
class Server:
    """A running server, and one of its databases."""

    home: Path  # for the benchmark's files, too; every user may enter it
    bin_dir: Path
    socket_dir: Path
    database: str = "postgres"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "log"

    @property
    def url(self) -> str:
        """The database through the socket."""
        return f"postgresql://{SUPERUSER}@/{self.database}?host={self.socket_dir}"

    def new_database(self, name: str) -> Server:
        """The same server with an empty database of that name."""
        self.run(f"CREATE DATABASE {name}")
        return replace(self, database=name)

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows, if there are any; committed at once."""
        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True  # VACUUM asks for it
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def value(self, query: str) -> Any:
        """The first column of the first row."""
        return self.run(query)[0][0]


@contextlib.contextmanager
def running_server(folder: Path = FOLDER) -> Iterator[Server]:
    """Within: a server of our own in a new folder of `folder`; neither a process nor a file of it stays."""
    home = Path(tempfile.mkdtemp(prefix="ri-bench-", dir=folder))
    home.chmod(0o711)  # as root, the server runs as another user
    guard = subprocess.Popen([sys.executable, __file__, home], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield _started(home)
    finally:
        guard.communicate(timeout=2 * PATIENCE_S)


def _started(home: Path) -> Server:
    cluster = _cluster(home)
    bin_dir = reachable_by(cluster.user, find_binaries(environ=_with_chosen_programs())).bin_dir
    server = Server(home, bin_dir, cluster.socket_dir)
    _create(cluster, bin_dir)
    places = {"listen_addresses": "", "port": PORT, "unix_socket_directories": cluster.socket_dir}
    options = [f"-c{name}={value}" for name, value in places.items()]
    with server.log.open("ab") as log:
        spawn_detached([bin_dir / "postgres", "-D", cluster.data, *options], cluster.user, log=log.fileno(), keep=[])
    _wait_for(server)
    return server


def _create(cluster: Cluster, bin_dir: Path) -> None:
    make_owned_folder(cluster.socket_dir, cluster.user)
    make_owned_folder(cluster.data, cluster.user)
    options = ["--locale=C.UTF-8", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]
    code, said = run_tool([bin_dir / "initdb", "-D", cluster.data, "-U", SUPERUSER, *options], cluster.user)
    if code:
        raise SystemExit(said)


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg2.connect(server.url).close()
            return
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise SystemExit(server.log.read_text()) from None
            time.sleep(POLL_S)


def _with_chosen_programs() -> dict[str, str]:
    chosen = os.environ.get("RI_BENCH_PG_BIN")
    return {**os.environ, **({"RI_PG_BIN": chosen} if chosen else {})}


def clean_environment() -> dict[str, str]:
    """The environment without what would lead a program to another database."""
    return {name: value for name, value in no_pg_variables(os.environ).items() if not name.endswith("DATABASE_URL")}


def _cluster(home: Path) -> Cluster:
    data = home / "data"
    return Cluster(data, home / "lock", home / "log", home / "socket", server_user(data))


def _guard(home: Path) -> None:
    sys.stdin.read()
    try:
        cluster = _cluster(home)
        postmaster.send(cluster, signal.SIGQUIT)
        deadline = time.monotonic() + PATIENCE_S
        while postmaster.server_pid(cluster) is not None and time.monotonic() < deadline:
            time.sleep(POLL_S)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
