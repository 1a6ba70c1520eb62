"""`ri db psql`, `dump`, `reset` and `migrate --check`, on real databases."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from support.embedded import copy_database, eventually, stop_for_good, temporary_project
from support.postgres import Server
from support.ri_process import RI, environment, people, ri, running_ri, write_people

from ri_declarative.database.embedded import status, stop
from ri_declarative.database.migrations import migrate


@pytest.fixture(scope="module")
def project(seed: Path) -> Iterator[Path]:
    """A project with an embedded database that holds three people; for tests that only look at it."""
    with temporary_project() as folder:
        copy_database(seed, folder)
        write_people(folder)
        done = ri(folder, "run", "people", "-", stdin=people("a", 3))
        assert done.returncode == 0, done.stderr
        stop(folder)
        yield folder


@pytest.fixture
def own(project: Path, project_folder: Path) -> Path:
    """A copy of it that a test may change."""
    stop_for_good(project)
    copy_database(project / ".ri/postgres", project_folder)
    write_people(project_folder)
    return project_folder


@pytest.fixture
def empty_database(server: Server) -> str:
    """The address of a database without ri's tables."""
    return server.url("postgres")


# ── psql ─────────────────────────────────────────────────────────────────────────────────────


def test_psql_runs_on_the_embedded_database_and_its_exit_code_is_ours(project: Path) -> None:
    asked = ri(project, "db", "psql", "--", "-Atc", "SELECT count(*) FROM people")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "3\n", "")
    assert ri(project, "db", "psql", "--", "-qc", "SELECT 1/0").returncode == 1
    assert ri(project, "db", "psql", stdin="\\set ON_ERROR_STOP 1\nSELECT 1/0;\n").returncode == 3


def test_psql_keeps_the_embedded_server_like_any_ri(project: Path) -> None:
    with running_ri(project, "db", "psql", "--", "-Atq") as psql:
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write("SELECT 'here';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "here\n"
        for words in (("db", "stop"), ("db", "reset", "--yes")):
            assert "error[embedded-in-use]" in ri(project, *words).stderr
    assert eventually(lambda: ri(project, "db", "stop").returncode == 0)


def test_psql_runs_on_the_external_database_that_runs_would_use(project: Path, server: Server) -> None:
    url = server.url("template1")
    question = ("--", "-Atc", "SELECT current_database()")
    assert ri(project, "db", "psql", "--database", url, *question).stdout == "template1\n"
    assert ri(project, "db", "psql", *question, RI_DATABASE_URL=url).stdout == "template1\n"
    service = project / "services.conf"
    service.write_text(f"[crm]\nhost={server.socket_dir}\nport=5432\nuser=ri\ndbname=template1\n")
    named = ri(project, "db", "psql", "--database", "crm", *question, PGSERVICEFILE=str(service))
    assert named.stdout == "template1\n"


def test_a_password_reaches_psql_but_not_its_command_line_and_is_warned_of(project: Path, server: Server) -> None:
    url = server.url("template1").replace("ri@", "ri:s3cr%2Ft@")
    shown = ri(project, "db", "psql", "--database", url, "--", "-At", stdin="\\! tr '\\0' ' ' < /proc/$PPID/cmdline\n")
    assert "psql" in shown.stdout
    assert "s3cr" not in shown.stdout
    assert "warning: the password in --database can be read by everybody" in shown.stderr
    given = ri(
        project, "db", "psql", "--database", url, "--", "-At", stdin="\\getenv given PGPASSWORD\n\\echo :given\n"
    )
    assert given.stdout == "s3cr/t\n"


# ── dump ─────────────────────────────────────────────────────────────────────────────────────


def test_a_dump_brings_everything_back_into_an_empty_database(own: Path) -> None:
    dumped = ri(own, "db", "dump", "copy.sql", "--json")
    assert dumped.returncode == 0, dumped.stderr
    told = json.loads(dumped.stdout)
    file = own / "copy.sql"
    assert told == {"schema": "ri.db/1", "action": "dump", "file": "copy.sql", "size_bytes": file.stat().st_size}
    assert file.stat().st_mode & 0o077 == 0
    assert ri(own, "db", "reset", "--yes").returncode == 0
    restored = ri(own, "db", "psql", "--", "-qv", "ON_ERROR_STOP=1", "-f", "copy.sql")
    assert restored.returncode == 0, restored.stderr
    assert "3 unchanged" in ri(own, "run", "people", "-", stdin=people("a", 3)).stdout


def test_a_dump_never_replaces_a_file_and_names_its_own_when_none_is_given(project: Path) -> None:
    (project / "mine.sql").write_text("mine")
    refused = ri(project, "db", "dump", "mine.sql")
    assert refused.returncode == 2
    assert "error[file-exists] mine.sql exists" in refused.stderr
    assert (project / "mine.sql").read_text() == "mine"
    assert ri(project, "db", "dump").returncode == 0
    assert [path.name[:3] for path in project.glob("*.sql")].count("ri-") == 1


def test_a_dump_to_stdout_can_be_piped_and_cut_off(project: Path) -> None:
    whole = ri(project, "db", "dump", "-")
    assert "COPY public.people" in whole.stdout
    cut = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "sh", *RI, "db", "dump", "-"],
        cwd=project, capture_output=True, text=True, env=environment(), check=True,
    )  # fmt: skip
    assert (cut.stdout, cut.stderr) == ("--\n", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [(["no/such/folder.sql"], "file-not-written"), (["-", "--json"], "usage")],
    ids=["no-folder", "stdout-twice"],
)
def test_a_dump_that_cannot_be_written_says_why(project: Path, words: list[str], code: str) -> None:
    refused = ri(project, "db", "dump", *words)
    assert (refused.returncode, f"error[{code}]" in refused.stderr) == (2, True), refused.stderr


