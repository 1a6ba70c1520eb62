"""`ri status`: the batches, one of them in full, or how they are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ri_declarative.cli import completing, exits, options, output, shapes, statistics, texts
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
  ri status 3f2a --json
  ri status --stats                         how the last 7 days went, and batches that need a look
  ri status --stats --days 30 --json"""

_HEADERS = ("batch", "pipeline", "source", "status", "total", "completed", "failed", "skipped", "started", "duration")
_NUMBERS = ("total", "completed", "failed", "skipped", "duration")
_TEXTS = ("pipeline", "source", "status")
_NOT_WITH_STATS = {"batch": "a BATCH", "pipeline": "--pipeline", "limit": "--limit"}


@click.command("status", epilog=EPILOG)
@click.argument("batch", required=False, shell_complete=completing.batches)
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="Batches to list."
)
@click.option("--pipeline", metavar="NAME", shell_complete=completing.names, help="Only batches of this pipeline.")
@click.option("--stats", is_flag=True, help="Tell how batches are doing: success, duration, rate, and any trouble.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="Days that --stats looks back.",
)
@options.database
@options.json
@options.diagnostics
def command(
    batch: str | None, limit: int, pipeline: str | None, stats: bool, days: int, database: str | None, as_json: bool
) -> int:
    """List the newest batches, or show BATCH in full, or tell how batches are doing.

    BATCH is an id, an unambiguous beginning of one, or `last`.

    With --stats, success is the share of completed records among those that reached an end (completed, failed or
    skipped) in batches that ended in the last days; average is how long a batch took, rate is records a second.
    Batches that reprocess have a line of their own: their records were counted when they were imported. Stuck is
    a batch that should be worked on but whose worker is gone, waiting is one that nobody has begun for an hour,
    failing is one that ended in these days with more than half of its records failed.
    """
    if batch is not None and pipeline is not None:
        raise UsageError("usage", "give a BATCH or --pipeline, not both")
    _refuse_what_would_be_ignored(stats=stats)
    with opened(database) as manager:
        if stats:
            statistics.show(manager, days=days, as_json=as_json)
        elif batch is None:
            _list(manager, limit=limit, pipeline=pipeline, as_json=as_json)
        else:
            _show(manager, manager.resolve_batch(batch), as_json=as_json)
    return exits.ALL_GOOD


def _refuse_what_would_be_ignored(*, stats: bool) -> None:
    ctx = click.get_current_context()
    for name, shown in _NOT_WITH_STATS.items() if stats else [("days", "--days")]:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError("usage", f"give {shown} or --stats, not both" if stats else f"{shown} is for --stats")


def _list(manager: BatchManager, *, limit: int, pipeline: str | None, as_json: bool) -> None:
    summaries = manager.list_batches(limit=limit, batch_type=pipeline)
    if as_json:
        output.say_json(shapes.batches(summaries, manager.database_label))
    elif summaries:
        output.table(_HEADERS, map(_row, summaries), numbers=_NUMBERS, texts=_TEXTS)
    else:
        output.note(texts.no_batches(manager.database_label))


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
