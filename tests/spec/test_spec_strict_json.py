"""Schema files: JSON as strict as the YAML."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ri_declarative.spec.strict_json import scan_json


def test_json_gives_the_same_types_and_positions_as_yaml() -> None:
    loaded = scan_json('{\n\t"a": {"b": [0.10, 1e2]},\n\t"c": "\\ud83d\\ude00 \\/"\n}', "s.json")
    assert loaded.data["a"] == {"b": [Decimal("0.10"), Decimal("1E+2")]}
    assert (loaded.positions[("a",)][1:], loaded.positions[("a", "b", 1)][1:]) == ((2, 2), (2, 20))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "file-empty"),
        ('{"a": 1, "a": 2}', "duplicate-key"),
        ('{"a": NaN}', "json-number"),
        ('{"a": 1e9999}', "json-number"),
        ('{"a": 1e99999999999999999999}', "json-number"),
        ('{"a": ' + "9" * 5000 + "}", "json-number"),
        ("[" * 60 + "]" * 60, "file-limit"),
        ("[" * 100_000, "file-limit"),
        ('{"a": "\\ud800"}', "json-syntax"),
    ],
)
def test_json_that_readers_disagree_about_is_refused(text: str, code: str) -> None:
    assert [d.code for d in scan_json(text, "s.json").findings] == [code]


def test_a_json_syntax_error_has_its_line_and_column() -> None:
    (finding,) = scan_json('{\n  "a" 1\n}', "s.json").findings
    assert str(finding) == "s.json:2:7: error[json-syntax] expecting ':' delimiter"
