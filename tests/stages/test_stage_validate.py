"""Data → data that the schema allows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ri_declarative.records import Problem
from ri_declarative.stages.parse import Chunk
from ri_declarative.stages.validate import Validator


def validate(schema: dict[str, Any], *records: dict[str, Any] | None) -> Chunk:
    return Validator(schema)(Chunk(list(records), {}))


def problem(schema: dict[str, Any], record: dict[str, Any]) -> Problem:
    (found,) = validate(schema, record).problems[0]
    return found


def of(rule: dict[str, Any], value: Any) -> tuple[str, str]:
    found = problem({"properties": {"x": rule}}, {"x": value})
    assert found.field == "x"
    return found.code, found.message


def test_an_empty_schema_lets_everything_pass() -> None:
    chunk = Chunk([{"a": object()}, None], {1: ()})
    assert Validator({})(chunk) is chunk


def test_a_valid_chunk_is_the_same_chunk() -> None:
    chunk = Chunk([{"a": 1}], {})
    assert Validator({"properties": {"a": {"type": "integer"}}})(chunk) is chunk


def test_the_bad_record_alone_is_refused_and_earlier_problems_stay() -> None:
    earlier = (Problem("source.ragged", None, "x"),)
    before = Chunk([{"a": 1}, {"a": "x"}, None], {2: earlier})
    after = Validator({"properties": {"a": {"type": "integer"}}})(before)
    assert after.data == [{"a": 1}, None, None]
    assert after.problems.keys() == {1, 2}
    assert after.problems[2] == earlier
    assert before.data[1] == {"a": "x"}


def test_a_missing_property_is_the_problem_of_that_field() -> None:
    found = problem({"required": ["email"]}, {})
    assert (found.code, found.field, found.message) == ("schema.required", "email", "is required")


@pytest.mark.parametrize(
    ("rule", "value", "code", "message"),
    [
        ({"type": "number"}, "abc", "schema.type", 'expected a number, got "abc"'),
        ({"type": ["string", "null"]}, 5, "schema.type", "expected null or text, got 5"),
        ({"format": "email"}, "x", "schema.format", 'expected an e-mail address, got "x"'),
        ({"format": "date"}, "2026-02-30", "schema.format", 'expected a date like 2026-12-31, got "2026-02-30"'),
        ({"minimum": 0}, Decimal("-5.10"), "schema.minimum", "must be at least 0, got -5.10"),
        ({"exclusiveMaximum": 1}, 1, "schema.exclusiveMaximum", "must be less than 1, got 1"),
        ({"enum": ["DE", "FR", 1]}, "XX", "schema.enum", 'must be one of DE, FR, 1, got "XX"'),
        ({"const": "a"}, "b", "schema.const", 'must be "a", got "b"'),
        ({"pattern": "^[a-z]+$"}, "A", "schema.pattern", 'must match ^[a-z]+$, got "A"'),
        ({"minLength": 1}, "", "schema.minLength", 'must have at least 1 character, got 0: ""'),
        ({"maxLength": 2}, "abc", "schema.maxLength", 'must have at most 2 characters, got 3: "abc"'),
        ({"multipleOf": 0.01}, Decimal("0.075"), "schema.multipleOf", "must be a multiple of 0.01, got 0.075"),
        ({"minItems": 2}, [1], "schema.minItems", "must have at least 2 elements, got 1"),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 1, "schema.anyOf", None),
        ({"not": {"type": "string"}}, "a", "schema.not", None),
        (False, 1, "schema.falseSchema", "must be absent, got 1"),
    ],
)
def test_a_violation_is_named_by_its_keyword(rule: Any, value: Any, code: str, message: str | None) -> None:
    found = of(rule, value)
    assert found == (code, message or found[1])


def test_an_enum_names_the_nearest_value() -> None:
    assert of({"enum": ["active", "closed"]}, "activ")[1].endswith('did you mean "active"?')


def test_alternatives_say_what_each_lacks() -> None:
    found = problem({"anyOf": [{"required": ["email"]}, {"required": ["phone"]}]}, {"name": "x"})
    assert found.message == "fits none of 2 alternatives: email is required; or phone is required"


def test_every_unexpected_property_is_a_problem_of_its_own() -> None:
    found = validate({"properties": {}, "additionalProperties": False}, {"a": 1, "b": 2}).problems[0]
    assert [(p.code, p.field) for p in found] == [
        ("schema.additionalProperties", "a"),
        ("schema.additionalProperties", "b"),
    ]


def test_a_nested_place_is_told_by_field_and_path() -> None:
    inner = {"properties": {"items": {"items": {"required": ["sku"]}}}}
    found = problem({"properties": {"order/1": inner}}, {"order/1": {"items": [{"sku": 1}, {}]}})
    assert (found.field, found.details) == ("order/1", {"path": "/order~11/items/1/sku"})
    assert found.message == '"sku" is required'


def test_all_violations_of_a_record_are_told() -> None:
    schema = {"required": ["a"], "properties": {"b": {"type": "integer"}, "c": {"minimum": 1}}}
    found = validate(schema, {"b": "x", "c": 0}).problems[0]
    assert {p.code for p in found} == {"schema.required", "schema.type", "schema.minimum"}


def test_more_alternatives_than_allowed_are_counted() -> None:
    assert of({"oneOf": [{"type": "integer"}, {"minimum": 0}, {"type": "string"}]}, 1) == (
        "schema.oneOf",
        "fits 2 of 3 alternatives, exactly one is allowed",
    )


def test_a_number_is_quoted_with_all_its_digits() -> None:
    assert of({"maximum": 1}, Decimal("12345678901234567890.12345678901234567890"))[1].endswith(
        "got 12345678901234567890.12345678901234567890"
    )


def test_a_partner_that_is_missing_is_named() -> None:
    found = problem({"dependentRequired": {"street": ["city"]}}, {"street": "x"})
    assert (found.code, found.field) == ("schema.dependentRequired", "city")


def test_a_list_of_wrong_elements_does_not_flood() -> None:
    assert len(validate({"properties": {"a": {"items": {"type": "string"}}}}, {"a": [1] * 10_000}).problems[0]) == 50


def test_decimals_are_judged_exactly() -> None:
    schema = {"properties": {"x": {"maximum": 0.1, "multipleOf": 0.01}}}
    assert validate(schema, {"x": Decimal("0.07")}).problems == {}
    assert validate(schema, {"x": Decimal("0.1000000000000000000001")}).problems != {}


def test_an_integral_decimal_is_an_integer() -> None:
    assert validate({"properties": {"x": {"type": "integer"}}}, {"x": Decimal("1E5")}).problems == {}


def test_a_lone_surrogate_fails_its_record_only() -> None:
    chunk = validate({"properties": {"a": {"pattern": "^.$"}}}, {"a": "x"}, {"a": "\ud800", "b": 1}, {"a": "y"})
    assert [(p.code, p.field) for p in chunk.problems[1]] == [("field.encoding", "a")]
    assert chunk.data == [{"a": "x"}, None, {"a": "y"}]


def test_a_surrogate_in_a_key_fails_its_record_and_can_be_shown() -> None:
    (found,) = validate({"additionalProperties": {"type": "string"}}, {"\ud800": "x"}).problems[0]
    assert (found.code, found.field) == ("field.encoding", r"\ud800")


def test_a_message_never_holds_what_cannot_be_stored() -> None:
    message = of({"format": "email"}, "a\0\u202eb")[1]
    assert message.isprintable()
    assert of({"contains": {"const": 1}}, ["\0"])[1].isprintable()


def test_a_date_of_a_hook_is_judged_by_its_text_and_travels_on() -> None:
    schema = {"properties": {"day": {"type": "string", "format": "date"}}}
    record = {"day": date(2026, 1, 2)}
    assert validate(schema, record).data[0] is record
    assert problem({"properties": {"day": {"format": "email"}}}, record).code == "schema.format"


def test_a_value_that_json_lacks_fails_its_record_only() -> None:
    chunk = validate({"properties": {"a": {"type": "string"}}}, {"a": b"x"}, {"a": "x"})
    assert [p.code for p in chunk.problems[0]] == ["field.type"]
    assert chunk.data[1] == {"a": "x"}


def test_a_pattern_that_explodes_elsewhere_ends_here() -> None:
    assert of({"pattern": "^(a+)+$"}, "a" * 5000 + "!")[0] == "schema.pattern"


def test_a_reference_to_the_network_is_refused() -> None:
    with pytest.raises(ValueError, match="not present in a registry"):
        Validator({"$ref": "https://example.invalid/schema.json"})
