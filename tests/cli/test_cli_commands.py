"""reprocess, status and errors over a scripted manager: what is printed where."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from cli.scripted_batches import BATCH, ScriptedManager, failed_item
from ri_declarative.cli.main import main

Manager = type[ScriptedManager]


def test_reprocess_shows_both_fingerprints_when_the_pipeline_changed(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.prints, manager.runs = ("a" * 64, "b" * 64), [BATCH]
    assert main(["reprocess", "last"]) == 1
    assert capsys.readouterr().err == (
        "the pipeline changed since batch 3f2a9c1e: fingerprint aaaaaaaaaaaa then, bbbbbbbbbbbb now\n"
    )


def test_nothing_to_reprocess_is_success(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [None, None]
    assert main(["reprocess", "last"]) == 0
    assert capsys.readouterr() == ("nothing to reprocess in batch 3f2a9c1e\n", "")
    assert main(["reprocess", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["batch_id"] is None


def test_a_missing_corrections_file_is_a_usage_error(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reprocess", "last", "--from", "/nowhere/fix.csv"]) == 2
    assert "/nowhere/fix.csv" in capsys.readouterr().err


def test_status_lists_batches_one_per_line(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:4] == ["batch", "pipeline", "source", "status"]
    assert lines[1][:8] == ["3f2a9c1e", "customer_data", "customers.csv", "completed", "500", "472", "28", "0"]
    assert lines[2][3:5] == ["processing", "-"]


def test_status_as_json_lists_batches_in_one_object(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--limit", "1"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["schema"], [b["batch_id"] for b in made["batches"]]) == ("ri.batches/1", [BATCH])


def test_status_of_one_batch_names_the_repair_while_records_need_it(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.attention = [failed_item(5)]
    assert main(["status", "last"]) == 0
    assert "repair: ri errors 3f2a9c1e --csv fix.csv" in capsys.readouterr().out


def test_piped_errors_are_complete_rows_with_their_item(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.attention = [failed_item(i) for i in range(30)]
    assert main(["errors", "last"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 31
    assert lines[1].split("\t") == [
        "2",
        "email",
        "schema.format",
        'expected an e-mail address, got "x"',
        '{"email": "x", "first_name": "Zoë"}',
        "item-0",
    ]


def test_a_limit_says_that_there_are_more(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.attention = [failed_item(i) for i in range(3)]
    assert main(["errors", "last", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err == "only the first 2 are shown; all: ri errors 3f2a9c1e --limit 0\n"
    assert main(["errors", "last", "--limit", "3"]) == 0
    assert capsys.readouterr().err == ""


def test_errors_as_json_are_one_object_with_all_items(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.attention = [failed_item(i, source_data="raw \udcff line") for i in range(30)]
    assert main(["errors", "last", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["schema"], made["batch_id"], len(made["items"])) == ("ri.errors/1", BATCH, 30)
    assert made["items"][0]["source_data"] == "raw \udcff line"


def test_no_errors_as_json_are_an_empty_list(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == []


def test_no_errors_are_said_on_stderr(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "last"]) == 0
    assert capsys.readouterr() == ("", "nothing needs attention in batch 3f2a9c1e\n")


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "last"],
        ["errors", "last"],
        ["errors", "last", "--json"],
        ["errors", "last", "--csv", "-"],
    ],
)
def test_a_reader_that_has_seen_enough_ends_the_command_in_peace(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    manager.attention = [failed_item(1)]
    monkeypatch.setattr(sys, "stdout", _Broken())
    assert main(words) == 0
    assert capsys.readouterr().err == ""


def test_an_export_never_overwrites_repair_work(
    manager: Manager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fix = tmp_path / "fix.csv"
    assert main(["errors", "last", "--csv", str(fix)]) == 0
    assert fix.read_bytes() == b"email\r\nx\r\n"
    fix.write_text("an hour of work")
    assert main(["errors", "last", "--csv", str(fix)]) == 2
    assert fix.read_text() == "an hour of work"
    assert main(["errors", "last", "--csv", str(fix), "--force"]) == 0
    assert fix.read_bytes() == b"email\r\nx\r\n"
    assert list(tmp_path.iterdir()) == [fix]


def test_an_export_to_a_dash_goes_to_stdout(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "last", "--csv", "-"]) == 0
    assert capsys.readouterr().out.splitlines() == ["email", "x"]


def test_an_export_into_a_missing_folder_says_so(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "last", "--csv", "/nowhere/fix.csv"]) == 2
    assert capsys.readouterr().err.startswith("error[file-not-written] cannot write /nowhere/fix.csv")


def test_dismissing_tells_how_many(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["errors", "last", "--dismiss", "--item", "item-1", "--reason", "test data"]) == 0
    assert capsys.readouterr().out == "1 failed record needs no attention any more in batch 3f2a9c1e\n"
    assert main(["errors", "last", "--dismiss", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dismissed"] == 28


@pytest.mark.parametrize(
    "words",
    [
        ["--csv", "-", "--json"],
        ["--csv", "x.csv", "--dismiss"],
        ["--reason", "why"],
        ["--item", "x"],
        ["--dismiss", "--limit", "3"],
        ["--limit", "-1"],
    ],
)
def test_words_that_make_no_sense_together_are_refused(manager: Manager, words: list[str]) -> None:
    assert main(["errors", "last", *words]) == 2
