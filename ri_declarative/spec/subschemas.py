"""Where a JSON Schema holds further schemas. Knows nothing of what is right or wrong in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ri_declarative.spec.positions import KeyPath

_ONE_SCHEMA = frozenset([
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
])  # fmt: skip
_SCHEMA_LISTS = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
_NAMED_SCHEMAS = frozenset(["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"])
APPLICATORS = _ONE_SCHEMA | _SCHEMA_LISTS | _NAMED_SCHEMAS  # the keywords that hold schemas


def subschemas(schema: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """The schema and every schema inside it, with its path. Wrong shapes are passed over."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, value in schema.items():
        if keyword in _ONE_SCHEMA:
            yield from subschemas(value, (*path, keyword))
        elif keyword in _SCHEMA_LISTS and isinstance(value, list):
            for index, part in enumerate(value):
                yield from subschemas(part, (*path, keyword, index))
        elif keyword in _NAMED_SCHEMAS and isinstance(value, dict):
            for name, part in value.items():
                yield from subschemas(part, (*path, keyword, name))


def anchors(schema: Any) -> dict[str, Mapping[str, Any]]:
    """Name → the schema that `#name` refers to.

    >>> anchors({"$defs": {"x": {"$anchor": "b"}}})
    {'b': {'$anchor': 'b'}}
    """
    named = ((part.get(word), part) for _, part in subschemas(schema) for word in ("$anchor", "$dynamicAnchor"))
    return {name: part for name, part in named if isinstance(name, str)}
