"""Repairing failed records at the command line: what a person is told, and the file that goes out and comes back."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.command_line import PEOPLE, CommandLine

CAFE = "email,name\na@x.org,Caf\u00e9\nb@x.org,B\n".encode("cp1252")


def failed_names(command_line: CommandLine, *options: str) -> Path:
    """The exported file of a batch that refused `b` and `c`, whose cells are separated by semicolons."""
    name = command_line.people()
    command_line.bench.pipeline(name, PEOPLE.replace("format: csv", 'format: csv, delimiter: ";"'))
    command_line.bench.file("people.csv", "email;name\na@x.org;A\nb;M\u00fcller, Anna\nc;-3\n")
    assert command_line.ri("run", name, "people.csv").code == 1
    assert command_line.ri("errors", "last", "--csv", "fix.csv", *options).code == 0
    return command_line.root / "fix.csv"


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=";", strict=True))


@pytest.mark.parametrize(("options", "beginning"), [((), b'"email";"name";"_ri_item"'), (("--bom",), b"\xef\xbb\xbf")])
def test_the_file_to_repair_has_the_delimiter_of_the_source_and_a_mark_when_asked(
    command_line: CommandLine, options: tuple[str, ...], beginning: bytes
) -> None:
    file = failed_names(command_line, *options)
    assert file.read_bytes().startswith(beginning)
    assert [row["name"] for row in rows_of(file)] == ["M\u00fcller, Anna", "-3"]


@pytest.mark.parametrize("options", [(), ("--bom",)])
def test_the_file_comes_back_equal_but_for_what_was_corrected(
    command_line: CommandLine, options: tuple[str, ...]
) -> None:
    file = failed_names(command_line, *options)
    text = file.read_text(encoding="utf-8").replace('"b"', '"b@x.org"').replace('"c"', '"c@x.org"')
    file.write_text(text, encoding="utf-8")
    assert command_line.ri("reprocess", "last", "--from", "fix.csv").code == 0
    stored = command_line.bench.sql("SELECT email, name FROM people ORDER BY 1")
    assert stored == [("a@x.org", "A"), ("b@x.org", "M\u00fcller, Anna"), ("c@x.org", "-3")]


def test_the_mark_goes_with_a_file_only(command_line: CommandLine) -> None:
    command_line.failed_batch()
    said = command_line.ri("errors", "last", "--bom")
    assert (said.code, "--bom belongs to --csv" in said.err) == (2, True)


def test_a_repaired_file_that_is_not_utf_8_is_told_how_to_be_saved(command_line: CommandLine) -> None:
    file = failed_names(command_line)
    file.write_bytes(file.read_text(encoding="utf-8").encode("cp1252"))
    said = command_line.ri("reprocess", "last", "--from", "fix.csv")
    assert said.code == 2
    assert "error[repair-encoding] fix.csv: line 2 is not UTF-8" in said.err
    assert "CSV UTF-8" in said.err
    assert "source.encoding" not in said.err


def unreadable_batch(command_line: CommandLine) -> None:
    """The newest batch has a record that is not UTF-8."""
    name = command_line.people()
    command_line.bench.file("people.csv", CAFE)
    assert command_line.ri("run", name, "people.csv").code == 1


def test_a_byte_that_could_not_be_decoded_is_shown_as_that_byte(command_line: CommandLine) -> None:
    unreadable_batch(command_line)
    assert r"Caf\xe9" in command_line.ri("errors", "last").out
    exported = command_line.ri("errors", "last", "--csv", "-").out
    (row,) = csv.DictReader(exported.splitlines())
    assert r"the line reads: a@x.org,Caf\xe9" in row["_ri_error"]
    assert (row["email"], row["name"]) == ("", "")


def test_reprocessing_what_was_unreadable_says_that_the_pipeline_cannot_mend_it(command_line: CommandLine) -> None:
    unreadable_batch(command_line)
    command_line.bench.pipeline("people", PEOPLE.replace("format: csv", "format: csv, encoding: cp1252"))
    said = command_line.ri("reprocess", "last")
    assert said.code == 1
    assert "what could not be read from the file stays so" in said.out
    assert "run the mended file again, or correct the records with --from" in said.out


def test_a_record_that_was_read_and_failed_again_gets_no_such_advice(command_line: CommandLine) -> None:
    command_line.failed_batch()
    said = command_line.ri("reprocess", "last")
    assert said.code == 1
    assert "could not be read" not in said.out


@pytest.mark.parametrize("command", ["errors", "status"])
def test_a_batch_whose_records_failed_again_names_the_batch_that_has_them_now(
    command_line: CommandLine, command: str
) -> None:
    first = command_line.failed_batch()
    again = command_line.ri("reprocess", first, "--json").json["batch_id"]
    said = command_line.ri(command, first)
    told = f"taken again by batch {again[:8]}, where 1 failed: ri errors {again[:8]}"
    assert told in (said.err if command == "errors" else said.out)
    assert "has been repaired" not in said.out


def test_a_batch_is_not_sent_to_records_that_were_dismissed_or_repaired_later(command_line: CommandLine) -> None:
    first = command_line.failed_batch()
    again = command_line.ri("reprocess", first, "--json").json["batch_id"]
    assert command_line.ri("errors", again, "--dismiss").code == 0
    assert "taken again" not in command_line.ri("errors", first).err
    assert "every failed record has been repaired or dismissed since" in command_line.ri("status", first).out


LEFT_OUT = "fix.csv: 1 of 2 repairs left out: their records are completed, dismissed or not in this batch"


def test_repairs_of_records_that_need_none_any_more_are_counted(command_line: CommandLine) -> None:
    file = failed_names(command_line)
    (dismissed, _) = (row["_ri_item"] for row in rows_of(file))
    assert command_line.ri("errors", "last", "--dismiss", "--item", dismissed).code == 0
    said = command_line.ri("reprocess", "last", "--from", "fix.csv", "--json")
    assert said.err == f"warning: {LEFT_OUT}\n"
    with command_line.bench.manager() as manager:
        logged = [(line["log_level"], line["message"]) for line in manager.iter_logs(said.json["batch_id"])]
    assert ("warning", LEFT_OUT) in logged


def test_repairs_that_are_all_taken_are_told_by_nothing(command_line: CommandLine) -> None:
    failed_names(command_line)
    assert command_line.ri("reprocess", "last", "--from", "fix.csv").err == ""


def test_repairs_none_of_which_is_needed_are_counted_though_there_is_no_batch(command_line: CommandLine) -> None:
    failed_names(command_line)
    assert command_line.ri("errors", "last", "--dismiss").code == 0
    said = command_line.ri("reprocess", "last", "--from", "fix.csv", "--json")
    assert (said.code, said.json["batch_id"]) == (0, None)
    assert "2 of 2 repairs left out" in said.err
