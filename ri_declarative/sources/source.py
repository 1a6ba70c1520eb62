"""What every source is: an iterable of Records that knows what it reads and how far it is.

Knows no format. A new format is one module with one class that satisfies `open.Reader`, and
one line in `open.READERS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from ri_declarative.blocks import Piece
from ri_declarative.records import Record


@dataclass(frozen=True)
class SourceInfo:
    """What is known about a source before its first record is read."""

    name: str  # customers.csv, "<stdin>"
    path: str | None  # absolute; None for stdin
    format: str  # csv | tsv | json | jsonl
    encoding: str  # the codec the bytes are read with, "utf-8"
    size: int | None = None  # bytes; None for pipes
    mtime: str | None = None  # ISO 8601 in UTC; None for pipes
    header: tuple[str, ...] | None = None  # as in the file; None for formats without one
    delimiter: str | None = None  # None for formats without one
    records: int | None = None  # how many there are; None: known at the end

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values; the header is a list."""
        found = asdict(self)
        found["header"] = None if self.header is None else list(self.header)
        del found["records"]  # the batch's total
        return found


class ReadOptions(NamedTuple):
    """How to read a byte stream, as declared; None means: find out."""

    format: str
    encoding: str | None = None
    delimiter: str | None = None
    records: tuple[str, ...] = ()  # json: the keys that lead to the array of records; none: it is the document


class Source(Protocol):
    """Records in file order, once. Malformed ones come with problems, never as exceptions.

    Iterating raises StoppedError when the bytes cannot be read to their end or change meanwhile.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known before the first record."""

    @property
    def textual(self) -> bool:
        """True when every value is text (csv, tsv), False when values have types (json, jsonl)."""

    @property
    def bytes_read(self) -> int:
        """Bytes taken so far; runs ahead of the records by one block."""

    @property
    def sha256(self) -> str | None:
        """Hex digest of the raw bytes, None until iteration has ended."""

    def __iter__(self) -> Iterator[Record]: ...

    def pieces(self) -> Iterator[Piece]:
        """The same records, once, in blocks where several come out together."""

    def close(self) -> None:
        """Let go of the file. May be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
