"""Which process serves a cluster, with proof: the only module that sends a signal to a PostgreSQL.

The number in `postmaster.pid` outlives its process and may name a stranger by now. A process is ours only when
- the kernel names it as the one that listens at our private socket (SO_PEERCRED), or
- its socket being lost, it is a `postgres` whose working folder is our data folder (/proc; Linux only).
A signal goes through a pidfd, which cannot pass on to a later process of the same number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ri_declarative.database.embedded.server_user import ServerUser, is_private

PORT = 5432  # a file name's part only: nothing listens on TCP
SUPERUSER = "ri"


@dataclass(frozen=True)
class Cluster:
    """A data folder, the user that owns it and the places that belong to its server."""

    data: Path
    lock: Path  # the server lock
    log: Path
    socket_dir: Path  # short (a socket's path has at most 107 bytes), private to the user
    user: ServerUser

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self.socket_dir / f".s.PGSQL.{PORT}"

    def dsn(self, database: str) -> str:
        """A libpq connection string; without PG* variables around it (connecting.py) it says everything."""
        return f"host={self.socket_dir} port={PORT} user={SUPERUSER} dbname={database}"


def is_listening(cluster: Cluster) -> bool:
    """Whether a server accepts at the socket; it may still be starting, or be full."""
    with _client(cluster) as client:
        return client is not None


def server_pid(cluster: Cluster) -> int | None:
    """The postmaster's process id, proven; None when there is none, or none that can be seen from here."""
    pid = _listener(cluster)
    return hand_started_pid(cluster) if pid is None else pid


def hand_started_pid(cluster: Cluster) -> int | None:
    """The process that `postmaster.pid` names, if it is a postgres at work in our data folder."""
    pid = _recorded_pid(cluster)
    return pid if pid is not None and _is_at_work(pid, cluster.data) else None


def is_left_over(cluster: Cluster) -> bool:
    """Whether the listener serves an earlier folder at this path, which was removed under it.

    A postmaster.pid that is cut off or gone proves nothing where the kernel shows the folder the server works in.
    """
    pid = _listener(cluster)
    return pid is not None and _recorded_pid(cluster) != pid and not _is_at_work(pid, cluster.data)


def send(cluster: Cluster, number: signal.Signals) -> None:
    """Nothing; the server has been told, if there is one that is proven to be ours."""
    pid = server_pid(cluster)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform != "linux":
            os.kill(pid, number)
            return
        handle = os.pidfd_open(pid)
        try:
            if server_pid(cluster) == pid:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _client(cluster: Cluster) -> Iterator[socket.socket | None]:
    """A bare connection to the socket, None when nobody listens there, or a stranger does."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            if not is_private(cluster.socket_dir, cluster.user):
                yield None
                return
            client.connect(str(cluster.socket))
        except (FileNotFoundError, ConnectionRefusedError):
            yield None
            return
        yield client


def _listener(cluster: Cluster) -> int | None:
    """The process that listens at our socket, as the kernel knows it."""
    with _client(cluster) as client:
        if client is None:
            return None
        if sys.platform == "darwin":
            return client.getsockopt(0, 2)  # SOL_LOCAL, LOCAL_PEERPID
        pid, uid, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid) if pid > 0 and uid == cluster.user.uid else None  # 0: it lives in another container


def _recorded_pid(cluster: Cluster) -> int | None:
    """The number in postmaster.pid: a hint, never a proof."""
    try:
        text = (cluster.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
        return int(text.partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _is_at_work(pid: int, data: Path) -> bool:
    process = Path("/proc", str(pid))
    try:
        program = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
        return program == "postgres" and (process / "cwd").samefile(data)
    except OSError:
        return False
