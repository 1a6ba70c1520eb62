"""Cells that a spreadsheet would run as formulas, made harmless and turned back exactly.

OWASP "CSV injection": a cell that begins with = + - @ tab or CR is a formula to a spreadsheet.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NEUTRAL = re.compile(r"'+[=+\-@\t\r]")


def neutral(cell: str) -> str:
    """The cell with one apostrophe in front when a spreadsheet would run it.

    Cells that already look neutral get one too, so that `original` is exact.

    >>> neutral("=1+1"), neutral("'=1+1"), neutral("Ada")
    ("'=1+1", "''=1+1", 'Ada')
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def original(cell: str) -> str:
    """What `neutral` was given.

    >>> original("'=1+1"), original("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if _NEUTRAL.match(cell) else cell
