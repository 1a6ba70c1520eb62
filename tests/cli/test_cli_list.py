"""`ri list`: the pipelines of a project, also the broken ones, also without a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import PEOPLE, CommandLine

NOWHERE = "host=/nowhere dbname=x"


def test_a_pipeline_is_listed_with_its_last_batch(command_line: CommandLine) -> None:
    command_line.failed_batch()
    batch = command_line.failed_batch()
    command_line.bench.pipeline("other", "description: Others\n" + PEOPLE.replace("source: {format: csv}\n", ""))
    other, people = command_line.ri("list", "--json").json["pipelines"]
    assert (people["name"], people["format"], people["target"]) == ("people", "csv", "public.people")
    assert (people["last_batch"]["batch_id"], people["last_batch"]["failed"]) == (batch, 1)
    assert (other["description"], other["format"], other["last_batch"]) == ("Others", None, None)


def test_piped_it_is_a_line_for_each_with_tabs_between(command_line: CommandLine) -> None:
    batch = command_line.failed_batch()
    header, line = command_line.ri("list").out.splitlines()
    row = dict(zip(header.split("\t"), line.split("\t"), strict=True))
    assert (row["pipeline"], row["last batch"], row["total"]) == ("people", batch[:8], "2")


def test_a_broken_pipeline_is_listed_with_its_number_of_errors(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("broken", PEOPLE + "limit: 1\nchunksize: 2\n")
    said = command_line.ri("list")
    assert said.code == 0
    assert "broken\t-\t2 errors\t" in said.out
    assert [one["errors"] for one in command_line.ri("list", "--json").json["pipelines"]] == [2, 0]


def test_without_a_database_the_last_batches_are_left_out_with_a_note(command_line: CommandLine) -> None:
    command_line.failed_batch()
    said = command_line.ri("list", "--json", "--database", NOWHERE)
    assert (said.code, said.json["database"]) == (0, None)
    assert said.json["pipelines"][0]["last_batch"] is None
    assert said.err.startswith("without the last batches: cannot connect to")


def test_without_ris_tables_the_note_says_so(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    said = command_line.ri("list")
    assert said.code == 0
    assert "has no bookkeeping tables yet" in said.err


def test_an_embedded_database_is_not_made_for_a_list(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.people()
    monkeypatch.delenv("RI_DATABASE_URL")
    assert command_line.ri("list", "--json").json["database"] == "embedded"
    assert not Path(".ri").exists()


def test_a_project_without_pipelines_says_what_to_do(command_line: CommandLine) -> None:
    said = command_line.ri("list")
    assert (said.code, said.out) == (0, "")
    assert "ri init" in said.err


@pytest.mark.parametrize("words", [("status",), ("status", "last"), ("errors", "last"), ("reprocess", "last")])
def test_without_ris_tables_commands_say_how_to_make_them(command_line: CommandLine, words: tuple[str, ...]) -> None:
    command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    said = command_line.ri(*words, "--json")
    assert (said.code, said.json["code"], said.json["hint"]) == (2, "not-migrated", "run: ri db migrate")


def test_books_that_the_role_may_not_read_are_exit_2(command_line: CommandLine) -> None:
    name = command_line.bench.sql("SELECT current_database()")[0][0]
    command_line.bench.sql(f"CREATE ROLE {name}_reader LOGIN")
    try:
        said = command_line.ri(
            "status", "--json", "--database", command_line.bench.dsn.replace("ri@", f"{name}_reader@")
        )
    finally:
        command_line.bench.sql(f"DROP ROLE {name}_reader")
    assert (said.code, said.json["code"]) == (2, "privilege")
