"""How a pipeline would be run, as plain data: what is read, what is written, by which SQL, and why that way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL
from sqlalchemy import Connection

from ri_declarative.compiler.check import NO_RUN, examine
from ri_declarative.compiler.compile import kinds_of_columns
from ri_declarative.compiler.hooks_in_words import hooks_in_order
from ri_declarative.compiler.stages_in_words import (
    ReadField,
    WrittenColumn,
    read_fields,
    rules_in_words,
    written_columns,
)
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.plan import Staged, UpsertPlan
from ri_declarative.database.readable_sql import readable_sql
from ri_declarative.database.upsert import STAGE, Upsert
from ri_declarative.errors import ConfigError, Diagnostic
from ri_declarative.spec.complete import complete_yaml
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.spec.project import PIPELINES_FOLDER


class Prediction(NamedTuple):
    """A refusal that is told without trying the row."""

    code: str
    field: str | None
    message: str


class Writing(NamedTuple):
    """What only the database can say."""

    table: str
    row_by_row: str | None  # why; None: set by set
    predictions: tuple[Prediction, ...]
    staging: tuple[str, ...]  # what the cells of the staging table hold
    sql: str  # of one chunk, or of one row where rows are written one by one


@dataclass(frozen=True)
class Explanation:
    """Everything that `ri` makes of a pipeline before it has read a record."""

    name: str
    path: str
    fingerprint: str
    yaml: str  # with every default; loads to the same fingerprint
    fields: tuple[ReadField, ...]
    columns: tuple[WrittenColumn, ...]
    hooks: tuple[str, ...]  # in the order in which they are called
    rules: tuple[str, ...]
    writing: Writing | None  # None: no database was asked
    warnings: tuple[Diagnostic, ...] = ()


def explain_files(pipeline: Pipeline) -> Explanation:
    """What can be said without a database."""
    return _explanation(pipeline, plan=None, writing=None)


def explain_target(connection: Connection, pipeline: Pipeline) -> Explanation:
    """All of it. Raises ConfigError when the pipeline cannot run here; the transaction is as before."""
    cursor = driver_cursor(connection)
    cursor.execute("SAVEPOINT ri_explain")
    mapping = examine(connection, pipeline)
    if mapping.plan is None:
        raise ConfigError(mapping.errors)
    writing = _writing(mapping.plan, cursor)
    cursor.execute("ROLLBACK TO SAVEPOINT ri_explain; RELEASE SAVEPOINT ri_explain")
    return replace(_explanation(pipeline, plan=mapping.plan, writing=writing), warnings=tuple(mapping.findings))


def _explanation(pipeline: Pipeline, *, plan: UpsertPlan | None, writing: Writing | None) -> Explanation:
    return Explanation(
        name=pipeline.name,
        path=f"{PIPELINES_FOLDER}/{pipeline.path.name}",
        fingerprint=pipeline.fingerprint,
        yaml=complete_yaml(pipeline),
        fields=read_fields(pipeline, kinds_of_columns(pipeline, plan) if plan else {}),
        columns=written_columns(pipeline, {c.column.name: c.column.type_text for c in plan.columns} if plan else {}),
        hooks=hooks_in_order(pipeline),
        rules=rules_in_words(pipeline),
        writing=writing,
    )


def _writing(plan: UpsertPlan, cursor: Cursor) -> Writing:
    upsert = Upsert(plan, NO_RUN)
    if plan.row_by_row is None:
        statement = upsert.set_statement(0)
    else:
        statement = upsert.row_statement(SQL("(SELECT * FROM {} WHERE n = 0)").format(STAGE))
    return Writing(
        table=plan.relation.label,
        row_by_row=plan.row_by_row,
        predictions=tuple(Prediction(r.code, r.field, r.message) for r in upsert.refusals),
        staging=tuple(_staging(plan)),
        sql=readable_sql(statement.as_string(cursor)),
    )


def _staging(plan: UpsertPlan) -> Iterator[str]:
    """What each text column of the staging table holds."""
    staged = [(c.field, c.source) for c in plan.columns if isinstance(c.source, Staged)]
    looked_up = [(None, cell) for lookup in plan.lookups for _, cell in lookup.match]
    for field, cell in sorted([*staged, *looked_up], key=lambda pair: plan.stage.index(pair[1].cell)):
        yield f"{cell.cell}: {field or 'a value to look up'}"
        if cell.mark:
            yield f"{cell.mark}: not NULL where {field} has no value"
