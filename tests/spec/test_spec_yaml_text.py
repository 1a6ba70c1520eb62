"""Data written as YAML is read back as the same data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.spec.strict_yaml import load_yaml
from ri_declarative.spec.yaml_text import yaml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["NO", "null", "~", "010", "12:30", "1e5", "2026-01-01", "<<", "- a", "a: b", "#x", "%d", "*a", "&a", "!x", "[", ""]
)
NUMBERS = st.integers(-(10**20), 10**20) | st.decimals(allow_nan=False, allow_infinity=False, places=3)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=5))
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert load_yaml(yaml_text(data), "x").data == data


@pytest.mark.parametrize("value", [Decimal("1.50"), Decimal("-0.5"), 10**30, "1.50", True, "true", None])
def test_values_keep_their_kind(value: Any) -> None:
    found = load_yaml(yaml_text({"a": {"b": [value]}}), "x").data["a"]["b"][0]
    assert (found, type(found)) == (value, type(value))


def test_a_note_stands_behind_its_key() -> None:
    assert yaml_text({"source": {"format": None, "fields": {}}}, {("source", "format"): "why"}) == (
        "source:\n  format: null  # why\n  fields: {}\n"
    )


def test_an_empty_list_behind_a_long_key_stays_a_list() -> None:
    data: dict[str, Any] = {"k" * 110: []}
    assert load_yaml(yaml_text(data), "x").data == data


def test_a_long_list_is_written_over_several_lines() -> None:
    text = yaml_text({"a": [f"word number {n}" for n in range(20)]})
    assert text.startswith("a:\n  - word number 0\n")
    assert load_yaml(text, "x").data == {"a": [f"word number {n}" for n in range(20)]}
