"""Typed values as spreadsheet cells and back, equal: what `ri errors --csv` writes for JSON sources.

A string that is no JSON stands as it is; a string that would decode as JSON (`12`, `true`, `"x"`)
is written as JSON text; every other value is JSON text; an absent key is the empty cell.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec


class Absent(Enum):
    """The type of ABSENT."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT  # the record has no such key; None is JSON's null

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def to_cell(value: Any) -> str:
    """The text of a cell from which `from_cell` makes an equal value.

    >>> [to_cell(value) for value in ("Ada", "12", 12, "", None, ABSENT, ["a", True])]
    ['Ada', '"12"', '12', '""', 'null', '', '["a",true]']
    """
    if value is ABSENT:
        return ""
    if isinstance(value, str) and value and not _is_json(value):
        return value
    return _encode(value).decode()


def from_cell(text: str) -> Any:
    """The value that a cell means: JSON when it decodes as JSON, else the text itself; empty is ABSENT.

    >>> [from_cell(text) for text in ("Ada", '"12"', "12", "1.10")]
    ['Ada', '12', 12, Decimal('1.10')]
    """
    if not text:
        return ABSENT
    try:
        return _decode(text)
    except (ValueError, RecursionError, ArithmeticError):
        return text


def _is_json(text: str) -> bool:
    try:
        _decode(text)
    except (ValueError, RecursionError, ArithmeticError):
        return False
    return True
