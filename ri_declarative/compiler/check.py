"""A pipeline against the live database: every finding, before a run reads a record. `ri check` and every run ask this.

What needs no database is in reading.py, what the catalogue says in mapping.py; here the server has the last
word: it makes the table that is missing, and plans the very statement that a run would execute.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ri_declarative.compiler.ddl import create_table
from ri_declarative.compiler.mapping import Mapping, map_target
from ri_declarative.compiler.reading import check_reading
from ri_declarative.database.catalogue import read_relation
from ri_declarative.database.chunk import explain
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.sqlstate import Fault, fault_of, primary_message
from ri_declarative.database.upsert import RunFacts, Upsert
from ri_declarative.errors import Diagnostic
from ri_declarative.spec.pipeline import Pipeline

# Stands for a run where none has begun.
NO_RUN = RunFacts("00000000-0000-4000-8000-000000000000", "2000-01-01T00:00:00+00:00", "FILE")


def check_target(connection: Connection, pipeline: Pipeline) -> list[Diagnostic]:
    """Every finding, errors and warnings. The transaction is as before: a table that was made for it is gone."""
    cursor = driver_cursor(connection)
    cursor.execute("SAVEPOINT ri_check")
    found = examine(connection, pipeline).findings
    cursor.execute("ROLLBACK TO SAVEPOINT ri_check; RELEASE SAVEPOINT ri_check")
    return found


def examine(connection: Connection, pipeline: Pipeline) -> Mapping:
    """The pipeline's target mapped, with every finding about it; a plan only when none is an error.

    Makes the table first where the pipeline says so, in the caller's transaction.
    """
    wrong = check_reading(pipeline)
    if refused := _created(connection, pipeline):
        return Mapping([*wrong, refused])
    mapping = map_target(connection, pipeline)
    mapping.findings[:0] = wrong
    if mapping.plan is not None and not wrong and (refused := _planned(connection, pipeline, mapping.plan)):
        mapping.findings.append(refused)
    if mapping.errors:
        mapping.plan = None
    return mapping


def _created(connection: Connection, pipeline: Pipeline) -> Diagnostic | None:
    """Nothing, and the table is there if it should be made; or what the server says against it."""
    target = pipeline.spec.target
    if not target.create or read_relation(connection, target.table) is not None:
        return None
    with _refusable(connection) as refusals:
        create_table(connection, pipeline)
    for refusal in refusals:
        message = f"target.create: the database does not let {target.table} be made: {refusal}"
        return Diagnostic(pipeline.at("target", "create"), "create-table", message)
    return None


def _planned(connection: Connection, pipeline: Pipeline, plan: UpsertPlan) -> Diagnostic | None:
    """Let the server plan the statement: what it refuses now would refuse every record later."""
    with _refusable(connection) as refusals:
        cursor = driver_cursor(connection)
        cursor.execute("SAVEPOINT ri_plan")
        explain(cursor, Upsert(plan, NO_RUN))
        cursor.execute("ROLLBACK TO SAVEPOINT ri_plan")
    for refusal in refusals:
        message = f"target: the database refuses the statement: {refusal}"
        return Diagnostic(pipeline.at("target"), "statement", message)
    return None


@contextmanager
def _refusable(connection: Connection) -> Iterator[list[str]]:
    """A block whose refusal by the server is undone and told in the list; what is no verdict is raised on."""
    cursor: Cursor = driver_cursor(connection)
    cursor.execute("SAVEPOINT ri_try")
    refusals: list[str] = []
    try:
        yield refusals
    except (DBAPIError, psycopg2.Error) as error:
        said = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(said, psycopg2.Error) or _is_no_verdict(said.pgcode):
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT ri_try")
        refusals.append(f"{primary_message(said)} (SQLSTATE {said.pgcode})")
    cursor.execute("RELEASE SAVEPOINT ri_try")


def _is_no_verdict(sqlstate: str | None) -> bool:
    """Class 54 is one: a statement over too many columns stays too large."""
    return fault_of(sqlstate) in (Fault.WORLD, Fault.PASSING) and not (sqlstate or "").startswith("54")
