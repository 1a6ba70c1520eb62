"""`ri check`: what is looked at, what it costs, what the exit code says."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.command_line import PEOPLE, CommandLine

BROKEN = PEOPLE + "limit: 1\n"
_LIGHT = """
import sys
from ri_declarative.cli.main import main
code = main(["check", "--offline"])
heavy = {"sqlalchemy", "psycopg2"} & sys.modules.keys()
sys.exit(f"loaded {heavy}" if heavy else code)
"""


def codes(command_line: CommandLine, *words: str) -> list[tuple[str, str]]:
    """(severity, code) of every finding, by place."""
    return [(d["severity"], d["code"]) for d in command_line.ri("check", *words, "--json").json["diagnostics"]]


def test_a_sound_project_is_zero_and_one_line(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("check")
    assert said.code == 0
    assert said.out.startswith("1 pipeline checked (database ")
    assert said.out.endswith("): no findings\n")


def test_all_pipelines_are_checked_and_all_findings_told(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("broken", BROKEN)
    command_line.bench.pipeline("orders", PEOPLE.replace("people", "orders"))
    said = command_line.ri("check", "--json")
    assert [(d["path"], d["code"]) for d in said.json["diagnostics"]] == [
        ("pipelines/broken.yaml", "unknown-key"),
        ("pipelines/orders.yaml", "unknown-table"),
    ]
    assert [(p["name"], p["errors"]) for p in said.json["pipelines"]] == [("broken", 1), ("orders", 1), ("people", 0)]
    assert said.code == 2


def test_only_the_pipelines_named_are_checked(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("broken", BROKEN)
    assert command_line.ri("check", "people").code == 0
    assert command_line.ri("check", "people", "broken").code == 2


def test_a_pipeline_that_is_not_there_gets_the_nearest_name(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("check", "peeple")
    assert said.code == 2
    assert 'there is no pipeline "peeple"; did you mean "people"?' in said.err


def test_offline_imports_no_sqlalchemy_and_needs_no_database(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.bench.pipeline("people", PEOPLE)
    monkeypatch.setenv("RI_DATABASE_URL", "host=/nowhere")
    done = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 pipeline checked (files only): no findings\n"


def test_an_unreachable_database_is_told_after_the_findings_in_files(command_line: CommandLine) -> None:
    command_line.bench.pipeline("broken", BROKEN)
    said = command_line.ri("check", "--database", "host=/nowhere")
    assert said.code == 2
    assert "error[unknown-key]" in said.out
    assert "error[database-unreachable] cannot connect to" in said.out
    assert "checked (database not reached): 2 errors" in said.out


def test_an_address_that_cannot_be_read_is_told_without_it(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("check", "--database", "postgresql://me:secret@db:port/x")
    assert said.code == 2
    assert "error[database-address]" in said.out
    assert "secret" not in said.out + said.err


def test_a_database_without_books_is_a_warning_and_the_target_is_checked(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("orders", PEOPLE.replace("people", "orders"))
    command_line.bench.sql(
        "DROP TABLE import_schema_migrations, import_batches, import_batch_items, import_logs CASCADE"
    )
    said = command_line.ri("check", "people")
    assert said.code == 0
    assert "warning[not-migrated]" in said.out
    assert "ri db migrate" in said.out
    assert codes(command_line, "orders") == [("error", "unknown-table")]


def test_a_server_that_only_reads_is_an_error_of_its_own(command_line: CommandLine) -> None:
    command_line.people()
    ((name,),) = command_line.bench.sql("SELECT current_database()")
    command_line.bench.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    said = command_line.ri("check", "--json")
    assert said.code == 2
    assert said.json["diagnostics"] == []
    assert said.json["database_error"]["code"] == "read-only"


def test_a_broken_ri_yaml_is_told_alone(command_line: CommandLine) -> None:
    command_line.bench.file("ri.yaml", "databse: postgresql://me:secret@db/x\n")
    command_line.bench.pipeline("broken", BROKEN)
    said = command_line.ri("check")
    assert said.code == 2
    assert said.out.startswith('ri.yaml:1:1: error[unknown-key] databse: unknown key; did you mean "database"?\n')
    assert "secret" not in said.out, "the line may hold an address"


def test_a_variable_that_is_not_set_does_not_hide_the_findings_in_pipelines(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RI_DATABASE_URL")
    command_line.bench.file("ri.yaml", "database: ${NOT_SET_ANYWHERE}\n")
    command_line.bench.pipeline("broken", BROKEN)
    assert codes(command_line) == [("error", "missing-variable"), ("error", "unknown-key")]


def test_a_file_whose_name_is_no_pipelines_is_a_warning(command_line: CommandLine) -> None:
    command_line.people()
    for name in ("orders.yml", "Customers.yaml", ".hidden.yaml", "notes.md"):
        command_line.bench.file(f"pipelines/{name}", PEOPLE)
    said = command_line.ri("check", "--offline")
    assert said.code == 0
    assert "pipelines/orders.yml:1:1: warning[pipeline-name] is not taken for a pipeline: rename it to orders.yaml" in (
        said.out
    )
    assert codes(command_line, "--offline") == [("warning", "pipeline-name")] * 2


def test_a_schema_file_that_two_pipelines_share_is_told_once(command_line: CommandLine) -> None:
    command_line.bench.file("schema/both.json", '{"properties": {"k": {"type": "text"}}}')
    for name in ("one", "two"):
        command_line.bench.pipeline(name, "schema: both.json\ntarget: {table: t, key: k}\n")
    said = command_line.ri("check", "--offline", "--json")
    assert [d["code"] for d in said.json["diagnostics"]] == ["schema-invalid"]
    assert [p["errors"] for p in said.json["pipelines"]] == [1, 1]


def test_a_table_that_would_be_made_is_checked_and_not_left_behind(command_line: CommandLine) -> None:
    made = PEOPLE.replace("key: email", "key: email, create: true")
    command_line.bench.pipeline("people", made)
    assert command_line.ri("check").code == 0
    assert command_line.bench.sql("SELECT to_regclass('public.people')") == [(None,)]
    command_line.bench.pipeline("people", made.replace("public.people", "nowhere.people"))
    assert codes(command_line) == [("error", "create-table")]


def test_nothing_is_written_by_a_check(command_line: CommandLine) -> None:
    command_line.people()
    before = command_line.bench.sql("SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 2200 ORDER BY 1")
    command_line.ri("check")
    after = command_line.bench.sql("SELECT relname, relfilenode FROM pg_class WHERE relnamespace = 2200 ORDER BY 1")
    assert before == after
    assert command_line.bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


@pytest.mark.parametrize(
    "words", [["--json", "--format", "sarif"], ["--offline", "--database", "embedded"], ["--format", "xml"]]
)
def test_words_that_contradict_each_other_are_refused(command_line: CommandLine, words: list[str]) -> None:
    said = command_line.ri("check", *words)
    assert said.code == 2
    assert said.err.startswith("error[usage]")


def test_python_gets_the_same_findings(command_line: CommandLine) -> None:
    command_line.bench.pipeline("orders", PEOPLE.replace("people", "orders"))
    with command_line.bench.manager() as manager:
        found = manager.check()
        assert [(d.code, d.severity) for d in found] == [("unknown-table", "error")]
        assert manager.check(offline=True) == []
        assert manager.check(["orders"]) == found
