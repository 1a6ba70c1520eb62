"""A PostgreSQL data folder and its server: made, started, asked and stopped without harm to anybody else.

A server lives while the *server lock* is held. The postmaster inherits it and hands it on to its backends, so
it is free when, and only when, the last of them is gone, in whatever container they ran. Callers hold a lock of
their own around `ensure_running` and `halt`. Knows nothing of projects and of who uses the server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg2

from ri_declarative.database.embedded import locks, postmaster
from ri_declarative.database.embedded.binaries import find_binaries, reachable_by
from ri_declarative.database.embedded.connecting import connect
from ri_declarative.database.embedded.home import disk_full
from ri_declarative.database.embedded.postmaster import PORT, SUPERUSER, Cluster
from ri_declarative.database.embedded.server_user import (
    ensure_private_folder,
    make_owned_folder,
    run_tool,
    spawn_detached,
)
from ri_declarative.errors import DatabaseError

START_TIMEOUT_S = 120.0  # crash recovery after a big import may take its time
ORPHANS_TIMEOUT_S = 30.0  # backends see that their postmaster is gone when they next wait; an initdb ends
LOST_TIMEOUT_S = 1.0  # a living postmaster without a socket: just starting or stopping, or its socket is lost
HALT_TIMEOUT_S = 60.0
QUIT_TIMEOUT_S = 10.0
SMALLEST_SPACE_BYTES = 40_000_000  # less is left: initdb (38 MB), or a segment of the log (16 MB), does not fit

# The log must not hold cell values: "log" leaves out what statements complain of, and keeps the server's own news.
SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "50",
    "wal_level": "minimal",  # nobody replicates it; as safe, and less to write
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def connects(cluster: Cluster) -> bool:
    """Whether the cluster is alive: a connection to it works."""
    if not postmaster.is_listening(cluster):
        return False
    try:
        connect(cluster, "postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def ensure_running(
    cluster: Cluster, *, settings: Mapping[str, str] = SETTINGS, may_stop: Callable[[], bool] = lambda: True
) -> None:
    """Nothing; the server accepts connections. Makes the data folder when it is missing.

    `may_stop` is asked before a living server that nobody can reach any more is stopped. Raises DatabaseError
    "embedded-busy", "embedded-start", "embedded-version", "embedded-missing" or "embedded-socket".
    """
    if connects(cluster) and not postmaster.is_left_over(cluster):
        return
    with _server_lock(cluster) as guard:
        if not _take_over(cluster, guard, may_stop):
            return
        _start(cluster, guard, settings)
    # Our copy of the lock is closed: the server alone holds it now.
    if not _wait(lambda: connects(cluster) or locks.is_free(cluster.lock), START_TIMEOUT_S):
        halt(cluster)
    if not connects(cluster):
        _remove_socket_dir(cluster)
        raise failed("PostgreSQL does not start", cluster, _tail(cluster.log))


def halt(cluster: Cluster) -> bool:
    """Whether there was a server to stop; it and all its backends are gone, what was committed is safe.

    Raises DatabaseError "embedded-busy" when it is out of our reach.
    """
    if locks.is_free(cluster.lock):
        return False
    for number, patience_s in ((signal.SIGINT, HALT_TIMEOUT_S), (signal.SIGQUIT, QUIT_TIMEOUT_S)):
        if postmaster.server_pid(cluster) is None:
            patience_s = ORPHANS_TIMEOUT_S
        postmaster.send(cluster, number)
        if _wait(lambda: locks.is_free(cluster.lock), patience_s):
            _remove_socket_dir(cluster)
            return True
    raise _busy(cluster)


def discard(cluster: Cluster) -> bool:
    """Whether there was a data folder; it is gone. Raises DatabaseError "embedded-busy" when it is in use.

    Gone from the first step on, whenever we are killed: what then is left is thrown away by the next `_create`.
    """
    with _server_lock(cluster) as guard:
        if not locks.try_lock(guard) or postmaster.hand_started_pid(cluster) is not None:
            raise _busy(cluster)
        gone = cluster.data.with_name(f"{cluster.data.name}.old-{os.getpid()}")
        try:
            cluster.data.rename(gone)
        except FileNotFoundError:
            return False
        shutil.rmtree(gone)
        return True


def failed(what: str, cluster: Cluster, output: str = "") -> DatabaseError:
    """The error to raise, with PostgreSQL's last words; a disk without space is named as the likely cause."""
    said = "".join(f"\n    {line}" for line in output.strip().splitlines()[-6:])
    message = f"{what}{':' if said else ''}{said}"
    if _is_full(cluster):
        free_bytes = shutil.disk_usage(cluster.data.parent).free
        return disk_full(f"{message}\n    {free_bytes / 1e6:,.1f} MB are free in {cluster.data.parent}")
    return DatabaseError(
        "embedded-start",
        message,
        hint=f"see {cluster.log}; remove {cluster.data} to start afresh, or set RI_DATABASE_URL",
    )


