"""How a stage says that one value is refused, and how values are shown to a person.

`RefusedError` never leaves its stage: the stage turns it into a `Problem`, a value that travels on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ri_declarative.records import Problem

SHOWN_CHARACTERS = 60
SHOWN_MESSAGE_CHARACTERS = 300

_shorten_json = msgspec.json.Encoder(decimal_format="number").encode


class RefusedError(Exception):
    """One value cannot be taken. Caught in the loop over the cells of its record."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def problem(self, field: str) -> Problem:
        """The value that travels on with the record."""
        return Problem(self.code, visible(field), self.message)


def visible(text: str, *, limit: int = SHOWN_MESSAGE_CHARACTERS) -> str:
    r"""The text cut to `limit` characters, with everything that does not print spelt as an escape.

    A NUL, a lone surrogate or a character that turns the writing direction would otherwise travel
    in messages into the database and into terminals.

    >>> visible("a\x00b")
    'a\\x00b'
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(value: Any) -> str:
    """A value as a message shows it: text in quotes, all else as JSON, cut to about 60 characters.

    >>> quoted("2026-31-12")
    '"2026-31-12"'
    >>> quoted(None)
    'null'
    """
    if isinstance(value, str):
        return f'"{visible(value, limit=SHOWN_CHARACTERS)}"'
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, Mapping) and len(value) > SHOWN_CHARACTERS:
        return f"an object of {len(value)} members"
    if isinstance(value, Sequence) and len(value) > SHOWN_CHARACTERS:
        return f"a list of {len(value)} elements"
    try:
        return visible(_shorten_json(value).decode(), limit=SHOWN_CHARACTERS)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return f"a value of type {type(value).__name__}"


def _number(value: int | Decimal) -> str:
    # str() of an integer beyond 4,300 digits raises: Python guards against quadratic conversions.
    if isinstance(value, int) and value.bit_length() > 10_000:
        return "a number of thousands of digits"
    return visible(str(value), limit=SHOWN_CHARACTERS)
