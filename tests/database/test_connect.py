"""Which database a run uses, what it is called, and that no password is ever shown."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import NullPool
from support.postgres import Server

from ri_declarative.database.connect import DatabaseChoice, choose_database, open_engine
from ri_declarative.database.embedded import stop
from ri_declarative.errors import DatabaseError

ROOT = Path("/project")
EVERYTHING = {
    "RI_DATABASE_URL": "postgresql://ri_database_url/a",
    "DATABASE_URL": "postgresql://database_url/a",
    "PGHOST": "pghost",
    "PGSERVICE": "pgservice",
}


def choose(option: str | None = None, configured: str | None = None, **environ: str) -> DatabaseChoice:
    return choose_database(option, root=ROOT, configured=configured, environ=environ)


def connect_arguments(choice: DatabaseChoice) -> dict[str, str]:
    assert choice.url is not None
    positional, arguments = choice.url.get_dialect()().create_connect_args(choice.url)
    assert positional in ([], [""])
    return dict(arguments)


def test_the_nearest_word_decides() -> None:
    environ = dict(EVERYTHING)
    origins = [choose("postgresql://option/a", "postgresql://configured/a", **environ).origin]
    for name in ("RI_DATABASE_URL", "DATABASE_URL"):
        origins.append(choose(None, "postgresql://configured/a", **environ).origin)
        del environ[name]
    origins.append(choose(None, "postgresql://configured/a", **environ).origin)
    for name in ("PGHOST", "PGSERVICE"):
        origins.append(choose(**environ).origin)
        del environ[name]
    origins.append(choose(**environ).origin)
    assert origins == ["--database", "RI_DATABASE_URL", "DATABASE_URL", "ri.yaml", "PGHOST", "PGSERVICE", "default"]


def test_with_nothing_named_it_is_the_embedded_database() -> None:
    assert choose() == DatabaseChoice(None, "embedded", "default", embedded=True)


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_names_nothing(empty: str) -> None:
    assert choose(empty, empty, RI_DATABASE_URL=empty, DATABASE_URL=empty, PGHOST="").embedded


def test_the_word_embedded_wins_over_a_shell_that_points_elsewhere() -> None:
    choice = choose("embedded", **EVERYTHING)
    assert (choice.embedded, choice.origin, choice.url) == (True, "--database", None)


@pytest.mark.parametrize(
    ("address", "label", "arguments"),
    [
        ("postgres://me@db/app", "db:5432/app", {"user": "me", "host": "db", "dbname": "app"}),
        ("postgresql://db:6000/app", "db:6000/app", {"host": "db", "port": 6000, "dbname": "app"}),
        ("postgresql+asyncpg://db/app", "db:5432/app", {"host": "db", "dbname": "app"}),
        ("postgresql:///app?host=/run/pg", "/run/pg:5432/app", {"host": "/run/pg", "dbname": "app"}),
        ("postgresql://[::1]:6000/app", "[::1]:6000/app", {"host": "::1", "port": 6000, "dbname": "app"}),
        (
            "postgresql://a:1,b:2/app?target_session_attrs=read-write",
            "a:1,b:2/app",
            {"host": "a,b", "port": "1,2", "dbname": "app", "target_session_attrs": "read-write"},
        ),
        ("host=/run/pg dbname='my app'", "/run/pg:5432/my app", {"host": "/run/pg", "dbname": "my app"}),
        ("host=db sslmode=require", "db:5432", {"host": "db", "sslmode": "require"}),
        ("crm", "service crm", {"service": "crm"}),
    ],
)
def test_an_address_means_what_it_means_to_psql(address: str, label: str, arguments: dict[str, object]) -> None:
    choice = choose(RI_DATABASE_URL=address)
    assert choice.label == label
    assert connect_arguments(choice) == arguments
    assert choice.url is not None
    assert choice.url.drivername == "postgresql+psycopg2"


def test_pg_variables_are_left_to_libpq_and_named() -> None:
    choice = choose(PGHOST="db", PGPORT="6000", PGDATABASE="app", PGUSER="me")
    assert choice.label == "db:6000/app"
    assert connect_arguments(choice) == {}
    assert choose(PGSERVICE="crm").label == "service crm"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cr%40t@db/app",
        "host=db dbname=app user=me password=s3cr@t",
        "postgresql://db/app?password=s3cr%40t",
    ],
)
def test_a_password_is_kept_warned_of_and_never_shown(address: str) -> None:
    choice = choose(address)
    assert connect_arguments(choice)["password"] == "s3cr@t"
    assert len(choice.warnings) == 1
    assert "~/.pgpass" in choice.warnings[0]
    for shown in (repr(choice), choice.label, str(choice.url), *choice.warnings):
        assert "s3cr" not in shown
    assert choose(RI_DATABASE_URL=address).warnings == ()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://me:s3cret@db/app", "mysql"),
        ("postgresql://me:s3cret/x@db/app", "port that is not a number"),
        ("password=my s3cret dbname=app", "is not a database address"),
        ("host=db dbnam=app password=s3cret", 'did you mean "dbname"'),
        ("postgresql://me:s3cret@db/app?sslmod=require", 'did you mean "sslmode"'),
    ],
)
def test_an_address_that_cannot_be_read_says_why_without_showing_it(address: str, message: str) -> None:
    with pytest.raises(DatabaseError, match=message) as refused:
        choose(None, address)
    assert refused.value.code == "database-address"
    assert "s3cret" not in str(refused.value)


def test_an_engine_speaks_utf8_under_our_name_and_keeps_no_connection(database: str) -> None:
    engine = open_engine(choose(database), ROOT)
    with engine.connect() as connection:
        for setting, value in {"application_name": "ri", "client_encoding": "UTF8"}.items():
            assert connection.exec_driver_sql(f"SHOW {setting}").scalar_one() == value
    assert isinstance(engine.pool, NullPool)


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/app \(--database\)") as refused:
        open_engine(choose("postgresql://me:s3cret@127.0.0.1:1/app"), ROOT)
    assert refused.value.code == "database-unreachable"
    assert "s3cret" not in str(refused.value)


def test_a_database_that_is_not_there_is_unreachable(server: Server) -> None:
    with pytest.raises(DatabaseError, match='database "no_such" does not exist') as refused:
        open_engine(choose(server.url("no_such")), ROOT)
    assert refused.value.code == "database-unreachable"


def test_a_database_in_another_encoding_is_refused(server: Server) -> None:
    with contextlib.closing(psycopg2.connect(server.url("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
            try:
                with pytest.raises(DatabaseError, match="LATIN1") as refused:
                    open_engine(choose(server.url("latin")), ROOT)
            finally:
                cursor.execute("DROP DATABASE latin WITH (FORCE)")
    assert refused.value.code == "database-encoding"


def test_an_engine_of_the_embedded_database_uses_it_until_it_is_disposed_of(project_folder: Path) -> None:
    engine = open_engine(choose(), project_folder)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_database()").scalar_one() == "ri"
    with pytest.raises(DatabaseError) as refused:
        stop(project_folder)
    assert refused.value.code == "embedded-in-use"
    engine.dispose()
    assert stop(project_folder) is True


def test_each_test_has_a_database_of_its_own(database: str, server: Server) -> None:
    with contextlib.closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine ()")
        connection.commit()
        with (
            server.fresh_database() as other,
            contextlib.closing(psycopg2.connect(other)) as second,
            second.cursor() as others,
        ):
            others.execute("SELECT to_regclass('mine')")
            assert others.fetchone() == (None,)
