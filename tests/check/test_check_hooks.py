"""`ri check` looks at hook files and at what pipelines require, without running or reading anything twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.command_line import PEOPLE, CommandLine

from ri_declarative.errors import ConfigError
from ri_declarative.manager.checks import check_files
from ri_declarative.spec import strict_yaml
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import load_project

FIELDS = "schema: {properties: {email: {}}}\nsource: {fields: {emial: {clean: [trim]}}}\n"
TARGET = "target: {table: people, key: email, columns: {email: email}}\n"


def offline(command_line: CommandLine, *words: str) -> list[tuple[str, int, str]]:
    """File, line and code of every finding."""
    said = command_line.ri("check", "--offline", "--json", *words).json
    return [(d["path"], d["line"], d["code"]) for d in said["diagnostics"]]


def requiring(command_line: CommandLine, **requires: str) -> None:
    for name, others in requires.items():
        command_line.bench.pipeline(name, f"{TARGET}requires: [{others}]\n")


# --- hooks


def test_a_misspelt_hook_is_shown_with_its_line(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE)
    command_line.bench.file("hooks/people.py", "import os\n\n\ndef on_item_eror(item, error, ctx):\n    return True\n")
    said = command_line.ri("check", "--offline")
    assert said.code == 2
    assert said.out.startswith(
        'hooks/people.py:4:5: error[hook-unknown] on_item_eror: there is no such hook; did you mean "on_item_error"?\n'
        "    4 | def on_item_eror(item, error, ctx):\n"
    )


def test_the_findings_of_the_pipeline_and_of_its_hooks_come_together(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE + "limit: 1\n")
    command_line.bench.file("hooks/people.py", "def validate_item(item): return True\n")
    expected = [("hooks/people.py", 1, "hook-signature"), ("pipelines/people.yaml", 2, "unknown-key")]
    assert [(path, code) for path, _, code in offline(command_line)] == [(path, code) for path, _, code in expected]
    command_line.bench.pipeline("people", "a: [\n")
    assert [code for *_, code in offline(command_line)] == ["hook-signature", "yaml-syntax"]


def test_a_run_refuses_a_wrong_hook_file_before_it_reads_anything(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.file("hooks/people.py", "def validate_item(item, ctx):\n")
    command_line.bench.file("p.csv", "email\na@x.de\n")
    said = command_line.ri("run", "people", "p.csv")
    assert said.code == 2
    assert "hooks/people.py:1:" in said.err
    assert "error[hook-syntax] expected an indented block" in said.err


def test_a_warning_keeps_no_pipeline_from_being_loaded(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE)
    command_line.bench.file("hooks/people.py", "LIMIT = 5\n")
    said = command_line.ri("check", "--offline")
    assert said.code == 0
    assert "warning[hook-none]" in said.out
    pipeline = load_pipeline(load_project(command_line.bench.root), "people")
    assert (pipeline.hooks, [d.code for d in pipeline.warnings]) == (frozenset(), ["hook-none"])


def test_a_pipeline_knows_its_hooks(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE)
    command_line.bench.file("hooks/people.py", "def on_batch_start(ctx): pass\ndef validate_item(i, c): return True\n")
    pipeline = load_pipeline(load_project(command_line.bench.root), "people")
    assert (pipeline.hooks, pipeline.warnings) == ({"on_batch_start", "validate_item"}, ())


@pytest.mark.parametrize(
    ("hook", "codes"),
    [
        ("def on_batch_start(ctx): pass", ["unknown-field"]),
        ("def on_batch_complete(ctx, success): pass", ["unknown-field"]),
        ("def process_item(item, ctx): pass", []),
        ("def on_item_error(item, error, ctx): pass", []),
        ("def validate_item(item, ctx)", ["hook-syntax"]),  # what it would see cannot be told
    ],
)
def test_only_a_hook_that_sees_records_may_use_any_field(
    command_line: CommandLine, hook: str, codes: list[str]
) -> None:
    command_line.bench.pipeline("people", TARGET + FIELDS)
    command_line.bench.file("hooks/people.py", hook + "\n")
    assert [code for *_, code in offline(command_line)] == codes


def test_a_stray_hook_file_is_warned_of_and_helpers_are_not(command_line: CommandLine) -> None:
    for name in ("customer_data", "orders", "orders_old"):
        command_line.bench.pipeline(name, TARGET)
    for stem in ("custmer_data", "Customer-Data", "shared", "__init__", "_orders", "orders_all", "orders_old"):
        command_line.bench.file(f"hooks/{stem}.py", "def validate_item(item, ctx): return True\n")
    assert offline(command_line) == [
        ("hooks/Customer-Data.py", 1, "hook-file"),
        ("hooks/custmer_data.py", 1, "hook-file"),
    ]
    assert command_line.ri("check", "--offline").code == 0
    assert offline(command_line, "orders") == []


# --- requires


def test_a_cycle_is_told_once_with_its_path(command_line: CommandLine) -> None:
    requiring(command_line, a="b", b="c", c="a", d="a")
    said = command_line.ri("check", "--offline")
    assert said.code == 2
    assert said.out.count("requires-cycle") == 2  # the finding, and the word on what a code means
    assert "pipelines/a.yaml:2:12: error[requires-cycle]" in said.out
    assert "a → b → c → a" in said.out


def test_a_cycle_is_told_of_the_pipeline_that_is_checked(command_line: CommandLine) -> None:
    requiring(command_line, a="b", b="c", c="a", d="a")
    said = command_line.ri("check", "--offline", "c")
    assert "pipelines/c.yaml:2:12: error[requires-cycle]" in said.out
    assert "c → a → b → c" in said.out
    assert command_line.ri("check", "--offline", "d").code == 0


def test_a_cycle_is_seen_through_a_pipeline_with_mistakes(command_line: CommandLine) -> None:
    requiring(command_line, a="b")
    command_line.bench.pipeline("b", TARGET + "requires: [a]\nlimit: 1\n")
    assert [code for *_, code in offline(command_line)] == ["requires-cycle", "unknown-key"]


def test_a_pipeline_that_requires_itself_is_told_once(command_line: CommandLine) -> None:
    requiring(command_line, a="a", b="a")
    assert offline(command_line) == [("pipelines/a.yaml", 2, "requires-cycle")]


def test_every_pipeline_of_a_chain_is_read_once(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    requiring(command_line, a="b", b="c", c="d", d="")
    read: Counter[Path] = Counter()
    real = strict_yaml.read_text

    def counted(file: Path, path: str) -> object:
        read[file] += 1
        return real(file, path)

    monkeypatch.setattr(strict_yaml, "read_text", counted)
    project = load_project(command_line.bench.root)
    assert check_files(project).all == []
    assert check_files(project, ["a"]).all == []
    pipelines = {file.stem: times for file, times in read.items() if file.parent.name == "pipelines"}
    assert pipelines == dict.fromkeys("abcd", 2)  # once by each check


def test_a_name_that_means_nothing_keeps_the_pipeline_from_running(command_line: CommandLine) -> None:
    requiring(command_line, orders="custmers", customers="")
    with pytest.raises(ConfigError, match=r'requires\[0\]: there is no pipeline "custmers"; did you mean "customers"'):
        load_pipeline(load_project(command_line.bench.root), "orders")
