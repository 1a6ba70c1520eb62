"""What a run is to read, before anything is read as records: a file's digest, and a spool for what comes only once.

Standard input and pipes cannot be read twice. They are kept in a spool until their batch has ended, so that an
interrupted import can be resumed, and so that their digest is known before the first record is imported.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import select
import stat
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, BinaryIO, cast

from ri_declarative.errors import SourceError, StoppedError
from ri_declarative.sources.open import STDIN, STDIN_ARGUMENT, unreadable

SPOOL_FOLDER = "spool"  # in .ri/
MOST_SPOOLED_BYTES = 16 * 1024**3
_ARRIVING = "arriving-"  # a file that nobody holds a lock on was left by a process that died
_BLOCK_BYTES = 256 * 1024
_POLL_S = 0.2


@dataclass
class Incoming:
    """A file that can be read twice."""

    path: Path
    name: str  # as a person knows it: "<stdin>"
    sha256: str
    is_spooled: bool = False

    def keep_as(self, batch_id: str) -> None:
        """A file that arrives belongs to a batch from now on: it stays when the process ends."""
        if self.path.name.startswith(_ARRIVING):
            self.path = self.path.rename(spool_of(self.path.parent, batch_id))


@contextlib.contextmanager
def receive(
    file: str | Path,
    folder: Path,
    *,
    stdin: BinaryIO | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    most_bytes: int = MOST_SPOOLED_BYTES,
) -> Iterator[Incoming]:
    """A file, or "-" for standard input, with its digest; what can be read only once is spooled in `folder`.

    A spooled file that was not kept is gone after the block. Raises SourceError when it cannot be read or kept,
    StoppedError "interrupted" when a stop is asked for while it arrives.
    """
    with _opened(file, stdin) as raw:
        is_stdin = str(file) == STDIN_ARGUMENT  # read once, even if it is a file: nobody knows its name later
        if not is_stdin and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            yield Incoming(Path(file), Path(file).name, _digest(raw, str(file)))
            return
        name = STDIN if is_stdin else Path(file).name
        with _spooled(raw, folder, name=name, should_stop=should_stop, most_bytes=most_bytes) as incoming:
            yield incoming


def spool_of(folder: Path, batch_id: str) -> Path:
    """Where the source of a batch is kept, if it is."""
    return folder / batch_id


def release_spool(folder: Path, batch_id: str) -> None:
    """Nobody will read the source of a batch again."""
    with contextlib.suppress(OSError):
        spool_of(folder, batch_id).unlink()


@contextlib.contextmanager
def _opened(file: str | Path, stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    if str(file) == STDIN_ARGUMENT:
        if stdin is None and sys.stdin is None:
            raise SourceError("source-unreadable", f"{STDIN}: is closed")
        yield stdin or sys.stdin.buffer
        return
    path = Path(file)
    if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises for a name that is too long
        raise SourceError("source-unreadable", f"{path}: is a folder", hint="name the files in it")
    try:
        raw = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with raw:
        yield raw


def _digest(raw: BinaryIO, name: str) -> str:
    try:
        return hashlib.file_digest(cast(BufferedReader, raw), "sha256").hexdigest()
    except OSError as error:
        raise SourceError("source-unreadable", f"{name}: cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def _spooled(
    raw: BinaryIO, folder: Path, *, name: str, should_stop: Callable[[], bool], most_bytes: int
) -> Iterator[Incoming]:
    with _writing_errors(folder):
        path, kept = _arriving(folder)
    try:
        with kept:
            sha256 = _copy(raw, kept, folder, name=name, should_stop=should_stop, most_bytes=most_bytes)
            yield Incoming(path, name, sha256, is_spooled=True)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _arriving(folder: Path) -> tuple[Path, IO[bytes]]:
    """A new file that we hold a lock on: nobody takes it for one that was left behind."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_left_behind(folder)
    while True:
        path = folder / f"{_ARRIVING}{uuid.uuid4()}"
        kept = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        fcntl.flock(kept, fcntl.LOCK_EX)
        if os.fstat(kept.fileno()).st_nlink:
            return path, kept
        kept.close()  # somebody was faster than our lock


def _copy(
    raw: BinaryIO, kept: IO[bytes], folder: Path, *, name: str, should_stop: Callable[[], bool], most_bytes: int
) -> str:
    """The digest of all bytes, which are on the disk then."""
    digest, size = hashlib.sha256(), 0
    while block := _next_block(raw, name, should_stop):
        size += len(block)
        if size > most_bytes:
            raise SourceError(
                "source-spool",
                f"{name}: more than {most_bytes:,} bytes came, which is what is kept of a source that can be read once",
                hint="write it to a file and import that",
            )
        digest.update(block)
        with _writing_errors(folder):
            kept.write(block)
    with _writing_errors(folder):
        kept.flush()
    return digest.hexdigest()


def _next_block(raw: BinaryIO, name: str, should_stop: Callable[[], bool]) -> bytes:
    try:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # what is no file cannot be waited for
            descriptor = raw.fileno()
            while not should_stop() and not select.select([descriptor], [], [], _POLL_S)[0]:
                pass
        if should_stop():
            raise StoppedError("interrupted", f"{name}: stopped while it arrived; nothing was imported")
        return raw.read1(_BLOCK_BYTES) if hasattr(raw, "read1") else raw.read(_BLOCK_BYTES)
    except OSError as error:
        raise SourceError("source-unreadable", f"{name}: cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def _writing_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            "source-spool",
            f"what can be read only once is kept in {folder}, which failed: {error.strerror}",
            hint="make room there, or write the data to a file and import that",
        ) from error


def _remove_left_behind(folder: Path) -> None:
    for path in folder.glob(f"{_ARRIVING}*"):
        with contextlib.suppress(OSError), path.open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
