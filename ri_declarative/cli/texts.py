"""What a person reads about a batch: the summary, its numbers and the next commands to type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from ri_declarative.cli.output import printable, styled
from ri_declarative.records import BatchStatus, BatchSummary, ItemStatus, ProblemGroup, StopReason

NOWHERE: Mapping[str, int] = MappingProxyType({})
MOST_GROUPS = 10  # kinds of problems shown at the end of a run; `ri status` shows all

_STOPPED = {
    StopReason.MAX_FAILED: "stopped by limits.max_failed",
    StopReason.ITEM_FAILED: "stopped by the first failed record",
    StopReason.INTERRUPTED: "interrupted",
    StopReason.DATABASE: "stopped by the database",
    StopReason.SOURCE: "stopped by the source",
    StopReason.HOOK: "stopped by a hook",
    StopReason.ERROR: "stopped by an error",
    StopReason.LOST: "stopped: its runner is gone",
    StopReason.ABANDONED: "stopped and given up",
}

_REFUSED = "validate_batch refused the batch"  # one that raises leaves a message

# Problems of records that could be read: a mended pipeline cures them.
_OF_READ_RECORDS = frozenset(("source.ambiguous_field", "source.unknown_field"))
_UNREADABLE = (
    "what could not be read from the file stays so, whatever the pipeline says now: run the mended file again, "
    "or correct the records with --from"
)


def short(batch_id: str) -> str:
    """The first 8 hex digits, enough for a person to name a batch."""
    return batch_id[:8]


def of_run(summary: BatchSummary, database: str) -> str:
    """The summary at the end of a run."""
    lines = [title(summary, database), *_numbers(summary, summary.problems[:MOST_GROUPS])]
    hidden = len(summary.problems) - MOST_GROUPS
    if hidden > 0:
        lines.append(f"    … and {hidden} more kinds: ri status {short(summary.batch_id)}")
    return "\n".join([*lines, *_next_steps(summary, repairable=summary.failed_items > 0)])


def of_status(
    summary: BatchSummary, database: str, *, needs_attention: bool, failing: Mapping[str, int] = NOWHERE
) -> str:
    """One batch in full; `needs_attention` is whether failed items are still neither repaired nor dismissed.

    `failing`: batches that took its records again → how many failed there.
    """
    facts = [
        f"  batch {summary.batch_id}",
        f"  {_state(summary)}, started {moment(summary.started_at)}, took {duration(summary.duration_s)}",
    ]
    lines = [title(summary, database), *facts, *_numbers(summary, summary.problems)]
    lines += [f"  {line}" for line in taken_again(failing)]
    if summary.failed_items and not needs_attention and not failing:
        lines.append("  every failed record has been repaired or dismissed since")
    return "\n".join([*lines, *_next_steps(summary, repairable=needs_attention)])


def no_batches(database: str) -> str:
    """What there is to say of a database into which nothing was ever imported."""
    return f"no batches in database {printable(database)}; import: ri run PIPELINE FILE"


def taken_again(failing: Mapping[str, int]) -> list[str]:
    """A line for each later batch in which records of a batch have failed again.

    >>> taken_again({"f7e88c77-0000-4000-8000-000000000000": 12})
    ['taken again by batch f7e88c77, where 12 failed: ri errors f7e88c77']
    """
    return [
        f"taken again by batch {short(batch)}, where {count:,} failed: ri errors {short(batch)}"
        for batch, count in failing.items()
    ]


def title(summary: BatchSummary, database: str) -> str:
    """The pipeline, where its records come from and where they go."""
    name = printable(str(summary.source_info.get("name") or "no source name"))
    source = f"{name}, again from batch {short(summary.parent_batch_id)}" if summary.parent_batch_id else name
    return f"{styled(summary.batch_type, bold=True)} · {source} → database {printable(database)}"


def state(summary: BatchSummary) -> str:
    """The status, with the reason when the batch stopped early."""
    return f"{summary.status} ({summary.stop_reason})" if summary.stop_reason else str(summary.status)


def moment(at: datetime | None) -> str:
    """A time of the database in the reader's zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "-"


def when(at: datetime | None, *, on_terminal: bool) -> str:
    """A time in a table: short for an eye, complete for a program."""
    if at is None:
        return "-"
    local = at.astimezone()
    return f"{local:%b %d %H:%M}" if on_terminal else local.isoformat(timespec="seconds")


