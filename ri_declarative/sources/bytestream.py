"""The raw bytes of a source, block by block: counted, hashed, and checked to be whole.

Knows nothing of text or records.
"""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import UTC, datetime
from io import UnsupportedOperation
from typing import BinaryIO

from ri_declarative.errors import SourceFault

# Big enough that per-block work vanishes, small enough that 100 open sources are nothing.
BLOCK_BYTES = 256 * 1024


class ByteStream:
    """Blocks of a binary file. The file is closed by `close` only when this stream owns it."""

    def __init__(
        self,
        raw: BinaryIO,
        name: str,
        *,
        path: str | None = None,
        owned: bool = True,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.name = name
        self.path = path
        self.bytes_read = 0
        self.sha256: str | None = None
        self._raw = raw
        self._owned = owned
        self._block_bytes = block_bytes
        self._hash = hashlib.sha256()
        self._peeked: bytes | None = None
        self._stat = _regular_stat(raw)

    @property
    def size(self) -> int | None:
        """Bytes of a regular file when it was opened, None for anything else."""
        return self._stat.st_size if self._stat else None

    @property
    def mtime(self) -> str | None:
        """When a regular file was last written, ISO 8601 in UTC."""
        return datetime.fromtimestamp(self._stat.st_mtime, UTC).isoformat() if self._stat else None

    def peek(self) -> bytes:
        """The next block, which `read` will give again. At least 4 bytes when the file has them."""
        if self._peeked is None:
            self._peeked = self._take()
            while 0 < len(self._peeked) < 4 and (more := self._take()):
                self._peeked += more
        return self._peeked

    def read(self) -> bytes:
        """The next block, empty at the end. SourceFault when the file fails or has changed."""
        block = self._take() if self._peeked is None else self._peeked
        self._peeked = None
        return block

    def close(self) -> None:
        """Close the file when it is ours."""
        if self._owned:
            self._raw.close()

    def _take(self) -> bytes:
        try:
            block = self._raw.read(self._block_bytes)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SourceFault(
                "source-unreadable", f"{self.name}: cannot read on after byte {self.bytes_read}: {reason}"
            ) from error
        if block:
            self.bytes_read += len(block)
            self._hash.update(block)
        elif self.sha256 is None:
            self._check_unchanged()
            self.sha256 = self._hash.hexdigest()
        return block

    def _check_unchanged(self) -> None:
        """A file cut, grown or rewritten while it was read must not look complete."""
        now = _regular_stat(self._raw)
        if self._stat is None or now is None:
            return
        if (now.st_size, now.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns) or (
            self.bytes_read != self._stat.st_size
        ):
            raise SourceFault(
                "source-changed",
                f"{self.name}: the file changed while it was read "
                f"({self._stat.st_size} bytes at the start, {now.st_size} now, {self.bytes_read} read)",
                hint="wait until the file is written completely, then import it again",
            )


def _regular_stat(raw: BinaryIO) -> os.stat_result | None:
    try:
        found = os.fstat(raw.fileno())
    except (OSError, UnsupportedOperation, AttributeError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
