"""Columns of plain numbers, `-12.50`: one look at all their texts joined, instead of one at each. Else None."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

_READABLE = re.compile(r"(?:-?[0-9]{1,99}(?:\.[0-9]{1,99})?\n)*")


def read_plain_numbers(texts: Sequence[str]) -> list[Decimal] | None:
    """What `read_number` makes of each; None: some may be something else. TypeError when one is no text.

    >>> read_plain_numbers(["1.50", "-2"]), read_plain_numbers(["1.50", "1,5"])
    ([Decimal('1.50'), Decimal('-2')], None)
    """
    return list(map(Decimal, texts)) if _are_all(_READABLE, texts) else None


def plain_numeric_texts(whole: int, fraction: int) -> Callable[[Sequence[Decimal]], list[str] | None]:
    """The function for columns with so many digits before and after the point.

    >>> plain_numeric_texts(2, 2)([Decimal("-1.50")]), plain_numeric_texts(2, 2)([Decimal("1.234")])
    (['-1.50'], None)
    """
    # A minus before nothing but zeros is not written.
    fits = re.compile(
        rf"(?:(?:-(?=[0-9.]*[1-9]))?[0-9]{{1,{min(max(whole, 1), 99)}}}"
        rf"(?:\.[0-9]{{1,{min(max(fraction, 1), 99)}}})?\n)*"
    )

    def texts_of(numbers: Sequence[Decimal]) -> list[str] | None:
        if whole < 1 or fraction < 1:
            return None
        texts = list(map(str, numbers))
        return texts if _are_all(fits, texts) else None

    return texts_of


def _are_all(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    lines = "\n".join([*texts, ""])
    return lines.count("\n") == len(texts) and pattern.fullmatch(lines) is not None
