"""The JSON Schema of the language, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ri_declarative.spec.json_schema import language_schema, rendered
from ri_declarative.spec.strict_yaml import load_yaml

from .spec_texts import CUSTOMERS

VALIDATOR = jsonschema.Draft202012Validator(language_schema())


def messages(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(load_yaml(text, "x").data)]


def test_the_file_in_schema_is_current() -> None:
    file = Path(__file__).parents[2] / "schema" / "pipeline.schema.json"
    hint = "run: python -m ri_declarative.spec.json_schema > schema/pipeline.schema.json"
    assert file.read_text(encoding="utf-8") == rendered(), hint


def test_it_is_a_valid_schema_with_a_title() -> None:
    jsonschema.Draft202012Validator.check_schema(language_schema())
    assert language_schema()["title"] == "ri pipeline"


def test_the_example_of_the_design_is_valid() -> None:
    assert messages(CUSTOMERS) == []


def test_the_short_forms_are_allowed() -> None:
    assert (
        messages("source: {fields: {a: {from: A}}}\ntarget: {table: t, key: k, columns: {k: a, v: {value: 1.5}}}") == []
    )


@pytest.mark.parametrize("text", ["retry: {max: 1.5m}", "source: {match: [a.csv, 'b*.csv']}", "requires: a"])
def test_durations_and_names_are_allowed(text: str) -> None:
    assert messages("target: {table: t, key: k}\n" + text) == []


@pytest.mark.parametrize(
    "text", ["retry: {max: 30}", "retry: {backoff: 1h}", "source: {match: a/b.csv}", "requires: 5"]
)
def test_durations_and_names_are_judged(text: str) -> None:
    assert messages("target: {table: t, key: k}\n" + text)


@pytest.mark.parametrize(
    "text", ["target: {table: t}", "target: {table: t, key: 5}", "target: {table: t, key: k, colums: {}}", "a: 1"]
)
def test_what_the_language_refuses_the_editor_underlines(text: str) -> None:
    assert messages(text)


def test_every_key_has_a_description() -> None:
    schema = language_schema()
    parts: dict[str, Any] = {"PipelineSpec": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, part in parts.items()
        for key, value in part["properties"].items()
        if "description" not in value and "$ref" not in value  # a part's own description stands in $defs
    ]
    assert bare == []
