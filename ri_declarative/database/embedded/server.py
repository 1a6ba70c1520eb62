"""The embedded PostgreSQL of a project: attached to, started, stopped, asked for its state.

Every process that uses it holds a shared lock, which the kernel gives back however the process ends. A watcher
(watcher.py) stops the server when nobody has used it for a while. Lock order: users, then start.

    with attach(root) as server:
        psycopg2.connect(server.dsn)
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psycopg2

from ri_declarative.database.embedded import locks, postmaster
from ri_declarative.database.embedded.cluster import connects, ensure_running, halt
from ri_declarative.database.embedded.home import (
    KEEP,
    START_LOCK,
    USERS_LOCK,
    WATCHER_LOCK,
    cluster_of,
    find_home,
    make_home,
    readable_errors,
)
from ri_declarative.database.embedded.postmaster import PORT, SUPERUSER, Cluster
from ri_declarative.database.embedded.server_user import current_user, spawn_detached
from ri_declarative.errors import DatabaseError

DATABASE = "ri"
IDLE_S = 60.0  # how long a server that nobody uses stays; RI_EMBEDDED_IDLE_S
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
    with readable_errors(root), locks.held(home / USERS_LOCK, timeout_s=IN_USE_PATIENCE_S) as unused:
        if not unused:
            raise DatabaseError(
                "embedded-in-use",
                f"the embedded database in {home} is in use by another ri",
                hint="try again when it has ended",
            )
        with locks.held(home / START_LOCK, timeout_s=LOCK_TIMEOUT_S) as alone:
            if not alone:
                raise _stuck(home)
            (home / KEEP).unlink(missing_ok=True)
            return halt(cluster_of(home))


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
    with locks.held(home / START_LOCK, timeout_s=LOCK_TIMEOUT_S) as alone:
        if not alone:
            raise _stuck(home)
        ensure_running(cluster_of(home), may_stop=lambda: _only_us(users))
        cluster = cluster_of(home)  # the data folder has its owner now
        _ensure_database(cluster)
        _ensure_watcher(home)
        return _server(cluster)


def _only_us(users: int) -> bool:
    """Whether no other process uses the server; our own use goes on either way."""
    alone = locks.try_lock(users, locks.EXCLUSIVE)
    locks.wait_lock(users, locks.SHARED, LOCK_TIMEOUT_S)
    return alone


def _server(cluster: Cluster) -> EmbeddedServer:
    url = f"postgresql+psycopg2://{SUPERUSER}@/{DATABASE}?host={cluster.socket_dir}&port={PORT}"
    return EmbeddedServer(url, cluster.dsn(DATABASE))


def _ensure_database(cluster: Cluster) -> None:
    connection = psycopg2.connect(cluster.dsn("postgres"), options="")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
            if not cursor.rowcount:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


def _ensure_watcher(home: Path) -> None:
    """Nothing; a watcher lives. It inherits its lock, so that there is never a moment without one."""
    lock = locks.open_lock(home / WATCHER_LOCK)
    log = os.open(cluster_of(home).log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if locks.try_lock(lock):
            module = "ri_declarative.database.embedded.watcher"
            command: list[str | Path] = [sys.executable, "-P", "-m", module, home, str(lock), str(_idle_s())]
            spawn_detached(command, current_user(), log=log, keep=[lock], environment=_watcher_environment())
    finally:
        os.close(log)
        os.close(lock)


def _idle_s() -> float:
    given = os.environ.get("RI_EMBEDDED_IDLE_S", "")
    try:
        return float(given or IDLE_S)
    except ValueError:
        raise DatabaseError(
            "embedded-idle",
            f'RI_EMBEDDED_IDLE_S is a number of seconds, not "{given}"',
            hint="set it to 60, or unset it",
        ) from None


def _watcher_environment() -> dict[str, str]:
    """What the watcher gets of our environment: where its modules are. It runs in another folder."""
    names = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    package = Path(__file__).parents[2]
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if package.name not in ("site-packages", "dist-packages"):  # these are found anyway, after the standard library
        given.append(str(package))
    return {**kept, "PYTHONPATH": os.pathsep.join(given)}


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
