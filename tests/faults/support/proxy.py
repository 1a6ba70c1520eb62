"""A TCP proxy in front of PostgreSQL that fails on command: cuts, stalls, falls silent, delays, refuses.

One thread accepts, two per connection forward, one for each way. A fault comes now (`cut`, `stall`, …), or when
what has passed fulfils a trigger (`when`): so many bytes in a direction, or a certain moment of the n-th COMMIT.
Knows of PostgreSQL's protocol only what a COMMIT looks like, sent as a simple query (psycopg2 sends it so).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PATIENCE_S = 30.0


class Way(Enum):
    """The direction in which bytes travel."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class Moment(Enum):
    """Of a COMMIT: how far it and its answer come."""

    UNSENT = "the server never gets it"
    DONE = "it is done, no byte of the answer arrives"
    HALF_ANSWERED = "it is done, the answer is broken off"
    ANSWERED = "the answer has arrived, nothing after it will"


@dataclass(eq=False)
class Link:
    """One client's connection, and ours to the server for it."""

    client: socket.socket
    server: socket.socket
    gone: threading.Event = field(default_factory=threading.Event)  # cut: nothing is forwarded any more
    silent: threading.Event = field(default_factory=threading.Event)  # half open: the client is not told of the end
    pumps: int = 2


class Trigger(Protocol):
    """Watches what is about to be forwarded, on all connections; used under the proxy's lock."""

    def reached(self, link: Link, way: Way, data: bytes) -> int | None:
        """The bytes of `data` that are forwarded before it happens; None: it does not happen yet."""


class AfterBytes:
    """Happens when so many bytes have passed in one direction, counted from now on."""

    def __init__(self, count: int, way: Way) -> None:
        self._left, self._way = count, way

    def reached(self, link: Link, way: Way, data: bytes) -> int | None:
        if way is not self._way:
            return None
        self._left -= len(data)
        return None if self._left > 0 else len(data) + self._left


