"""`ri run --all DIR`: files find their pipelines, in the order that `requires` asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from support.command_line import FATAL, GOOD, ONE_OF_TWO, CommandLine, Said

PIPELINE = """\
source: {{match: {match}}}
schema: {{required: [email, name], properties: {{email: {{type: string, format: email}}, name: {{type: string}}}}}}
target: {{table: public.people, key: email}}
requires: [{requires}]
"""


def pipeline(project: CommandLine, name: str, *, match: str = "", requires: str = "", more: str = "") -> None:
    text = PIPELINE.format(match=f'"{match or name}_*.csv"', requires=requires)
    project.bench.pipeline(name, text + more)


def inbox(project: CommandLine, *names: str, content: str = GOOD) -> None:
    for name in names:
        project.bench.file(f"inbox/{name}", content)


def lines(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.out.splitlines()]


def imported(said: Said) -> list[tuple[str, str]]:
    """(pipeline, file) of each batch, in order."""
    return [(one["pipeline"], one["source"]["name"]) for one in lines(said) if one["schema"] == "ri.run/1"]


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    """The table, and no pipeline."""
    command_line.bench.sql("CREATE TABLE public.people (email text PRIMARY KEY, name text NOT NULL)")
    return command_line


def test_each_file_is_imported_with_the_pipeline_that_it_matches_behind_what_that_requires(
    project: CommandLine,
) -> None:
    pipeline(project, "a_orders", requires="m_products, z_customers")
    pipeline(project, "m_products", requires="z_customers")
    pipeline(project, "z_customers")
    inbox(project, "a_orders_1.csv", "m_products_1.csv", "z_customers_2.csv", "z_customers_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert said.code == 0
    assert imported(said) == [
        ("z_customers", "z_customers_1.csv"),
        ("z_customers", "z_customers_2.csv"),
        ("m_products", "m_products_1.csv"),
        ("a_orders", "a_orders_1.csv"),
    ]


def test_the_order_holds_across_a_pipeline_without_files(project: CommandLine) -> None:
    pipeline(project, "a", requires="m")
    pipeline(project, "m", requires="z")
    pipeline(project, "z")
    inbox(project, "z_1.csv", "m_1.csv")
    assert project.ri("run", "--all", "inbox").code == 0
    (project.root / "inbox/m_1.csv").unlink()
    inbox(project, "a_1.csv")
    assert [name for name, _ in imported(project.ri("run", "--all", "inbox", "--json"))] == ["z", "a"]


def test_files_that_no_pipeline_takes_are_named_and_folders_and_hidden_files_are_passed_over(
    project: CommandLine,
) -> None:
    pipeline(project, "a")
    inbox(project, "a_1.csv", "notes.txt", "A_2.csv", ".a_3.csv", "old/a_4.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert imported(said) == [("a", "a_1.csv")]
    assert said.err == "no pipeline takes: A_2.csv, notes.txt\n"


def test_a_file_that_two_pipelines_match_is_refused_before_anything_runs(project: CommandLine) -> None:
    pipeline(project, "a")
    pipeline(project, "b", match="a_x")
    inbox(project, "a_1.csv", "a_x_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, said.json["code"]) == (2, "ambiguous-file")
    assert said.json["message"] == (
        "a_x_1.csv fits source.match of a (a_*.csv) and of b (a_x_*.csv); nothing was imported"
    )
    assert project.bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


@pytest.mark.parametrize(("file", "hint"), [("b.csv", "they take: a (a_*.csv)"), ("sub/a_1.csv", "they take: a")])
def test_a_folder_without_a_file_for_anybody_is_exit_2(project: CommandLine, file: str, hint: str) -> None:
    pipeline(project, "a")
    inbox(project, file)
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, said.json["code"]) == (2, "nothing-matches")
    assert said.json["hint"].startswith(hint)


def test_where_no_pipeline_has_a_pattern_the_hint_shows_how_to_write_one(command_line: CommandLine) -> None:
    command_line.people()
    inbox(command_line, "people.csv")
    assert 'source: {match: "customers_*.csv"}' in command_line.ri("run", "--all", "inbox").err


def test_a_cycle_is_told_with_its_path(project: CommandLine) -> None:
    pipeline(project, "a", requires="b")
    pipeline(project, "b", requires="c")
    pipeline(project, "c", requires="a")
    inbox(project, "b_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, said.json["code"]) == (2, "requires-cycle")
    assert "a → b → c → a" in said.json["message"]


def test_a_broken_pipeline_might_take_a_file_so_nothing_is_imported(project: CommandLine) -> None:
    pipeline(project, "a")
    pipeline(project, "b", more="limit: 1\n")
    inbox(project, "a_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, [found["code"] for found in said.json["diagnostics"]]) == (2, ["unknown-key"])


# ── when one does not complete ───────────────────────────────────────────────────────────────────


CHAIN: Mapping[str, str] = {"a": "", "b": "a", "c": "b", "other": ""}


def chain(project: CommandLine, *, first: str) -> None:
    """a ← b ← c, and one that nobody requires; `first` are more words of a."""
    for name, requires in CHAIN.items():
        pipeline(project, name, requires=requires, more=first if name == "a" else "")


def test_those_that_require_it_are_refused_and_the_others_go_on(project: CommandLine) -> None:
    chain(project, first="")
    inbox(project, *(f"{name}_1.csv" for name in CHAIN))
    assert project.ri("run", "--all", "inbox").code == 0  # the books know complete batches of all
    chain(project, first="limits: {max_failed: 0}\n")
    inbox(project, "a_1.csv", content=ONE_OF_TWO)
    said = project.ri("run", "--all", "inbox", "--json")
    assert said.code == 4
    assert [one.get("pipeline") or one["message"] for one in lines(said)] == [
        "a",
        "other",
        "b requires a, which was not completed just now",
        "c requires b, which was not completed just now",
    ]
    refused = [one for one in lines(said) if one["schema"] == "ri.error/1"]
    assert [(one["code"], one["exit_code"]) for one in refused] == [("requires", 2), ("requires", 2)]
    assert "not imported: inbox/b_1.csv\n" in said.err


def test_a_file_that_cannot_be_read_counts_as_not_completed(project: CommandLine) -> None:
    chain(project, first="")
    inbox(project, "a_1.csv", content="")
    inbox(project, "b_1.csv", "other_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert said.code == 2
    assert {one.get("code") or one["pipeline"] for one in lines(said)} == {"source-empty", "requires", "other"}


def test_a_pipeline_that_does_not_fit_the_database_keeps_no_other_from_its_files(project: CommandLine) -> None:
    chain(project, first="")
    project.bench.pipeline("a", PIPELINE.format(match="a_*.csv", requires="").replace("people", "nobody"))
    inbox(project, "a_1.csv", "a_2.csv", "other_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert said.code == 2
    assert [one.get("code") or one["pipeline"] for one in lines(said)] == ["config", "other"]
    assert "not imported: inbox/a_2.csv\n" in said.err


def test_failed_records_keep_nobody_from_going_on(project: CommandLine) -> None:
    chain(project, first="")
    inbox(project, "a_1.csv", content=ONE_OF_TWO)
    inbox(project, "b_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, imported(said)) == (1, [("a", "a_1.csv"), ("b", "b_1.csv")])


def test_what_was_never_imported_is_required_in_vain(project: CommandLine) -> None:
    chain(project, first="")
    inbox(project, "b_1.csv", "other_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert said.code == 2
    assert "b requires a, which has never completed here" in said.err
    assert imported(said) == [("other", "other_1.csv")]


def test_a_hook_that_stops_its_pipeline_stops_no_other(project: CommandLine) -> None:
    chain(project, first="")
    project.bench.file("hooks/a.py", "def on_batch_start(ctx):\n    raise KeyError('EUR')\n")
    inbox(project, "a_1.csv", "b_1.csv", "other_1.csv")
    said = project.ri("run", "--all", "inbox", "--json")
    assert (said.code, imported(said)) == (3, [("other", "other_1.csv")])


def test_a_database_that_is_gone_ends_it(project: CommandLine) -> None:
    chain(project, first="")
    project.bench.sql(FATAL)
    inbox(project, "a_1.csv", content="email,name\na@x.org,the end\n")
    inbox(project, "other_1.csv")
    said = project.ri("run", "--all", "inbox", "--json", "--give-up-after", "1")
    assert (said.code, imported(said)) == (3, [])
    assert "not imported: inbox/other_1.csv\n" in said.err


# ── words ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--all", "inbox", "a"], "give PIPELINE and FILEs, or --all DIR, not both"),
        (["a", "inbox/a_1.csv", "--all", "inbox"], "give PIPELINE and FILEs, or --all DIR, not both"),
        ([], "missing argument 'PIPELINE'"),
        (["a"], "missing argument 'FILE...'"),
        (["--all", "nowhere"], "invalid value for '--all': Directory 'nowhere' does not exist"),
    ],
)
def test_words_that_make_no_sense_together_are_refused(project: CommandLine, words: list[str], message: str) -> None:
    pipeline(project, "a")
    inbox(project, "a_1.csv")
    said = project.ri("run", *words, "--json")
    assert (said.code, said.json["code"], said.json["message"]) == (2, "usage", message)
