"""The closed list of cleaners: what `clean` in a pipeline may do to a text. Knows nothing of fields."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence

Cleaning = Callable[[str], str]


def collapse_spaces(text: str) -> str:
    """Every run of blanks, tabs and line ends inside the text as one blank; the ends are kept as one blank, too.

    >>> collapse_spaces("a \\t b")
    'a b'
    """
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{words}{' ' if text[-1].isspace() else ''}"


def nfc(text: str) -> str:
    """The text in Unicode's composed form, so that equal looking texts are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def digits(text: str) -> str:
    """Only the digits; those of other scripts become 0 to 9.

    >>> digits("+49 (30) 12-34")
    '49301234'
    """
    if text.isascii() and text.isdecimal():
        return text
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


CLEANERS: Mapping[str, Cleaning] = {
    "trim": str.strip,
    "collapse_spaces": collapse_spaces,
    "lower": str.lower,
    "upper": str.upper,
    "nfc": nfc,
    "digits": digits,
}


def cleaning(names: Sequence[str]) -> Cleaning | None:
    """One function that applies the named cleaners in order, None when there are none.

    >>> cleaning(["trim", "lower"])(" A@B.de ")
    'a@b.de'
    """
    steps = [CLEANERS[name] for name in names]
    if len(steps) < 2:
        return steps[0] if steps else None
    if len(steps) == 2:
        first, second = steps
        return lambda text: second(first(text))
    return lambda text: _apply(steps, text)


def _apply(steps: Sequence[Cleaning], text: str) -> str:
    for step in steps:
        text = step(text)
    return text
