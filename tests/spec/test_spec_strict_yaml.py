"""Strict YAML: what is refused, where, and how fast."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from ri_declarative.errors import ConfigError, Position
from ri_declarative.spec.strict_yaml import load_yaml, read_yaml, scan_yaml


def found(text: str) -> list[tuple[int, int, str]]:
    return [(d.position.line, d.position.column, d.code) for d in scan_yaml(text, "x.yaml").findings]


def test_plain_data_keeps_numbers_exact() -> None:
    text = "a: 12345678901234567890123\nb: 0.10\nc: -5\nd: true\ne: ~\nf: null\ng: 1.2.3\nh: 20%\ni: '010'\nj: null\n"
    assert load_yaml(text, "x").data == {
        "a": 12345678901234567890123, "b": Decimal("0.10"), "c": -5, "d": True, "e": None, "f": None,
        "g": "1.2.3", "h": "20%", "i": "010", "j": None,
    }  # fmt: skip
    assert str(load_yaml("b: 0.10", "x").data["b"]) == "0.10"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: {decimal: ,}", (1, 5), 'a.decimal: has no value; a comma must be quoted: ","'),
        ("a: {decimal: , b: 1}", (1, 5), 'a.decimal: has no value; a comma must be quoted: ","'),
        ("a: 1\nb:\nc: 2", (2, 1), "b: has no value; write one, or remove the key"),
        ("a:\n  - x\n  -\n", (3, 4), "a[1]: has no value; write one, or remove the key"),
    ],
)
def test_a_key_without_a_value_is_not_taken_for_null(text: str, place: tuple[int, int], message: str) -> None:
    (finding,) = scan_yaml(text, "x.yaml").findings
    assert (finding.position[1:], finding.code, finding.message) == (place, "yaml-empty", message)


def test_positions_are_those_of_keys_and_of_list_entries() -> None:
    positions = load_yaml("a:\n  b: [x, yy]\n  c:\n    - z\n", "x.yaml").positions
    assert {path: place[1:] for path, place in positions.items()} == {
        (): (1, 1), ("a",): (1, 1), ("a", "b"): (2, 3), ("a", "b", 0): (2, 7), ("a", "b", 1): (2, 10),
        ("a", "c"): (3, 3), ("a", "c", 0): (4, 7),
    }  # fmt: skip


def test_columns_count_characters_not_bytes() -> None:
    assert load_yaml("{ä😀: 1, b: 2}", "x.yaml").positions[("b",)] == Position("x.yaml", 1, 9)


@pytest.mark.parametrize("word", "NO no No yes Yes YES on On ON off OFF y Y n N".split())  # noqa: SIM905
def test_a_word_that_yaml_1_1_reads_as_a_boolean_is_to_be_quoted(word: str) -> None:
    (finding,) = scan_yaml(f"enum: [{word}, DE]", "x.yaml").findings
    assert (finding.position.column, finding.code) == (8, "yaml-ambiguous")
    assert finding.message.startswith(f"enum[0]: {word} is read as a boolean")
    assert f'quote it: "{word}"' in finding.message


AMBIGUOUS = [
    "010", "08", "-012", "0o14", "0x1F", "0b101", "1_000", "1_000.5", "12:30", "1:30:05", "2026-01-01", "2026-1-1",
    "2026-01-01 12:00:00", "2026-01-01T12:00:00Z", "2026-01-01 12:00:00.5 +01:00", "1e5", "-1.5E-3", "+1", "+1.5",
    ".5", "1.", "00.5", "True", "FALSE", "Null", "NULL",
]  # fmt: skip


@pytest.mark.parametrize("scalar", AMBIGUOUS)
def test_a_scalar_that_readers_disagree_about_is_to_be_quoted(scalar: str) -> None:
    assert found(f"a: {scalar}") == [(1, 4, "yaml-ambiguous")]
    assert found(f"a: '{scalar}'") == []


@pytest.mark.parametrize("scalar", [".inf", "-.inf", "+.INF", ".nan", ".NaN", "9" * 500])
def test_a_number_that_no_column_holds_is_refused(scalar: str) -> None:
    assert found(f"a: {scalar}") == [(1, 4, "yaml-number")]


@pytest.mark.parametrize("text", ["Norway", "nope", "0.5.1", "12:99x", "2026-01", "1,5", "127.0.0.1", "+", "e5"])
def test_an_ordinary_text_needs_no_quotes(text: str) -> None:
    assert load_yaml(f"a: {text}", "x").data == {"a": text}


def test_a_duplicate_key_names_the_line_of_the_first() -> None:
    (finding,) = scan_yaml("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "x.yaml").findings
    assert str(finding) == "x.yaml:5:3: error[duplicate-key] b.c: the key is already in line 3"


@pytest.mark.parametrize("key", ["NO", "1", "1.5", "~", "true", "2026-01-01", "010"])
def test_a_key_that_is_not_a_text_is_to_be_quoted(key: str) -> None:
    assert found(f"{key}: 1") == [(1, 1, "yaml-key")]
    assert found(f'"{key}": 1') == []


def test_a_mapping_or_a_list_cannot_be_a_key() -> None:
    assert found("? [a, b]\n: 1\n? {c: d}\n: 2\n") == [(1, 3, "yaml-key"), (3, 3, "yaml-key"), (3, 3, "duplicate-key")]


def test_anchors_aliases_and_merge_keys_are_refused_where_they_stand() -> None:
    text = "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n"
    assert found(text) == [
        (1, 4, "yaml-anchor"),
        (2, 4, "yaml-alias"),
        (4, 3, "yaml-merge-key"),
        (4, 7, "yaml-alias"),
    ]


def test_a_tag_is_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    text = f"a: !!python/object/apply:os.system ['touch {trace}']\nb: !!str 1\nc: !mine x\n"
    assert found(text) == [(1, 4, "yaml-tag"), (2, 4, "yaml-tag"), (3, 4, "yaml-tag")]
    assert not trace.exists()


def test_a_second_document_is_refused() -> None:
    assert found("a: 1\n---\nb: 2\n") == [(2, 1, "yaml-documents")]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_an_empty_file_says_so(text: str) -> None:
    assert [d.code for d in scan_yaml(text, "x.yaml").findings] == ["file-empty"]


def test_a_tab_as_indentation_is_named() -> None:
    (finding,) = scan_yaml("a:\n\tb: 1\n", "x.yaml").findings
    assert str(finding) == "x.yaml:2:1: error[yaml-syntax] a tab cannot indent; use spaces"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: [1\nb: 2\n", 2, 2), ("a: @x\n", 1, 4), ("a: b: c\n", 1, 5), ("a: 1\nb: \x01\n", 2, 4), ("a: 'x\n", 2, 1)],
)
def test_a_syntax_error_has_its_line_and_column(text: str, line: int, column: int) -> None:
    assert found(text) == [(line, column, "yaml-syntax")]


def test_findings_before_a_syntax_error_are_kept() -> None:
    assert found("a: NO\nb: [1\nc: 2\n") == [(1, 4, "yaml-ambiguous"), (3, 2, "yaml-syntax")]


def test_load_raises_every_finding_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_yaml("a: NO\nb: 010\na: 1\n", "x.yaml")
    assert [d.position.line for d in caught.value.diagnostics] == [1, 2, 3]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file, "x.yaml").data == {"a": 1}


def test_a_file_that_is_not_utf_8_names_the_place(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes("a: 1\nb: caf\xe9\n".encode("latin-1"))
    (finding,) = read_yaml(file, "x.yaml").findings
    assert (finding.position, finding.code) == (Position("x.yaml", 2, 7), "file-encoding")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (finding,) = read_yaml(tmp_path, "x.yaml").findings
    assert finding.code == "file-unreadable"


BILLION_LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 30))
HOSTILE = {
    "billion laughs": BILLION_LAUGHS,
    "10 MB": "a: " + "x" * 10_000_000,
    "100,000 brackets": "[" * 100_000,
    "100,000 braces": "{" * 100_000,
    "100,000 dashes": "- " * 100_000,
    "100,000 question marks": "? " * 100_000,
    "nested flow": "{a: " * 200_000,
    "250,000 entries": "- a\n" * 249_000,
    "300,000 duplicate keys": "a:\n" * 300_000,
    "a long tag": "!" * 900_000,
    "a long anchor": "&" + "a" * 900_000 + " b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_under_a_second_with_a_short_message(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    started = time.perf_counter()
    findings = read_yaml(file, "x.yaml").findings
    assert time.perf_counter() - started < 1
    assert findings
    assert len(findings) <= 201
    assert max(len(str(d)) for d in findings) < 300


def test_fifty_levels_are_read_and_one_more_is_not() -> None:
    assert found("[" * 51 + "]" * 51) == []
    assert found("[" * 52 + "]" * 52) == [(1, 52, "file-limit")]
