"""How a pipeline's fields are read, and what is wrong with that as far as it can be told without a database.

Wrong is a date pattern that cannot be used, that contradicts the schema's type, or whose dates the schema's
format always refuses. Imports no SQLAlchemy: `ri check --offline` needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jsonschema_rs

from ri_declarative.compiler.schema_types import kind_of_schema, part_of, types_of
from ri_declarative.errors import Diagnostic
from ri_declarative.spec.hook_names import TWINS
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.stages.date_patterns import DatePattern
from ri_declarative.stages.headers import FieldRule
from ri_declarative.stages.scalars import Kind, reader


def field_rules(pipeline: Pipeline, kinds: Mapping[str, Kind]) -> list[FieldRule]:
    """How every field that the pipeline knows is read; `kinds`: of the columns of fields without a type."""
    source, schema = pipeline.spec.source, pipeline.record_schema
    used = [name for column in pipeline.columns.values() for name in column.fields]
    rules = []
    for name in dict.fromkeys([*source.fields, *schema.get("properties", ()), *used]):
        spec = source.fields.get(name)
        rules.append(
            FieldRule(
                name,
                sources=tuple(spec.from_) if spec and spec.from_ else (name,),
                clean=tuple(spec.clean) if spec else (),
                kind=kind_of_schema(schema, name) or kinds.get(name, "text"),
                date=spec.date if spec else None,
                decimal=(spec.decimal if spec else None) or ".",
            )
        )
    return rules


def check_reading(pipeline: Pipeline) -> list[Diagnostic]:
    """Every finding about `source.fields`; each at its place."""
    fields = pipeline.spec.source.fields
    return [finding for name, spec in fields.items() if spec.date for finding in _date(pipeline, name, spec.date)]


def date_sample(pattern: str) -> str:
    """What a date of this pattern is once it is read. The pattern must be usable.

    >>> date_sample("%d/%m/%Y %H:%M")
    '2026-12-31T23:59:00'
    """
    made = DatePattern(pattern)
    return made.read(made.example) or ""


def _date(pipeline: Pipeline, field: str, pattern: str) -> Iterator[Diagnostic]:
    at = pipeline.at("source", "fields", field, "date")
    place = f"source.fields.{field}.date"
    try:
        reader(kind_of_schema(pipeline.record_schema, field) or "text", date=pattern)
    except ValueError as mistake:
        yield Diagnostic(at, "invalid-value", f"{place}: {mistake}")
        return
    if pipeline.hooks.isdisjoint(TWINS) and (refused := _refused_by_format(pipeline, field, pattern)):
        yield Diagnostic(at, "date-format", f"{place}: {refused}")


def _refused_by_format(pipeline: Pipeline, field: str, pattern: str) -> str | None:
    """Why no date of the pattern passes the schema's format; a hook before the schema might still mend it."""
    part = part_of(pipeline.record_schema, field)
    wanted, types = part.get("format"), types_of(part)
    if wanted is None or (types and "string" not in types):
        return None
    sample = date_sample(pattern)
    if jsonschema_rs.Draft202012Validator({"format": wanted}, validate_formats=True, offline=True).is_valid(sample):
        return None
    return f'gives values like {sample}, which format "{wanted}" of the schema always refuses{_cure(pattern, wanted)}'


def _cure(pattern: str, wanted: str) -> str:
    made = DatePattern(pattern)
    right = {"date": "date", "timestamp": "date-time", "time": "time"}[made.shape]
    if wanted != right:
        return f'; did you mean "{right}"?' if made.zoned or right == "date" else "; leave the format out"
    return "; it needs a time zone: add %z, or leave the format out"