def data_version(cluster: Cluster) -> int | None:
    """The major version that made the data folder, None when there is no such folder."""
    try:
        return int((cluster.data / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        if not cluster.data.exists():
            return None
        raise failed(f"{cluster.data} is there, but holds no PostgreSQL database", cluster) from None


@contextlib.contextmanager
def _server_lock(cluster: Cluster) -> Iterator[int]:
    guard = locks.open_lock(cluster.lock)
    try:
        yield guard
    finally:
        os.close(guard)


def _take_over(cluster: Cluster, guard: int, may_stop: Callable[[], bool]) -> bool:
    """Whether we hold the server lock now, so that no server lives; False: one is well after all."""
    if postmaster.is_left_over(cluster):
        postmaster.send(cluster, signal.SIGQUIT)  # its files are gone: there is nothing to save
        _wait(lambda: not postmaster.is_listening(cluster), QUIT_TIMEOUT_S)
    if _wait(lambda: locks.try_lock(guard) or connects(cluster), _patience_s(cluster)):
        return locks.try_lock(guard)
    if not postmaster.is_listening(cluster) and postmaster.server_pid(cluster) is not None and may_stop():
        halt(cluster)
        return locks.try_lock(guard)
    if _is_full(cluster):
        raise failed("PostgreSQL runs, but lets nobody in", cluster, _tail(cluster.log))
    raise _busy(cluster)


def _is_full(cluster: Cluster) -> bool:
    return shutil.disk_usage(cluster.data.parent).free < SMALLEST_SPACE_BYTES


def _patience_s(cluster: Cluster) -> float:
    if postmaster.is_listening(cluster):
        return LOST_TIMEOUT_S if _is_full(cluster) else START_TIMEOUT_S
    return ORPHANS_TIMEOUT_S if postmaster.server_pid(cluster) is None else LOST_TIMEOUT_S


def _start(cluster: Cluster, guard: int, settings: Mapping[str, str]) -> None:
    made_by = data_version(cluster)
    binaries = reachable_by(cluster.user, find_binaries(major=made_by))
    if made_by is None:
        _create(cluster, binaries.bin_dir, guard)
    _clear_stale(cluster)
    ensure_private_folder(cluster.socket_dir, cluster.user)
    ours = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(cluster.socket_dir),
        "unix_socket_permissions": "0700",
    }
    options = [word for name, value in {**settings, **ours}.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [binaries.bin_dir / "postgres", "-D", cluster.data, *options]
    log = _open_log(cluster.log)
    try:
        spawn_detached(command, cluster.user, log=log, keep=[guard])
    finally:
        os.close(log)


def _create(cluster: Cluster, bin_dir: Path, guard: int) -> None:
    """Nothing; the data folder is complete, or it is not there.

    initdb works in a folder of another name. What a killed run left of such is thrown away: initdb inherits
    the server lock, so that none of them can still be at work.
    """
    parent = cluster.data.parent
    for left in (*parent.glob(f"{cluster.data.name}.new-*"), *parent.glob(f"{cluster.data.name}.old-*")):
        shutil.rmtree(left)
    fresh = parent / f"{cluster.data.name}.new-{os.getpid()}"
    make_owned_folder(fresh, cluster.user)
    options = ["--locale=C.UTF-8", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    code, output = run_tool([bin_dir / "initdb", "-D", fresh, "-U", SUPERUSER, *options], cluster.user, keep=[guard])
    if code != 0:
        error = failed("PostgreSQL cannot make its data folder", cluster, output)  # looks at the space that is left
        shutil.rmtree(fresh, ignore_errors=True)
        raise error
    fresh.rename(cluster.data)
    _sync(parent)


def _clear_stale(cluster: Cluster) -> None:
    """Nothing; no file is left that would make PostgreSQL take a stranger's process for its own.

    We hold the server lock, but a server that somebody started by hand does not know of it.
    """
    if postmaster.hand_started_pid(cluster) is not None:
        raise _busy(cluster)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (cluster.socket.name, f"{cluster.socket.name}.lock"):
        (cluster.socket_dir / name).unlink(missing_ok=True)


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(locks.POLL_S)
    return True


def _open_log(path: Path) -> int:
    """A descriptor of a new log; the log of the start before is kept."""
    with contextlib.suppress(FileNotFoundError):
        path.replace(path.with_name(f"{path.name}.old"))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    locks.give_to_owner(log, path.parent)
    return log


def _remove_socket_dir(cluster: Cluster) -> None:
    with contextlib.suppress(OSError):
        cluster.socket_dir.rmdir()


def _tail(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _busy(cluster: Cluster) -> DatabaseError:
    return DatabaseError(
        "embedded-busy",
        f"the database in {cluster.data} is served by a PostgreSQL that cannot be used from here",
        hint="it is full, hangs, was started by hand or runs in another container: "
        "stop it where it runs, or set RI_DATABASE_URL",
    )
