"""What the stages do with a pipeline's records, in words. Needs no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ri_declarative.compiler.hooks_in_words import hook_rules
from ri_declarative.compiler.reading import field_rules
from ri_declarative.compiler.schema_types import kind_of_schema, part_of
from ri_declarative.spec.models import ColumnSpec, PipelineSpec
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.spec.retry import RetrySpec
from ri_declarative.spec.yaml_text import flow
from ri_declarative.stages.date_patterns import DatePattern
from ri_declarative.stages.headers import FieldRule
from ri_declarative.stages.scalars import Kind

_READ_AS: Mapping[Kind, str] = {
    "text": "text",
    "integer": "whole number",
    "number": "exact number",
    "boolean": "true or false",
    "date": "date",
    "timestamp": "date and time",
    "time": "time",
    "json": "JSON",
}
_RUN_FACTS = {
    "batch_id": "the id of the batch",
    "item_id": "the id of the item",
    "started_at": "when the batch began",
    "source_name": "the name of the file",
    "line": "the line in the file",
}
_ON_CONFLICT = {
    "update": "a row that was there before the batch is updated",
    "ignore": "a record whose row was there before the batch is skipped (target.exists)",
    "error": "a record whose row was there before the batch fails (target.exists)",
}
_ON_DUPLICATE = {
    "last": "the same key again in one batch: records are applied in file order, so the last wins",
    "first": "the same key again in one batch: later records are skipped, naming the first (target.duplicate)",
    "error": "the same key again in one batch: later records fail, naming the first (target.duplicate)",
}
_ON_UPDATE = {"keep": "kept when the row exists", "fill": "written over NULL only when the row exists"}
_NOT_TOLD = frozenset(("title", "description", "$comment", "examples", "default"))


class ReadField(NamedTuple):
    """How one field is read and judged."""

    name: str
    headers: tuple[str, ...]
    clean: tuple[str, ...]
    read_as: str
    schema: str  # "" when the schema says nothing


class WrittenColumn(NamedTuple):
    """One column of the target."""

    name: str
    type: str | None  # as PostgreSQL prints it; None: no database was asked
    source: str  # where its value comes from
    rules: tuple[str, ...]  # what else holds for it


def read_fields(pipeline: Pipeline, kinds: Mapping[str, Kind]) -> tuple[ReadField, ...]:
    """Every field that the pipeline knows; `kinds`: what the columns say about fields without a type."""
    required = pipeline.record_schema.get("required", ())
    return tuple(
        ReadField(
            rule.name,
            rule.sources,
            rule.clean,
            _read_as(rule, known=bool(kind_of_schema(pipeline.record_schema, rule.name) or rule.name in kinds)),
            ", ".join(_schema_words(part_of(pipeline.record_schema, rule.name), required=rule.name in required)),
        )
        for rule in field_rules(pipeline, kinds)
    )


def written_columns(pipeline: Pipeline, types: Mapping[str, str]) -> tuple[WrittenColumn, ...]:
    """Every mapped column; `types`: their types, {} when no database was asked."""
    key = pipeline.spec.target.key
    return tuple(
        WrittenColumn(name, types.get(name), _source(spec), tuple(_column_rules(spec, is_key=name in key)))
        for name, spec in pipeline.columns.items()
    )


def rules_in_words(pipeline: Pipeline) -> tuple[str, ...]:
    """What holds for all records, one sentence each, in the order of their way."""
    return tuple(_rules(pipeline))


def _rules(pipeline: Pipeline) -> Iterator[str]:
    spec = pipeline.spec
    yield f"cells of a text source that mean no value: {flow(list(spec.source.null_values))}"
    unknown = {"error": "is an error", "ignore": "is kept in source_data only"}[spec.source.unknown_fields]
    yield f"a header that nothing uses {unknown}"
    yield from hook_rules(pipeline)
    yield f"a row is found by its key ({', '.join(spec.target.key)}); one whose mapped columns are equal is not touched"
    yield _ON_CONFLICT[spec.target.on_conflict]
    yield _ON_DUPLICATE[spec.target.on_duplicate]
    if spec.target.create:
        yield f"{spec.target.table} is created from this mapping when it is missing"
    yield _limit(spec.limits.max_failed)
    yield f"{spec.chunk_size:,} records a transaction"
    yield from _around(spec)


def _around(spec: PipelineSpec) -> Iterator[str]:
    """What is said about runs, not about records, where it is not the default."""
    retry = spec.retry
    if retry != RetrySpec():
        times = "once" if retry.attempts == 1 else f"{retry.attempts} times"
        yield (
            f"after a passing fault (deadlock, lock, timeout) a chunk is tried {times} as a whole, then as often with "
            f"its records isolated; pauses from {retry.backoff} to {retry.max_}"
        )
    for name in spec.requires:
        yield f"a run is refused while {name} has never completed or has an unfinished batch"
    if spec.source.match:
        yield f"`ri run --all` imports files named {' or '.join(spec.source.match)} with it"


def _limit(most: int | str | None) -> str:
    if most is None:
        return "failed records never stop the batch"
    counted = "at once" if isinstance(most, int) else "from 1,000 records on and at the end"
    return f"more than {most} failed records stop the batch, counted {counted}"


def _read_as(rule: FieldRule, *, known: bool) -> str:
    if rule.date is not None:
        return f"{DatePattern(rule.date).shape} written like {DatePattern(rule.date).example}"
    if not known:
        return "as its column's type says"
    comma = " with a decimal comma" if rule.decimal == "," else ""
    return _READ_AS[rule.kind] + comma


def _schema_words(part: Mapping[str, Any], *, required: bool) -> Iterator[str]:
    if required:
        yield "required"
    for keyword, value in part.items():
        if keyword not in _NOT_TOLD and not keyword.startswith("x-"):
            yield f"{keyword} {flow(value)}"


def _source(spec: ColumnSpec) -> str:
    if spec.kind == "field":
        return f"field {spec.field}"
    if spec.kind == "run":
        return _RUN_FACTS[str(spec.run)]
    if spec.kind == "value":
        return f"always {flow(spec.value)}"
    matched = " and ".join(f"{theirs} = field {field}" for theirs, field in (spec.match or {}).items())
    return f"{spec.take} of the row in {spec.lookup} with {matched}"


def _column_rules(spec: ColumnSpec, *, is_key: bool) -> Iterator[str]:
    if is_key:
        yield "key"
    if spec.kind == "lookup":
        yield "no such row: " + ("the record fails (lookup.missing)" if spec.missing == "fail" else "NULL")
    if spec.kind == "run":
        yield "written only when another column changes"
    if spec.on_update in _ON_UPDATE:
        yield _ON_UPDATE[spec.on_update]
    if spec.on_missing == "keep":
        yield "kept when the record has no value"
