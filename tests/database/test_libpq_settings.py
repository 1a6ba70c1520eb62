"""libpq's own settings, PG* variables, service file and .pgpass, lead to an external database; errors help."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Engine
from support.embedded import eventually
from support.postgres import Server
from support.ri_process import people, ri, write_people

from ri_declarative.database.connect import choose_database, open_engine
from ri_declarative.database.unreachable import what_to_try
from ri_declarative.errors import DatabaseError

ROLE, PASSWORD = "ri_with_password", "s3cr:et\\"


def opened(address: str | None = None) -> Engine:
    return open_engine(choose_database(address, root=Path("/nowhere"), configured=None), Path("/nowhere"))


def who_and_where(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT current_user || '@' || current_database()").scalar_one())


@pytest.fixture
def services(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services.conf"
    file.write_text(f"[crm]\nhost={server.socket_dir}\nport=5432\ndbname=postgres\nuser=ri\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))


@pytest.fixture(scope="module")
def password_role(server: Server) -> Iterator[str]:
    """An address of a role that needs its password, without it."""
    address = f"postgresql://{ROLE}@/postgres?host={server.socket_dir}&port=5432"
    with contextlib.closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW hba_file")
            hba = Path(str(cursor.fetchone()[0]))  # type: ignore[index]
            before = hba.read_text()
            cursor.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD %s", (PASSWORD,))
            try:
                hba.write_text(f"local all {ROLE} scram-sha-256\n{before}")
                cursor.execute("SELECT pg_reload_conf()")
                assert eventually(lambda: not connects(address))
                yield address
            finally:
                hba.write_text(before)
                cursor.execute("SELECT pg_reload_conf()")
                cursor.execute(f"DROP ROLE {ROLE}")


def connects(address: str) -> bool:
    try:
        psycopg2.connect(address).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_pg_variables_name_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"PGHOST": str(server.socket_dir), "PGPORT": "5432", "PGUSER": "ri", "PGDATABASE": "postgres"}
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert who_and_where(opened()) == "ri@postgres"


@pytest.mark.usefixtures("services")
def test_a_service_names_the_server_by_variable_and_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert who_and_where(opened("crm")) == "ri@postgres"
    assert who_and_where(opened("service=crm dbname=template1")) == "ri@template1"
    monkeypatch.setenv("PGSERVICE", "crm")
    assert who_and_where(opened()) == "ri@postgres"


@pytest.mark.parametrize("place", ["PGPASSFILE", "HOME"])
def test_a_password_is_taken_from_pgpass(
    password_role: str, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".pgpass"
    file.write_text("*:*:*:%s:%s\n" % (ROLE, PASSWORD.replace("\\", "\\\\").replace(":", "\\:")))  # noqa: UP031
    file.chmod(0o600)
    monkeypatch.setenv(place, str(file if place == "PGPASSFILE" else tmp_path))
    assert who_and_where(opened(password_role)) == f"{ROLE}@postgres"


def test_a_password_is_taken_from_pgpassword_and_from_the_address(
    password_role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert who_and_where(opened(password_role.replace("@", ":s3cr%3Aet%5C@"))) == f"{ROLE}@postgres"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert who_and_where(opened(password_role)) == f"{ROLE}@postgres"


def refused(address: str | None = None) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        opened(address)
    assert caught.value.code == "database-unreachable"
    return caught.value


def test_a_missing_password_shows_libpqs_words_and_where_to_put_it(password_role: str) -> None:
    error = refused(password_role)
    assert "no password supplied" in error.message
    assert "~/.pgpass" in str(error.hint)


def test_a_wrong_password_is_not_shown(password_role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "wr0ng")
    error = refused(password_role)
    assert f'password authentication failed for user "{ROLE}"' in error.message
    assert "check user and password" in str(error.hint)
    assert "wr0ng" not in str(error)


@pytest.mark.usefixtures("services")
def test_a_missing_service_says_where_services_are_defined() -> None:
    error = refused("crn")
    assert 'definition of service "crn" not found' in error.message
    assert "~/.pg_service.conf" in str(error.hint)


def test_a_socket_that_is_not_there_and_a_missing_database_say_what_to_try(server: Server, tmp_path: Path) -> None:
    error = refused(f"host={tmp_path}")
    assert "No such file or directory" in error.message
    assert "check that the server runs" in str(error.hint)
    error = refused(server.url("no_such"))
    assert 'database "no_such" does not exist' in error.message
    assert "createdb" in str(error.hint)


def test_a_refusal_that_nobody_foresaw_has_general_advice() -> None:
    assert "psql takes the same address" in what_to_try("Verbindung fehlgeschlagen")


MISLEADING = {
    "PGSERVICE": "gone",
    "PGHOSTADDR": "192.0.2.1",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGTZ": "Nowhere/At_All",
    "PGOPTIONS": "-c no_such_setting=1",
    "PGUSER": "nobody_i_know",
}


@pytest.mark.parametrize("variable", MISLEADING)
def test_a_misleading_pg_variable_does_not_reach_the_embedded_database(
    shared_project: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, MISLEADING[variable])
    engine = open_engine(choose_database("embedded", root=shared_project, configured=None), shared_project)
    assert who_and_where(engine) == "ri@ri"
    engine.dispose()


def test_a_shell_full_of_misleading_variables_does_not_keep_ri_from_the_embedded_database(
    stopped_project: Path,
) -> None:
    write_people(stopped_project)
    run = ri(stopped_project, "run", "people", "-", "--database", "embedded", stdin=people("a", 3), **MISLEADING)
    assert run.returncode == 0, run.stderr
    asked = ri(
        stopped_project, "db", "psql", "--database", "embedded", "--", "-Atc", "SELECT count(*) FROM people",
        **MISLEADING,
    )  # fmt: skip
    assert (asked.stdout, asked.stderr) == ("3\n", "")
    assert ri(stopped_project, "db", "stop", **MISLEADING).returncode == 0
