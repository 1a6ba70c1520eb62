"""What `ri status --stats` prints: the window in a few lines, a table of pipelines, the batches that need a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ri_declarative.cli import output, shapes, texts
from ri_declarative.records import BatchStatistics, NotableBatch, TypeStatistics

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

_MOST_BATCHES = 10  # of a kind, on a terminal; a pipe gets all

_HEADERS = ("pipeline", "batches", "stopped", "records", "failed", "success", "average", "rate")
_NUMBERS = _HEADERS[1:]
_NOTABLE_HEADERS = ("look at", "batch", "pipeline", "source", "records", "failed", "since")
_MEANINGS = {
    "stuck": "it should be worked on, but its worker is gone",
    "waiting": "nobody has begun it for more than an hour",
    "failing": "more than half of its records failed",
}


def show(manager: BatchManager, *, days: int, as_json: bool) -> None:
    """The statistics on stdout; that there are no batches at all, on stderr."""
    found = manager.batch_statistics(days)
    if as_json:
        output.say_json(shapes.statistics(found, manager.database_label))
        return
    if not found.any_batches:
        output.note(texts.no_batches(manager.database_label))
        return
    output.say("\n".join(_overview(found, manager.database_label)))
    if found.types:
        output.say()
        output.table(_HEADERS, map(_row, found.types), numbers=_NUMBERS, texts=("pipeline",))
    _show_notable({"stuck": found.stuck, "waiting": found.waiting, "failing": found.failing})


def _overview(found: BatchStatistics, database: str) -> list[str]:
    window = "the last 24 hours" if found.days == 1 else f"the last {found.days:,} days"
    overall, again = found.overall, found.reprocessing
    lines = [f"database {output.printable(database)}, {window}"]
    if overall.batches:
        lines.append(f"  {_completed(overall)}, {overall.failed_items:,} failed, {overall.skipped_items:,} skipped")
        lines.append(f"  {_batches(overall.batches)} ended, {overall.failed_batches:,} of them stopped early")
    else:
        lines.append("  no import ended")
    if again.batches:
        lines.append(f"  reprocessing, not counted above: {_completed(again)}, in {_batches(again.batches)}")
    return lines


def _completed(ended: TypeStatistics) -> str:
    if not ended.processed_items:
        return "no records"
    return f"{_percent(ended)} of {texts.counted(ended.processed_items, 'record')} completed"


def _batches(count: int) -> str:
    return "1 batch" if count == 1 else f"{count:,} batches"


def _percent(ended: TypeStatistics) -> str:
    """The success rate, never rounded up: 100.0 % means that nothing failed."""
    if not ended.processed_items:
        return "-"
    permille = ended.completed_items * 1000 // ended.processed_items
    return f"{permille // 10}.{permille % 10} %"


def _row(ended: TypeStatistics) -> tuple[str, ...]:
    rate = ended.records_per_s
    return (
        str(ended.batch_type),
        str(ended.batches),
        str(ended.failed_batches),
        str(ended.processed_items),
        str(ended.failed_items),
        _percent(ended),
        texts.duration(ended.average_duration_s),
        "-" if rate is None else f"{rate:.{0 if rate >= 10 else 1}f}/s",
    )


def _show_notable(kinds: dict[str, tuple[NotableBatch, ...]]) -> None:
    most = _MOST_BATCHES if output.on_terminal() else None
    rows = [_notable_row(kind, one) for kind, listed in kinds.items() for one in listed[:most]]
    if not rows:
        return
    output.say()
    output.table(_NOTABLE_HEADERS, rows, numbers=("records", "failed"), texts=("pipeline", "source"))
    for kind, listed in kinds.items():
        if listed:
            hidden = len(listed) - len(listed[:most])
            more = f" ({hidden:,} more: --json)" if hidden else ""
            output.note(f"{kind}: {_MEANINGS[kind]}{more}")


def _notable_row(kind: str, one: NotableBatch) -> tuple[str, ...]:
    name = one.source_name or "-"
    return (
        kind,
        texts.short(one.batch_id),
        one.batch_type,
        f"{name}, again from {texts.short(one.parent_batch_id)}" if one.parent_batch_id else name,
        str(one.processed_items),
        str(one.failed_items),
        texts.when(one.since, on_terminal=output.on_terminal()),
    )
