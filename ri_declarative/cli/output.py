"""Printing: results to stdout, notes to stderr, tables, JSON. Knows nothing of batches.

Whatever comes from a file or a database passes `printable` before it reaches a terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from ri_declarative.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

_GAP = 2  # between columns
_LEAST_TEXT = 10  # a column of text is not folded to less

# Cc: controls and ANSI escapes; Cf: bidi overrides and other invisible marks; Cs: lone surrogates; Zl, Zp: line breaks
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # Cf, but part of ordinary words in Persian and Hindi, and of emoji


def printable(text: str) -> str:
    r"""The text on one line, with everything a terminal might obey written as an escape.

    >>> printable("a\x1b[31mb\n")
    'a\\x1b[31mb\\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in _UNPRINTABLE:
        return char
    if "\udc80" <= char <= "\udcff":  # stands for a byte that could not be decoded (PEP 383)
        return f"\\x{ord(char) & 0xFF:02x}"
    return char.encode("unicode_escape").decode("ascii")


class ReaderGoneError(Exception):
    """Nobody reads stdout any more (`ri errors last | head`): the command may end, and has not failed.

    Not a BrokenPipeError, which may just as well come from a socket or a child process.
    """


@contextlib.contextmanager
def stdout_is_read() -> Iterator[None]:
    """A block whose broken pipes and full disks are those of stdout."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    except OSError as error:
        silence()
        raise UsageError("file-not-written", f"cannot write to stdout: {error.strerror}") from error


def say(text: str = "", *, end: str = "\n") -> None:
    """A line of result on stdout."""
    with stdout_is_read():
        click.echo(text + end, nl=False)


def say_json(value: Mapping[str, Any]) -> None:
    """One object on one line of stdout."""
    say(json_text(value))


def note(text: str) -> None:
    """A line on stderr. A closed or full stderr is no reason to stop an import: it is ignored."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def deliver(text: str) -> None:
    """A result on stdout after the work is done: when it cannot be delivered, the work still counts."""
    try:
        click.echo(text)
    except BrokenPipeError:
        silence()
    except OSError as error:
        note(f"warning: the result could not be printed: {error.strerror}")
        silence()


def json_text(value: object) -> str:
    """JSON in pure ASCII on one line: safe in every locale, also with lone surrogates."""
    import json

    return json.dumps(value, default=_jsonable)


def readable_json(value: object) -> str:
    """JSON for a person's eye: other alphabets stay readable, controls are escaped."""
    import json

    return printable(json.dumps(value, default=_jsonable, ensure_ascii=False))


def _jsonable(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def silence() -> None:
    """Send what is still buffered for stdout to nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def never_fail_to_encode() -> None:
    """Let stdout and stderr escape what their encoding cannot hold instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def on_terminal() -> bool:
    """Whether a person looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def styled(text: str, **style: Any) -> str:
    """The text in colour or weight, when stdout is a terminal that wants it."""
    return click.style(text, **style) if is_colourful(sys.stdout) else text


def is_colourful(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that wants colour (no-color.org)."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream is not None and stream.isatty()


def table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str], texts: Sequence[str]
) -> None:
    """A table on stdout: laid out by rich on a terminal, tab-separated and never cut elsewhere.

    `numbers` names the columns that stand to the right, `texts` those that may be folded on a narrow terminal.
    """
    if on_terminal():
        _laid_out(headers, rows, numbers=numbers, texts=texts)
        return
    say("\t".join(headers))
    for row in rows:
        say("\t".join(map(printable, row)))


def _laid_out(
    headers: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str], texts: Sequence[str]
) -> None:
    from rich.console import Console

    cells = [tuple(map(printable, row)) for row in rows]
    console = Console(markup=False, highlight=False, emoji=False)
    fits = _least_width(headers, cells, texts=texts) <= console.width
    with stdout_is_read():
        console.print(_ruled(headers, cells, numbers=numbers, texts=texts) if fits else _stacked(headers, cells))


def _least_width(headers: Sequence[str], rows: Sequence[Sequence[str]], *, texts: Sequence[str]) -> int:
    """Columns of the screen that a table needs: numbers and ids whole, texts folded as far as they can be read."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(headers, *rows, strict=True)]
    least = [min(w, _LEAST_TEXT) if h in texts else w for h, w in zip(headers, widths, strict=True)]
    return sum(least) + _GAP * (len(headers) - 1)


def _ruled(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str], texts: Sequence[str]
) -> Table:
    from rich.table import Table
    from rich.text import Text

    ruled = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for header in headers:
        justify: Literal["left", "right"] = "right" if header in numbers else "left"
        ruled.add_column(header, justify=justify, overflow="fold", no_wrap=header not in texts)
    for row in rows:
        ruled.add_row(*map(Text, row))
    return ruled


def _stacked(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """One cell a line, for a screen on which the columns do not fit beside each other."""
    from rich.table import Table
    from rich.text import Text

    stacked = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=False)
    stacked.add_column(style="bold", no_wrap=True)
    stacked.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            stacked.add_row("", "")
        for header, cell in zip(headers, row, strict=True):
            stacked.add_row(header, Text(cell))
    return stacked
