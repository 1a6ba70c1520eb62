"""What `ri explain` prints: a pipeline as text and as `ri.explain/1`, a class as text and as `ri.explain.class/1`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ri_declarative.cli import shapes
from ri_declarative.cli.output import printable, styled

if TYPE_CHECKING:
    from ri_declarative.compiler.explain import Explanation, Writing
    from ri_declarative.manager.classes import ClassExplanation

_SET_BY_SET = "set by set: one statement a chunk; row by row only for a chunk in which the database refuses a row"


def as_object(found: Explanation, database: str | None) -> dict[str, Any]:
    """`ri.explain/1`; `writing` is null when no database was asked."""
    return {
        "schema": "ri.explain/1",
        "pipeline": found.name,
        "path": found.path,
        "fingerprint": found.fingerprint,
        "database": database,
        "yaml": found.yaml,
        "fields": [field._asdict() for field in found.fields],
        "columns": [column._asdict() for column in found.columns],
        "hooks": found.hooks,
        "rules": found.rules,
        "writing": _writing_object(found.writing) if found.writing else None,
        "warnings": [shapes.diagnostic(warning) for warning in found.warnings],
    }


def _writing_object(writing: Writing) -> dict[str, Any]:
    return {
        "table": writing.table,
        "way": "row_by_row" if writing.row_by_row else "set",
        "why": writing.row_by_row,
        "predictions": [prediction._asdict() for prediction in writing.predictions],
        "staging": writing.staging,
        "sql": writing.sql,
    }


def as_text(found: Explanation, database: str | None) -> Iterator[str]:
    """Line by line: the pipeline, its stages in the order of a record's way, the SQL."""
    place = f"database {printable(database)}" if database else "no database asked"
    yield f"{styled(found.name, bold=True)} · {found.path} · fingerprint {found.fingerprint[:12]} · {place}"
    yield from _section("the pipeline with all defaults")
    yield from found.yaml.rstrip("\n").split("\n")
    yield from _section("read: field, header, cleaning, kind, what the schema asks")
    yield from _aligned([[f.name, _headers(f.headers), " ".join(f.clean), f.read_as, f.schema] for f in found.fields])
    yield from _section("write: column, type, value, rules")
    yield from _aligned([[c.name, c.type or "", c.source, "; ".join(c.rules)] for c in found.columns])
    yield from _section("rules")
    yield from (f"  {printable(rule)}" for rule in found.rules)
    if found.writing is not None:
        yield from _writing(found.writing)
    for warning in found.warnings:
        yield ""
        yield printable(str(warning))


def class_as_object(found: ClassExplanation) -> dict[str, Any]:
    """`ri.explain.class/1`."""
    return {
        "schema": "ri.explain.class/1",
        "name": found.batch_type,
        "processor": found.place,
        "path": found.file,
        "line": found.line,
        "description": found.description,
        "fingerprint": found.fingerprint,
        "chunk_size": found.chunk_size,
        "retry": found.retry._asdict(),
        "hooks": found.hooks,
    }


def class_as_text(found: ClassExplanation) -> Iterator[str]:
    """Line by line: where the class is, what it says of itself, what it defines."""
    where = f" · {printable(found.file)}:{found.line}" if found.file else ""
    print_ = f" · fingerprint {found.fingerprint[:12]}" if found.fingerprint else ""
    yield f"{styled(found.batch_type, bold=True)} · processor class {printable(found.place)}{where}{print_}"
    if found.description:
        yield from ("", *(f"  {printable(line)}".rstrip() for line in found.description.splitlines()))
    yield from _section("how it runs")
    yield "  files are read by their ending; each item is validated and written by the class, in a savepoint of its own"
    yield f"  it defines, in the order of the calls: {', '.join(found.hooks)}"
    yield f"  {found.chunk_size:,} items a transaction"
    retry = found.retry
    yield f"  after a passing fault: {retry.attempts} attempts, pauses from {retry.backoff_s:g} s to {retry.max_s:g} s"


def _writing(writing: Writing) -> Iterator[str]:
    yield from _section(f"how {writing.table} is written")
    yield f"  {f'row by row on the server: {writing.row_by_row}' if writing.row_by_row else _SET_BY_SET}"
    if writing.predictions:
        yield from _section("refusals that are told before the database says them")
        yield from _aligned([[p.code, p.field or "", p.message] for p in writing.predictions])
    yield from _section("the staging table pg_temp.ri_stage, filled by COPY")
    yield from (f"  {printable(cell)}" for cell in writing.staging)
    yield from _section("the SQL for each row" if writing.row_by_row else "the SQL for each chunk")
    yield from writing.sql.split("\n")


def _section(title: str) -> Iterator[str]:
    yield ""
    yield styled(f"── {title}", bold=True)


def _headers(headers: Sequence[str]) -> str:
    return " or ".join(f'"{header}"' for header in headers)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The cells under each other, two blanks apart; nothing is cut."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [min(max(map(len, column)), 40) for column in zip(*shown, strict=True)]
    for row in shown:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
