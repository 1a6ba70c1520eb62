"""Before the first write: what the role may not do, and what the server does not allow, with role and object named."""

from __future__ import annotations

import pytest
from support.workbench import Workbench

from refusals.refusal_texts import assert_nothing_was_booked, diagnosed, place, refused
from ri_declarative.errors import DatabaseError

PIPELINE = """
target:
  table: t
  key: [k]
  columns:
    k: k
    v: v
"""
LOOKUP = f"{PIPELINE}    c: {{lookup: countries, match: {{code: v}}, take: id}}\n"
TABLES = (
    "CREATE TABLE t (k int PRIMARY KEY, v text, c int); "
    "CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE); INSERT INTO countries VALUES (1, 'a')"
)


@pytest.mark.parametrize(
    ("granted", "at", "says"),
    [
        ("", "table:", ("SELECT", "INSERT", "UPDATE", "public.t")),
        ("GRANT SELECT ON t", "table:", ("INSERT", "UPDATE", "public.t")),
        ("GRANT SELECT, INSERT ON t", "table:", ("UPDATE", "public.t")),
        ("GRANT INSERT, UPDATE ON t", "table:", ("SELECT", "public.t")),
        ("GRANT SELECT, UPDATE ON t TO {0}; GRANT INSERT (k, c) ON t", "v: v", ("INSERT", "target.columns.v")),
        ("GRANT SELECT, INSERT ON t TO {0}; GRANT UPDATE (k, c) ON t", "v: v", ("UPDATE", "target.columns.v")),
    ],
)  # fmt: skip
def test_a_missing_privilege_is_told_with_role_and_object(
    workbench: Workbench, as_role: Workbench, role: str, granted: str, at: str, says: tuple[str, ...]
) -> None:
    workbench.sql(TABLES)
    workbench.sql(f"{granted.format(role)} TO {role}" if granted else "SELECT")
    workbench.pipeline("p", PIPELINE)
    (finding,) = diagnosed(as_role)
    assert finding.code == "privilege"
    assert tuple(finding.position) == place(PIPELINE, at)
    assert [words for words in (role, *says) if words not in finding.message] == []


def test_a_look_up_table_that_the_role_may_not_read_is_told(
    workbench: Workbench, as_role: Workbench, role: str
) -> None:
    workbench.sql(f"{TABLES}; GRANT SELECT, INSERT, UPDATE ON t TO {role}")
    workbench.pipeline("p", LOOKUP)
    (finding,) = diagnosed(as_role)
    assert (finding.code, tuple(finding.position)) == ("privilege", place(LOOKUP, "lookup:"))
    assert role in finding.message
    assert "public.countries" in finding.message


def test_update_is_not_asked_for_where_nothing_is_updated(workbench: Workbench, as_role: Workbench, role: str) -> None:
    workbench.sql(f"{TABLES}; GRANT SELECT, INSERT ON t TO {role}")
    workbench.pipeline("p", f"{PIPELINE}  on_conflict: ignore\n  on_duplicate: first\n")
    batch = as_role.run("p", "k,v\n1,a\n1,b\n2,c\n")
    assert (batch.inserted_items, batch.skipped_items) == (2, 1)


def test_privileges_on_the_mapped_columns_are_enough(workbench: Workbench, as_role: Workbench, role: str) -> None:
    workbench.sql(f"{TABLES}; GRANT SELECT (k, v), INSERT (k, v), UPDATE (k, v) ON t TO {role}")
    workbench.pipeline("p", PIPELINE)
    assert as_role.run("p", "k,v\n1,a\n1,b\n").completed_items == 2


def test_a_schema_that_the_role_may_not_enter_is_told(workbench: Workbench, as_role: Workbench, role: str) -> None:
    workbench.sql(
        "CREATE SCHEMA closed; CREATE TABLE closed.t (k int PRIMARY KEY, v text); "
        f"GRANT SELECT, INSERT, UPDATE ON closed.t TO {role}"
    )
    workbench.pipeline("p", PIPELINE.replace("table: t", "table: closed.t"))
    (finding,) = diagnosed(as_role)
    assert finding.code == "privilege"
    assert role in finding.message
    assert "closed" in finding.message


