"""Connections that hooks open and do not close: a server has few, and each may hold locks."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as DriverConnection

log = logging.getLogger("ri_declarative")


@contextmanager
def leaks_told() -> Iterator[None]:
    """Warn of connections that were opened meanwhile and are still open.

    Only where the program's main thread waits for the run: elsewhere they may be another thread's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {id(connection) for connection in _open()}
    yield
    leaked = sum(id(connection) not in before for connection in _open())
    if leaked:
        log.warning(
            "%d database connection%s opened while the batch ran and not closed: a hook closes what it opens",
            leaked,
            " was" if leaked == 1 else "s were",
        )


def _open() -> list[DriverConnection]:
    return [found for found in gc.get_objects() if isinstance(found, DriverConnection) and not found.closed]
