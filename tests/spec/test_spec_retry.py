"""`retry:` and `source.match`: durations, bounds, defaults of ri.yaml, names of files."""

from __future__ import annotations

import pytest

from ri_declarative.errors import Position
from ri_declarative.spec.durations import seconds

from .spec_texts import Findings, Load, Write

SMALL = "target: {table: t, key: a, columns: {a: a}}\n"


@pytest.mark.parametrize(("text", "expected"), [("500ms", 0.5), ("0ms", 0), ("30s", 30), ("1.5s", 1.5), ("2m", 120)])
def test_a_duration_is_a_number_with_its_unit(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "30", "30 s", "-1s", "1h", "1.s", ".5s", "s", "1sm", "1s\n", "٣s", "1e3s", "9999999s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration like 500ms, 30s or 2m"):
        seconds(text)


def test_without_a_word_a_chunk_is_tried_three_times_with_growing_pauses(load: Load) -> None:
    retry = load(SMALL).spec.retry
    assert (retry.attempts, retry.backoff_s, retry.max_s) == (3, 0.5, 30)


def test_what_is_written_counts(load: Load) -> None:
    retry = load(SMALL + "retry: {attempts: 5, backoff: 200ms, max: 2m}\n").spec.retry
    assert (retry.attempts, retry.backoff_s, retry.max_s) == (5, 0.2, 120)


def test_the_words_of_ri_yaml_lie_under_the_pipelines_own(load: Load, write: Write) -> None:
    write("ri.yaml", "defaults: {retry: {attempts: 9, max: 10s}}\n")
    retry = load(SMALL + "retry: {attempts: 1}\n").spec.retry
    assert (retry.attempts, retry.max_s) == (1, 10)


@pytest.mark.parametrize(
    ("written", "column", "told"),
    [
        ("attempts: 0", 9, "retry.attempts: expected 1 or more, got 0"),
        ("attempts: 101", 9, "retry.attempts: expected 100 or less, got 101"),
        ("attempts: 2.5", 9, "retry.attempts: expected a whole number, got 2.5"),
        ("backoff: 5", 9, "retry.backoff: expected a duration like 500ms, 30s or 2m, got 5"),
        ("max: 1 hour", 9, 'retry.max: expected a duration like 500ms, 30s or 2m, got "1 hour"'),
        ("backoff: 1m", 1, "retry: max 30s (the default) is shorter than backoff 1m; write a longer max"),
        ("backoff: 2s, max: 1s", 1, "retry: max 1s is shorter than backoff 2s; write a longer max"),
        ("atempts: 2", 9, 'retry.atempts: unknown key; did you mean "attempts"?'),
    ],
)
def test_a_mistake_is_told_at_its_place(findings: Findings, written: str, column: int, told: str) -> None:
    (finding,) = findings(f"retry: {{{written}}}\n{SMALL}")
    assert (finding.position, finding.message) == (Position("pipelines/p.yaml", 1, column), told)


def test_more_patience_is_the_same_pipeline(load: Load) -> None:
    said = SMALL + "source: {match: '*.csv'}\nretry: {attempts: 9}\n"
    assert load(said).fingerprint == load(SMALL).fingerprint
    also = "source: {encoding: latin-1"
    assert load(f"{SMALL}{also}, match: '*.csv'}}\n").fingerprint == load(f"{SMALL}{also}}}\n").fingerprint


# --- source.match


@pytest.mark.parametrize(
    ("match", "name", "expected"),
    [
        ("customers_*.csv", "customers_2026.csv", True),
        ("customers_*.csv", "Customers_2026.csv", False),
        ("customers_*.csv", "old_customers_1.csv", False),
        ("customers_*.csv", "customers_1.csv.bak", False),
        ("[a.csv, 'b?.csv']", "b1.csv", True),
        ("[a.csv, 'b?.csv']", "c.csv", False),
        ("'x_[0-9].csv'", "x_7.csv", True),
    ],
)
def test_a_file_belongs_to_a_pipeline_by_its_name(load: Load, match: str, name: str, expected: bool) -> None:
    assert load(f"{SMALL}source: {{match: {match}}}\n").spec.source.matches(name) is expected


def test_without_match_no_file_belongs_to_a_pipeline(load: Load) -> None:
    assert not load(SMALL).spec.source.matches("p.csv")


@pytest.mark.parametrize(
    ("match", "told"),
    [
        ("in/*.csv", '"in/*.csv" names a folder'),
        (r"'in\*.csv'", "names a folder"),
        ("'{a,b}.csv'", "braces are not expanded"),
        ("''", "must not be empty"),
        ("[]", "at least one entry"),
        ("5", "expected a text or a list of texts"),
    ],
)
def test_a_pattern_that_would_match_no_file_is_refused(findings: Findings, match: str, told: str) -> None:
    (finding,) = findings(f"{SMALL}source: {{match: {match}}}\n")
    assert finding.position.column == 10
    assert told in finding.message


def test_match_is_no_default_for_all_pipelines(load: Load, write: Write, findings: Findings) -> None:
    write("ri.yaml", "defaults: {source: {match: '*.csv'}}\n")
    assert [(d.position.path, d.code) for d in findings(SMALL)] == [("ri.yaml", "unknown-key")]
