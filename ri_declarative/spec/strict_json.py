"""JSON text to plain data plus positions, as strict as strict_yaml.py: same types, same caps."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

from ri_declarative.errors import Diagnostic, Position
from ri_declarative.spec.positions import clip
from ri_declarative.spec.scalars import MAX_DIGITS
from ri_declarative.spec.strict_yaml import MAX_DEPTH, Loaded, read_text, scan_yaml

_SURROGATE = re.compile("[\ud800-\udfff]")


class _RefusedError(ValueError):
    """JSON that readers disagree about; the message is fit for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_json(file: Path, path: str) -> Loaded:
    """The file's data, positions and findings; `path` is how messages name it. Never raises."""
    text = read_text(file, path)
    return scan_json(text, path) if isinstance(text, str) else Loaded(None, {}, (text,))


def scan_json(text: str, path: str) -> Loaded:
    """The text's data, positions and findings. Never raises for what the text holds.

    >>> scan_json('{"minimum": 0.10}', "x.json").data
    {'minimum': Decimal('0.10')}
    """
    start = Position(path, 1, 1)
    if not text.strip():
        return Loaded(None, {}, (Diagnostic(start, "file-empty", "is empty"),))
    try:
        data = _parse(text)
    except json.JSONDecodeError as error:
        position = Position(path, error.lineno, error.colno)
        return Loaded(None, {}, (Diagnostic(position, "json-syntax", error.msg[:1].lower() + error.msg[1:]),))
    except _RefusedError as error:
        return Loaded(None, {}, (Diagnostic(start, error.code, str(error)),))
    # JSON is YAML but for a few escapes, so the one reader that keeps positions gives them here, too.
    return Loaded(data, scan_yaml(text, path).positions)


def _parse(text: str) -> Any:
    try:
        data = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_pairs,
        )
        deep = _deeper_than(data, MAX_DEPTH)
    except RecursionError:
        deep = True
    if deep:
        raise _RefusedError("file-limit", f"is nested more than {MAX_DEPTH} levels deep")
    if "\\u" in text and _SURROGATE.search(json.dumps(data, ensure_ascii=False, default=str)):
        raise _RefusedError("json-syntax", "half of a surrogate pair (\\ud800 to \\udfff) stands alone")
    return data


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:  # the exponent alone is beyond what Decimal holds
        number = None
    if number is None or len(text) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise _RefusedError("json-number", f"the number {clip(text)} is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _RefusedError("json-number", f"a number of {len(text)} digits is too large")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise _RefusedError("json-number", f"{text} is not a number that JSON can hold")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError("duplicate-key", f'the key "{clip(twice)}" is there twice in one object')
    return found


def _deeper_than(data: Any, levels: int) -> bool:
    level = [data]
    for _ in range(levels + 1):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True
