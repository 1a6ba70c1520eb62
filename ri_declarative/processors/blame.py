"""What an exception of somebody's hook was, and where: for people."""

from __future__ import annotations

import traceback
from pathlib import Path

_MOST_CHARACTERS = 1000


def cause_of(error: BaseException) -> str:
    """Type and text on one line, clipped.

    >>> cause_of(ValueError("no"))
    'ValueError: no'
    """
    said = " ".join(text_of(error).split())
    if len(said) > _MOST_CHARACTERS:
        said = said[:_MOST_CHARACTERS] + "…"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def text_of(value: object) -> str:
    """Its text; empty for an object whose text raises, even SystemExit."""
    try:
        return str(value)
    except BaseException:
        return ""


def place_of(error: BaseException, file: str | None) -> str | None:
    """The last line of the user's own file on the way to the error: "hooks/customer_data.py:14"; None: no such line."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines.append(error.lineno)
    return f"{shown(file)}:{lines[-1]}" if file and lines else None


def shown(file: str) -> str:
    """A file as people know it: with its folder, without the way to it."""
    path = Path(file)
    return f"{path.parent.name}/{path.name}"


def traceback_of(error: BaseException) -> str:
    """The whole traceback, clipped from its beginning."""
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException:  # it asks for the repr of everything
        text = "".join(traceback.format_tb(error.__traceback__))
    return text[-20 * _MOST_CHARACTERS :]
