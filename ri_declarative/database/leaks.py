"""Connections that hooks open and do not close: a server has few, and each may hold locks."""

from __future__ import annotations

import logging
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

log = logging.getLogger("ri_declarative")

_DESCRIPTORS = Path("/dev/fd")  # Linux and macOS: the process's own


@contextmanager
def leaks_told(own: Callable[[], int | None]) -> Iterator[None]:
    """Warn of connections to our server that were opened meanwhile and are still open, by whatever library.

    `own`: the descriptor of the run's own connection at its end, None when it has none. Only where the program's main
    thread waits for the run: elsewhere they may be another thread's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _peers()
    try:
        yield
    finally:
        descriptor = own()
        server = None if descriptor is None else _peer(descriptor)
        if server is not None:
            _tell(_peers()[server] - before[server] - 1)


def _tell(leaked: int) -> None:
    if leaked > 0:
        was = "database connection was" if leaked == 1 else "database connections were"
        log.warning("%d %s opened while the batch ran and not closed: a hook closes what it opens", leaked, was)


def _peers() -> Counter[Any]:
    """How many of this process's sockets are connected to whom."""
    found: Counter[Any] = Counter()
    with suppress(OSError):
        found.update(filter(None, (_peer(int(entry.name)) for entry in _DESCRIPTORS.iterdir())))
    return found


def _peer(descriptor: int) -> Any:
    """Whom a descriptor is connected to; None: it is no connected socket."""
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        with socket.socket(fileno=os.dup(descriptor)) as connected:
            return connected.getpeername() or None
    except OSError:
        return None
