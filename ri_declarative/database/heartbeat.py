"""Keeps a lease alive while its owner works, and notices when the way to the server is dead but looks open.

A thread with a connection of its own for each beat. The server may lose our transaction without our hearing of it
(a firewall that forgets, a proxy that keeps one half open): no driver's call would ever return.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Self

from ri_declarative.database.ownership import Ownership
from ri_declarative.database.store import Store
from ri_declarative.errors import RiError

log = logging.getLogger("ri_declarative")

_BEATS_PER_LEASE = 4
_REFUSAL_S = 5.0  # what fails sooner was refused, by somebody: that is no silence
_LEAST_SILENCE_S = 20.0  # two attempts to connect


class Heartbeat:
    """A context manager around the work of an owner, who uses `store` in another thread."""

    def __init__(self, store: Store, owner: Ownership) -> None:
        self._watched, self._owner = store, owner
        self._store = store.another()
        self._ended = threading.Event()
        self._answered_at = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="ri-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._is_silent():
            self._store.cut()
        self._thread.join()

    def cut_when_silent(self) -> None:
        """When no beat was answered for longer than a lease, end both connections: their users then try anew."""
        if self._is_silent():
            log.warning("the database has been silent for %g s: connecting anew", self._silence_s)
            self._answered_at = time.monotonic()
            self._watched.cut()
            self._store.cut()

    @property
    def _silence_s(self) -> float:
        return max(self._watched.lease_s, _LEAST_SILENCE_S)

    def _is_silent(self) -> bool:
        return time.monotonic() - self._answered_at > self._silence_s

    def _beat(self) -> None:
        while not self._ended.wait(self._watched.lease_s / _BEATS_PER_LEASE):
            pid, asked_at = self._watched.backend_pid, time.monotonic()
            try:
                connected = self._store.renew(self._owner, backend_pid=pid)
            except RiError as error:  # the owner itself will find out whether the database is away
                if time.monotonic() - asked_at < _REFUSAL_S:
                    self._answered_at = time.monotonic()
                log.debug("lease of batch %s not renewed: %s", self._owner.batch_id, error.message)
                continue
            finally:
                self._store.close()
            self._answered_at = time.monotonic()
            if connected is False and self._watched.backend_pid == pid:
                log.warning("the server has lost the connection of batch %s: connecting anew", self._owner.batch_id)
                self._watched.cut()
