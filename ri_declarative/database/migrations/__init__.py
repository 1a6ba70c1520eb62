"""Numbered SQL migrations of the bookkeeping tables, and the one that applies them.

Each runs in a transaction of its own under a transaction-level advisory lock, so that two starting
programs do not meet, and pgbouncer in transaction mode does no harm.
"""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from ri_declarative.errors import DatabaseError

_LOCK = 7_215_010_031  # any number that no other program takes


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"


def all_migrations() -> list[Migration]:
    """Every migration this ri knows, in order."""
    paths = sorted((p for p in files(__package__).iterdir() if p.name.endswith(".sql")), key=lambda p: p.name)
    return [Migration(int(p.name[:4]), p.name[5:-4], p.read_text(encoding="utf-8")) for p in paths]


def applied_version(connection: Connection, schema: str) -> int:
    """The number of the last migration applied to the books in `schema`; 0: none."""
    table = f'"{schema}".import_schema_migrations'
    if connection.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar_one() is None:
        return 0
    return int(connection.exec_driver_sql(f"SELECT COALESCE(max(version), 0) FROM {table}").scalar_one())


def migrate(engine: Engine, schema: str) -> list[str]:
    """Apply what is missing; the names applied, empty when the books are up to date."""
    applied = []
    for migration in all_migrations():
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if _begin(connection, schema) < migration.version:
                connection.exec_driver_sql(migration.sql)
                connection.execute(
                    text("INSERT INTO import_schema_migrations (version, name) VALUES (:version, :name)"),
                    {"version": migration.version, "name": migration.name},
                )
                applied.append(str(migration))
    return applied


def missing(connection: Connection, schema: str) -> list[str]:
    """The names of the migrations that `migrate` would apply; looks only. Refuses books newer than this ri."""
    version, known = applied_version(connection, schema), all_migrations()
    _refuse_newer(version, known[-1].version)
    return [str(migration) for migration in known if migration.version > version]


def check_version(connection: Connection, schema: str) -> None:
    """Refuse books that are older or newer than this ri."""
    newest, version = all_migrations()[-1].version, applied_version(connection, schema)
    if version == 0:
        message = f'the database has no bookkeeping tables yet in schema "{schema}"'
        raise DatabaseError("not-migrated", message, hint="run: ri db migrate")
    if version < newest:
        message = f'the bookkeeping tables in schema "{schema}" have version {version}; this ri needs {newest}'
        raise DatabaseError("not-migrated", message, hint="run: ri db migrate")
    _refuse_newer(version, newest)


def _begin(connection: Connection, schema: str) -> int:
    """Create the schema and the list of migrations when missing; the version applied so far."""
    version = applied_version(connection, schema)
    if version == 0:
        exists = connection.execute(text("SELECT to_regnamespace(:s) IS NOT NULL"), {"s": f'"{schema}"'}).scalar_one()
        if not exists:
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    connection.exec_driver_sql(f'SET LOCAL search_path TO "{schema}"')
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS import_schema_migrations (version int PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    _refuse_newer(version, all_migrations()[-1].version)
    return version


def _refuse_newer(version: int, newest: int) -> None:
    if version > newest:
        raise DatabaseError(
            "newer-books",
            f"the bookkeeping tables have version {version}, this ri knows {newest} at most",
            hint="install a newer ri",
        )
