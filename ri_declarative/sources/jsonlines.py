"""JSON Lines: one object per line, exact numbers, every malformed line on its own.

A blank line is no record. Numbers with a fraction or an exponent are Decimals, integers are exact
(Python reads up to 4,300 digits). RFC 8259 section 4 leaves duplicate keys open; here they are
refused, because one reader keeps the first of the values and the next one the last, in silence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import msgspec

from ri_declarative.errors import SourceError
from ri_declarative.records import Problem, Record
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.encodings import bad_byte, choose_encoding
from ri_declarative.sources.source import ReadOptions, SourceInfo

# Bytes of one line: what PostgreSQL and a person can still handle, and a bound for the memory.
LINE_CAP = 16 * 1024 * 1024
# What is kept of a line beyond the cap: enough to recognise it.
KEPT_OF_LONG_LINE = 64 * 1024

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_KINDS = {list: "an array", str: "a string", int: "a number", Decimal: "a number", bool: "a boolean"}


class JsonLinesSource:
    """Records of a JSON Lines file, in order, once. Values keep their JSON types."""

    textual = False

    def __init__(self, stream: ByteStream, options: ReadOptions, *, line_cap: int = LINE_CAP) -> None:
        encoding = choose_encoding(stream.peek(), options.encoding, name=stream.name)
        if encoding.codec != "utf-8":
            raise SourceError(
                "source-encoding",
                f"{stream.name}: JSON Lines are utf-8 (RFC 8259 section 8.1), not {encoding.codec}",
                hint="convert the file, for instance with iconv",
            )
        if options.delimiter is not None:
            raise SourceError("source-delimiter", f"{stream.name}: JSON Lines have no delimiter; remove it")
        if not stream.peek():
            raise SourceError("source-empty", f"{stream.name}: the file is empty")
        self._stream = stream
        self._skip = encoding.mark_bytes
        self._line_cap = line_cap
        self.info = SourceInfo(
            name=stream.name,
            path=stream.path,
            format=options.format,
            encoding=encoding.codec,
            size=stream.size,
            mtime=stream.mtime,
        )

    @property
    def bytes_read(self) -> int:
        """Bytes taken so far, up to one block ahead of the records."""
        return self._stream.bytes_read

    @property
    def sha256(self) -> str | None:
        """Hex digest of the raw bytes, None until iteration has ended."""
        return self._stream.sha256

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Record]:
        decode = msgspec.json.Decoder(float_hook=Decimal).decode
        index = 0
        for number, line in enumerate(self._lines(), 1):
            problem = None
            value: Any = None
            if len(line) > self._line_cap:
                problem = Problem("source.too_long", None, f"the line has more than {self._line_cap} bytes")
            else:
                try:
                    value = decode(line)
                except (ValueError, RecursionError, ArithmeticError) as error:
                    if not line.strip():
                        continue
                    problem = _undecodable(line, error, number)
            # Every key brings a colon: equal counts exclude duplicates and nested keys at once.
            if problem is None and (type(value) is not dict or line.count(b":") != len(value)):
                problem = _refusal(line, value)
            if problem is None:
                yield Record(index, number, value)
            else:
                yield Record(index, number, _raw_text(line, self._line_cap), (problem,))
            index += 1

    def _lines(self) -> Iterator[bytes]:
        """Lines without LF; of one beyond the cap only its first `_line_cap` + 1 bytes."""
        tail, skip = b"", self._skip
        ended = False
        while not ended:
            block = self._stream.read()
            ended = not block
            block, skip = block[skip:], 0
            if len(tail) > self._line_cap and not ended:
                line_end = block.find(b"\n")
                if line_end < 0:
                    continue
                block = block[line_end:]
            lines = (tail + block).split(b"\n")
            tail = b"" if ended else lines.pop()[: self._line_cap + 1]
            yield from lines


def _raw_text(line: bytes, line_cap: int) -> str:
    kept = line if len(line) <= line_cap else line[:KEPT_OF_LONG_LINE]
    return kept.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def _undecodable(line: bytes, error: Exception, number: int) -> Problem:
    """Why a line is no JSON. msgspec's own words, except where they mislead."""
    text = line.decode("utf-8", "surrogateescape")
    bad = bad_byte(text)
    if bad is not None:
        message = f"byte {bad[1]} at line {number}, column {bad[0] + 1} is not utf-8; write the file as utf-8"
        details = {"line": str(number), "column": str(bad[0] + 1), "byte": bad[1]}
        return Problem("source.encoding", None, message, details)
    half = _half_pair(line)
    if half is not None:
        escape = line[half : half + 6].decode()
        return _not_json(line, half, f"{escape} is half of a character (a lone surrogate)")
    if isinstance(error, RecursionError):
        return Problem("source.json", None, "the value is nested too deeply to be read")
    if isinstance(error, ArithmeticError):
        return Problem("source.json", None, "a number's exponent is too large to be read")
    if "truncated" in str(error):
        return _not_json(line, len(line.rstrip()), "the line ends in the middle of a value")
    place = _AT_BYTE.search(str(error))
    if place is None:
        return Problem("source.json", None, f"not JSON: {_lower_first(str(error))}")
    what = str(error)[: place.start()].removeprefix("JSON is malformed: ")
    past = 1 if what == "trailing characters" else 0  # there msgspec names the byte after
    return _not_json(line, min(int(place[1]) - past, len(line.rstrip()) - 1), what)


def _not_json(line: bytes, offset: int, what: str) -> Problem:
    column = len(line[:offset].decode("utf-8", "surrogateescape")) + 1
    return Problem("source.json", None, f"not JSON at column {column}: {what}", {"column": str(column)})


def _half_pair(line: bytes) -> int | None:
    """Offset of the first \\uD800-\\uDFFF escape without its other half."""
    high: re.Match[bytes] | None = None
    for found in _ESCAPE.finditer(line):
        code = int(found[1], 16) if found[1] else 0
        if high is not None and not (0xDC00 <= code <= 0xDFFF and found.start() == high.end()):
            return high.start()
        if high is None and 0xDC00 <= code <= 0xDFFF:
            return found.start()
        high = found if 0xD800 <= code <= 0xDBFF else None
    return None if high is None else high.start()


def _refusal(line: bytes, value: object) -> Problem | None:
    """Why valid JSON is no record: no object, or a key twice in one object."""
    if not isinstance(value, dict):
        return Problem("source.not_an_object", None, f"expected an object, found {_kind(value)}")
    if _STRING.sub(b"", line).count(b":") == _count_keys(value):
        return None
    key = _duplicate_key(line)
    named = "" if key is None else f' "{key}"'
    return Problem("source.duplicate_key", key, f"the key{named} stands twice in one object")


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS[type(value)]


def _count_keys(value: dict[str, Any]) -> int:
    """Keys at every depth. Without recursion: JSON may be nested as deep as the stack allows."""
    total, todo = 0, [value]
    while todo:
        found: Any = todo.pop()
        if isinstance(found, dict):
            total += len(found)
            todo.extend(found.values())
        elif isinstance(found, list):
            todo.extend(found)
    return total


def _duplicate_key(line: bytes) -> str | None:
    """The first key that is there twice; None when the value is nested too deeply to tell."""
    seen: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)

    try:
        json.loads(line, object_pairs_hook=look)
    except RecursionError:
        return None
    return seen[0] if seen else None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
