"""What an editor should know of the JSON Schema inside a pipeline: the keywords one needs, with our formats.

Not the metaschema: that would have to be fetched, and says nothing about what they are for. Other keywords
stay allowed; the last word is record_schema.py's.
"""

from __future__ import annotations

from typing import Any

from ri_declarative.spec.record_schema import FORMATS, TYPES

RECORD_SCHEMA = "RecordSchema"
_PART = {"$ref": f"#/$defs/{RECORD_SCHEMA}"}
_PARTS = {"type": "object", "additionalProperties": _PART}
_LIST = {"type": "array", "items": _PART, "minItems": 1}
_NAMES = {"type": "array", "items": {"type": "string"}}
_COUNT = {"type": "integer", "minimum": 0}
_ONE_TYPE = {"enum": list(TYPES)}


def record_schema_hints() -> dict[str, Any]:
    """The part of the language's JSON Schema that speaks of records; true and false are schemas, too."""
    return {
        "description": "What is valid: JSON Schema 2020-12.",
        "type": ["object", "boolean"],
        "properties": {
            "type": _said(
                "What the value is. It also decides how a cell of a text source is read.",
                {"anyOf": [_ONE_TYPE, {"type": "array", "items": _ONE_TYPE}]},
            ),
            "format": _said("What the text looks like; checked for every record.", {"enum": list(FORMATS)}),
            "required": _said("Fields that every record must have.", _NAMES),
            "properties": _said("Field → what is valid for it.", _PARTS),
            "additionalProperties": _said("What is valid for fields not named; false: there are none.", _PART),
            "enum": _said("The allowed values.", {"type": "array", "minItems": 1}),
            "const": {"description": "The one allowed value."},
            "pattern": _said("A regular expression that the text must match somewhere.", {"type": "string"}),
            "minLength": _said("Characters at least.", _COUNT),
            "maxLength": _said("Characters at most.", _COUNT),
            "minimum": _said("The number is this or more.", {"type": "number"}),
            "maximum": _said("The number is this or less.", {"type": "number"}),
            "exclusiveMinimum": _said("The number is more than this.", {"type": "number"}),
            "exclusiveMaximum": _said("The number is less than this.", {"type": "number"}),
            "multipleOf": _said("The number is a multiple of this: 0.01 for cents.", {"type": "number"}),
            "items": _said("What is valid for each entry of a list.", _PART),
            "minItems": _said("Entries at least.", _COUNT),
            "maxItems": _said("Entries at most.", _COUNT),
            "uniqueItems": _said("No entry is there twice.", {"type": "boolean"}),
            "anyOf": _said("At least one of these holds.", _LIST),
            "oneOf": _said("Exactly one of these holds.", _LIST),
            "allOf": _said("All of these hold.", _LIST),
            "not": _said("This does not hold.", _PART),
            "if": _said("When this holds, `then` must hold, else `else`.", _PART),
            "then": _PART,
            "else": _PART,
            "dependentRequired": _said("Field → fields that must come with it.", {"additionalProperties": _NAMES}),
            "$defs": _said("Parts to refer to by `$ref`.", _PARTS),
            "$ref": _said("A part of this very schema: `#/$defs/name`.", {"type": "string", "pattern": "^#"}),
            "description": _said("For people.", {"type": "string"}),
        },
    }


def _said(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **schema}
