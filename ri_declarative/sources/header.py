"""The header of a delimited file: its names, exactly as they stand in the file, or a SourceError."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ri_declarative.errors import SourceError
from ri_declarative.sources.damage import Dialect, explain, is_well_formed, place_of
from ri_declarative.sources.encodings import bad_byte
from ri_declarative.sources.lines import LineWindow

_OTHER_DELIMITERS = {";": "a semicolon", "\t": "a tab", "|": "a bar", ",": "a comma"}


class Header(NamedTuple):
    """The names of the columns, and the 0-based line where the records begin."""

    names: tuple[str, ...]
    end: int


def read_header(window: LineWindow, delimiter: str, *, declared: bool, name: str) -> Header:
    """The first line that is not blank. `declared`: the delimiter was; otherwise one column that
    looks like several is refused, lest a `;` file be read as one column.
    """
    reader = csv.reader(window.feed(0), delimiter=delimiter, strict=True)
    try:
        names = next((row for row in reader if row), None)
    except csv.Error:
        names = []
    if names is None:
        raise SourceError("source-empty", f"{name}: the file is empty; its first line must name the columns")
    raw = window.text(0, reader.line_num)
    _check_text(raw, names, delimiter, name=name)
    _check_names(names, name=name)
    if not declared:
        _check_one_column(names, delimiter, name=name)
    return Header(tuple(names), reader.line_num)


def _check_text(raw: str, names: Sequence[str], delimiter: str, *, name: str) -> None:
    text = raw.lstrip("\r\n")
    first_line = place_of(raw, len(raw) - len(text), first_line=1).line
    bad = bad_byte(text)
    if bad is not None:
        place = place_of(text, bad[0], first_line=first_line)
        raise SourceError(
            "source-encoding",
            f"{name}: byte {bad[1]} in the header at line {place.line}, column {place.column} cannot be decoded",
            hint="declare source.encoding",
        )
    if not names or ('"' in "".join(names) and not is_well_formed(text, delimiter)):
        problem = explain(text, Dialect(delimiter, -1), first_line=first_line)
        raise SourceError("source-header", f"{name}: the header cannot be read: {problem.message}")


def _check_names(names: Sequence[str], *, name: str) -> None:
    blank = [str(number) for number, header in enumerate(names, 1) if not header.strip()]
    if blank:
        raise SourceError("source-header", f"{name}: {_columns(blank)} no name in the header")
    places = defaultdict(list)
    for number, header in enumerate(names, 1):
        places[header].append(str(number))
        if "\0" in header:
            raise SourceError("source-header", f"{name}: the name of column {number} has a NUL character")
    for header, numbers in places.items():
        if len(numbers) > 1:
            raise SourceError(
                "source-header", f'{name}: the header names {len(numbers)} columns "{header}": {", ".join(numbers)}'
            )


def _check_one_column(names: Sequence[str], delimiter: str, *, name: str) -> None:
    if len(names) != 1:
        return
    for other, spoken in _OTHER_DELIMITERS.items():
        if other in names[0]:
            raise SourceError(
                "source-delimiter",
                f'{name}: the header is one column, "{names[0]}", and holds {spoken}: '
                f"are its cells separated by {spoken}?",
                hint=f"declare source.delimiter: {other!r}, or {delimiter!r} when it is one column",
            )


def _columns(numbers: Sequence[str]) -> str:
    return f"column {numbers[0]} has" if len(numbers) == 1 else f"columns {', '.join(numbers)} have"
