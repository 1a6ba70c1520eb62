"""What a plain (unquoted) YAML scalar means, and which ones are refused because readers disagree.

YAML 1.1 reads `NO` as false, `010` as 8, `12:30` as 750 and `2026-01-01` as a date; YAML 1.2 reads
texts or other numbers. Where the two disagree nothing is guessed: the writer quotes it, or writes
it in the one way that both read alike. Numbers are exact: int, or Decimal for those with a point.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

MAX_DIGITS = 400  # beyond: int() itself refuses at 4300, and no column holds it

_NULLS = frozenset(["", "~", "null"])
_BOOLEANS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")


class Trap(NamedTuple):
    """A scalar that is refused."""

    code: str
    message: str


def _three_cases(*words: str) -> frozenset[str]:
    return frozenset(form for word in words for form in (word, word.capitalize(), word.upper()))


_BOOLEAN_WORDS = _three_cases("yes", "no", "on", "off", "y", "n")
_MISSPELT = {form: word for word in ("true", "false", "null") for form in (word.capitalize(), word.upper())}
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_AMBIGUOUS = (
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "a number to base 60 or a text"),
    (
        re.compile(
            r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
            r"(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
            r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
        ),
        "a date or a text",
    ),
    (re.compile(r"[-+]?0(?:o[0-7_]+|x[0-9a-fA-F_]+|b[01_]+)"), "a number or a text"),
    (re.compile(r"[-+]?0[0-9_]+"), "an octal number, a decimal number or a text"),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+"), "a number or a text"),
    (re.compile(r"[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?"), "a number or a text"),
    (re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9]+\.[0-9_]*)"), "a number or a text"),
    (re.compile(r"\+[0-9]+"), "a number that loses its sign or a text"),
)


def resolve(text: str) -> str | int | Decimal | bool | Trap | None:
    """The value of a plain scalar, or why it is refused.

    >>> resolve("12"), resolve("0.50"), resolve("true"), resolve("~"), resolve("de-DE")
    (12, Decimal('0.50'), True, None, 'de-DE')
    >>> resolve("NO").message
    'NO is read as a boolean or as a text, depending on the reader; quote it: "NO"'
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if number := _NUMBER.fullmatch(text):
        return _number(text, whole=number[1] is None)
    return (_trap(text) if len(text) <= MAX_DIGITS else None) or text


def _number(text: str, *, whole: bool) -> int | Decimal | Trap:
    if len(text) > MAX_DIGITS:
        return Trap("yaml-number", f"a number of {len(text)} digits; quote it if it is a text")
    return int(text) if whole else Decimal(text)


def _trap(text: str) -> Trap | None:
    if text in _BOOLEAN_WORDS:
        return Trap(
            "yaml-ambiguous",
            f'{text} is read as a boolean or as a text, depending on the reader; quote it: "{text}"'
            + (f" (a boolean is {_boolean(text)})" if len(text) > 2 else ""),
        )
    if text in _MISSPELT:
        return Trap("yaml-ambiguous", f'write {_MISSPELT[text]}, or quote it if it is a text: "{text}"')
    if text[0] not in "+-.0123456789":
        return None
    if _NOT_FINITE.fullmatch(text):
        return Trap("yaml-number", f'{text} is not a number that JSON or a column can hold; quote it: "{text}"')
    for pattern, readings in _AMBIGUOUS:
        if pattern.fullmatch(text):
            return Trap("yaml-ambiguous", f'{text} is read as {readings}, depending on the reader; quote it: "{text}"')
    return None


def _boolean(text: str) -> str:
    return "true" if text.lower() in ("yes", "on", "y") else "false"
