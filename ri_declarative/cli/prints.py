"""What somebody else's code prints while it works for a command: hooks, processor classes. stdout is for results."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast


@contextlib.contextmanager
def to_stderr() -> Iterator[None]:
    """A block in which what is printed goes to stderr, in all threads; a broken stderr fails nobody's record."""
    with contextlib.redirect_stdout(cast(TextIO, _Heedless(sys.stderr)) if sys.stderr is not None else None):
        yield


@contextlib.contextmanager
def to_nowhere() -> Iterator[None]:
    """A block in which nothing is printed: the shell is asking, in the middle of a line."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


class _Heedless:
    """A stream whose reader may be gone: what cannot be written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As if all had been written."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As if it had been."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
