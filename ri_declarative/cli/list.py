"""`ri list`: the pipelines and processor classes of the project, and what became of each when it last ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ri_declarative.cli import exits, options, output, prints, shapes, texts
from ri_declarative.errors import DatabaseError

if TYPE_CHECKING:
    from ri_declarative.manager.overview import LastBatches, PipelineOverview
    from ri_declarative.records import BatchSummary
    from ri_declarative.spec.project import Project

EPILOG = """\b
Examples:
  ri list
  ri list --json | jq '.pipelines[] | select(.errors > 0) | .name'"""

_HEADERS = ("pipeline", "format", "target", "last batch", "status", "total", "completed", "failed", "skipped", "when")
_NUMBERS = ("total", "completed", "failed", "skipped")
_TEXTS = ("pipeline", "target", "status")


@click.command("list", epilog=EPILOG, short_help="List the pipelines, each with its last batch.")
@options.database
@options.json
@options.diagnostics
def command(database: str | None, as_json: bool) -> int:
    """List the pipelines of the project, each with its source, its target and its last batch.

    So are the processor classes of the packages that ri.yaml names, in place of a target with the class.
    A pipeline with errors is listed with their number; without a reachable database the last
    batches are left out.
    """
    from ri_declarative.manager.overview import list_pipelines
    from ri_declarative.spec.project import find_project

    project = find_project()
    found = sorted([*list_pipelines(project), *_classes(project)], key=lambda one: one.name)
    last = _last_batches(database, project)
    if as_json:
        output.say_json(shapes.pipelines(found, last))
    elif found:
        rows = (_row(one, last.batches.get(one.name) if last else None) for one in found)
        output.table(_HEADERS, rows, numbers=_NUMBERS, texts=_TEXTS)
        if any(one.diagnostics for one in found):
            output.note("the errors with their places: ri check --offline")
    else:
        output.note("there are no pipelines here yet; make an example with: ri init")
    return exits.ALL_GOOD


def _classes(project: Project) -> list[PipelineOverview]:
    from ri_declarative.manager.classes import find_classes
    from ri_declarative.manager.overview import list_classes

    with prints.to_stderr():
        classes = find_classes(project)
    for finding in classes.findings:
        output.note(output.printable(str(finding)))
    return list_classes(classes)


def _last_batches(database: str | None, project: Project) -> LastBatches | None:
    from ri_declarative.manager.overview import last_batches

    try:
        return last_batches(database, project.root)
    except DatabaseError as error:
        output.note(f"without the last batches: {output.printable(error.message)}")
        return None


def _row(one: PipelineOverview, batch: BatchSummary | None) -> tuple[str, ...]:
    errors = len(one.diagnostics)
    target = one.target or one.processor or f"{errors} {'error' if errors == 1 else 'errors'}"
    about = (one.name, one.source_format or "-", target)
    if batch is None:
        return (*about, *"-" * (len(_HEADERS) - len(about)))
    counts = (batch.total_items, batch.completed_items, batch.failed_items, batch.skipped_items)
    return (
        *about,
        texts.short(batch.batch_id),
        texts.state(batch),
        *("-" if count is None else str(count) for count in counts),
        texts.when(batch.started_at, on_terminal=output.on_terminal()),
    )
