"""Cells that a spreadsheet would run as formulas, made harmless and turned back exactly.

OWASP "CSV injection": a cell that begins with = + - @ tab or CR is a formula to a spreadsheet. A negative number
is none. A positive one with its sign is kept from the spreadsheet all the same, which would drop the sign of +4930123.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NEGATIVE_NUMBER = re.compile(r"-[0-9]+(?:[.,][0-9]+)*")
_NEUTRAL = re.compile(r"'+[=+\-@\t\r]")


def neutral(cell: str) -> str:
    """The cell with one apostrophe in front when a spreadsheet would run it.

    Cells that already look neutral get one too, so that `original` is exact.

    >>> neutral("=1+1"), neutral("'=1+1"), neutral("-3,50"), neutral("Ada")
    ("'=1+1", "''=1+1", '-3,50', 'Ada')
    """
    return "'" + cell if _FORMULA.match(cell) and not _NEGATIVE_NUMBER.fullmatch(cell) else cell


def original(cell: str) -> str:
    """What `neutral` was given.

    >>> original("'=1+1"), original("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if _NEUTRAL.match(cell) else cell
