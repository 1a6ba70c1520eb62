"""The JSON Schema of the pipeline language, for editors: `ri schema`, or `python -m ri_declarative.spec.json_schema`.

Made from the models, then shaped for what an editor shows: plain types instead of unions with null, every word
of a closed list with its meaning, and the rules that pydantic's validators keep, as far as JSON Schema can.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from ri_declarative.spec.durations import DURATION, EXPECTED
from ri_declarative.spec.models import PipelineSpec
from ri_declarative.spec.project_models import ProjectSpec
from ri_declarative.spec.record_keywords import RECORD_SCHEMA, record_schema_hints
from ri_declarative.spec.record_schema import DIALECT

_WAYS = ("field", "value", "run", "lookup")
_NAMES = ("field", "run", "lookup", "match", "take")  # of ColumnSpec
_ONE_WAY = "needs exactly one of field, value, run, lookup"
_DATE_PATTERN = r"^(?:[^%]|%[dmYyHMSfzjbBpI%])*%[dmYyHMSfzjbBpI](?:[^%]|%[dmYyHMSfzjbBpI%])*$"
_FILE_NAME = r"^[^/\\]+$"
_SHARE = r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%$"


def language_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a file in pipelines/.

    >>> language_schema()["required"]
    ['target']
    """
    body = _of(PipelineSpec)
    _add_rules(body["$defs"])
    body["$defs"][RECORD_SCHEMA] = record_schema_hints()
    schema = body["properties"]["schema"]
    del schema["type"], schema["additionalProperties"]
    schema["anyOf"] = [{"$ref": f"#/$defs/{RECORD_SCHEMA}"}, {"type": ["string", "null"]}]
    return {"$schema": DIALECT, "title": "ri pipeline", **body}


def project_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of ri.yaml."""
    return {"$schema": DIALECT, "title": "ri.yaml", **_of(ProjectSpec)}


def rendered() -> str:
    """The text of schema/pipeline.schema.json."""
    return json.dumps(language_schema(), indent=2, ensure_ascii=False) + "\n"


class _AsWritten(GenerateJsonSchema):
    """Keys stay in the order in which the models say them: examples read as a person would write them."""

    def sort(self, value: dict[str, Any], parent_key: str | None = None) -> dict[str, Any]:
        return value


def _of(model: type[BaseModel]) -> dict[str, Any]:
    generated = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_AsWritten)
    del generated["title"]
    shaped: dict[str, Any] = _shaped(generated)
    return shaped


def _add_rules(parts: dict[str, Any]) -> None:
    """What the models' validators refuse, and editors should underline, too."""
    column = parts["ColumnSpec"]
    for name, key in [*(("ColumnSpec", key) for key in _NAMES), *(("FieldSpec", key) for key in ("date", "decimal"))]:
        _without_null(parts[name]["properties"][key])
    # A text stands for a field. One schema for both forms: for a union an editor guesses which one was meant.
    column |= {"type": ["object", "string"], "minLength": 1}
    parts["TargetSpec"]["properties"]["columns"]["additionalProperties"] = {"$ref": "#/$defs/ColumnSpec"}
    column["anyOf"] = [{"required": [way], "errorMessage": _ONE_WAY} for way in _WAYS]
    column["dependentSchemas"] = {
        way: {"properties": {other: False for other in _WAYS if other != way}, "errorMessage": _ONE_WAY}
        for way in _WAYS
    }
    column["dependentRequired"] = {
        "lookup": ["match", "take"],
        "match": ["lookup"],
        "take": ["lookup"],
        "missing": ["lookup"],
    }
    column["properties"]["match"]["minProperties"] = 1
    parts["FieldSpec"]["properties"]["date"] |= {
        "pattern": _DATE_PATTERN,
        "patternErrorMessage": "expected directives like %d/%m/%Y",  # shown by the YAML language server
    }
    for branch in parts["SourceSpec"]["properties"]["match"]["anyOf"]:
        names = branch.get("items", branch)
        if names["type"] == "string":
            names |= {"pattern": _FILE_NAME, "patternErrorMessage": "expected the pattern of a file's name only"}
    for key in ("backoff", "max"):
        parts["RetrySpec"]["properties"][key] |= {"pattern": f"^{DURATION}$", "patternErrorMessage": EXPECTED}
    parts["LimitsSpec"]["properties"]["max_failed"] |= {
        "minimum": 0,
        "pattern": _SHARE,
        "patternErrorMessage": "expected a count, or a share like 20%",
    }


def _without_null(node: dict[str, Any]) -> None:
    """Leave the key out instead: null says nothing here, and completion should not offer it."""
    node["type"] = next(kind for kind in node["type"] if kind != "null")
    if "enum" in node:
        node["enum"] = [word for word in node["enum"] if word is not None]
        if "enumDescriptions" in node:
            node["enumDescriptions"] = node["enumDescriptions"][: len(node["enum"])]


def _shaped(node: Any) -> Any:
    if isinstance(node, list):
        return [_shaped(part) for part in node]
    if not isinstance(node, dict):
        return node
    shaped = {key: _shaped(value) for key, value in node.items() if not _is_noise(key, value)}
    return _with_meanings(_flat(shaped))


def _is_noise(key: str, value: Any) -> bool:
    """Titles made from names, defaults that are None or whole mappings: they only repeat."""
    return (key == "title" and isinstance(value, str)) or (
        key == "default" and (value is None or isinstance(value, dict))
    )


def _flat(node: dict[str, Any]) -> dict[str, Any]:
    """A union of plain types as one list of types: editors show and complete it better than branches."""
    branches = _branches(node)
    if branches is None or any("$ref" in branch for branch in branches):
        return node
    types = [name for branch in branches for name in _types(branch)]
    plain = [branch for branch in branches if set(branch) - {"type"}]
    if len(plain) > 1 or len(set(types)) < len(types):
        return {**{key: value for key, value in node.items() if key != "anyOf"}, "anyOf": branches}
    merged: dict[str, Any] = {**(plain[0] if plain else {}), "type": types if len(types) > 1 else types[0]}
    if "enum" in merged and "null" in types:
        merged["enum"] = [*merged["enum"], None]
        if "enumDescriptions" in merged:
            merged["enumDescriptions"] = [*merged["enumDescriptions"], "the default"]
    return {**merged, **{key: value for key, value in node.items() if key != "anyOf"}}


def _branches(node: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The branches of a union, those of unions inside it, too; every number is one of `number`."""
    if "anyOf" not in node:
        return None
    found: list[dict[str, Any]] = []
    for branch in node["anyOf"]:
        inner = _branches(branch)
        found += [branch] if inner is None else [{**b, **_without_union(branch, b)} for b in inner]
    kinds = [branch.get("type") for branch in found]
    return [b for b in found if not (b.get("type") == "integer" and "number" in kinds)]


def _without_union(branch: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """What stands beside a union and holds for this branch of it."""
    kind = inner.get("type")
    return {key: v for key, v in branch.items() if key != "anyOf" and (key != "minItems" or kind == "array")}


def _types(branch: dict[str, Any]) -> list[str]:
    kind = branch.get("type", [])
    return [kind] if isinstance(kind, str) else list(kind)


def _with_meanings(node: dict[str, Any]) -> dict[str, Any]:
    """`meanings` of words as the list beside `enum` that editors read."""
    meanings = node.pop("meanings", None)
    if meanings is not None:
        node["enumDescriptions"] = [meanings[word] for word in node["enum"]]
    return node


if __name__ == "__main__":
    sys.stdout.write(rendered())
