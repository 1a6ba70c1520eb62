"""`ri status`: the batches, or one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ri_declarative.cli import completing, exits, options, output, shapes, texts
from ri_declarative.cli.session import opened
from ri_declarative.errors import UsageError
from ri_declarative.records import BatchSummary

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

EPILOG = """\b
Examples:
  ri status                                 the newest 20 batches
  ri status --pipeline customer_data --limit 5
  ri status last                            one batch: counts, rate, problems with an example each
  ri status 3f2a --json"""

_HEADERS = ("batch", "pipeline", "source", "status", "total", "completed", "failed", "skipped", "started", "duration")
_NUMBERS = ("total", "completed", "failed", "skipped", "duration")
_TEXTS = ("pipeline", "source", "status")


@click.command("status", epilog=EPILOG)
@click.argument("batch", required=False, shell_complete=completing.batches)
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="Batches to list."
)
@click.option("--pipeline", metavar="NAME", shell_complete=completing.pipelines, help="Only batches of this pipeline.")
@options.database
@options.json
@options.diagnostics
def command(batch: str | None, limit: int, pipeline: str | None, database: str | None, as_json: bool) -> int:
    """List the newest batches, or show BATCH in full.

    BATCH is an id, an unambiguous beginning of one, or `last`.
    """
    if batch is not None and pipeline is not None:
        raise UsageError("usage", "give a BATCH or --pipeline, not both")
    with opened(database) as manager:
        if batch is None:
            _list(manager, limit=limit, pipeline=pipeline, as_json=as_json)
        else:
            _show(manager, manager.resolve_batch(batch), as_json=as_json)
    return exits.ALL_GOOD


def _list(manager: BatchManager, *, limit: int, pipeline: str | None, as_json: bool) -> None:
    summaries = manager.list_batches(limit=limit, batch_type=pipeline)
    if as_json:
        output.say_json(shapes.batches(summaries, manager.database_label))
    elif summaries:
        output.table(_HEADERS, map(_row, summaries), numbers=_NUMBERS, texts=_TEXTS)
    else:
        output.note(f"no batches in database {output.printable(manager.database_label)}; import: ri run PIPELINE FILE")


def _row(summary: BatchSummary) -> tuple[str, ...]:
    counts = (summary.total_items, summary.completed_items, summary.failed_items, summary.skipped_items)
    return (
        texts.short(summary.batch_id),
        summary.batch_type,
        str(summary.source_info.get("name") or "-"),
        texts.state(summary),
        *("-" if count is None else str(count) for count in counts),
        texts.when(summary.started_at, on_terminal=output.on_terminal()),
        texts.duration(summary.duration_s),
    )


def _show(manager: BatchManager, batch_id: str, *, as_json: bool) -> None:
    summary = manager.get_batch_summary(batch_id)
    if as_json:
        output.say_json(shapes.status(summary, manager.database_label))
        return
    needs_attention = any(True for _ in manager.needs_attention(batch_id, limit=1))
    failing = manager.failing_repeats(batch_id) if summary.failed_items else texts.NOWHERE
    text = texts.of_status(summary, manager.database_label, needs_attention=needs_attention, failing=failing)
    output.say(text)
