"""The table of a look-up against the catalogue. Needs no target: that one may be missing, too."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from ri_declarative.database.catalogue import Relation, read_relation, relation_names
from ri_declarative.errors import Diagnostic
from ri_declarative.spec.models import ColumnSpec
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.words import did_you_mean


def lookup_table(
    connection: Connection, pipeline: Pipeline, column: str, spec: ColumnSpec
) -> tuple[Relation | None, list[Diagnostic]]:
    """The table that a column of the target is looked up in, None when it cannot be; and why."""
    table = spec.lookup or ""
    relation = read_relation(connection, table)
    if relation is None:
        near = did_you_mean(table, relation_names(connection, table))
        return None, [_finding(pipeline, "unknown-table", f"there is no table {table}{near}", column, "lookup")]
    found = [*_columns(pipeline, relation, column, spec)]
    if not found:
        found += _index(pipeline, relation, column, tuple(spec.match or ()))
    if not relation.can_select:
        role = connection.exec_driver_sql("SELECT current_user").scalar_one()
        message = f"role {role} may not SELECT from {relation.label}"
        found.append(_finding(pipeline, "privilege", message, column, "lookup"))
    return (None if found else relation), found


def lookup_findings(connection: Connection, pipeline: Pipeline) -> list[Diagnostic]:
    """Every finding about the look-ups of a pipeline."""
    looked_up = [(name, spec) for name, spec in pipeline.columns.items() if spec.kind == "lookup"]
    return [found for name, spec in looked_up for found in lookup_table(connection, pipeline, name, spec)[1]]


def _columns(pipeline: Pipeline, relation: Relation, column: str, spec: ColumnSpec) -> Iterator[Diagnostic]:
    for key, names in (("match", spec.match or {}), ("take", (spec.take or "",))):
        for name in names:
            if name not in relation.columns:
                near = did_you_mean(name, relation.columns)
                message = f'{relation.label} has no column "{name}"{near}'
                yield _finding(pipeline, "unknown-column", message, column, key)


def _index(pipeline: Pipeline, relation: Relation, column: str, match: tuple[str, ...]) -> Iterator[Diagnostic]:
    if relation.key_index(match) is None:
        columns = ", ".join(match)
        wanted = f"CREATE UNIQUE INDEX ON {relation.label} ({columns})"
        message = f"{relation.label} has no unique index on ({columns}); make one: {wanted}"
        yield _finding(pipeline, "lookup-index", message, column, "match")


def _finding(pipeline: Pipeline, code: str, message: str, *path: str) -> Diagnostic:
    place = ("target", "columns", *path)
    return Diagnostic(pipeline.at(*place), code, f"{'.'.join(place)}: {message}")
