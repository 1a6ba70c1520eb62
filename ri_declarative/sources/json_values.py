"""The text of one JSON record to its value, and why a text is none. Shared by JSON and JSON Lines.

Numbers with a fraction or an exponent are Decimals, integers are exact (Python reads up to 4,300
digits). RFC 8259 section 4 leaves duplicate keys open; here they are refused, because one reader
keeps the first of the values and the next one the last, in silence.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ri_declarative.errors import SourceError
from ri_declarative.records import Problem
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.damage import Place
from ri_declarative.sources.encodings import choose_encoding
from ri_declarative.sources.source import ReadOptions, SourceInfo

# Bytes of one record: what PostgreSQL and a person can still handle, and a bound for the memory.
RECORD_CAP = 16 * 1024 * 1024
# What is kept of a record beyond the cap: enough to recognise it.
KEPT_OF_LONG_RECORD = 64 * 1024
# What `decode` raises: no JSON or not UTF-8, nested too deeply, an exponent that Decimal refuses.
UNREADABLE = (ValueError, RecursionError, ArithmeticError)

decode = msgspec.json.Decoder(float_hook=Decimal).decode

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*"')
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_KINDS = {dict: "an object", list: "an array", str: "a string", int: "a number", Decimal: "a number", bool: "a boolean"}


class Origin(NamedTuple):
    """Where the text of a record stands, and what it is called there."""

    line: int  # 1-based
    column: int
    noun: str  # "line", "record"

    def place(self, text: bytes, offset: int) -> Place:
        """Line and column of a byte of the text."""
        before = text[:offset]
        breaks = before.count(b"\n")
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "surrogateescape")) + 1
        return Place(self.line + breaks, column if breaks else self.column + column - 1)


def open_json(stream: ByteStream, options: ReadOptions, *, what: str) -> tuple[SourceInfo, int]:
    """What is known of a JSON stream, and the bytes of its byte-order mark. SourceError when it cannot be JSON."""
    head = stream.peek()
    encoding = choose_encoding(head, options.encoding, name=stream.name)
    codec = "utf-16 or utf-32" if not encoding.mark_bytes and b"\0" in head[:4] else encoding.codec
    if codec != "utf-8":
        raise SourceError(
            "source-encoding",
            f"{stream.name}: {what} utf-8 (RFC 8259 section 8.1), not {codec}",
            hint="convert the file, for instance with iconv",
        )
    if options.delimiter is not None:
        raise SourceError("source-delimiter", f"{stream.name}: {what} without a delimiter; remove it")
    if not head:
        raise SourceError("source-empty", f"{stream.name}: the file is empty")
    info = SourceInfo(
        name=stream.name,
        path=stream.path,
        format=options.format,
        encoding=encoding.codec,
        size=stream.size,
        mtime=stream.mtime,
    )
    return info, encoding.mark_bytes


def is_plain(text: bytes, value: Any) -> bool:
    """Whether a decoded value is an object without nested or duplicate keys, for sure.

    Every key brings a colon: equal counts exclude both at once.
    """
    return type(value) is dict and text.count(b":") == len(value)


def refusal(text: bytes, value: Any) -> Problem | None:
    """Why valid JSON is no record: no object, or a key twice in one object. None: it is one."""
    if not isinstance(value, dict):
        return Problem("source.not_an_object", None, f"expected an object, found {kind_of(value)}")
    if _STRING.sub(b"", text).count(b":") == _count_keys(value):
        return None
    key = _duplicate_key(text)
    named = "" if key is None else f' "{key}"'
    return Problem("source.duplicate_key", key, f"the key{named} stands twice in one object")


def undecodable(text: bytes, error: Exception, origin: Origin) -> Problem:
    """Why a text is no JSON. msgspec's own words, except where they mislead."""
    if not text.strip():
        return _not_json(origin.place(text, 0), f"there is no {origin.noun}, only a comma")
    try:
        text.decode()
    except UnicodeDecodeError as bad:
        return _bad_byte(text, bad.start, origin)
    half = _half_pair(text)
    if half is not None:
        escape = text[half : half + 6].decode()
        return _not_json(origin.place(text, half), f"{escape} is half of a character (a lone surrogate)")
    if isinstance(error, RecursionError):
        return _not_json(origin.place(text, 0), "the value is nested too deeply to be read")
    if isinstance(error, ArithmeticError):
        return _not_json(origin.place(text, 0), "a number's exponent is too large to be read")
    if "truncated" in str(error):
        end = origin.place(text, len(text.rstrip()))
        return _not_json(end, f"the {origin.noun} ends in the middle of a value")
    found = _AT_BYTE.search(str(error))
    if found is None:
        return _not_json(origin.place(text, 0), _lower_first(str(error)))
    what = str(error)[: found.start()].removeprefix("JSON is malformed: ")
    past = 1 if what == "trailing characters" else 0  # there msgspec names the byte after
    return _not_json(origin.place(text, min(int(found[1]) - past, len(text.rstrip()) - 1)), what)


def too_long(noun: str, cap: int) -> Problem:
    """The problem of a record that has more than `cap` bytes."""
    return Problem("source.too_long", None, f"the {noun} has more than {cap} bytes")


def raw_text(text: bytes, cap: int) -> str:
    """What is kept of a text that could not be read; bad bytes as lone surrogates."""
    kept = text if len(text) <= cap else text[:KEPT_OF_LONG_RECORD]
    return kept.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def kind_of(value: Any) -> str:
    """What a person calls a value of this type.

    >>> kind_of([1])
    'an array'
    """
    return "null" if value is None else _KINDS[type(value)]


def _bad_byte(text: bytes, offset: int, origin: Origin) -> Problem:
    place, byte = origin.place(text, offset), f"0x{text[offset]:02X}"
    message = f"byte {byte} at line {place.line}, column {place.column} is not utf-8; write the file as utf-8"
    details = {"line": str(place.line), "column": str(place.column), "byte": byte}
    return Problem("source.encoding", None, message, details)


def _not_json(place: Place, what: str) -> Problem:
    details = {"line": str(place.line), "column": str(place.column)}
    return Problem("source.json", None, f"not JSON at line {place.line}, column {place.column}: {what}", details)


def _half_pair(text: bytes) -> int | None:
    """Offset of the first \\uD800-\\uDFFF escape without its other half."""
    high: re.Match[bytes] | None = None
    for found in _ESCAPE.finditer(text):
        code = int(found[1], 16) if found[1] else 0
        if high is not None and not (0xDC00 <= code <= 0xDFFF and found.start() == high.end()):
            return high.start()
        if high is None and 0xDC00 <= code <= 0xDFFF:
            return found.start()
        high = found if 0xD800 <= code <= 0xDBFF else None
    return None if high is None else high.start()


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


def _duplicate_key(text: bytes) -> str | None:
    """The first key that is there twice; None when the value is nested too deeply to tell."""
    seen: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        seen.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)

    try:
        json.loads(text, object_pairs_hook=look)
    except RecursionError:
        return None
    return seen[0] if seen else None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
