"""What the outermost border makes of every way in which a command can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.scripted_batches import ScriptedManager, batch
from ri_declarative.cli.main import main
from ri_declarative.errors import ConfigError, DatabaseError, Diagnostic, Position, SourceError, StoppedError
from ri_declarative.records import BatchStatus, StopReason

Manager = type[ScriptedManager]
COMMANDS = [
    ["run"],
    ["reprocess"],
    ["status"],
    ["errors"],
    ["db"],
    ["db", "start"],
    ["db", "stop"],
    ["db", "status"],
    ["db", "url"],
    ["db", "migrate"],
]


@pytest.mark.parametrize("words", [[], *COMMANDS])
def test_help_loads_neither_sqlalchemy_nor_pydantic(words: list[str]) -> None:
    program = (
        "import sys\nfrom ri_declarative.cli.main import main\n"
        f"code = main({[*words, '--help']!r})\n"
        "heavy = {'sqlalchemy', 'pydantic', 'psycopg2', 'rich', 'yaml', 'jsonschema'} & sys.modules.keys()\n"
        "sys.exit(f'code {code}, loaded {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: ri" in done.stdout


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_helps_with_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"  ri {words[0]}" in out.split("Example")[1] or "psql" in out.split("Example")[1]


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ri 0.")


def test_a_misspelt_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stauts"]) == 2
    assert capsys.readouterr().err.startswith('error[usage] no command "stauts"; did you mean "status"?\n')


def test_a_usage_error_with_json_is_an_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "schema": "ri.error/1",
        "code": "usage",
        "message": "missing argument 'PIPELINE'",
        "hint": "see: ri run --help",
        "exit_code": 2,
    }
    assert err.startswith("error[usage] missing argument")


def test_json_after_two_dashes_is_a_file_name(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [DatabaseError("unreachable", "no server")]
    assert main(["run", "customer_data", "--", "--json"]) == 2
    assert capsys.readouterr().out == ""
    assert manager.imported == ["--json"]


def test_an_error_of_ours_gives_its_text_and_code(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [DatabaseError("unreachable", "no server at db:5432", hint="is it running?")]
    assert main(["run", "customer_data", "a.csv", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == "error[unreachable] no server at db:5432\n  is it running?\n"
    assert json.loads(out)["hint"] == "is it running?"


def test_findings_in_a_pipeline_reach_a_program_with_their_places(
    manager: Manager, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no project, so no line to show
    place = Position("pipelines/customer_data.yaml", 14, 5)
    manager.runs = [ConfigError([Diagnostic(place, "unknown-column", 'no column "emial"')])]
    assert main(["run", "customer_data", "a.csv", "--json"]) == 2
    out, err = capsys.readouterr()
    assert err == 'pipelines/customer_data.yaml:14:5: error[unknown-column] no column "emial"\n'
    assert json.loads(out)["diagnostics"] == [
        {
            "path": "pipelines/customer_data.yaml",
            "line": 14,
            "column": 5,
            "severity": "error",
            "code": "unknown-column",
            "message": 'no column "emial"',
        }
    ]


def test_an_unforeseen_exception_is_one_line_and_exit_3(
    manager: Manager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RI_DEBUG", raising=False)
    manager.runs = [ZeroDivisionError("division by zero\nDETAIL: more")]
    assert main(["run", "customer_data", "a.csv"]) == 3
    assert capsys.readouterr().err == (
        "error[internal] ZeroDivisionError: division by zero; run with --debug for the traceback\n"
    )


@pytest.mark.parametrize("words", [["--debug", "run", "p", "a.csv"], ["run", "p", "a.csv", "--debug"]])
def test_debug_shows_the_traceback(manager: Manager, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    manager.runs = [ZeroDivisionError("x")]
    assert main(words) == 3
    assert "Traceback" in capsys.readouterr().err


def test_ri_debug_shows_the_traceback(
    manager: Manager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_DEBUG", "1")
    manager.runs = [ZeroDivisionError("x")]
    assert main(["run", "p", "a.csv"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130_without_a_traceback(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [KeyboardInterrupt()]
    assert main(["run", "p", "a.csv"]) == 130
    err = capsys.readouterr().err
    assert err == "batch 3f2a9c1e keeps what was committed; to finish it: ri resume 3f2a9c1e\ninterrupted\n"


def test_ctrl_c_while_modules_are_loaded_is_130_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "ri_declarative.cli", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_the_worst_file_gives_the_exit_code_and_each_has_its_line(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = batch(status=BatchStatus.FAILED, stop_reason=StopReason.MAX_FAILED)
    manager.runs = [batch(failed_items=0), limited, SourceError("source.missing", "no file c.csv"), batch()]
    assert main(["run", "p", "a.csv", "b.csv", "c.csv", "d.csv", "--json"]) == 4
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [o["schema"] for o in objects] == ["ri.run/1", "ri.run/1", "ri.error/1", "ri.run/1"]
    assert [o.get("stop_reason") for o in objects] == [None, "max_failed", None, None]


def test_a_lost_database_keeps_later_files_from_being_tried(manager: Manager) -> None:
    manager.runs = [batch(status=BatchStatus.FAILED, stop_reason=StopReason.DATABASE), batch()]
    assert main(["run", "p", "a.csv", "b.csv", "--quiet"]) == 3
    assert manager.imported == ["a.csv"]


def test_a_run_stopped_by_the_world_names_its_batch(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [StoppedError("connection-lost", "the server closed the connection")]
    assert main(["run", "p", "a.csv"]) == 3
    assert capsys.readouterr().err == (
        "batch 3f2a9c1e keeps what was committed; to finish it: ri resume 3f2a9c1e\n"
        "error[connection-lost] the server closed the connection\n"
    )


def test_a_signal_between_two_files_stops_before_the_next(manager: Manager) -> None:
    def signalled() -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return batch(failed_items=0)

    manager.runs = [signalled, batch()]
    assert main(["run", "p", "a.csv", "b.csv", "--quiet"]) == 143
    assert manager.imported == ["a.csv"]


def test_a_signal_after_the_last_record_does_not_make_a_finished_import_fail(manager: Manager) -> None:
    def signalled() -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return batch(failed_items=0)

    manager.runs = [signalled]
    assert main(["run", "p", "a.csv", "--quiet"]) == 0


def test_quiet_prints_nothing_but_errors(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [batch()]
    assert main(["run", "p", "a.csv", "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")


def test_stdin_twice_is_refused_before_anything_is_read(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "p", "-", "-"]) == 2
    assert manager.imported == []
    assert "stdin" in capsys.readouterr().err


def test_a_named_database_is_remembered_for_the_next_commands(
    manager: Manager, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.runs = [batch()]
    main(["run", "p", "a.csv", "--database", "postgresql:///x"])
    assert capsys.readouterr().out.endswith("(these commands need the same --database)\n")


def test_warnings_of_the_manager_go_to_stderr(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [batch(failed_items=0)]
    manager.warnings = ("a password on the command line is seen by ps",)
    assert main(["run", "p", "a.csv", "--json"]) == 0
    assert capsys.readouterr().err == "warning: a password on the command line is seen by ps\n"


def test_a_broken_pipe_inside_an_import_is_no_success(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.runs = [BrokenPipeError(32, "Broken pipe")]
    assert main(["run", "p", "a.csv"]) == 3
    assert "error[internal] BrokenPipeError" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_gets_no_complaint() -> None:
    program = (
        "import sys\nfrom ri_declarative.cli.main import main\n"
        "sys.argv = ['ri', '--help']\nsys.stdin.read()\nsys.exit(main())"
    )
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    os.close(reader)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
