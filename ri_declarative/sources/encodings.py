"""Bytes to text without loss: which encoding, which byte-order mark, and what becomes of bad bytes.

A byte that the encoding does not know becomes the lone surrogate U+DC00 + byte (PEP 383 does this
for bytes from 0x80 on; UTF-16 needs it for all), so that `original_bytes` can rebuild it.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from ri_declarative.errors import SourceError
from ri_declarative.words import did_you_mean

KEEP_BYTES = "ri_declarative.keep_bytes"  # name of the error handler that is registered below
_BAD_BYTE = re.compile("[\ud800-\udfff]")
_KEPT_BYTE = re.compile("[\udc00-\udcff]")
_BAD_BYTES = re.compile("([\ud800-\udfff]+)")

# UTF-32 LE first: its mark begins with that of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Declared names that leave the byte order open → what the mark may say.
_FAMILIES = {
    "utf-8": ("utf-8",),
    "utf-8-sig": ("utf-8",),
    "utf-16": ("utf-16-le", "utf-16-be"),
    "utf-16-le": ("utf-16-le",),
    "utf-16-be": ("utf-16-be",),
    "utf-32": ("utf-32-le", "utf-32-be"),
    "utf-32-le": ("utf-32-le",),
    "utf-32-be": ("utf-32-be",),
}
# Without a mark: RFC 2781 section 4.3 says big-endian, every file seen in practice is little-endian.
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
# What people call encodings that Python knows by another name.
_MEANT = dict.fromkeys(("windows", "ansi", "win", "win1252", "excel", "western", "windows-ansi"), "cp1252")
_MEANT |= {"dos": "cp850", "mac": "mac-roman", "unicode": "utf-16", "utf8mb4": "utf-8", "latin": "latin-1"}
_COMMON = (
    *("utf-8", "utf-16", "utf-16-le", "utf-32", "ascii", "latin-1", "iso-8859-1", "iso-8859-2", "iso-8859-15"),
    *("cp1250", "cp1251", "cp1252", "cp437", "cp850", "windows-1252", "mac-roman", "shift_jis", "euc-jp", "gb18030"),
)


class Encoding(NamedTuple):
    """A codec's name, and how many bytes of byte-order mark the file begins with."""

    codec: str
    mark_bytes: int


def choose_encoding(head: bytes, declared: str | None, *, name: str) -> Encoding:
    """The declared encoding, else that of the byte-order mark, else utf-8.

    SourceError when the declaration is unknown, or when the mark contradicts it.

    >>> choose_encoding(b"\\xef\\xbb\\xbfid", None, name="a.csv")
    Encoding(codec='utf-8', mark_bytes=3)
    """
    mark, marked = next(((m, codec) for m, codec in _MARKS if head.startswith(m)), (b"", None))
    if declared is None:
        return Encoding(marked or "utf-8", len(mark))
    codec = _normal_name(declared, name=name)
    if marked is None:
        return Encoding(_WITHOUT_MARK.get(codec, codec), 0)
    if marked not in _FAMILIES.get(codec, ()):
        raise SourceError(
            "source-encoding",
            f"{name}: source.encoding says {declared}, but the file begins with the byte-order mark of {marked}",
            hint="correct source.encoding, or leave it out",
        )
    return Encoding(marked, len(mark))


def unknown_encoding(declared: str) -> str | None:
    """Why a declared encoding cannot be used, None when it can.

    >>> unknown_encoding("windows"), unknown_encoding("latin1")
    ('unknown encoding "windows"; did you mean "cp1252"?', None)
    """
    try:
        codecs.lookup(declared)
        b"x".decode(declared, "replace")  # LookupError for codecs that are no text encodings: base64, rot13
    except (LookupError, UnicodeError, ValueError):  # ValueError: a NUL in the name
        meant = _MEANT.get(declared.strip().lower())
        near = f'; did you mean "{meant}"?' if meant else did_you_mean(declared, _COMMON)
        return f'unknown encoding "{declared}"{near}'
    return None


def error_handler(codec: str) -> str:
    """Name of the error handler that keeps bad bytes of `codec`; the built-in one is faster."""
    return "surrogateescape" if codec == "utf-8" else KEEP_BYTES


def original_bytes(text: str, codec: str) -> bytes:
    r"""The bytes that were read as `text`.

    >>> original_bytes("caf\udce9", "utf-8")
    b'caf\xe9'
    """
    if text.isascii() or not _BAD_BYTE.search(text):
        return text.encode(codec)
    good, *rest = _BAD_BYTES.split(text)  # not an error handler: UTF-16 takes no odd byte from one
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return good.encode(codec) + b"".join(_as_bytes(bad) + after.encode(codec) for bad, after in pairs)


def with_visible_bytes(text: str) -> str:
    r"""The text with each undecodable byte written as an escape, fit for a person.

    >>> with_visible_bytes("Gr\udcfcn")
    'Gr\\xfcn'
    """
    return text if text.isascii() else _KEPT_BYTE.sub(lambda kept: f"\\x{ord(kept[0]) & 0xFF:02x}", text)


def bad_byte(text: str) -> tuple[int, str] | None:
    r"""Place and hex of the first undecodable byte in `text`.

    >>> bad_byte("caf\udce9")
    (3, '0xE9')
    """
    if text.isascii():
        return None
    found = _BAD_BYTE.search(text)
    return None if found is None else (found.start(), f"0x{ord(found[0]) & 0xFF:02X}")


def _as_bytes(bad: str) -> bytes:
    return bytes(ord(char) & 0xFF for char in bad)


def _normal_name(declared: str, *, name: str) -> str:
    if unknown := unknown_encoding(declared):
        raise SourceError("source-encoding", f"{name}: {unknown} (source.encoding)")
    return codecs.lookup(declared).name


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    if not error.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32")):
        bad = bad[:1] + bad[1:].split(b"\n")[0].split(b"\r")[0]  # a line end is never part of a bad character
    return "".join(chr(0xDC00 + byte) for byte in bad), error.start + len(bad)


codecs.register_error(KEEP_BYTES, _keep_bytes)
