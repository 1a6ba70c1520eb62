"""Text → value, by the kind that is declared: exact, or refused. Nothing is inferred or rounded.

The readers take the cleaned text of one cell and raise `RefusedError`. They know nothing of records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from ri_declarative.stages.date_patterns import DatePattern
from ri_declarative.stages.iso import iso_date, iso_time, iso_timestamp
from ri_declarative.stages.refusal import RefusedError, quoted

Kind = Literal["text", "integer", "number", "boolean", "date", "timestamp", "time", "json"]
Reader = Callable[[str], Any]

# What PostgreSQL's numeric holds: 131,072 digits before and 16,383 after the point (manual, 8.1.2).
MAX_EXPONENT = 131_072
MAX_DIGITS = 131_072 + 16_383
_LONGEST_NUMBER = MAX_DIGITS + 32  # a longer text is not even looked at

_INTEGER = re.compile(r"[+-]?[0-9]+")
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,99}(?:\.[0-9]{1,99})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?0{0,9}[0-9]{1,6})?")
_NUMBER_WITH_COMMA = re.compile(_NUMBER.pattern.replace(r"\.", ","))
# 1,234.56 1.234,56 1 234 1'234: digits in groups of three.
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:([.,' \u2019\u00a0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?")
_BOOLEANS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
_BOOLEANS |= {"false": False, "f": False, "no": False, "n": False, "0": False}


def reader(kind: Kind, *, date: str | None = None, decimal: str = ".") -> Reader | None:
    """The function that reads a cell of this kind; None for text, which is taken as it is.

    A text with a date pattern becomes what the pattern says: a date, a timestamp or a time; a text
    with a decimal comma becomes a number. Raises ValueError when pattern and kind contradict.

    >>> reader("number", decimal=",")("9,99")
    Decimal('9.99')
    """
    if date is not None:
        return _pattern_reader(kind, DatePattern(date))
    if kind == "number" or (kind == "text" and decimal != "."):
        return read_number if decimal == "." else read_number_with_comma
    return _READERS[kind]


def read_integer(text: str) -> int:
    """ASCII digits with an optional sign. Leading zeros are fine: the value is declared to be a number."""
    if _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError:  # Python's guard against integers of more than 4,300 digits
            raise RefusedError("field.integer", f"a whole number of {len(text)} digits is too long to read") from None
    hint = _hint_of_thousands(text)
    raise RefusedError("field.integer", f"expected a whole number like 1234, got {quoted(text)}{hint}")


def read_number(text: str) -> Decimal:
    """Every digit of it, never through a float."""
    number = exact_number(text)
    if number is None:
        is_comma = _NUMBER_WITH_COMMA.fullmatch(text[:99])
        hint = '; declare decimal: "," when it is a decimal comma' if is_comma else _hint_of_thousands(text)
        raise RefusedError("field.number", f"expected a number like 1234.56, got {quoted(text)}{hint}")
    return number


def read_number_with_comma(text: str) -> Decimal:
    """The same with a decimal comma; a point is refused, not taken for a sign between thousands."""
    number = exact_number(text.replace(",", ".")) if "." not in text else None
    if number is None:
        hint = _hint_of_thousands(text)
        raise RefusedError("field.number", f"expected a number like 1234,56, got {quoted(text)}{hint}")
    return number


def _hint_of_thousands(text: str) -> str:
    return "; thousands separators are not supported yet: clean the export" if _GROUPED.fullmatch(text[:99]) else ""


def exact_number(text: str) -> Decimal | None:
    """The number a text says, None when it is none or beyond what numeric can hold.

    >>> exact_number("0.10"), exact_number("1_000"), exact_number("NaN")
    (Decimal('0.10'), None, None)
    """
    if _PLAIN_NUMBER.fullmatch(text):  # most are: nothing of the rest can be wrong with them
        return Decimal(text)
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if is_storable(number) else None


def is_storable(number: Decimal) -> bool:
    """Whether a Decimal is finite and small enough to be written out digit by digit."""
    return number.is_finite() and -MAX_EXPONENT <= number.adjusted() <= MAX_EXPONENT


def read_boolean(text: str) -> bool:
    """true t yes y 1, false f no n 0, in any case."""
    value = _BOOLEANS.get(text)
    if value is None:
        value = _BOOLEANS.get(text.lower()) if text.isascii() else None
    if value is None:
        raise RefusedError("field.boolean", f"expected true, false, yes, no, t, f, y, n, 1 or 0, got {quoted(text)}")
    return value


def read_date(text: str) -> str:
    """An ISO date."""
    found = iso_date(text)
    if found is None:
        raise RefusedError("field.date", f"expected a date like 2026-12-31, got {quoted(text)}")
    return found


def read_timestamp(text: str) -> str:
    """A canonical ISO timestamp, with an offset when the text has one; a date alone is its midnight."""
    found = iso_timestamp(text)
    if found is None:
        raise RefusedError("field.timestamp", f"expected a date and time like 2026-12-31T23:59:00, got {quoted(text)}")
    return found


def read_time(text: str) -> str:
    """A canonical ISO time, with an offset when the text has one."""
    found = iso_time(text)
    if found is None:
        raise RefusedError("field.time", f"expected a time like 23:59:00, got {quoted(text)}")
    return found


def read_json(text: str) -> Any:
    """The JSON value a text says: integers and decimals exact; NaN, Infinity and a key twice are refused."""
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise RefusedError("field.json", f"expected JSON, got {quoted(text)}: {quoted(reason)[1:-1]}") from None


def _pattern_reader(kind: Kind, pattern: DatePattern) -> Reader:
    if kind in ("text", pattern.shape):
        return lambda text: _read_pattern(pattern, text)
    if kind == "date" and pattern.shape == "timestamp" and not pattern.zoned:
        return lambda text: _read_midnight(pattern, text)
    if kind == "timestamp" and pattern.shape == "date":
        return lambda text: _read_pattern(pattern, text) + "T00:00:00"
    said = f"{pattern.shape} with a zone" if pattern.zoned else pattern.shape
    raise ValueError(f"a date pattern that says a {said} cannot fill a field that is a {kind}")


def _read_pattern(pattern: DatePattern, text: str) -> str:
    found = pattern.read(text)
    if found is None:
        why = (
            f": there is no such {'time' if pattern.shape == 'time' else 'day or time'}"
            if pattern.matches(text)
            else ""
        )
        what = _SHAPE_NAMES[pattern.shape]
        raise RefusedError(f"field.{pattern.shape}", f"expected {what} like {pattern.example}, got {quoted(text)}{why}")
    return found


def _read_midnight(pattern: DatePattern, text: str) -> str:
    """The date of a text whose time of day is midnight: exports often write dates so."""
    day, _, clock = _read_pattern(pattern, text).partition("T")
    if clock != "00:00:00":
        raise RefusedError("field.date", f"expected a date without a time of day, got {quoted(text)}")
    return day


def _exact_float(text: str) -> Decimal:
    number = exact_number(text)
    if number is None:
        raise ValueError(f"the number {quoted(text)} is out of range")
    return number


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {quoted(twice)} appears twice")
    return members


_SHAPE_NAMES = {"date": "a date", "timestamp": "a date and time", "time": "a time"}
# The standard library, not msgspec: msgspec keeps the last of two equal keys in silence.
_JSON = json.JSONDecoder(parse_float=_exact_float, parse_constant=_refuse_constant, object_pairs_hook=_members)
_READERS: dict[Kind, Reader | None] = {
    "text": None,
    "integer": read_integer,
    "number": read_number,
    "boolean": read_boolean,
    "date": read_date,
    "timestamp": read_timestamp,
    "time": read_time,
    "json": read_json,
}
