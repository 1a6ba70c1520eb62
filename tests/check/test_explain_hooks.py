"""`ri explain` about what stands around a pipeline's records: hooks, retry, requires, match."""

from __future__ import annotations

import pytest
from support.command_line import PEOPLE, CommandLine

HOOKS = {
    "validate_batch": "def validate_batch(ctx): return True",
    "on_batch_start": "def on_batch_start(ctx): pass",
    "transform_item": "def transform_item(item, ctx): return item.data",
    "transform_chunk": "def transform_chunk(items, ctx): return [item.data for item in items]",
    "validate_item": "def validate_item(item, ctx): return True",
    "process_item": "def process_item(item, ctx): return None",
    "on_item_error": "def on_item_error(item, error, ctx): return True",
    "on_batch_complete": "def on_batch_complete(ctx, success): pass",
}


def explained(command_line: CommandLine, *hooks: str, more: str = "") -> list[str]:
    """The rules, of a pipeline with these hooks."""
    command_line.bench.pipeline("people", PEOPLE + more)
    if hooks:
        command_line.bench.file("hooks/people.py", "\n".join(HOOKS[name] for name in hooks) + "\n")
    said = command_line.ri("explain", "people", "--offline", "--json")
    assert said.code == 0, said
    rules: list[str] = said.json["rules"]
    return rules


@pytest.mark.parametrize(
    ("hooks", "way"),
    [
        (["validate_item"], "parse → schema → validate_item → map → write"),
        (["validate_item", "transform_item"], "parse → transform_item → schema → validate_item → map → write"),
        (["transform_chunk"], "parse → transform_chunk → schema → map → write"),
        (["process_item", "validate_item"], "parse → schema → validate_item → process_item"),
    ],
)
def test_the_way_of_a_record_names_the_hooks_in_their_order(
    command_line: CommandLine, hooks: list[str], way: str
) -> None:
    assert f"a record's way with the hooks of hooks/people.py: {way}" in explained(command_line, *hooks)


def test_hooks_beside_the_way_are_told_where_they_come(command_line: CommandLine) -> None:
    rules = explained(command_line, "on_item_error", "on_batch_complete", "on_batch_start", "validate_batch")
    told = [rule.partition(" ")[0] for rule in rules if "hooks/people.py" in rule]
    assert told == ["validate_batch", "on_batch_start", "on_item_error", "on_batch_complete"]
    assert not any("a record's way" in rule for rule in rules)


def test_a_pipeline_whose_hook_writes_says_that_its_sql_is_not_used(command_line: CommandLine) -> None:
    assert any("SQL told here are not used" in rule for rule in explained(command_line, "process_item"))
    assert not any("not used" in rule for rule in explained(command_line, "validate_item"))


def test_json_lists_the_hooks_in_the_order_of_the_calls(command_line: CommandLine) -> None:
    explained(command_line, *(name for name in reversed(HOOKS) if name != "transform_chunk"))
    made = command_line.ri("explain", "people", "--offline", "--json").json
    assert made["hooks"] == [name for name in HOOKS if name != "transform_chunk"]


def test_a_hook_file_without_hooks_is_not_told(command_line: CommandLine) -> None:
    command_line.bench.file("hooks/people.py", "LIMIT = 5\n")
    assert not any("hook" in rule for rule in explained(command_line))


def test_retry_requires_and_match_are_told_where_they_are_not_the_default(command_line: CommandLine) -> None:
    assert not any(word in rule for rule in explained(command_line) for word in ("passing", "refused", "--all"))
    command_line.bench.pipeline("products", PEOPLE)
    more = "retry: {attempts: 5, backoff: 200ms, max: 2m}\nrequires: [products]\n"
    command_line.bench.pipeline("people", PEOPLE.replace("format: csv", "format: csv, match: [p_*.csv, q.csv]") + more)
    rules = command_line.ri("explain", "people", "--offline", "--json").json["rules"]
    assert rules[-3:] == [
        "after a passing fault (deadlock, lock, timeout) a chunk is tried 5 times as a whole, then as often with its "
        "records isolated; pauses from 200ms to 2m",
        "a run is refused while products has never completed or has an unfinished batch",
        "`ri run --all` imports files named p_*.csv or q.csv with it",
    ]


# ── what only a hook before the schema could mend ────────────────────────────────────────────────

DATED = """\
source: {fields: {at: {date: "%d/%m/%Y"}}}
schema: {properties: {k: {type: string}, at: {type: string, format: date-time}}}
target: {table: t, key: k}
"""
COLUMN = """\
source: {fields: {at: {date: "%d/%m/%Y"}}}
schema: {properties: {k: {type: string}, at: {}}}
target: {table: t, key: k}
"""


def codes(command_line: CommandLine, text: str, hook: str, *words: str) -> list[str]:
    command_line.bench.pipeline("dated", text)
    command_line.bench.file("hooks/dated.py", HOOKS[hook] + "\n")
    said = command_line.ri("check", "dated", "--json", *words)
    return [found["code"] for found in said.json["diagnostics"]]


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("transform_item", []),
        ("transform_chunk", []),
        ("validate_item", ["date-format"]),
        ("on_batch_start", ["date-format"]),
        ("process_item", ["date-format"]),  # it comes behind the schema
    ],
)
def test_a_date_that_the_format_refuses_is_found_where_no_hook_could_mend_it(
    command_line: CommandLine, hook: str, expected: list[str]
) -> None:
    assert codes(command_line, DATED, hook, "--offline") == expected


@pytest.mark.parametrize(
    ("hook", "expected"), [("transform_item", []), ("process_item", []), ("on_batch_start", ["column-type"])]
)
def test_a_date_that_the_column_refuses_is_found_where_no_hook_comes_between(
    command_line: CommandLine, hook: str, expected: list[str]
) -> None:
    command_line.bench.sql("CREATE TABLE t (k text PRIMARY KEY, at uuid)")
    assert codes(command_line, COLUMN, hook) == expected
