"""`ri init`: a project that is green at once, and no harm to what is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import CommandLine

from ri_declarative.cli.group import COMMANDS
from ri_declarative.cli.init import LANGUAGE_SCHEMA, TEMPLATES
from ri_declarative.cli.main import main
from ri_declarative.spec.json_schema import rendered

FILES = {*TEMPLATES, LANGUAGE_SCHEMA}


@pytest.fixture
def new_project(command_line: CommandLine) -> CommandLine:
    """What `ri init` makes, in a database of its own."""
    (command_line.root / "pipelines").rmdir()
    said = command_line.ri("init")
    assert (said.code, said.err) == (0, "")
    return command_line


def made_in(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_new_project_has_these_files(new_project: CommandLine) -> None:
    assert made_in(new_project.root) == FILES
    assert (new_project.root / LANGUAGE_SCHEMA).read_text(encoding="utf-8") == rendered()
    assert (new_project.root / ".gitignore").read_text(encoding="utf-8") == ".ri/\n"


def test_a_new_project_is_green_in_a_database_of_ones_own(new_project: CommandLine) -> None:
    run = new_project.ri("run", "contacts", "data/contacts.csv", "--json")
    assert (run.code, run.json["inserted"], run.err) == (0, 3, "")
    rows = new_project.bench.sql("SELECT email, born_on::text, credit_limit FROM public.example_contacts ORDER BY 1")
    assert rows[0] == ("ada@example.org", "1815-12-10", 1500)
    assert rows[2][0] == "grace@example.org"


@pytest.mark.skipif("check" not in COMMANDS, reason="ri check is not there yet")
def test_the_check_of_a_new_project_finds_nothing(new_project: CommandLine) -> None:
    assert new_project.ri("check").code == 0
    assert new_project.ri("check", "--offline").code == 0


def test_a_new_project_is_green_with_the_embedded_database(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project_folder)
    assert main(["init"]) == 0
    steps = [line.strip() for line in capsys.readouterr().out.split("next:\n")[1].splitlines()]
    known = [step.split()[1:] for step in steps if step.split()[1] in COMMANDS]
    assert [main(step) for step in known] == [0] * len(known)
    assert "3 completed (3 inserted" in capsys.readouterr().out


def test_the_next_commands_make_ris_tables_in_a_database_of_ones_own(command_line: CommandLine) -> None:
    said = command_line.ri("init", "imports")
    assert said.out.endswith("next:\n  cd imports\n  ri db migrate\n  ri check\n  ri run contacts data/contacts.csv\n")
    assert made_in(command_line.root / "imports") == FILES


def test_files_that_are_there_are_kept_and_named(command_line: CommandLine) -> None:
    mine = command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    dangling = command_line.root / "data"
    dangling.symlink_to("nowhere")
    (command_line.root / ".gitignore").symlink_to("elsewhere")
    said = command_line.ri("init", "--json")
    assert said.code == 2, "data/ leads nowhere"
    dangling.unlink()
    said = command_line.ri("init", "--json")
    assert said.json["kept"] == [".gitignore", "ri.yaml"]
    assert {*said.json["created"], *said.json["kept"]} == FILES
    assert mine.read_text(encoding="utf-8") == "bookkeeping_schema: books\n"
    assert not (command_line.root / "elsewhere").exists()


def test_a_second_init_changes_nothing(new_project: CommandLine) -> None:
    before = {name: (new_project.root / name).stat().st_mtime_ns for name in FILES}
    said = new_project.ri("init")
    assert said.out.count("kept ") == len(FILES)
    assert {name: (new_project.root / name).stat().st_mtime_ns for name in FILES} == before


@pytest.mark.parametrize("folder", ["file.txt", "file.txt/below"])
def test_a_file_in_the_place_of_a_folder_is_exit_2(command_line: CommandLine, folder: str) -> None:
    command_line.bench.file("file.txt", "mine")
    said = command_line.ri("init", folder)
    assert (said.code, said.err.count("error[")) == (2, 1)


def test_a_project_inside_a_project_is_told(command_line: CommandLine) -> None:
    said = command_line.ri("init", "sub")
    assert f"inside the one in {command_line.root}" in said.err


def test_init_loads_no_driver(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom ri_declarative.cli.main import main\n"
        "assert main(['init', sys.argv[1]]) == 0\n"
        "sys.exit(', '.join({'sqlalchemy', 'psycopg2'} & sys.modules.keys()) or 0)"
    )
    command = [sys.executable, "-c", program, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
