"""docs/pipeline-reference.md, made of the models: `python -m ri_declarative.spec.reference`.

Every key with its type, its default, what it means and an example; a test loads each example.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ri_declarative.spec.json_schema import language_schema, project_schema
from ri_declarative.spec.record_keywords import RECORD_SCHEMA
from ri_declarative.spec.yaml_text import flow, yaml_text

_HEAD = """\
<!-- made by: python -m ri_declarative.spec.reference > docs/pipeline-reference.md -->
# Reference: every key of the pipeline language

Made from the models that read the files; how the parts work together is in [pipelines.md](pipelines.md). `ri explain
PIPELINE` prints a pipeline with all defaults filled in. Editors complete and check all of this: `ri schema --output
schema/pipeline.schema.json`, and as the first line of a pipeline

```yaml
# yaml-language-server: $schema=../schema/pipeline.schema.json
```

A key without a default must be written. *none* as a default: the key says nothing when it is left out.
"""
_FILES = {"pipelines/NAME.yaml": language_schema, "ri.yaml": project_schema}
# What stands for NAME in an example, where the usual one would make no sense.
_NAMES = {
    "date": "signup_date",
    "decimal": "balance",
    "value": "source",
    "run": "imported_in",
    "on_update": "created_by",
    "on_missing": "address",
} | dict.fromkeys(("lookup", "match", "take", "missing"), "country_id")
_LOOKUP = {"lookup": "countries", "match": {"code": "country"}, "take": "id"}
# What an example needs beside the key itself.
_BESIDE: Mapping[str, Mapping[str, Any]] = {
    "on_update": {"value": "import"},
    "on_missing": {"field": "address"},
} | dict.fromkeys(("lookup", "match", "take", "missing"), _LOOKUP)
_USUAL_NAME = "email"


class Key(NamedTuple):
    """One key of the language."""

    file: str
    path: tuple[str, ...]  # NAME stands for what the writer chooses
    type: str
    default: str | None  # None: must be written
    meaning: str
    words: tuple[tuple[str, str], ...]  # of a closed list, each with its meaning
    example: dict[str, Any]  # a part of a file

    @property
    def title(self) -> str:
        """`source.fields.NAME.date`."""
        return ".".join(self.path)


def keys() -> list[Key]:
    """Every key, in the order of the models."""
    return [key for file, schema in _FILES.items() for key in _keys(file, schema())]


def rendered() -> str:
    """The whole page."""
    found = keys()
    lines = [_HEAD]
    for file in _FILES:
        mine = [key for key in found if key.file == file]
        lines += [f"## {file}\n", *(line for key in mine for line in _entry(key))]
    return "\n".join(lines)


def _keys(file: str, schema: Mapping[str, Any]) -> Iterator[Key]:
    yield from _below(file, schema, schema, ())


def _below(file: str, schema: Mapping[str, Any], node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Key]:
    for name, part in node.get("properties", {}).items():
        here = (*path, name)
        model, step = _model(schema, part)
        yield Key(
            file,
            here,
            _type(part) if not model or step else "mapping",
            None if name in node.get("required", ()) else _default(part),
            (part.get("description") or model.get("description", "")).partition(" Default: ")[0],
            tuple(zip(map(flow, part.get("enum", ())), part.get("enumDescriptions", ()), strict=False)) or _items(part),
            _nested(here, part["examples"][0]),
        )
        yield from _below(file, schema, model, (*here, *step))


def _model(schema: Mapping[str, Any], part: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The mapping that a key leads to, and the steps to its keys; {} when it leads to none of the language."""
    for node, step in ((part, ()), (part.get("additionalProperties"), ("NAME",))):
        reference = node.get("$ref", "") if isinstance(node, dict) else ""
        name = reference.rpartition("/")[2]
        if name and name != RECORD_SCHEMA:
            return schema["$defs"][name], step
    return {}, ()


def _items(part: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    inner = part.get("items", {})
    return tuple(zip(map(flow, inner.get("enum", ())), inner.get("enumDescriptions", ()), strict=False))


def _type(part: Mapping[str, Any]) -> str:
    """The type as a person says it.

    >>> _type({"type": ["string", "null"]}), _type({"type": "array", "items": {"type": "string"}})
    ('text', 'list of texts')
    """
    if "anyOf" in part:
        told = [_type(branch) for branch in part["anyOf"]]
        return " or ".join(dict.fromkeys(text for text in told if text))
    if "enum" in part:
        return "one of " + ", ".join(f"`{flow(word)}`" for word in part["enum"] if word is not None)
    if "$ref" in part:
        return "mapping"
    kinds = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", [])
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "mapping"}
    if kinds == ["array"]:
        return f"list of {_type(part['items']).removeprefix('one of ')}" + ("" if "enum" in part["items"] else "s")
    bounds = f" from {part['minimum']:,} to {part['maximum']:,}" if "maximum" in part else ""
    return " or ".join(names.get(kind, kind) for kind in kinds if kind != "null") + bounds


def _default(part: Mapping[str, Any]) -> str:
    told = part.get("description", "").partition(" Default: ")[2].removesuffix(".")
    return f"`{flow(part['default'])}`" if "default" in part else told or "*none*"


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The part of a file that holds the value at the path, with what it needs beside it."""
    *above, last = path
    made: dict[str, Any] = {last: value}
    if "NAME" in above:
        made = {**_BESIDE.get(last, {}), last: value}
    for step in reversed(above):
        made = {_NAMES.get(last, _USUAL_NAME) if step == "NAME" else step: made}
    return made


def _entry(key: Key) -> Iterator[str]:
    default = "must be written" if key.default is None else f"default: {key.default}"
    yield f"### {key.title}\n"
    yield f"{key.type[0].upper()}{key.type[1:]} · {default}\n"
    yield f"{key.meaning}\n"
    if key.words:
        yield "| | |\n|---|---|"
        yield "\n".join(f"| `{word}` | {meaning} |" for word, meaning in key.words) + "\n"
    yield f"```yaml\n{yaml_text(key.example)}```\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
