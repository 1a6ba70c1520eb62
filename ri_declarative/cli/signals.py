"""Ctrl-C and friends during a run: the first asks for a stop, the second stops, the third kills.

Handlers only set a flag or raise: at the first one the engine finishes or rolls back its chunk
and the batch is left consistent. A hook that does not return keeps nobody after the second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE_S = 5.0  # after the second: the server needs two seconds at most, the rest is for the last words


class Signalled(KeyboardInterrupt):
    """A second signal came: leave now. `exit_code` is 128 + its number."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.exit_code = 128 + signum


class StopFlag:
    """A context manager that catches signals; calling it tells whether one has come (`should_stop`).

    A signal that the parent process had set to be ignored (nohup, background jobs) stays ignored.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._times = 0
        self._deadline: threading.Timer | None = None
        self._previous: dict[int, Any] = {}

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, None when none has come."""
        return None if self.signum is None else 128 + self.signum

    def __call__(self) -> bool:
        return self.signum is not None

    def __enter__(self) -> StopFlag:
        for signum in _SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                self._previous[signum] = signal.signal(signum, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        self._times += 1
        self.signum = signum
        if self._times == 1:
            _tell("stopping after this chunk; once more stops at once")
        if self._times == 2:
            self._deadline = threading.Timer(_GRACE_S, self._leave)
            self._deadline.daemon = True
            self._deadline.start()
            raise Signalled(signum)
        if self._times > 2:
            self._leave()

    def _leave(self) -> None:
        """Without waiting for a thread that hangs; the database rolls back, and the lease ends by itself."""
        assert self.exit_code is not None
        _tell("left in the middle of a chunk, which is rolled back; ri resume --wait goes on")
        os._exit(self.exit_code)


def _tell(line: str) -> None:
    """A line on stderr at once: the main thread may be waiting for stdin and not ask for a while.

    Past Python's buffers, which the signal may have interrupted; after a line break, so that a
    progress bar does not paint over it.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"\n{line}\n".encode())
