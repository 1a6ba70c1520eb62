"""Data → data that the schema allows, or problems. jsonschema-rs decides, offline; Decimals stay exact.

Values that Python hooks may return and JSON lacks (dates, times, UUIDs) are judged by their ISO text
and travel on unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from itertools import islice
from typing import Any
from uuid import UUID

import jsonschema_rs

from ri_declarative.records import Problem
from ri_declarative.stages.parse import Chunk, Columns
from ri_declarative.stages.refusal import visible
from ri_declarative.stages.schema_messages import problems_of

_MOST_PROBLEMS = 50  # of one record: a list of a million wrong elements is one mistake


# Keywords that judge an object by its fields alone, each by itself, or that judge nothing.
_FIELD_BY_FIELD = frozenset(
    ("type", "required", "properties", "title", "description", "$schema", "$comment", "default", "examples")
)


class Validator:
    """Judges records by one JSON Schema of draft 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """`{}` lets everything pass. Raises ValueError when the schema itself is wrong or needs the network."""
        self._validator = _validator(schema) if schema else None
        self._fields = _Fields(schema) if schema and _is_field_by_field(schema) else None

    def __call__(self, chunk: Chunk) -> Chunk:
        """The chunk without the records that fail, with all their problems."""
        if self._validator is None:
            return chunk
        problems: dict[int, tuple[Problem, ...]] = {}
        for position in self._suspects(chunk):
            record = chunk.data[position]
            if record is not None and (found := self._problems(record)):
                problems[position] = found
        return chunk.refuse(problems)

    def _suspects(self, chunk: Chunk) -> Iterable[int]:
        """The positions of all records that may fail."""
        assert self._validator is not None
        if self._fields is not None and chunk.columns is not None:
            return self._fields.suspects(chunk.columns, len(chunk.data))
        is_valid = self._validator.is_valid
        return [
            position
            for position, record in enumerate(chunk.data)
            if record is not None and not _is_certainly(is_valid, record)
        ]

    def _problems(self, record: dict[str, Any]) -> tuple[Problem, ...]:
        """Empty when the record is valid once its dates are read as text."""
        with suppress(ValueError):
            return self._schema_problems(record)
        try:
            return self._schema_problems(_as_json(record))
        except UnicodeEncodeError:
            return _encoding_problems(record)
        except (ValueError, RecursionError) as error:
            return (Problem("field.type", None, f"a value cannot be validated: {visible(str(error))}"),)

    def _schema_problems(self, record: dict[str, Any]) -> tuple[Problem, ...]:
        assert self._validator is not None
        if self._validator.is_valid(record):
            return ()
        errors = islice(self._validator.iter_errors(record), _MOST_PROBLEMS)
        return tuple(problem for error in errors for problem in problems_of(error, record))


class _Fields:
    """Judges columns by the schemas of their fields, all values of one at once."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._required = tuple(schema.get("required", ()))
        self._judges = {name: _Field(of_field) for name, of_field in schema.get("properties", {}).items()}

    def suspects(self, columns: Columns, count: int) -> list[int]:
        """The places of the records that one of their fields, or its absence, may make invalid."""
        found: set[int] = set()
        for name in self._required:
            column = columns.values.get(name)
            if column is None:
                return list(range(count))
            if name in columns.gaps:
                found.update(place for place, value in enumerate(column) if value is None)
        for name, judge in self._judges.items():
            if (column := columns.values.get(name)) is not None:
                found.update(judge.suspects(column, may_have_none=name in columns.gaps))
        return sorted(found)


class _Field:
    def __init__(self, schema: Any) -> None:
        self._all = _validator({"items": schema})
        self._one = _validator(schema)

    def suspects(self, column: Sequence[Any], *, may_have_none: bool) -> Iterable[int]:
        """The places of values that may be invalid; None stands for no value."""
        values = [value for value in column if value is not None] if may_have_none else list(column)
        if _is_certainly(self._all.is_valid, values):
            return ()
        is_valid = self._one.is_valid
        try:
            return [p for p, value in enumerate(column) if value is not None and not is_valid(value)]
        except ValueError:
            return [p for p, value in enumerate(column) if value is not None and not _is_certainly(is_valid, value)]


def _validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    schema = dict(schema) if isinstance(schema, Mapping) else schema
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True)


def _is_certainly(is_valid: Callable[[Any], bool], value: Any) -> bool:
    try:
        return is_valid(value)
    except ValueError:  # a surrogate, or a type that JSON lacks
        return False


def _is_field_by_field(schema: Mapping[str, Any]) -> bool:
    return (
        _FIELD_BY_FIELD.issuperset(schema)
        and schema.get("type", "object") == "object"
        and not _refers(schema.get("properties", {}))
    )


def _refers(schema: Any) -> bool:
    """Whether a keyword in it needs the schema around it."""
    if isinstance(schema, Mapping):
        return any(key.startswith("$") or _refers(value) for key, value in schema.items())
    return isinstance(schema, list) and any(map(_refers, schema))


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(member) for member in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _encoding_problems(record: dict[str, Any]) -> tuple[Problem, ...]:
    message = "half of a surrogate pair cannot be stored"
    return tuple(
        Problem("field.encoding", visible(name), message)
        for name, value in record.items()
        if _has_surrogate((name, value))
    )


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_surrogate(pair) for pair in value.items())
    if isinstance(value, list | tuple):
        return any(_has_surrogate(member) for member in value)
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)