def test_a_sequence_that_the_role_may_not_use_is_told(workbench: Workbench, as_role: Workbench, role: str) -> None:
    workbench.sql(
        "CREATE SEQUENCE ids; CREATE TABLE t (id int DEFAULT nextval('ids'), k int PRIMARY KEY, v text); "
        f"GRANT SELECT, INSERT, UPDATE ON t TO {role}"
    )
    workbench.pipeline("p", PIPELINE)
    (finding,) = diagnosed(as_role)
    assert finding.code == "privilege"
    assert role in finding.message
    assert "ids" in finding.message


def test_a_parent_table_that_the_role_may_not_read_still_refuses_its_orphans(
    workbench: Workbench, as_role: Workbench, role: str
) -> None:
    workbench.sql(
        "CREATE TABLE parent (v text PRIMARY KEY); INSERT INTO parent VALUES ('a'); "
        "CREATE TABLE t (k int PRIMARY KEY, v text CONSTRAINT child_of REFERENCES parent); "
        f"GRANT SELECT, INSERT, UPDATE ON t TO {role}"
    )
    workbench.pipeline("p", PIPELINE)
    batch = as_role.run("p", "k,v\n1,a\n2,b\n3,a\n")
    (problem,) = [problem for item in workbench.items(batch) for problem in item.problems]
    assert (problem.code, problem.details["constraint"]) == ("db.foreign_key", "child_of")
    assert batch.completed_items == 2


# ── the books and the server ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def ready(workbench: Workbench, role: str) -> Workbench:
    """A table that the role may write."""
    workbench.sql(f"{TABLES}; GRANT SELECT, INSERT, UPDATE ON t TO {role}")
    workbench.pipeline("p", PIPELINE)
    return workbench


@pytest.mark.parametrize("table", ["import_batches", "import_batch_items", "import_logs"])
def test_books_that_the_role_may_not_write_are_told(
    ready: Workbench, as_role: Workbench, role: str, table: str
) -> None:
    ready.sql(f"REVOKE INSERT ON {table} FROM {role}")
    error = refused(as_role)
    assert isinstance(error, DatabaseError)
    assert error.code == "privilege"
    assert role in error.message
    assert f"INSERT on {table}" in error.message
    assert_nothing_was_booked(ready)


def test_a_database_without_temporary_tables_is_told(ready: Workbench, as_role: Workbench, role: str) -> None:
    ((name,),) = ready.sql("SELECT current_database()")
    ready.sql(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    error = refused(as_role)
    assert isinstance(error, DatabaseError)
    assert error.code == "privilege"
    assert role in error.message
    assert "temporary tables" in error.message
    assert_nothing_was_booked(ready)


def test_a_server_that_only_reads_is_told(ready: Workbench) -> None:
    ((name,),) = ready.sql("SELECT current_database()")
    ready.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    error = refused(ready)
    assert isinstance(error, DatabaseError)
    assert error.code == "read-only"
    assert "default_transaction_read_only" in error.message
    assert_nothing_was_booked(ready)


def test_a_database_without_books_is_told(ready: Workbench) -> None:
    ready.sql("DROP TABLE import_schema_migrations, import_batches, import_batch_items, import_logs CASCADE")
    error = refused(ready)
    assert isinstance(error, DatabaseError)
    assert error.code == "not-migrated"
    assert "ri db migrate" in str(error)
    assert ready.sql("SELECT to_regclass('import_batches')") == [(None,)]


def test_books_of_a_newer_ri_are_refused(ready: Workbench) -> None:
    ready.sql("INSERT INTO import_schema_migrations (version, name) VALUES (9999, 'from the future')")
    error = refused(ready)
    assert isinstance(error, DatabaseError)
    assert "9999" in error.message
    assert_nothing_was_booked(ready)


def test_what_the_database_refuses_before_a_run_is_told_with_its_hint(ready: Workbench, as_role: Workbench) -> None:
    ready.sql("CREATE SCHEMA books")  # which the role may not enter
    ready.file("ri.yaml", "bookkeeping_schema: books\n")
    error = refused(as_role)
    assert isinstance(error, DatabaseError)
    assert (error.code, error.hint is not None) == ("db.pipeline", True)
