"""Numbers → canonical text for integer, numeric and float columns: every digit, no exponent, or refused."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.refusal import RefusedError, quoted
from ri_declarative.stages.scalars import exact_number, is_storable

_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
_PLAIN = re.compile(r"-?[0-9]{1,99}(?:\.[0-9]{1,99})?")
_MOST_BITS = 10_000  # str() of an integer beyond 4,300 digits raises
# PostgreSQL's manual, 8.1.2: digits before and after the point of a numeric without a precision.
_MOST_WHOLE, _MOST_FRACTION = 131_072, 16_383


def integer_text(column: ColumnType) -> Callable[[Any], str]:
    """For smallint, integer, bigint: whole numbers inside `low` and `high`."""
    low = column.low if column.low is not None else -(2**63)
    high = column.high if column.high is not None else 2**63 - 1

    def integer(value: Any) -> str:
        number = value if type(value) is int else _whole(value, column)
        if low <= number <= high:
            return str(number)
        raise RefusedError("field.range", f"{column.name} goes from {low} to {high}, got {quoted(value)}")

    return integer


def numeric_text(column: ColumnType) -> Callable[[Any], str]:
    """For numeric and numeric(p,s): what does not fit is refused, where PostgreSQL would round."""
    most_whole, most_fraction = most_digits(column)

    def numeric(value: Any) -> str:
        text = decimal_text(value) if type(value) is Decimal or type(value) is int else _number_text(value, column)
        whole, _, fraction = text.partition(".")
        if len(whole) <= most_whole and len(fraction) <= most_fraction:
            return text
        return _check_digits(text, column, value)

    return numeric


def float_text(column: ColumnType) -> Callable[[Any], str]:
    """For real and double precision: PostgreSQL takes the nearest float of these digits."""
    is_single = column.name in ("real", "float4")

    def floating(value: Any) -> str:
        text = _number_text(value, column)
        nearest = _nearest_float(text, is_single=is_single)
        if math.isinf(nearest) or (nearest == 0 and Decimal(text) != 0):
            raise RefusedError("field.range", f"{quoted(value)} is out of range for {column.name}")
        return text

    return floating


def decimal_text(value: int | float | Decimal) -> str:
    """The number's digits without an exponent. Raises RefusedError when it is not finite or too long.

    >>> decimal_text(Decimal("1E+3")), decimal_text(0.1), decimal_text(Decimal("-0.0"))
    ('1000', '0.1', '0.0')
    """
    if type(value) is int:
        if value.bit_length() > _MOST_BITS:
            raise RefusedError("field.range", f"the number is too long: {quoted(value)}")
        return str(value)
    if type(value) is Decimal and _PLAIN.fullmatch(text := str(value)):  # most are: nothing of the rest can be wrong
        return text if text[0] != "-" or value else text[1:]
    number = value if type(value) is Decimal else Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not is_storable(number):
        raise RefusedError("field.number", f"expected a finite number, got {quoted(value)}")
    text = format(number, "f")
    return text[1:] if text[0] == "-" and not number else text


def _number_text(value: Any, column: ColumnType) -> str:
    if isinstance(value, str):
        number = exact_number(value)
        if number is not None:
            return decimal_text(number)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return decimal_text(value)
    raise RefusedError("field.number", f"expected a number like 1234.56 for {column.name}, got {quoted(value)}")


def _whole(value: Any, column: ColumnType) -> int:
    """The integer that is meant: an integer, a decimal without a fraction, or a text of digits."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Decimal) and is_storable(value) and value == value.to_integral_value():
        if value.adjusted() > 1000:
            raise RefusedError("field.range", f"{quoted(value)} is out of range for {column.name}")
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise RefusedError("field.integer", f"expected a whole number for {column.name}, got {quoted(value)}")


def most_digits(column: ColumnType) -> tuple[int, int]:
    """Digits before and after the point that surely fit; a minus, a leading or a trailing zero takes the long way."""
    if column.precision is None:
        return _MOST_WHOLE, _MOST_FRACTION
    scale = column.scale or 0
    return column.precision - scale if 0 <= scale <= column.precision else 0, max(scale, 0)


def _check_digits(text: str, column: ColumnType, value: Any) -> str:
    """The text when only zeros are in the way. PostgreSQL: |value| < 10^(precision - scale), any scale's sign."""
    precision, scale = column.precision, column.scale or 0
    sign = "-" if text[0] == "-" else ""
    whole, _, fraction = text.lstrip("-").partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    most_fraction = scale if precision is not None else _MOST_FRACTION
    most_whole = precision - scale if precision is not None else _MOST_WHOLE
    if len(fraction) > max(most_fraction, 0):
        raise RefusedError(
            "field.scale", f"{column.name} takes {_places(most_fraction)} after the decimal point, got {quoted(value)}"
        )
    if most_fraction < 0 and whole.rstrip("0") and len(whole) - len(whole.rstrip("0")) < -most_fraction:
        raise RefusedError("field.scale", f"{column.name} takes multiples of {10**-most_fraction}, got {quoted(value)}")
    leading_zeros = len(fraction) - len(fraction.lstrip("0"))
    if len(whole) > max(most_whole, 0) or (most_whole < 0 and fraction and leading_zeros < -most_whole):
        raise RefusedError("field.range", f"{quoted(value)} is too big for {column.name}")
    return f"{sign}{whole or '0'}{'.' + fraction if fraction else ''}"


def _places(digits: int) -> str:
    return "no digits" if digits <= 0 else f"at most {digits} digit{'s' if digits > 1 else ''}"


def _nearest_float(text: str, *, is_single: bool) -> float:
    nearest = float(text)
    if not is_single:
        return nearest
    try:
        packed: float = struct.unpack("f", struct.pack("f", nearest))[0]
    except OverflowError:
        return math.inf
    return packed
