"""Pydantic's errors as findings: one per place, with the nearest right word."""

from __future__ import annotations

import pytest

from ri_declarative.spec.diagnose import validate
from ri_declarative.spec.models import PipelineSpec
from ri_declarative.spec.positions import Finding
from ri_declarative.spec.strict_yaml import load_yaml


def judged(text: str) -> list[Finding]:
    data = load_yaml(text, "x").data
    data.setdefault("target", {"table": "t", "key": "k"})
    result = validate(PipelineSpec, data)
    return list(result) if isinstance(result, tuple) else []


def only(text: str) -> tuple[str, str]:
    (finding,) = judged(text)
    return finding.code, finding.message


@pytest.mark.parametrize("key", ["k", "[k]", "[k, l]"])
def test_a_text_may_stand_for_a_list_of_one(key: str) -> None:
    assert judged(f"target: {{table: t, key: {key}}}") == []


def test_an_unknown_key_names_the_nearest_of_that_place() -> None:
    assert judged("target: {table: t, key: k, colums: {a: b}}") == [
        Finding(("target", "colums"), "unknown-key", 'unknown key; did you mean "columns"?')
    ]


def test_an_unknown_key_with_nothing_near_names_what_is_known() -> None:
    assert only("limits: {xyz: 1}") == ("unknown-key", "unknown key; known here: max_failed")


def test_the_python_name_of_an_alias_is_no_second_spelling() -> None:
    assert only("record_schema: {}") == ("unknown-key", 'unknown key; did you mean "schema"?')
    assert only("source: {fields: {a: {from_: A}}}") == ("unknown-key", 'unknown key; did you mean "from"?')


def test_every_missing_key_is_named_at_its_parent() -> None:
    assert judged("target: {create: true}") == [
        Finding(("target",), "missing-key", 'the key "table" is missing'),
        Finding(("target",), "missing-key", 'the key "key" is missing'),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("target: {table: t, key: 5}", "expected a text or a list of texts, got 5"),
        ("target: {table: t, key: [5]}", "expected a text, got 5"),
        ("target: {table: t, key: k, columns: {a: 5}}", "expected a text or a mapping, got 5"),
        ("target: {table: t, key: k, columns: {a: {value: [1]}}}", "got a list"),
        ('target: {table: t, key: k, create: "yes"}', 'expected true or false, got "yes"'),
        ("schema: 5", "expected a mapping or a text, got 5"),
        ("limits: {max_failed: 0.2}", "expected a whole number or a text, got 0.2"),
        ("limits: {max_failed: true}", "expected a whole number or a text, got true"),
        ('chunk_size: "5000"', 'expected a whole number, got "5000"'),
        ("chunk_size: 5000.0", "expected a whole number, got 5000.0"),
        ("source: null", "expected a mapping, got nothing"),
        ("source: {null_values: [null]}", "expected a text, got nothing"),
        ("source: {fields: {a: [b]}}", "expected a mapping, got a list"),
    ],
)
def test_a_wrong_type_is_one_finding_with_expected_and_given(text: str, message: str) -> None:
    code, given = only(text)
    assert code == "wrong-type"
    assert message in given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source: {format: cvs}", '"cvs" is none of csv, tsv, json, jsonl; did you mean "csv"?'),
        ("source: {fields: {a: {clean: [trm]}}}", 'did you mean "trim"?'),
        ("target: {table: t, key: k, columns: {a: {run: batchid}}}", 'did you mean "batch_id"?'),
        ("target: {table: t, key: k, on_conflict: updat}", 'did you mean "update"?'),
    ],
)
def test_a_word_outside_a_closed_list_names_the_nearest(text: str, message: str) -> None:
    code, given = only(text)
    assert code == "unknown-value"
    assert message in given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chunk_size: 0", "expected 1 or more, got 0"),
        ("chunk_size: 100001", "expected 100000 or less, got 100001"),
        ("limits: {max_failed: 120%}", "expected a count, or a share from 0% to 100% like 20%"),
        ("limits: {max_failed: -1}", "expected a count of 0 or more, or a share like 20%"),
        ("source: {delimiter: ';;'}", 'expected one character, got ";;"'),
        ("source: {encoding: utf-9}", 'unknown encoding "utf-9"; did you mean "utf-8"?'),
        ("source: {encoding: windows}", 'unknown encoding "windows"; did you mean "cp1252"?'),
        ("source: {fields: {a: {date: YYYY}}}", "no directive; known:"),
        ("source: {fields: {a: {date: DD.MM.YYYY}}}", 'no directive; did you mean "%d.%m.%Y"?'),
        ('source: {fields: {a: {date: "yyyy-MM-dd HH:mm"}}}', 'no directive; did you mean "%Y-%m-%d %H:%M"?'),
        ("target: {table: '', key: k}", "must not be empty"),
        ("target: {table: t, key: []}", "needs at least one entry"),
        ("target: {table: t, key: k, columns: {}}", "needs at least one entry"),
        ("target: {table: t, key: k, columns: {a: {field: b, value: 1}}}", "needs exactly one of field, value"),
        ("target: {table: t, key: k, columns: {a: {lookup: t, match: {b: c}}}}", "lookup needs match and take"),
    ],
)
def test_a_value_that_cannot_be_meant_says_what_can(text: str, message: str) -> None:
    code, given = only(text)
    assert code == "invalid-value"
    assert given.startswith(message)