class AtCommit:
    """Happens at that moment of the n-th COMMIT from now on."""

    def __init__(self, moment: Moment, nth: int = 1) -> None:
        self._moment, self._missing = moment, nth
        self._asked: Link | None = None  # the connection whose COMMIT it is

    def reached(self, link: Link, way: Way, data: bytes) -> int | None:
        if way is Way.TO_SERVER:
            return self._sent(link, data)
        if link is not self._asked:
            return None
        return {Moment.DONE: 0, Moment.HALF_ANSWERED: len(data) // 2, Moment.ANSWERED: len(data)}[self._moment]

    def _sent(self, link: Link, data: bytes) -> int | None:
        place = data.find(COMMIT)
        if self._asked is not None or place < 0:
            return None
        self._missing -= 1
        if self._missing > 0:
            return None
        self._asked = link
        return place if self._moment is Moment.UNSENT else None


class Proxy:
    """Listens on a port of 127.0.0.1 and forwards to `server`: a socket's path, or host and port."""

    def __init__(self, server: Path | tuple[str, int]) -> None:
        self._server = server
        self._changed = threading.Condition()
        self._links: set[Link] = set()
        self._acceptors: list[threading.Thread] = []
        self._pumps: list[threading.Thread] = []
        self._passed = dict.fromkeys(Way, 0)
        self._commits = 0
        self._trigger: tuple[Trigger, Callable[[], None]] | None = None
        self._happened = threading.Event()
        self._stalled = False
        self._delay_s = 0.0
        self._listener: socket.socket | None = None
        self.port = 0
        self.accept()

    def url(self, address: str) -> str:
        """The address of a database with the proxy in the place of its server."""
        behind = make_url(address).set(host="127.0.0.1", port=self.port, query={})
        return behind.render_as_string(hide_password=False)

    def passed(self, way: Way) -> int:
        """The bytes that were forwarded in that direction, on all connections."""
        with self._changed:
            return self._passed[way]

    @property
    def commits(self) -> int:
        """How many COMMITs the server was sent."""
        with self._changed:
            return self._commits

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    def cut(self) -> None:
        """End all connections: clients get a reset, the server an end of file. New ones are welcome."""
        with self._changed:
            for link in self._links:
                link.gone.set()
                _wake(link.client)
                _wake(link.server)
            self._changed.notify_all()

    def half_open(self) -> None:
        """End all connections on the server's side; their clients hear nothing of it until `cut`."""
        with self._changed:
            for link in self._links:
                link.silent.set()
                with contextlib.suppress(OSError):
                    link.server.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """Forward nothing, until `go_on`; connections stay open and new ones are accepted."""
        with self._changed:
            self._stalled = True

    def go_on(self) -> None:
        """Forward again, what was held back first."""
        with self._changed:
            self._stalled = False
            self._changed.notify_all()

    def delay(self, seconds: float) -> None:
        """Let every piece of data wait so long before it is forwarded."""
        self._delay_s = seconds

    def refuse(self) -> None:
        """Nobody listens any more; connections that are open stay so."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _wake(listener)
            listener.close()

    def accept(self) -> None:
        """Listen again, on the same port."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=50)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._acceptors.append(_started(self._accept_from, listener))

    def when(self, trigger: Trigger, fault: Callable[[], None]) -> None:
        """Once, exactly when the trigger is reached, the fault happens. Replaces one that still waits."""
        with self._changed:
            self._trigger = (trigger, fault)
            self._happened.clear()

    def wait_until_it_happened(self) -> bool:
        """Whether the fault of `when` came in good time."""
        return self._happened.wait(PATIENCE_S)

    def has_happened(self) -> bool:
        """Whether the fault of `when` has come."""
        return self._happened.is_set()

    def close(self) -> None:
        """End everything; no thread and no socket is left."""
        self.refuse()
        _join(self._acceptors)  # none of them makes a connection any more
        self.go_on()
        self.cut()
        _join(self._pumps)

    # ── threads ──────────────────────────────────────────────────────────────────────────────

    def _accept_from(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed by `refuse`
                return
            try:
                link = Link(client, self._connected())
            except OSError:  # the server is down: libpq shall see what it sees of a server that is just going
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._links.add(link)
            self._pumps.append(_started(self._pump, link, link.client, link.server, Way.TO_SERVER))
            self._pumps.append(_started(self._pump, link, link.server, link.client, Way.TO_CLIENT))

    def _connected(self) -> socket.socket:
        if isinstance(self._server, tuple):
            return socket.create_connection(self._server)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._server))
        except OSError:
            connection.close()
            raise
        return connection

    def _pump(self, link: Link, source: socket.socket, sink: socket.socket, way: Way) -> None:
        with contextlib.suppress(OSError):
            while not link.gone.is_set() and (data := source.recv(65536)):
                self._forward(link, sink, way, data)
        if not link.gone.is_set() and not link.silent.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
        self._pump_ended(link)

    def _pump_ended(self, link: Link) -> None:
        with self._changed:
            link.pumps -= 1
            if link.pumps:
                return
            self._links.discard(link)
            if link.gone.is_set():
                with contextlib.suppress(OSError):
                    link.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            link.client.close()
            link.server.close()

    def _forward(self, link: Link, sink: socket.socket, way: Way, data: bytes) -> None:
        """Nothing; the data has been sent, or the connection is cut and it is lost."""
        if self._delay_s:
            link.gone.wait(self._delay_s)
        with self._changed:
            reached = self._trigger[0].reached(link, way, data) if self._trigger else None
            fault = self._trigger[1] if self._trigger and reached is not None else None
            if fault is not None:
                self._trigger = None
        if fault is None:
            self._send(link, sink, way, data)
            return
        self._send(link, sink, way, data[:reached])
        fault()
        self._happened.set()
        self._send(link, sink, way, data[reached:])

    def _send(self, link: Link, sink: socket.socket, way: Way, data: bytes) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._stalled or link.gone.is_set())
            # Counted first: who has got an answer may rely on its question being counted.
            self._passed[way] += len(data)
            self._commits += way is Way.TO_SERVER and COMMIT in data
        view = memoryview(data)
        try:
            while view and not link.gone.is_set() and not link.silent.is_set():
                if select.select([], [sink], [], 0.05)[1]:  # a stopped client must not keep us from being cut
                    with contextlib.suppress(BlockingIOError):
                        view = view[sink.send(view, socket.MSG_DONTWAIT) :]
        finally:
            with self._changed:
                self._passed[way] -= len(view)


def _wake(end: socket.socket) -> None:
    """Nothing; who waits to read here is told of an end, the other side of the connection of nothing."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RD)


def _started(work: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "a thread of the proxy hangs"


@contextlib.contextmanager
def running_proxy(server: Path | tuple[str, int]) -> Iterator[Proxy]:
    """Within: a proxy; afterwards all its connections are cut."""
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
