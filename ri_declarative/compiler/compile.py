"""PipelineSpec + catalogue → processor."""

from __future__ import annotations

from sqlalchemy import Connection

from ri_declarative.compiler.check import examine
from ri_declarative.compiler.processor import CompiledProcessor
from ri_declarative.compiler.reading import field_rules
from ri_declarative.compiler.types import kind_of_column
from ri_declarative.database.catalogue import Column
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.errors import ConfigError
from ri_declarative.processors.hooks import NO_HOOKS, Hooks
from ri_declarative.processors.retry import Retry
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.stages.map import Mapper
from ri_declarative.stages.parse import Parser
from ri_declarative.stages.scalars import Kind
from ri_declarative.stages.validate import Validator

_MOST_CELLS = 100_000  # of a chunk: two of them are in memory at once


def compile_pipeline(
    connection: Connection, pipeline: Pipeline, *, textual: bool, fields: int = 0, hooks: Hooks = NO_HOOKS
) -> CompiledProcessor:
    """The processor for sources whose values are texts (`textual`) or typed, of so many `fields`, 0: not known.

    Creates the table first where the pipeline says so, in the caller's transaction.
    Raises ConfigError with every finding.
    """
    mapping = examine(connection, pipeline)
    if mapping.plan is None or mapping.errors:
        raise ConfigError(mapping.errors)
    return CompiledProcessor(
        pipeline.name,
        chunk_size=min(pipeline.spec.chunk_size, max(1, _MOST_CELLS // max(fields, len(mapping.plan.stage), 1))),
        retry=Retry.of(pipeline.spec.retry),
        hooks=hooks,
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
    return Parser(
        field_rules(pipeline, kinds_of_columns(pipeline, plan)),
        null_values=source.null_values,
        textual=textual,
        unknown_fields=source.unknown_fields,
        open=not (source.fields or schema.get("properties")),
    )


def kinds_of_columns(pipeline: Pipeline, plan: UpsertPlan) -> dict[str, Kind]:
    """Field → how its column says that it is read, where the schema does not say."""
    return {name: kind_of_column(column) for name, column in _columns_of_fields(pipeline, plan).items()}


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