def test_without_a_database_there_is_nothing_to_dump_and_none_is_made(project_folder: Path) -> None:
    write_people(project_folder)
    refused = ri(project_folder, "db", "dump", "copy.sql")
    assert (refused.returncode, "error[embedded-none]" in refused.stderr) == (2, True)
    assert not (project_folder / ".ri").exists()


# ── reset ────────────────────────────────────────────────────────────────────────────────────


def test_a_reset_says_what_is_lost_and_removes_nothing_unasked(own: Path) -> None:
    refused = ri(own, "db", "reset")
    assert refused.returncode == 2
    assert "error[not-confirmed]" in refused.stderr
    assert f"to be removed: {own}/.ri/postgres, " in refused.stderr
    assert "public.people: " in refused.stderr
    assert ri(own, "db", "psql", "--", "-Atc", "SELECT count(*) FROM people").stdout == "3\n"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)], ids=["yes", "no", "nothing"])
def test_a_reset_asks_a_person_at_the_terminal(own: Path, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        asked = subprocess.run(
            [*RI, "db", "reset"], cwd=own, stdin=theirs, capture_output=True, text=True, env=environment()
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Remove it? [y/N]" in asked.stderr
    assert asked.returncode == code, asked.stderr
    assert status(own).version is None if code == 0 else status(own).version is not None


def test_a_reset_removes_a_damaged_database_too_and_the_next_command_makes_a_new_one(own: Path) -> None:
    stop(own)
    (own / ".ri/postgres/global/pg_control").unlink()
    done = ri(own, "db", "reset", "--yes", "--json")
    assert json.loads(done.stdout)["removed"] is True
    assert "cannot be listed" in done.stderr
    assert not (own / ".ri/postgres").exists()
    again = ri(own, "db", "reset", "--yes", "--json")
    assert (again.returncode, json.loads(again.stdout)["removed"]) == (0, False)
    assert "3 inserted" in ri(own, "run", "people", "-", stdin=people("a", 3)).stdout


# ── migrate --check ──────────────────────────────────────────────────────────────────────────


def test_a_check_of_migrations_names_the_missing_ones_and_changes_nothing(project: Path, empty_database: str) -> None:
    for _ in range(2):
        missing = ri(project, "db", "migrate", "--check", "--database", empty_database)
        assert missing.returncode == 1
        assert "missing 0001_tables, 0002_views" in missing.stdout
    told = json.loads(ri(project, "db", "migrate", "--check", "--json", "--database", empty_database).stdout)
    assert (told["applied"], told["missing"][0]) == ([], "0001_tables")


def test_a_check_of_migrations_is_content_when_they_are_applied(project: Path, database: str) -> None:
    good = ri(project, "db", "migrate", "--check", "--database", database)
    assert (good.returncode, "up to date" in good.stdout) == (0, True)


def test_a_check_of_a_part_of_the_migrations_names_the_rest(project: Path, server: Server) -> None:
    with server.fresh_database() as url:
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg2:", 1))
        migrate(engine, "public")
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM import_schema_migrations WHERE version > 1")
        engine.dispose()
        rest = ri(project, "db", "migrate", "--check", "--database", url)
        assert (rest.returncode, "0001" in rest.stdout, "0002_views" in rest.stdout) == (1, False, True)


def test_a_check_before_there_is_an_embedded_database_makes_none(project_folder: Path) -> None:
    write_people(project_folder)
    missing = ri(project_folder, "db", "migrate", "--check")
    assert (missing.returncode, "the next run applies them" in missing.stdout) == (1, True)
    assert not (project_folder / ".ri").exists()
    applied = json.loads(ri(project_folder, "db", "migrate", "--json").stdout)
    assert applied["applied"][0] == "0001_tables"
    assert ri(project_folder, "db", "migrate", "--check").returncode == 0