def duration(seconds: float | None) -> str:
    """A length of time as a person says it.

    >>> [duration(s) for s in (0.04, 0.41, 75.2, 7384, None)]
    ['0.04 s', '0.4 s', '1 min 15 s', '2 h 03 min', '-']
    """
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "error"), counted(2000, "error")
    ('1 error', '2,000 errors')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def records_read(summary: BatchSummary) -> int:
    """Records that came from the source so far."""
    ended = summary.completed_items + summary.failed_items + summary.skipped_items
    return summary.total_items if summary.total_items is not None else ended + summary.pending_items


def _state(summary: BatchSummary) -> str:
    return printable(state(summary))


def _numbers(summary: BatchSummary, groups: tuple[ProblemGroup, ...]) -> list[str]:
    read = records_read(summary)
    width = len(f"{read:,}")
    lines = [f"  {read:>{width},} {_noun(read)} read{_pace(summary)}"]
    done = f"({summary.inserted_items:,} inserted, {summary.updated_items:,} updated"
    done += f", {summary.unchanged_items:,} unchanged)"
    lines.append(styled(f"  {summary.completed_items:>{width},} completed", fg="green") + f" {done}")
    for status, count, colour in (
        (ItemStatus.SKIPPED, summary.skipped_items, "yellow"),
        (ItemStatus.FAILED, summary.failed_items, "red"),
    ):
        if count:
            lines.append(styled(f"  {count:>{width},} {status}", fg=colour))
            lines += _problems([g for g in groups if g.status == status])
    if summary.pending_items:
        lines.append(f"  {summary.pending_items:>{width},} pending: not tried yet")
    return lines


def _pace(summary: BatchSummary) -> str:
    if not summary.duration_s:
        return ""
    ended = summary.completed_items + summary.failed_items + summary.skipped_items
    return f" in {duration(summary.duration_s)} ({ended / summary.duration_s:,.0f}/s)"


def _problems(groups: list[ProblemGroup]) -> list[str]:
    if not groups:
        return []
    counts = max(len(f"{g.count:,}") for g in groups)
    kinds = [printable(f"{g.code} on {g.field}" if g.field else g.code) for g in groups]
    width = min(max(map(len, kinds)), 32)
    return [
        f"    {group.count:>{counts},} × {kind:<{width}}  {_example(group)}"
        for group, kind in zip(groups, kinds, strict=True)
    ]


def _example(group: ProblemGroup) -> str:
    where = f"line {group.example_line:,}: " if group.example_line is not None else ""
    return f"e.g. {where}{printable(group.example_message)}"


def _next_steps(summary: BatchSummary, *, repairable: bool) -> list[str]:
    batch = short(summary.batch_id)
    lines = [f"  {_UNREADABLE}"] if summary.parent_batch_id and _has_unreadable(summary) else []
    if summary.status == BatchStatus.FAILED:
        why = _STOPPED[summary.stop_reason] if summary.stop_reason else "stopped early"
        message = summary.error_message or (_REFUSED if summary.stop_reason is StopReason.HOOK else "")
        lines.append(styled(f"  {why}{': ' if message else ''}{printable(message)}", fg="red"))
        lines.append(f"  {_again(summary)}")
    elif summary.error_message:
        lines.append(styled(f"  after the last record: {printable(summary.error_message)}", fg="red"))
    if not repairable:
        return [*lines, f"batch {batch}"]
    return [
        *lines,
        f"batch {batch} · see: ri errors {batch}",
        f"repair: ri errors {batch} --csv fix.csv, then ri reprocess {batch} --from fix.csv",
    ]


def _has_unreadable(summary: BatchSummary) -> bool:
    codes = {group.code for group in summary.problems if group.status == ItemStatus.FAILED}
    return any(code.startswith("source.") and code not in _OF_READ_RECORDS for code in codes)


def _again(summary: BatchSummary) -> str:
    if summary.stop_reason is StopReason.ABANDONED:
        return "what is committed stays; nothing more will be done"
    if summary.stop_reason is StopReason.HOOK and not records_read(summary):
        return "nothing was imported: run it again when the hook has no objection any more"
    if summary.total_items is not None and not summary.pending_items:
        return "what is committed stays; every record was read"
    resume = f"ri resume {short(summary.batch_id)}"
    if summary.stop_reason is StopReason.MAX_FAILED:
        resume += " --max-failed 50%"
    return f"what is committed stays; to finish it: {resume}"


def _noun(count: int) -> str:
    return "record" if count == 1 else "records"
