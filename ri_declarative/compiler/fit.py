"""Whether a column can take what a field may hold: told before a run instead of once per record.

Asked of the very functions that will write the values (`stages.canonical`), with sample values of the
schema's types and formats, and with the values themselves where the schema lists them. Only what can never
fit is a finding; what may fit (a text without a format in an integer column) is judged record by record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ri_declarative.compiler.schema_types import part_of, types_of
from ri_declarative.compiler.types import kind_of_type
from ri_declarative.errors import Severity
from ri_declarative.spec.hook_names import TWINS
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.date_patterns import DatePattern, date_pattern_mistake
from ri_declarative.stages.refusal import RefusedError, quoted
from ri_declarative.stages.scalars import Kind, reader

_SAMPLES: Mapping[str, Sequence[Any]] = {
    "integer": (0,),
    "number": (0, Decimal("0.5")),
    "boolean": (True, False),
    "array": ([],),
    "object": ({},),
}
# Formats whose texts all look alike. Of others (hostname, regex, …) nothing can be said: "1" is a hostname.
_FORMAT_SAMPLES = {
    "date": "2026-12-31",
    "date-time": "2026-12-31T23:59:00Z",
    "time": "23:59:00Z",
    "duration": "P1DT2H",
    "email": "ann@example.org",
    "idn-email": "ann@example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://example.org/",
    "uri": "https://example.org/",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
# What depends on the one value, so that a sample says nothing.
_OF_THE_VALUE = frozenset(("field.length", "field.range", "field.scale"))
_CHANGE_VALUES = (*TWINS, "process_item")  # hooks: what they leave of a date is not known, or not written by us
_TEXTS = ("text", "other")
_RUN_CATEGORIES: Mapping[str, frozenset[str]] = {
    "batch_id": frozenset((*_TEXTS, "uuid")),
    "item_id": frozenset((*_TEXTS, "uuid")),
    "started_at": frozenset((*_TEXTS, "date", "timestamp", "timestamptz", "time", "timetz")),
    "source_name": frozenset(_TEXTS),
    "line": frozenset((*_TEXTS, "integer", "numeric", "float")),
}


class Misfit(NamedTuple):
    """What a column does not take."""

    severity: Severity
    message: str


class _Values(NamedTuple):
    """What a field may hold."""

    said: str  # as the message names it
    samples: Sequence[Any]
    exact: bool  # all of them, not just samples


def misfit(pipeline: Pipeline, field: str, column: ColumnType) -> Misfit | None:
    """Why values of the field never (error) or sometimes surely not (warning) fit the column; None: they may."""
    try:
        values = _values(pipeline, field, column)
    except ValueError as mistake:  # pattern and column contradict each other
        return Misfit(Severity.ERROR, f'the date pattern of "{field}" does not fit this column: {mistake}')
    if values is None or (column.category == "enum" and not values.exact):
        return None
    refusals = [(sample, why) for sample in values.samples if (why := _refusal(column, sample, exact=values.exact))]
    if not refusals:
        return None
    value, why = refusals[0]
    if len(refusals) == len(values.samples):
        return Misfit(Severity.ERROR, f"{values.said}, which this column never takes: {why.message}")
    if values.exact:
        return Misfit(Severity.WARNING, f"{values.said}, but this column does not take {quoted(value)}: {why.message}")
    return None


def run_misfit(fact: str, column: ColumnType) -> Misfit | None:
    """Why a `run:` fact never fits the column."""
    if column.category in _RUN_CATEGORIES[fact]:
        return None
    return Misfit(Severity.ERROR, f"a column of type {column.name} never takes run: {fact}")


def _refusal(column: ColumnType, value: Any, *, exact: bool) -> RefusedError | None:
    try:
        canonical(column)(value)
    except RefusedError as refused:
        return refused if exact or refused.code not in _OF_THE_VALUE else None
    return None


def _values(pipeline: Pipeline, field: str, column: ColumnType) -> _Values | None:
    part = part_of(pipeline.record_schema, field)
    listed = [part["const"]] if "const" in part else part.get("enum")
    if listed is not None:
        told = [value for value in listed if value is not None]
        return _Values(f'the schema allows "{field}" certain values only', told, exact=True) if told else None
    types = types_of(part)
    if types in ((), ("string",)) and (pattern := _usable_pattern(pipeline, field)):
        return _dated(field, pattern, kind_of_type(column) if types == () else "text")
    samples: list[Any] = []
    for name in types:
        found = _FORMAT_SAMPLES.get(part.get("format", "")) if name == "string" else None
        if name == "string" and found is None:
            return None
        samples += [found] if name == "string" else _SAMPLES[name]
    shaped = f' with format "{part["format"]}"' if "string" in types and "format" in part else ""
    return _Values(f'the schema makes "{field}" {" or ".join(types)}{shaped}', samples, exact=False) if types else None


def _usable_pattern(pipeline: Pipeline, field: str) -> str | None:
    """The field's date pattern, when nothing stands between it and the column. A wrong one is told elsewhere."""
    spec = pipeline.spec.source.fields.get(field)
    pattern = spec.date if spec else None
    is_sure = pipeline.hooks.isdisjoint(_CHANGE_VALUES)
    return pattern if pattern and is_sure and not date_pattern_mistake(pattern) else None


def _dated(field: str, pattern: str, kind: Kind) -> _Values | None:
    read = reader(kind, date=pattern)
    try:
        sample = read(DatePattern(pattern).example) if read else ""
    except RefusedError:  # a date and time for a date: only midnight is taken
        return None
    return _Values(f'the date pattern of "{field}" gives values like {sample}', [sample], exact=False)
