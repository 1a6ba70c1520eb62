"""`ri doctor`: one thing broken at a time, and the line that says so."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.command_line import PEOPLE, CommandLine

from ri_declarative.manager import doctor

NOWHERE = "postgresql://importer:secret@/nowhere?host=/nowhere"
CHECKS = ["software", "project", "pipelines", "database", "reachable", "version", "encoding", "writable", "tables",
          "privileges", "temporary", "clock", "database disk", "disk"]  # fmt: skip


def examined(command_line: CommandLine, *words: str) -> dict[str, dict[str, Any]]:
    """Check → its facts; the exit code fits them."""
    said = command_line.ri("doctor", "--json", *words)
    found = {check["name"]: check for check in said.json["checks"]}
    failed = any(check["status"] == "fail" for check in found.values())
    assert (said.code, said.json["ok"]) == (2 if failed else 0, not failed)
    return found


def not_ok(command_line: CommandLine, *words: str) -> dict[str, str]:
    """Check → status, of those that are not ok; each says what to do."""
    checks = [check for check in examined(command_line, *words).values() if check["status"] != "ok"]
    assert all(check["hint"] for check in checks)
    return {check["name"]: check["status"] for check in checks}


def test_all_is_well_in_a_project_with_a_database(command_line: CommandLine) -> None:
    command_line.people()
    found = examined(command_line)
    assert list(found) == CHECKS
    assert {check["status"] for check in found.values()} == {"ok"}
    assert found["database"]["message"].endswith("named by RI_DATABASE_URL")
    assert found["pipelines"]["message"].startswith("1 in pipelines/")


def test_for_a_person_each_check_is_a_line(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("doctor")
    assert said.code == 0
    assert [line[:4] for line in said.out.splitlines()] == ["ok  "] * len(CHECKS)


def test_an_unreachable_database_fails_with_libpqs_words_and_the_rest_is_told(command_line: CommandLine) -> None:
    command_line.people()
    found = examined(command_line, "--database", NOWHERE)
    assert not_ok(command_line, "--database", NOWHERE) == {"database": "warn", "reachable": "fail"}
    assert "No such file or directory" in found["reachable"]["message"]
    assert "secret" not in str(found)
    assert "disk" in found


def test_an_address_that_cannot_be_read_fails(command_line: CommandLine) -> None:
    command_line.people()
    assert not_ok(command_line, "--database", "host=db port=many") == {"database": "fail"}


def test_a_variable_that_is_not_set_fails(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.people()
    monkeypatch.delenv("RI_DATABASE_URL")
    command_line.bench.file("ri.yaml", "database: ${CRM_URL}\n")
    assert not_ok(command_line) == {"database": "fail"}


def test_a_folder_without_a_project_is_a_warning(command_line: CommandLine) -> None:
    (command_line.root / "pipelines").rmdir()
    assert not_ok(command_line) == {"project": "warn"}


def test_outside_of_a_project_no_embedded_database_is_made(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command_line.root / "pipelines").rmdir()
    monkeypatch.delenv("RI_DATABASE_URL")
    assert not_ok(command_line) == {"project": "warn", "embedded": "warn"}
    assert list(command_line.root.iterdir()) == []


def test_a_wrong_ri_yaml_fails(command_line: CommandLine) -> None:
    command_line.bench.file("ri.yaml", "databse: x\n")
    assert "project" in not_ok(command_line)


def test_a_broken_pipeline_fails_with_its_number_of_errors(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("broken", PEOPLE + "limit: 1\nchunksize: 2\n")
    found = examined(command_line)["pipelines"]
    assert (found["status"], found["message"]) == ("fail", "1 of 2 with errors: broken (2)")


def test_missing_tables_fail_with_the_command_that_makes_them(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    found = examined(command_line)
    assert (found["tables"]["status"], found["tables"]["hint"]) == ("fail", "run: ri db migrate")


@pytest.mark.parametrize(("version", "hint"), [("version + 1", "install a newer ri"), ("1", "run: ri db migrate")])
def test_tables_of_another_version_fail(command_line: CommandLine, version: str, hint: str) -> None:
    command_line.people()
    command_line.bench.sql("DELETE FROM import_schema_migrations WHERE version > 1")
    command_line.bench.sql(f"UPDATE import_schema_migrations SET version = {version.replace('version', '1000')}")
    found = examined(command_line)["tables"]
    assert (found["status"], found["hint"]) == ("fail", hint)


def test_a_server_that_only_reads_fails(command_line: CommandLine) -> None:
    command_line.people()
    name = command_line.bench.sql("SELECT current_database()")[0][0]
    command_line.bench.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert not_ok(command_line) == {"writable": "fail"}


class Role(NamedTuple):
    """A role of the server that may only connect."""

    name: str
    url: str


@pytest.fixture
def stranger(command_line: CommandLine) -> Iterator[Role]:
    """A role without privileges; with it, PUBLIC loses those it has by default."""
    name = command_line.bench.sql("SELECT current_database()")[0][0]
    command_line.people()
    command_line.bench.sql(f"CREATE ROLE {name}_stranger LOGIN")
    command_line.bench.sql(f"REVOKE TEMP, CREATE ON DATABASE {name} FROM public")
    try:
        yield Role(f"{name}_stranger", command_line.bench.dsn.replace("ri@", f"{name}_stranger@"))
    finally:
        command_line.bench.sql(f"DROP OWNED BY {name}_stranger; DROP ROLE {name}_stranger")


def test_missing_privileges_are_named(command_line: CommandLine, stranger: Role) -> None:
    found = examined(command_line, "--database", stranger.url)
    names = ("tables", "privileges", "temporary")
    assert [found[name]["status"] for name in names] == ["fail"] * 3
    assert "INSERT on import_batch_items, SELECT on import_batch_items" in found["privileges"]["message"]
    assert stranger.name in found["temporary"]["hint"]


def test_a_schema_that_may_not_be_used_is_a_missing_privilege(command_line: CommandLine, stranger: Role) -> None:
    command_line.bench.sql("REVOKE USAGE ON SCHEMA public FROM public")
    found = examined(command_line, "--database", stranger.url)
    assert (found["privileges"]["status"], found["reachable"]["status"]) == ("fail", "ok")
    assert "lacks USAGE" in found["privileges"]["message"]


def test_a_role_that_may_not_make_ris_tables_is_told_who_may(command_line: CommandLine, stranger: Role) -> None:
    command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    found = examined(command_line, "--database", stranger.url)
    assert (found["tables"]["status"], found["privileges"]["status"]) == ("fail", "fail")
    assert "as the schema's owner" in found["privileges"]["hint"]


def test_the_clock_of_a_server_that_is_far_off_is_a_warning(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.people()
    monkeypatch.setattr(doctor, "CLOCK_TOLERANCE_S", -1.0)
    assert not_ok(command_line) == {"clock": "warn"}


@pytest.mark.parametrize(("free", "status"), [(50e6, "fail"), (500e6, "warn")])
def test_little_space_on_the_disk_is_told(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, free: float, status: str
) -> None:
    command_line.people()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**12, 10**12, int(free)))
    assert not_ok(command_line) == {"database disk": status, "disk": status}


def test_the_embedded_server_is_made_examined_and_then_stopped_again(
    project_folder: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RI_DATABASE_URL")
    with contextlib.chdir(project_folder):
        (project_folder / "pipelines").mkdir()
        first = examined(command_line)
        assert "not made yet" in first["embedded"]["message"]
        assert "the next command sees to it" in first["tables"]["message"]
        command_line.ri("status")
        again = examined(command_line)
        assert "running" in again["embedded"]["message"]
        assert "current" in again["tables"]["message"]


def test_without_any_postgresql_the_embedded_one_fails(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.people()
    monkeypatch.delenv("RI_DATABASE_URL")
    monkeypatch.setenv("RI_PG_BIN", str(command_line.root))
    assert not_ok(command_line) == {"embedded": "fail"}
