"""PipelineSpec + catalogue → processor. All checks against the live database happen here, before a run writes."""

from __future__ import annotations

import psycopg2
from sqlalchemy import Connection

from ri_declarative.compiler.ddl import create_table
from ri_declarative.compiler.mapping import map_target
from ri_declarative.compiler.processor import CompiledProcessor
from ri_declarative.compiler.types import kind_of_column, kind_of_schema
from ri_declarative.database.catalogue import Column, read_relation
from ri_declarative.database.chunk import explain
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.sqlstate import Fault, fault_of, primary_message
from ri_declarative.database.upsert import RunFacts, Upsert
from ri_declarative.errors import ConfigError, Diagnostic
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.stages.headers import FieldRule
from ri_declarative.stages.map import Mapper
from ri_declarative.stages.parse import Parser
from ri_declarative.stages.validate import Validator

_NO_RUN = RunFacts("00000000-0000-4000-8000-000000000000", "2000-01-01T00:00:00+00:00", "")


def compile_pipeline(connection: Connection, pipeline: Pipeline, *, textual: bool) -> CompiledProcessor:
    """The processor for sources whose values are texts (`textual`) or typed.

    Creates the table first where the pipeline says so, in the caller's transaction.
    Raises ConfigError with every finding.
    """
    target = pipeline.spec.target
    if target.create and read_relation(connection, target.table) is None:
        create_table(connection, pipeline)
    mapping = map_target(connection, pipeline)
    if mapping.plan is None:
        raise ConfigError(mapping.findings)
    _try_statement(connection, pipeline, mapping.plan)
    return CompiledProcessor(
        pipeline.name,
        chunk_size=pipeline.spec.chunk_size,
        parser=_parser(pipeline, mapping.plan, textual=textual),
        validator=Validator(pipeline.record_schema),
        mapper=Mapper(mapping.cells),
        plan=mapping.plan,
    )


def required_fields(pipeline: Pipeline) -> list[str]:
    """Fields that a text source must have a header for: required by the schema, or part of the key."""
    key = [name for column in pipeline.spec.target.key for name in pipeline.columns[column].fields]
    return list(dict.fromkeys([*pipeline.record_schema.get("required", ()), *key]))


def _parser(pipeline: Pipeline, plan: UpsertPlan, *, textual: bool) -> Parser:
    source, schema = pipeline.spec.source, pipeline.record_schema
    columns = _columns_of_fields(pipeline, plan)
    names = dict.fromkeys([*source.fields, *schema.get("properties", ()), *columns])
    rules = []
    for name in names:
        spec = source.fields.get(name)
        column = columns.get(name)
        rules.append(
            FieldRule(
                name,
                sources=tuple(spec.from_) if spec and spec.from_ else (name,),
                clean=tuple(spec.clean) if spec else (),
                kind=kind_of_schema(schema, name) or (kind_of_column(column) if column else "text"),
                date=spec.date if spec else None,
                decimal=(spec.decimal if spec else None) or ".",
            )
        )
    return Parser(
        rules,
        null_values=source.null_values,
        textual=textual,
        unknown_fields=source.unknown_fields,
        open=not (source.fields or schema.get("properties")),
    )


def _columns_of_fields(pipeline: Pipeline, plan: UpsertPlan) -> dict[str, Column]:
    """Field → the column that decides how it is read when the schema does not."""
    found: dict[str, Column] = {}
    lookups = iter(plan.lookups)
    for name, spec in pipeline.columns.items():
        if spec.kind == "field":
            found.setdefault(spec.fields[0], plan.by_name[name].column)
        elif spec.kind == "lookup":
            for (column, _), field in zip(next(lookups).match, spec.fields, strict=True):
                found.setdefault(field, column)
    return found


def _try_statement(connection: Connection, pipeline: Pipeline, plan: UpsertPlan) -> None:
    """Let the server plan the statement: what it refuses now would refuse every record later."""
    cursor = driver_cursor(connection)
    cursor.execute("SAVEPOINT ri_plan")
    try:
        explain(cursor, Upsert(plan, _NO_RUN))
    except psycopg2.Error as error:
        if fault_of(error.pgcode) in (Fault.WORLD, Fault.PASSING):
            raise
        message = f"target: the database refuses the statement: {primary_message(error)} (SQLSTATE {error.pgcode})"
        raise ConfigError([Diagnostic(pipeline.at("target"), "statement", message)]) from error
    cursor.execute("ROLLBACK TO SAVEPOINT ri_plan")
