"""Findings as a person reads them: where, what, and the line itself with carets under the place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TextIO

import click

from ri_declarative.cli.output import is_colourful, printable
from ri_declarative.errors import Diagnostic, Position, Severity

_PROJECT_FILE = "ri.yaml"
_WIDEST = 120
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'|[^\s,:{}\[\]"\']+')
_MAY_HOLD_AN_ADDRESS = re.compile(r"database|password|://", re.IGNORECASE)
_COLOURS: Mapping[Severity, str] = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def with_excerpts(findings: Iterable[Diagnostic], stream: TextIO) -> str:
    """The text of the findings for this stream; in colour when it is a terminal that wants it."""
    colourful = is_colourful(stream)
    lines_of = cache(_lines)  # for this once: the file may be mended before the next
    return "\n".join(line for finding in findings for line in _told(finding, lines_of, colourful=colourful))


def _told(finding: Diagnostic, lines_of: Callable[[str], list[str]], *, colourful: bool) -> Iterator[str]:
    path, line, column = finding.position
    head, rest = f"{finding.severity}[{finding.code}]", printable(finding.message)
    place = f"{printable(path)}:{line}:{column}:"
    colour = _COLOURS[finding.severity]
    yield " ".join([_styled(place, colourful, bold=True), _styled(head, colourful, fg=colour, bold=True), rest])
    for excerpt, carets in _excerpt(finding.position, lines_of(path)):
        yield f"{_styled(f'{line:>5} |', colourful, dim=True)} {excerpt}"
        yield f"{_styled('      |', colourful, dim=True)} {_styled(carets, colourful, fg=colour, bold=True)}"


def _excerpt(position: Position, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The line and what stands under it; nothing when it cannot be shown, or must not be."""
    if not 0 < position.line <= len(lines):
        return
    text = lines[position.line - 1]
    if position.path == _PROJECT_FILE and _MAY_HOLD_AN_ADDRESS.search(text):
        return
    start = position.column - 1
    word = _WORD.match(text, start)
    end = word.end() if word else start + 1
    cut = max(0, start - _WIDEST // 2) if len(text) > _WIDEST else 0
    shown = text[cut : cut + _WIDEST]
    before, marked = _visible(text[cut:start]), _visible(text[start : min(end, cut + _WIDEST)])
    yield _visible(shown), " " * _columns(before) + "^" * max(_columns(marked), 1)


def _visible(text: str) -> str:
    return printable(text.expandtabs(1))


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes: East Asian letters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def _lines(path: str) -> list[str]:
    """The lines of a file of the project that we are in, as YAML counts them; [] when it cannot be read."""
    from ri_declarative.spec.project import project_root

    root = project_root(Path.cwd())
    try:
        return re.split(r"\r\n|\r|\n", (root / path).read_bytes().decode("utf-8-sig")) if root else []
    except (OSError, UnicodeDecodeError):
        return []


def _styled(text: str, colourful: bool, **style: bool | str) -> str:
    return click.style(text, **style) if colourful else text  # type: ignore[arg-type]
