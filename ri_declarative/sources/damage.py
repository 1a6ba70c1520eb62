"""What is wrong with the raw text of a record that csv.reader refused or that has a wrong shape.

Only damaged records come here, so this may be slow, but it stays linear in the text.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from io import StringIO
from typing import NamedTuple

from ri_declarative.records import Problem

# Characters of one cell; csv's own default. Ends the search for a closing quote.
FIELD_CAP = 131_072

_LINE_END = re.compile("\r\n|\n|\r")
_QUOTED = re.compile(r'"(?:[^"]++|"")*("?)')


class Dialect(NamedTuple):
    """How the cells of a file are told apart, and how many there must be."""

    delimiter: str
    width: int


class Place(NamedTuple):
    """A 1-based place in the file."""

    line: int
    column: int


class _Fault(NamedTuple):
    offset: int
    code: str
    message: str  # with {place}


def is_well_formed(raw: str, delimiter: str) -> bool:
    """True when a record follows RFC 4180 section 2 to the letter.

    csv.reader, even a strict one, takes a quote inside an unquoted cell as data; there it is the
    trace of a lost opening quote.

    >>> is_well_formed('a,"b ""c"" d",e', ","), is_well_formed('a,b"c,d', ",")
    (True, False)
    """
    return _well_formed(delimiter).fullmatch(raw) is not None


def place_of(raw: str, offset: int, *, first_line: int) -> Place:
    """Line and column of a character of a text that begins at line `first_line`.

    >>> place_of("ab\\r\\ncd", 5, first_line=7)
    Place(line=8, column=2)
    """
    breaks = [found.end() for found in _LINE_END.finditer(raw, 0, offset)]
    return Place(first_line + len(breaks), offset - (breaks[-1] if breaks else 0) + 1)


def explain(raw: str, dialect: Dialect, *, first_line: int) -> Problem:
    """Why this raw text is no record of that shape: quotes first, then the number of cells."""
    fault = _first_fault(raw, dialect.delimiter)
    if fault is not None:
        place = place_of(raw, fault.offset, first_line=first_line)
        message = fault.message.format(place=f"line {place.line}, column {place.column}")
        return Problem(fault.code, None, message, {"line": str(place.line), "column": str(place.column)})
    found = _count_cells(raw, dialect.delimiter)
    if found == dialect.width:
        return Problem("source.too_long", None, "the record has too many lines or characters to be read as one")
    message = f"expected {_cells(dialect.width)}, found {found}"
    return Problem("source.ragged", None, message, {"expected": str(dialect.width), "found": str(found)})


def _first_fault(raw: str, delimiter: str) -> _Fault | None:
    """The first offence against RFC 4180, found by walking from cell to cell."""
    plain = re.compile(f'[^{re.escape(delimiter)}"\r\n]*+')
    start = 0
    while True:
        quoted = _QUOTED.match(raw, start)
        if quoted and not quoted[1]:
            return _unclosed(raw, start)
        end = quoted.end() if quoted else _end_of(plain, raw, start)
        if len(raw[start:end].replace('""', '"')) > FIELD_CAP + (2 if quoted else 0):
            return _Fault(start, "source.too_long", f"the cell at {{place}} has more than {FIELD_CAP} characters")
        if raw[end : end + 1] != delimiter:
            return _fault_after_cell(raw, end, was_quoted=quoted is not None)
        start = end + 1


def _end_of(plain: re.Pattern[str], raw: str, start: int) -> int:
    found = plain.match(raw, start)
    return start if found is None else found.end()


def _fault_after_cell(raw: str, end: int, *, was_quoted: bool) -> _Fault | None:
    if end == len(raw) or raw[end] in "\r\n":
        return None
    if was_quoted:
        what = "text after a closing quote at {place}; write a quote inside a quoted cell twice"
    else:
        what = "a quote inside an unquoted cell at {place}; quote the whole cell and write the quote twice"
    return _Fault(end, "source.quote", what)


def _unclosed(raw: str, start: int) -> _Fault:
    within = f" within {FIELD_CAP} characters" if len(raw) - start > FIELD_CAP else ""
    return _Fault(start, "source.unclosed_quote", f"the quote opened at {{place}} is not closed{within}")


def _count_cells(raw: str, delimiter: str) -> int:
    return len(next(csv.reader(StringIO(raw, newline=""), delimiter=delimiter, strict=True), []))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


@cache
def _well_formed(delimiter: str) -> re.Pattern[str]:
    cell = f'(?:"(?:[^"]++|"")*"(?!")|[^{re.escape(delimiter)}"\r\n]*+)'
    return re.compile(f"{cell}(?:{re.escape(delimiter)}{cell})*(?:\r\n|\r|\n)?")
