"""The checks on a record's JSON Schema."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from ri_declarative.spec.positions import dotted
from ri_declarative.spec.record_schema import FORMATS, check_schema


def found(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [(dotted(finding.path), finding.code) for finding in check_schema(schema)]


def only_message(schema: dict[str, Any]) -> str:
    (finding,) = check_schema(schema)
    return finding.message


def test_a_schema_that_is_right_has_no_findings() -> None:
    assert found({"required": ["a", "later"], "properties": {"a": {"type": ["string", "null"], "x-note": 1}}}) == []
    assert found({"type": "object", "properties": {"a": {"$ref": "#/$defs/b~1c"}}, "$defs": {"b/c": {}}}) == []
    assert found({"properties": {"a": {"$ref": "#b"}}, "$defs": {"x": {"$anchor": "b"}}, "$id": "http://x/y"}) == []


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"required": "a"}, "required"),
        ({"properties": {"a": 5}}, "properties.a"),
        ({"properties": {"a": {"type": "strng"}}}, "properties.a.type"),
        ({"properties": {"a": {"type": ["string", "nul"]}}}, "properties.a.type[1]"),
        ({"properties": {"a": {"minLength": -1}}}, "properties.a.minLength"),
        ({"properties": {"a": {"enum": "x"}}}, "properties.a.enum"),
        ({"allOf": [{"required": ["a", "a"]}]}, "allOf[0].required"),
        ({"type": "array"}, "type"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "$schema"),
    ],
)
def test_what_the_metaschema_refuses_is_found_at_its_place(schema: dict[str, Any], path: str) -> None:
    assert found(schema) == [(path, "schema-invalid")]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("strng", '"string"'),
        ("text", '"string"'),
        ("decimal", '"number"'),
        ("date", "type: string, format: date"),
        ("timestamp", "type: string, format: date-time"),
        ("Email", "type: string, format: email"),
    ],
)
def test_a_wrong_type_name_gets_what_was_meant(word: str, meant: str) -> None:
    assert only_message({"properties": {"a": {"type": word}}}).endswith(f"did you mean {meant}?")


MISSPELT = [
    ("requried", "required"), ("propertys", "properties"), ("minLenght", "minLength"), ("max_length", "maxLength"),
    ("Pattern", "pattern"), ("fromat", "format"), ("enums", "enum"),
]  # fmt: skip


@pytest.mark.parametrize(("keyword", "meant"), MISSPELT)
def test_a_keyword_near_a_known_one_is_a_misspelling_at_any_level(keyword: str, meant: str) -> None:
    for schema, path in (({keyword: 1}, keyword), ({"properties": {"a": {keyword: 1}}}, f"properties.a.{keyword}")):
        assert found(schema) == [(path, "schema-keyword")]
        assert only_message(schema) == f'unknown keyword; did you mean "{meant}"?'


@pytest.mark.parametrize("keyword", ["x-unit", "unit", "label", "example", "group", "source"])
def test_a_keyword_of_ones_own_is_allowed(keyword: str) -> None:
    assert found({"properties": {"a": {keyword: 1}}}) == []


@pytest.mark.parametrize("target", ["http://x/y", "https://x/y#/a", "file:///etc/passwd", "other.json", "/a", "#/nope"])
def test_a_reference_out_of_the_schema_or_to_nothing_is_refused(target: str) -> None:
    assert found({"properties": {"a": {"$ref": target}}}) == [("properties.a.$ref", "schema-ref")]


def test_a_reference_to_nothing_names_the_nearest() -> None:
    assert only_message({"$ref": "#/$defs/adress", "$defs": {"address": {}}}).endswith('did you mean "address"?')


def test_a_nested_id_is_refused_because_it_moves_references() -> None:
    assert found({"properties": {"a": {"$id": "http://x"}}}) == [("properties.a.$id", "schema-ref")]


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2,1}", r"a\Z", "(a{1,1000}){1,1000}"])
def test_a_pattern_that_cannot_be_used_is_found(pattern: str) -> None:
    assert found({"properties": {"a": {"pattern": pattern}}}) == [("properties.a.pattern", "schema-pattern")]
    assert found({"patternProperties": {pattern: {}}})[0][1] == "schema-pattern"


def test_a_pattern_of_unicode_classes_is_allowed() -> None:
    assert found({"properties": {"a": {"pattern": r"^\p{Lu}\p{L}*$"}}}) == []


def test_an_unknown_format_gets_the_nearest_known() -> None:
    assert found({"properties": {"a": {"format": "emial"}}}) == [("properties.a.format", "schema-format")]
    assert only_message({"properties": {"a": {"format": "emial"}}}).endswith('did you mean "email"?')
    assert "known: date, date-time" in only_message({"properties": {"a": {"format": "qqq"}}})


@pytest.mark.parametrize("name", FORMATS)
def test_every_known_format_refuses_something(name: str) -> None:
    validator = jsonschema_rs.Draft202012Validator({"format": name}, validate_formats=True, offline=True)
    assert not all(validator.is_valid(text) for text in ("x", "-x-", "\\\\x", "{", "("))


def test_a_required_name_near_a_property_is_a_misspelling() -> None:
    assert found({"required": ["emial"], "properties": {"email": {}}}) == [("required[0]", "unknown-field")]
    assert found({"required": ["email", "mail"], "properties": {"email": {}}}) == []


def test_a_schema_that_refers_to_itself_is_judged_in_bounded_time() -> None:
    assert found({"$ref": "#"}) == []
    assert found({"properties": {"a": {"$ref": "#"}}}) == []
