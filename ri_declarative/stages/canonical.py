"""Value → the canonical text that a column of one type takes, or `RefusedError`. Knows no database.

Only these texts reach PostgreSQL, so that `now`, `infinity`, `NaN`, `1_000`, `0x1F` and the session's
settings have no say, and nothing is cut or rounded in silence. One closure per column, made once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ri_declarative.stages.canonical_numbers import decimal_text, float_text, integer_text, numeric_text
from ri_declarative.stages.canonical_times import date_text, interval_text, time_text, timestamp_text
from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.refusal import RefusedError, quoted
from ri_declarative.words import did_you_mean

Canonical = Callable[[Any], str]

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_HEX = re.compile(r"\\x(?:[0-9a-fA-F]{2})*")
# Inputs of dates, times and numbers that are no plain values: PostgreSQL manual, 8.5.1.4 and 8.1.2; and 1_000, 0x1F.
_WORD = re.compile(
    r"(?<![a-z])(?:now|today|tomorrow|yesterday|epoch|allballs|infinity|nan|inf)(?![a-z])|[0-9]_[0-9]|(?<![a-z0-9])0[xob]",
    re.I,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_encode_json = msgspec.json.Encoder(decimal_format="number").encode


def canonical(column: ColumnType) -> Canonical:
    """The function that makes the text for a column of this type. It is never called with None.

    >>> canonical(ColumnType("numeric", precision=6, scale=2, name="numeric(6,2)"))(Decimal("1.50"))
    '1.50'
    """
    named = column if column.name else column._replace(name=column.category)
    return _MAKERS[column.category](named)


def plain_text(value: Any) -> str:
    """Text as it is; of numbers and booleans the JSON text, of lists and dicts the JSON document."""
    if isinstance(value, str):
        if not is_storable_text(value):
            raise _unstorable(value)
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return decimal_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else json_text(value)


def json_text(value: Any) -> str:
    """The value as a JSON document, numbers exact."""
    try:
        text = _encode_json(value).decode()
    except UnicodeEncodeError:
        raise RefusedError("field.encoding", _ENCODING) from None
    except (TypeError, ValueError, RecursionError, OverflowError):
        raise RefusedError("field.json", f"expected a value that JSON can say, got {quoted(value)}") from None
    if "\\u0000" in text and _holds(value, lambda leaf: isinstance(leaf, str) and "\0" in leaf):
        raise RefusedError("field.nul", _NUL)
    # The encoder writes NaN and Infinity as null or as themselves.
    if ("null" in text or "N" in text or "I" in text) and _holds(value, _is_not_finite):
        raise RefusedError("field.json", f"expected a value that JSON can say, got {quoted(value)}")
    return text


def _text(column: ColumnType) -> Canonical:
    length = column.length
    if length is None:
        return plain_text

    def limited(value: Any) -> str:
        text = plain_text(value)
        if len(text) > length:
            raise RefusedError(
                "field.length", f"{column.name} takes at most {length} characters, got {len(text)}: {quoted(text)}"
            )
        return text

    return limited


def _boolean(column: ColumnType) -> Canonical:
    def boolean(value: Any) -> str:
        if value is True or value == "true":
            return "true"
        if value is False or value == "false":
            return "false"
        raise RefusedError("field.boolean", f"expected true or false for {column.name}, got {quoted(value)}")

    return boolean


def _uuid(column: ColumnType) -> Canonical:
    def uuid(value: Any) -> str:
        if (isinstance(value, str) and _UUID.fullmatch(value)) or isinstance(value, UUID):
            return str(UUID(str(value)))
        raise RefusedError(
            "field.uuid", f"expected a UUID like 123e4567-e89b-12d3-a456-426614174000, got {quoted(value)}"
        )

    return uuid


def _json(_: ColumnType) -> Canonical:
    return json_text


def _bytea(column: ColumnType) -> Canonical:
    def bytea(value: Any) -> str:
        if isinstance(value, str) and _HEX.fullmatch(value):
            return value
        if isinstance(value, bytes):
            return "\\x" + value.hex()
        raise RefusedError("field.bytea", f"expected hexadecimal like \\x00ff for {column.name}, got {quoted(value)}")

    return bytea


def _enum(column: ColumnType) -> Canonical:
    labels = frozenset(column.labels)

    def enum(value: Any) -> str:
        if isinstance(value, str) and value in labels:
            return str(value)
        near = did_you_mean(value, column.labels) if isinstance(value, str) else ""
        raise RefusedError("field.enum", f"{column.name} has no label {quoted(value)}{near}")

    return enum


def _array(column: ColumnType) -> Canonical:
    if column.element is None:
        raise ValueError(f"the array type {column.name} names no element type")
    element = canonical(column.element)
    nests = column.element.category != "json"

    def array(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise RefusedError("field.array", f"expected a list for {column.name}, got {quoted(value)}")
        if nests:
            _check_rectangular(value, column)
        return _array_literal(value, element, nests=nests)

    return array


def _parts(column: ColumnType) -> Canonical:
    """Ranges and composites: words that mean a moment or no number must not reach the types inside."""

    def parts(value: Any) -> str:
        text = plain_text(value)
        if _WORD.search(text):
            raise RefusedError("field.literal", f"expected plain values for {column.name}, got {quoted(value)}")
        return text

    return parts


def _other(_: ColumnType) -> Canonical:
    return plain_text


def _array_literal(values: Sequence[Any], element: Canonical, *, nests: bool) -> str:
    """PostgreSQL's array input (manual, 8.15.2): every element quoted, so that none can be a word like NULL."""
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif nests and isinstance(value, list | tuple):
            parts.append(_array_literal(value, element, nests=nests))
        else:
            text = element(value).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{text}"')
    return "{" + ",".join(parts) + "}"


