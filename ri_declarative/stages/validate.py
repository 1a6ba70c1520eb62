"""Data → data that the schema allows, or problems. jsonschema-rs decides, offline; Decimals stay exact.

Values that Python hooks may return and JSON lacks (dates, times, UUIDs) are judged by their ISO text
and travel on unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from itertools import islice
from typing import Any
from uuid import UUID

import jsonschema_rs

from ri_declarative.records import Problem
from ri_declarative.stages.parse import Chunk
from ri_declarative.stages.refusal import visible
from ri_declarative.stages.schema_messages import problems_of

_MOST_PROBLEMS = 50  # of one record: a list of a million wrong elements is one mistake


class Validator:
    """Judges records by one JSON Schema of draft 2020-12."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """`{}` lets everything pass. Raises ValueError when the schema itself is wrong or needs the network."""
        self._validator = (
            jsonschema_rs.Draft202012Validator(dict(schema), validate_formats=True, offline=True) if schema else None
        )

    def __call__(self, chunk: Chunk) -> Chunk:
        """The chunk without the records that fail, with all their problems."""
        if self._validator is None:
            return chunk
        is_valid = self._validator.is_valid
        problems: dict[int, tuple[Problem, ...]] = {}
        for position, record in enumerate(chunk.data):
            if record is None:
                continue
            try:
                if is_valid(record):
                    continue
            except ValueError:  # a surrogate, or a type that JSON lacks
                pass
            found = self._problems(record)
            if found:
                problems[position] = found
        return chunk.refuse(problems)

    def _problems(self, record: dict[str, Any]) -> tuple[Problem, ...]:
        """Empty when the record is valid once its dates are read as text."""
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
