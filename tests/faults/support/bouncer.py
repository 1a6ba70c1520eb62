"""A pgbouncer in transaction mode: what is behind many companies' database addresses.

It refuses to run as root, so it runs as the user that PostgreSQL runs as. It lets everybody in (auth_type any)
and refuses start parameters that it does not know, which is its default and finds out who relies on them.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg2
from support.embedded import connected, eventually
from support.places import new_folder

from ri_declarative.database.embedded.server_user import ServerUser, make_owned_folder, server_user

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
PORT = 6432

SETTINGS = {
    "auth_type": "any",
    "admin_users": "anybody",
    "pool_mode": "transaction",
    "default_pool_size": "5",
    "min_pool_size": "0",
    "max_client_conn": "100",
    "server_login_retry": "0.2",  # seconds between attempts while the server is down; 15 by default
    "query_wait_timeout": "30",
    "listen_port": str(PORT),
    "logfile": "",
    "pidfile": "",
}


@dataclass(frozen=True)
class Bouncer:
    """A running pgbouncer."""

    socket_dir: Path
    log: Path

    def url(self, database: str) -> str:
        """The address of a database behind it; whoever asks is the user that pgbouncer connects as."""
        return f"postgresql://anybody@/{database}?host={self.socket_dir}&port={PORT}"

    def show(self, what: str) -> list[dict[str, str]]:
        """The rows of its console's SHOW command, like POOLS."""
        with connected(self.url("pgbouncer")) as cursor:
            cursor.execute(f"SHOW {what}")
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def command(self, words: str) -> None:
        """Nothing; its console has carried out KILL, RESUME, …"""
        with connected(self.url("pgbouncer")) as cursor:
            cursor.execute(words)

    def begin(self, words: str) -> None:
        """Nothing; its console has been asked, and may wait for something before it does it."""
        thread = threading.Thread(target=self.command, args=(words,), daemon=True)
        thread.start()


@contextlib.contextmanager
def running_bouncer(server: str, **settings: str) -> Iterator[Bouncer]:
    """Within: a pgbouncer for all databases of `server` ("host=… port=… user=…"); afterwards it is gone."""
    assert PROGRAM is not None
    home = new_folder("ri-bouncer-")
    home.chmod(0o755)
    user = server_user(home / "socket")  # not there yet: who owns what PostgreSQL makes
    socket_dir = home / "socket"
    make_owned_folder(socket_dir, user)
    values = {**SETTINGS, "unix_socket_dir": str(socket_dir), **settings}
    lines = [f"{name} = {value}" for name, value in values.items()]
    ini = home / "pgbouncer.ini"
    ini.write_text("\n".join(["[databases]", f"* = {server}", "[pgbouncer]", *lines]) + "\n")
    with (home / "pgbouncer.log").open("wb") as log:
        process = _started(ini, log, user)
    bouncer = Bouncer(socket_dir, home / "pgbouncer.log")
    try:
        assert eventually(lambda: _answers(bouncer) or process.poll() is not None)
        assert process.poll() is None, bouncer.log.read_text()
        yield bouncer
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(home)


def _answers(bouncer: Bouncer) -> bool:
    try:
        return bool(bouncer.show("VERSION"))
    except psycopg2.OperationalError:
        return False


def _started(ini: Path, log: IO[bytes], user: ServerUser) -> subprocess.Popen[bytes]:
    """The process, which stays in the foreground and is our child."""
    return subprocess.Popen(
        [str(PROGRAM), str(ini)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        user=user.uid if user.dropped else None,
        group=user.gid if user.dropped else None,
        extra_groups=[] if user.dropped else None,
        start_new_session=True,
    )
