"""The embedded PostgreSQL of a project: attached to, started, stopped, asked for its state.

Every process that uses it holds a shared lock, which the kernel gives back however the process ends. A watcher
(watcher.py) stops the server when nobody has used it for a while. Lock order: users, then start.

    with attach(root) as server:
        psycopg2.connect(server.dsn)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psycopg2

from ri_declarative.database.embedded import locks, postmaster
from ri_declarative.database.embedded.cluster import connects, discard, ensure_running, failed, halt
from ri_declarative.database.embedded.connecting import connect
from ri_declarative.database.embedded.home import (
    KEEP,
    START_LOCK,
    USERS_LOCK,
    cluster_of,
    find_home,
    make_home,
    readable_errors,
)
from ri_declarative.database.embedded.postmaster import PORT, SUPERUSER, Cluster
from ri_declarative.database.embedded.watcher_process import ensure_watcher
from ri_declarative.errors import DatabaseError

DATABASE = "ri"
LOCK_TIMEOUT_S = 150.0  # another ri starts or stops the server, at worst through a crash recovery
IN_USE_PATIENCE_S = 1.0  # a watcher holds the users' lock for a moment now and then


class EmbeddedServer(NamedTuple):
    """How to reach a running embedded server."""

    url: str  # for SQLAlchemy
    dsn: str  # for libpq and psycopg2


class Status(NamedTuple):
    """The state of a project's embedded server."""

    running: bool
    url: str | None  # None when it does not run
    version: int | None  # major, of the data folder; None when there is none yet
    data_dir: Path
    pid: int | None
    size_bytes: int | None  # of the data folder; None when there is none yet
    keep: bool  # started by `start`: runs until `stop`


@dataclass
class Attached:
    """A use of the embedded server: it is not stopped before `close`, or before this process ends."""

    server: EmbeddedServer
    _users_lock: int | None

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy."""
        return self.server.url

    @property
    def dsn(self) -> str:
        """The connection string for libpq."""
        return self.server.dsn

    def pass_on(self) -> None:
        """Nothing; a program that this process becomes (exec) uses the server in our place, until it ends."""
        if self._users_lock is not None:
            os.set_inheritable(self._users_lock, True)

    def close(self) -> None:
        """Nothing; as far as we are concerned, the server may be stopped. May be called again."""
        if self._users_lock is not None:
            os.close(self._users_lock)
            self._users_lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def attach(root: Path) -> Attached:
    """A use of the project's embedded server, which is made and started when need be.

    Raises DatabaseError with an "embedded-…" code; then nothing is held, and what was begun is thrown away
    by the next call.
    """
    with readable_errors(root):
        home = make_home(root)
        users = locks.open_lock(home / USERS_LOCK)
        try:
            if not locks.wait_lock(users, locks.SHARED, LOCK_TIMEOUT_S):
                raise _stuck(home)
            return Attached(_bring_up(home, users), users)
        except BaseException:
            os.close(users)
            raise


def start(root: Path) -> EmbeddedServer:
    """The project's embedded server, which now runs until `stop`."""
    with attach(root) as attached:
        with readable_errors(root):
            (find_home(root) / KEEP).touch()
        return attached.server


def stop(root: Path) -> bool:
    """Whether there was a server to stop. Raises DatabaseError "embedded-in-use" while another ri uses it."""
    home = find_home(root)
    if not home.is_dir():
        return False
    with readable_errors(root), _unused(home):
        (home / KEEP).unlink(missing_ok=True)
        return halt(cluster_of(home))


def remove(root: Path) -> bool:
    """Whether there was a database; it is gone with all that was in it, the server is stopped.

    Works on a damaged one, too. Raises DatabaseError "embedded-in-use" while another ri uses it.
    """
    home = find_home(root)
    if not home.is_dir():
        return False
    with readable_errors(root), _unused(home):
        (home / KEEP).unlink(missing_ok=True)
        halt(cluster_of(home))
        return discard(cluster_of(home))


def refuse_if_used(root: Path) -> None:
    """Nothing. Raises DatabaseError "embedded-in-use" while another ri uses the database."""
    home = find_home(root)
    if home.is_dir():
        with readable_errors(root), _unused(home):
            pass


def status(root: Path) -> Status:
    """The state of the project's embedded server; changes nothing."""
    home = find_home(root)
    with readable_errors(root):
        cluster = cluster_of(home)
        running = connects(cluster)
        return Status(
            running=running,
            url=_server(cluster).url if running else None,
            version=_version(cluster.data),
            data_dir=cluster.data,
            pid=postmaster.server_pid(cluster),
            size_bytes=_size_bytes(cluster.data),
            keep=(home / KEEP).exists(),
        )


def _bring_up(home: Path, users: int) -> EmbeddedServer:
    with _start_lock(home):
        ensure_watcher(home)  # first: a server that is started by an ri which is then killed has one
        ensure_running(cluster_of(home), may_stop=lambda: _only_us(users))
        cluster = cluster_of(home)  # the data folder has its owner now
        try:
            _ensure_database(cluster)
        except psycopg2.Error as error:  # a full disk
            raise failed("PostgreSQL runs, but its database cannot be made", cluster, str(error)) from error
        return _server(cluster)


@contextlib.contextmanager
def _unused(home: Path) -> Iterator[None]:
    """Within: no other ri uses the server, starts or stops it."""
    with locks.held(home / USERS_LOCK, timeout_s=IN_USE_PATIENCE_S) as unused:
        if not unused:
            raise DatabaseError(
                "embedded-in-use",
                f"the embedded database in {home} is in use by another ri",
                hint="try again when it has ended",
            )
        with _start_lock(home):
            yield


@contextlib.contextmanager
def _start_lock(home: Path) -> Iterator[None]:
    with locks.held(home / START_LOCK, timeout_s=LOCK_TIMEOUT_S) as alone:
        if not alone:
            raise _stuck(home)
        yield


def _only_us(users: int) -> bool:
    """Whether no other process uses the server; our own use goes on either way."""
    alone = locks.try_lock(users, locks.EXCLUSIVE)
    locks.wait_lock(users, locks.SHARED, LOCK_TIMEOUT_S)
    return alone


def _server(cluster: Cluster) -> EmbeddedServer:
    url = f"postgresql+psycopg2://{SUPERUSER}@/{DATABASE}?host={cluster.socket_dir}&port={PORT}"
    return EmbeddedServer(url, cluster.dsn(DATABASE))


def _ensure_database(cluster: Cluster) -> None:
    connection = connect(cluster, "postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
            if not cursor.rowcount:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


def _version(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def _size_bytes(data: Path) -> int | None:
    if not data.is_dir():
        return None
    total = 0
    for folder, _, names in os.walk(data):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except FileNotFoundError:  # the server tidies up while we look
                continue
    return total


def _stuck(home: Path) -> DatabaseError:
    return DatabaseError(
        "embedded-locked",
        f"another process has been starting or stopping the embedded database in {home} for a long time",
        hint="end that process (its lock ends with it), or set RI_DATABASE_URL",
    )
