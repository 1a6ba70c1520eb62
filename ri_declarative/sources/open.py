"""A path to a Source: the format by name or ending, and the one table of formats.

A new format: one module with a class like `DelimitedReader`, one line in `READERS`, its endings
in `ENDINGS`, and a test file of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from ri_declarative.blocks import Piece, one_by_one
from ri_declarative.errors import SourceError, SourceFault
from ri_declarative.records import Record
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.delimited import DelimitedReader
from ri_declarative.sources.json_array import JsonReader
from ri_declarative.sources.jsonlines import JsonLinesReader
from ri_declarative.sources.source import ReadOptions, Source, SourceInfo
from ri_declarative.words import did_you_mean


class Reader(Protocol):
    """One format: bytes → Records. Made for one stream, read once."""

    textual: bool
    info: SourceInfo

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None: ...

    def __iter__(self) -> Iterator[Piece]: ...


READERS: Mapping[str, type[Reader]] = {
    "csv": DelimitedReader,
    "tsv": DelimitedReader,
    "json": JsonReader,
    "jsonl": JsonLinesReader,
}
STDIN, STDIN_ARGUMENT = "<stdin>", "-"
ENDINGS = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class FileSource:
    """A reader and the stream it reads: satisfies `Source`."""

    def __init__(self, stream: ByteStream, reader: Reader) -> None:
        self.info, self.textual = reader.info, reader.textual
        self._stream = stream
        self._reader = reader

    @property
    def bytes_read(self) -> int:
        """Bytes taken so far, up to one block ahead of the records."""
        return self._stream.bytes_read

    @property
    def sha256(self) -> str | None:
        """Hex digest of the raw bytes, None until iteration has ended."""
        return self._stream.sha256

    def __iter__(self) -> Iterator[Record]:
        return iter(one_by_one(self._reader))

    def pieces(self) -> Iterator[Piece]:
        """The same records, as many at once as the reader gives."""
        return iter(self._reader)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_textual(format: str) -> bool:  # noqa: A002 - the pipeline language's word
    """Whether every value of a format is text; False for one that no reader has, like items of an application."""
    return format in READERS and READERS[format].textual


def open_source(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the pipeline language's word
    encoding: str | None = None,
    delimiter: str | None = None,
    records: Sequence[str] | None = None,
    name: str | None = None,
) -> Source:
    """The records of a file. Close it, or use `with`. `name`: what people know it by, "<stdin>" of a spooled one.

    `records`: the keys that lead to the array of records in a JSON document; none: it is the document.
    SourceError when the file is missing, unreadable, empty, of unknown format, or has no usable header.
    """
    options = ReadOptions(format_of(name or path, format), encoding, delimiter, tuple(records or ()))
    stream = _open_file(Path(path), name)
    try:
        _check_records(options, name=stream.name)
        return source_over(stream, lambda opened: READERS[options.format](opened, options))
    except BaseException:
        stream.close()
        raise


def source_over(stream: ByteStream, make: Callable[[ByteStream], Reader]) -> FileSource:
    """The stream's records by the reader that `make` makes. SourceError when that one cannot begin."""
    try:
        return FileSource(stream, make(stream))
    except SourceFault as fault:  # nothing has begun yet that could be stopped
        raise SourceError(fault.code, fault.message, hint=fault.hint) from fault


def format_of(path: str | Path, declared: str | None) -> str:
    """How a file is written, as declared or by its ending. SourceError when it cannot be told, or is a folder."""
    return _stdin_format(declared) if str(path) in (STDIN, STDIN_ARGUMENT) else _format_of(Path(path), declared)


def _check_records(options: ReadOptions, *, name: str) -> None:
    if options.records and options.format != "json":
        raise SourceError(
            "source-records",
            f"{name}: source.records is a path into a JSON document, but the format is {options.format}",
            hint="remove it, or declare source.format: json",
        )


def _stdin_format(declared: str | None) -> str:
    if declared is None:
        raise SourceError(
            "source-format",
            f"{STDIN}: the format cannot be told from a name",
            hint="declare it in the pipeline: source: {format: csv}",
        )
    return _known(declared, name=STDIN)


def _format_of(path: Path, declared: str | None) -> str:
    if os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises for a name that is too long
        raise SourceError("source-unreadable", f"{path}: is a folder", hint="name the files in it")
    if declared is not None:
        return _known(declared, name=path.name)
    found = ENDINGS.get(path.suffix.lower())
    if found is None:
        raise SourceError(
            "source-format",
            f'{path.name}: unknown ending "{path.suffix}"{did_you_mean(path.suffix, ENDINGS)}',
            hint=f"known endings: {' '.join(ENDINGS)}; or declare the format in the pipeline: source: {{format: csv}}",
        )
    return found


def _known(declared: str, *, name: str) -> str:
    if declared not in READERS:
        raise SourceError(
            "source-format",
            f'{name}: unknown format "{declared}"{did_you_mean(declared, READERS)}',
            hint=f"known formats: {' '.join(READERS)}",
        )
    return declared


def _open_file(path: Path, name: str | None) -> ByteStream:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    # Of a spooled file only its name is to be known: it is gone after its batch.
    return ByteStream(raw, name or path.name, path=None if name else str(path.absolute()))


def unreadable(path: Path, error: OSError) -> SourceError:
    """Why a file cannot be opened, with its likeliest name when there is no such file."""
    if isinstance(error, FileNotFoundError):
        return SourceError("source-missing", f"{path}: there is no such file{_near_file(path)}")
    return SourceError("source-unreadable", f"{path}: cannot be read: {error.strerror}")


def _near_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir() if entry.is_file()])
    except OSError:
        return ""
