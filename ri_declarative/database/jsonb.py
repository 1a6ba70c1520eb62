"""Values as JSONB keeps them, and back: equal values come back, whatever they hold.

What JSONB cannot hold (NUL, lone surrogates, numbers beyond numeric) is kept as a string with the
JSON text of the value, so that any JSON reader rebuilds the original.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
# PostgreSQL's numeric: up to 131072 digits before and 16383 after the decimal point.
_MOST_DEPTH, _MOST_TEXT = 20, 10_000
_MOST_BITS = 13_000  # Python makes no text of an integer beyond 4,300 digits
_SHORT = reprlib.Repr()  # a text of 200,000 digits is nobody's, and Python refuses to make it
_MOST_DIGITS, _MOST_FRACTION = 131_072, 16_383
_DICT, _TEXT = {dict}, {str}
KEPT_AS_TEXT = {"source_data": "json_text"}


def to_jsonb(value: Any) -> tuple[str, bool]:
    r"""JSON text that JSONB accepts, and whether it is a string that holds the value's JSON text.

    >>> to_jsonb({"a": Decimal("1.10")})
    ('{"a":1.10}', False)
    >>> to_jsonb({"a": "\x00"})
    ('"{\\"a\\": \\"\\\\u0000\\"}"', True)
    """
    try:
        text = _ENCODER.encode(value).decode()
    except UnicodeEncodeError:
        return json.dumps(_ascii_json(value)), True
    if "\\u0000" in text or (("E" in text or len(text) > _MOST_FRACTION) and _has_huge_number(value)):
        return json.dumps(_ascii_json(value)), True
    return text, False


def all_to_jsonb(values: Sequence[Any]) -> tuple[list[str], frozenset[int]]:
    """What `to_jsonb` gives for each: the texts, and the places of those that hold the value's JSON text."""
    try:
        text = _ENCODER.encode_lines(values).decode()
    except UnicodeEncodeError:
        text = "\\u0000"
    if "\\u0000" not in text and _are_of_texts(values):
        return text.split("\n")[:-1], frozenset()
    each = [to_jsonb(value) for value in values]
    return [text for text, _ in each], frozenset(place for place, (_, as_text) in enumerate(each) if as_text)


def objects_to_jsonb(keys: tuple[str, ...], columns: Sequence[Sequence[str]]) -> list[str] | None:
    """JSON texts that JSONB accepts, of objects with these keys and texts; None: to be made one by one."""
    try:
        text = _ENCODER.encode_lines(list(map(_object(keys), *columns))).decode()
    except (UnicodeEncodeError, ValueError):  # half of a surrogate pair; a key with a quote in it
        return None
    return None if "\\u0000" in text else text.split("\n")[:-1]


@lru_cache(maxsize=16)
def _object(keys: tuple[str, ...]) -> Callable[..., msgspec.Struct]:
    """What is made of the values is encoded as an object, in half the time that a dict takes."""
    names = [f"field_{place}" for place in range(len(keys))]
    fields = [(name, str) for name in names]
    return msgspec.defstruct("Object", fields, rename=dict(zip(names, keys, strict=True)), gc=False)


def _are_of_texts(values: Sequence[Any]) -> bool:
    """Whether all are objects of nothing but texts, as records of text sources are: there is no number to look at."""
    return set(map(type, values)) == _DICT and set(map(type, chain.from_iterable(map(dict.values, values)))) <= _TEXT


def storable(value: Any) -> tuple[str, bool]:
    """As `to_jsonb`, of values that an application made. ValueError or TypeError where JSON would change one."""
    text, kept_as_text = to_jsonb(value)
    if kept_as_text:
        printable_json(value)  # which takes no object for its text
    if ("null" in text or "NaN" in text or "Infinity" in text) and _has_no_number(value):
        raise ValueError("NaN and infinity are no numbers of JSON")
    return text, kept_as_text


def from_jsonb(text: str, *, kept_as_text: bool) -> Any:
    """The value that `to_jsonb` was given; numbers with a fraction are Decimals."""
    value = _DECODER.decode(text)
    return json.loads(value, parse_float=Decimal) if kept_as_text else value


def printable(text: str) -> str:
    r"""`text` as a PostgreSQL text can hold it: NUL and lone surrogates escaped.

    >>> printable("a\x00\udc80")
    'a\\x00\\udc80'
    """
    if type(text) is str and text.isascii() and "\0" not in text:  # a subclass becomes a plain text
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def printable_json(value: Any) -> str:
    """JSON text of plain values for JSONB, every text made `printable`."""
    return _ENCODER.encode(_printable_value(value)).decode()


def json_of_texts(value: Any) -> str:
    """As `printable_json`, of lists and dicts with nothing but texts in them, several times as fast."""
    try:
        text = _ENCODER.encode(value).decode()
    except (TypeError, UnicodeEncodeError):  # a text of another class; half of a surrogate pair
        return printable_json(value)
    return printable_json(value) if "\\u0000" in text else text


def refuse_unstorable(value: Any) -> None:
    """Raise TypeError or ValueError when JSONB cannot hold the value as it is."""
    printable_json(value)
    if _has_no_number(value):
        raise ValueError("NaN and infinity are no numbers of JSON")
    if _has_huge_number(value):
        raise ValueError("a number has more digits than PostgreSQL's numeric")


def loggable(value: Any, *, depth: int = 0) -> Any:
    """A copy of any value that JSONB can hold: what it lacks becomes its text, clipped.

    >>> loggable({"a": {1}, 2: Decimal("NaN"), "c": [1.5, None]})
    {'a': '{1}', '2': 'NaN', 'c': [1.5, None]}
    """
    if value is None or isinstance(value, bool) or type(value) is str:
        return value
    if depth < _MOST_DEPTH and isinstance(value, Mapping):
        return {_text_of(key): loggable(member, depth=depth + 1) for key, member in value.items()}
    if depth < _MOST_DEPTH and isinstance(value, list | tuple):
        return [loggable(member, depth=depth + 1) for member in value]
    if type(value) is int and value.bit_length() > _MOST_BITS:
        return _text_of(value)
    if type(value) in (int, float, Decimal) and not _has_no_number(value) and not _has_huge_number(value):
        return value
    return _text_of(value)


def _text_of(value: Any) -> str:
    """The text of a value that may refuse to have one."""
    try:
        text = value if isinstance(value, str) else _SHORT.repr(value) if isinstance(value, int) else str(value)
    except BaseException:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"


def _printable_value(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): _printable_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable_value(item) for item in value]
    return value


def _has_huge_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return isinstance(exponent, int) and (exponent < -_MOST_FRACTION or value.adjusted() >= _MOST_DIGITS)
    if isinstance(value, int):
        return value.bit_length() > 3 * _MOST_DIGITS
    if isinstance(value, Mapping):
        return any(map(_has_huge_number, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_huge_number, value))


def _has_no_number(value: Any) -> bool:
    if isinstance(value, float | Decimal):
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_has_no_number, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_no_number, value))


def _ascii_json(value: Any) -> str:
    """JSON text in ASCII, Decimals as exact numbers; the standard library knows no Decimals."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {_ascii_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_ascii_json, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)