def _check_rectangular(values: Sequence[Any], column: ColumnType) -> None:
    """PostgreSQL's arrays have one length per dimension, and no empty lists inside."""
    level: Sequence[Any] = values
    while lists := [value for value in level if isinstance(value, list | tuple)]:
        if len(lists) < len(level) or len({len(inner) for inner in lists}) > 1 or not lists[0]:
            raise RefusedError("field.array", f"expected lists of one length for {column.name}, got {quoted(values)}")
        level = [value for inner in lists for value in inner]


def is_storable_text(text: str) -> bool:
    """Whether it holds neither NUL nor half of a surrogate pair."""
    # isascii() reads a flag; only texts beyond ASCII can hold a surrogate.
    return "\0" not in text and (text.isascii() or _SURROGATE.search(text) is None)


def _unstorable(text: str) -> RefusedError:
    if "\0" in text:
        return RefusedError("field.nul", f"{_NUL}, got {quoted(text)}")
    return RefusedError("field.encoding", f"{_ENCODING}, got {quoted(text)}")


def _holds(value: Any, is_wrong: Callable[[Any], bool]) -> bool:
    if isinstance(value, dict):
        return any(_holds(key, is_wrong) or _holds(member, is_wrong) for key, member in value.items())
    if isinstance(value, list | tuple):
        return any(_holds(member, is_wrong) for member in value)
    return is_wrong(value)


def _is_not_finite(leaf: Any) -> bool:
    return isinstance(leaf, float | Decimal) and not Decimal(leaf).is_finite()


_NUL = "PostgreSQL cannot store the character NUL"
_ENCODING = "half of a surrogate pair cannot be stored"
_MAKERS: dict[str, Callable[[ColumnType], Canonical]] = {
    "text": _text,
    "integer": integer_text,
    "numeric": numeric_text,
    "float": float_text,
    "boolean": _boolean,
    "date": date_text,
    "timestamp": timestamp_text,
    "timestamptz": timestamp_text,
    "time": time_text,
    "timetz": time_text,
    "interval": interval_text,
    "uuid": _uuid,
    "json": _json,
    "bytea": _bytea,
    "array": _array,
    "enum": _enum,
    "parts": _parts,
    "other": _other,
}
