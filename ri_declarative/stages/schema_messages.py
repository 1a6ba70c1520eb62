"""What a JSON Schema violation is called: code, field, and words for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs

from ri_declarative.records import Problem
from ri_declarative.stages.refusal import SHOWN_CHARACTERS, quoted, visible
from ri_declarative.words import did_you_mean

_SHOWN_CHOICES = 10
_COSTLY = (
    jsonschema_rs.ValidationErrorKind.BacktrackLimitExceeded,
    jsonschema_rs.ValidationErrorKind.RegexEngineFailure,
)


def problems_of(error: jsonschema_rs.ValidationError, record: Mapping[str, Any]) -> tuple[Problem, ...]:
    """One problem of a record, or one for every unexpected property of an object.

    The code is `schema.` and the keyword; the field is the property of the record that is meant,
    and `details["path"]` (a JSON pointer) the place when it lies deeper.
    """
    keyword = _keyword(error)
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        return tuple(
            _problem(error, keyword, extra, "is not a property that the schema knows") for extra in error.kind.value
        )
    if keyword in ("required", "dependentRequired"):
        return (_problem(error, keyword, error.kind.value, _REQUIRED[keyword]),)
    return (_problem(error, keyword, None, _message(error, keyword, record)),)


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    name: str = error.kind.name
    # The validator reports a missing partner as `required`; the path says who asked.
    return "dependentRequired" if name == "required" and error.schema_path[-1:] == ["dependentRequired"] else name


def _problem(error: jsonschema_rs.ValidationError, keyword: str, member: str | None, message: str) -> Problem:
    path = [*error.instance_path, *([member] if member is not None else [])]
    field = visible(str(path[0])) if path else None
    details = {"path": visible(_pointer(path))} if len(path) > 1 else {}
    if member is not None and len(path) > 1:
        message = f'"{visible(member, limit=SHOWN_CHARACTERS)}" {message}'
    return Problem(f"schema.{keyword}", field, visible(message), details)


def _message(error: jsonschema_rs.ValidationError, keyword: str, record: Mapping[str, Any]) -> str:
    limit, value = error.kind.value, _value_at(error, record)
    if keyword in ("anyOf", "oneOf"):
        return _alternatives(limit, record)
    if isinstance(error.kind, _COSTLY):
        return f"the pattern takes too long to try on {quoted(value)}; simplify it"
    say = _MESSAGES.get(keyword)
    return say(limit, value) if say else str(error.message)


def _value_at(error: jsonschema_rs.ValidationError, record: Mapping[str, Any]) -> Any:
    """The value as the record has it: the error's own copy has lost trailing zeros and long fractions."""
    value: Any = record
    try:
        for step in error.instance_path:
            value = value[step]
    except (LookupError, TypeError):  # a path inside an alternative may begin elsewhere
        return error.instance
    return value


def _pointer(path: Sequence[str | int]) -> str:
    """RFC 6901."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _type(types: Sequence[str], value: Any) -> str:
    return f"expected {' or '.join(_TYPE_NAMES.get(name, name) for name in types)}, got {quoted(value)}"


def _format(name: str, value: Any) -> str:
    return f"expected {_FORMAT_NAMES.get(name) or f'a value of the format {name}'}, got {quoted(value)}"


def _enum(choices: Sequence[Any], value: Any) -> str:
    shown = ", ".join(_bare(choice) for choice in choices[:_SHOWN_CHOICES])
    more = f" or {len(choices) - _SHOWN_CHOICES} more" if len(choices) > _SHOWN_CHOICES else ""
    texts = [choice for choice in choices if isinstance(choice, str)]
    near = did_you_mean(value, texts) if isinstance(value, str) and len(value) <= SHOWN_CHARACTERS else ""
    return f"must be one of {shown}{more}, got {quoted(value)}{near}"


def _alternatives(alternatives: Sequence[Sequence[jsonschema_rs.ValidationError]], record: Mapping[str, Any]) -> str:
    """For anyOf and oneOf: the first reason of each alternative, or how many fit where one may."""
    fitting = sum(not errors for errors in alternatives)
    if fitting:
        return f"fits {fitting} of {len(alternatives)} alternatives, exactly one is allowed"
    reasons = "; or ".join(_reason(errors[0], record) for errors in alternatives[:3])
    return f"fits none of {len(alternatives)} alternatives: {reasons}"


def _reason(error: jsonschema_rs.ValidationError, record: Mapping[str, Any]) -> str:
    problem = problems_of(error, record)[0]
    return f"{problem.field} {problem.message}" if problem.field else problem.message


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _bare(value: Any) -> str:
    return visible(value, limit=SHOWN_CHARACTERS) if isinstance(value, str) and value else quoted(value)


def _length(value: Any) -> str:
    return f"{len(value)}: {quoted(value)}"


_REQUIRED = {"required": "is required", "dependentRequired": "is required beside the other fields of this record"}
_TYPE_NAMES: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMAT_NAMES: Mapping[str, str] = {
    "email": "an e-mail address",
    "idn-email": "an e-mail address",
    "date": "a date like 2026-12-31",
    "date-time": "a date and time with its zone like 2026-12-31T23:59:00Z",
    "time": "a time with its zone like 23:59:00Z",
    "duration": "a duration like P1DT2H",
    "uuid": "a UUID like 123e4567-e89b-12d3-a456-426614174000",
    "uri": "a URI like https://example.org/",
    "uri-reference": "a URI or a part of one",
    "hostname": "a host name",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "regex": "a regular expression",
}
_MESSAGES: Mapping[str, Callable[[Any, Any], str]] = {
    "type": _type,
    "format": _format,
    "enum": _enum,
    "const": lambda limit, value: f"must be {quoted(limit)}, got {quoted(value)}",
    "minimum": lambda limit, value: f"must be at least {quoted(limit)}, got {quoted(value)}",
    "maximum": lambda limit, value: f"must be at most {quoted(limit)}, got {quoted(value)}",
    "exclusiveMinimum": lambda limit, value: f"must be more than {quoted(limit)}, got {quoted(value)}",
    "exclusiveMaximum": lambda limit, value: f"must be less than {quoted(limit)}, got {quoted(value)}",
    "multipleOf": lambda limit, value: f"must be a multiple of {quoted(limit)}, got {quoted(value)}",
    "minLength": lambda limit, value: (
        f"must have at least {_counted(limit, 'character', 'characters')}, got {_length(value)}"
    ),
    "maxLength": lambda limit, value: (
        f"must have at most {_counted(limit, 'character', 'characters')}, got {_length(value)}"
    ),
    "pattern": lambda limit, value: f"must match {visible(limit, limit=120)}, got {quoted(value)}",
    "minItems": lambda limit, value: f"must have at least {_counted(limit, 'element', 'elements')}, got {len(value)}",
    "maxItems": lambda limit, value: f"must have at most {_counted(limit, 'element', 'elements')}, got {len(value)}",
    "uniqueItems": lambda _, value: f"must not have an element twice, got {quoted(value)}",
    "minProperties": lambda limit, value: (
        f"must have at least {_counted(limit, 'property', 'properties')}, got {len(value)}"
    ),
    "maxProperties": lambda limit, value: (
        f"must have at most {_counted(limit, 'property', 'properties')}, got {len(value)}"
    ),
    "not": lambda _, value: f"must not be what the schema excludes by not, got {quoted(value)}",
    "falseSchema": lambda _, value: f"must be absent, got {quoted(value)}",
}
