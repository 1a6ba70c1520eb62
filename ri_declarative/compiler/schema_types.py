"""What a record's schema says about one field: its types, its format, how a cell of it is read. Needs no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ri_declarative.spec.pointer import part_at
from ri_declarative.stages.scalars import Kind

_KIND_OF_SCHEMA_TYPE: Mapping[str, Kind] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "json",
    "array": "json",
}


def part_of(schema: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """What the schema says about a field, a local `$ref` followed; {} when it says nothing."""
    properties = schema.get("properties", {})
    return _resolved(schema, properties.get(field, {}))


def types_of(part: Mapping[str, Any]) -> tuple[str, ...]:
    """The types that a value may have, without null; empty when any may come.

    >>> types_of({"type": ["integer", "null"]})
    ('integer',)
    """
    types = part.get("type")
    return (types,) if isinstance(types, str) else tuple(t for t in types or () if t != "null")


def kind_of_schema(schema: Mapping[str, Any], field: str) -> Kind | None:
    """How the schema's type says a field is read; None when it says nothing.

    >>> kind_of_schema({"properties": {"a": {"type": ["integer", "null"]}}}, "a")
    'integer'
    """
    names = types_of(part_of(schema, field))
    if "string" in names:
        return "text"
    return _KIND_OF_SCHEMA_TYPE.get(names[0]) if names else None


def _resolved(schema: Mapping[str, Any], part: Any) -> Mapping[str, Any]:
    for _ in range(10):  # two parts may refer to each other
        if not isinstance(part, Mapping):
            return {}
        if "$ref" not in part:
            return part
        part = part_at(schema, part["$ref"])
    return {}
