"""Small slips at the command line, and what a person is told to type instead."""

from __future__ import annotations

from support.command_line import GOOD, PEOPLE, CommandLine


def test_a_folder_is_named_as_one(command_line: CommandLine) -> None:
    (command_line.root / "exports").mkdir()
    said = command_line.ri("run", command_line.people(), "exports")
    assert said.code == 2
    assert "exports: is a folder" in said.err
    assert "name the files in it" in said.err


def test_a_pipeline_may_not_be_named_by_its_file_but_is_recognised(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("run", "pipelines/people.yaml", "people.csv")
    assert (said.code, 'did you mean "people"?' in said.err) == (2, True)


def test_the_last_of_no_batches_is_none_yet(command_line: CommandLine) -> None:
    said = command_line.ri("errors", "last")
    assert said.code == 2
    assert "there are no batches yet" in said.err
    assert "ri run PIPELINE FILE" in said.err


def test_stdin_without_a_format_is_told_the_line_to_write(command_line: CommandLine) -> None:
    name = command_line.people()
    command_line.bench.pipeline(name, PEOPLE.replace("source: {format: csv}\n", ""))
    command_line.bench.file("people.csv", GOOD)
    said = command_line.shell(f"ri run {name} - < people.csv")
    assert said.code == 2
    assert "source: {format: csv}" in said.err
