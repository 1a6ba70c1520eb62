"""Exit codes: what a shell script may rely on. 2 and 3 of a run that raised come from `RiError.exit_code`."""

from __future__ import annotations

from ri_declarative.records import BatchStatus, BatchSummary, StopReason

ALL_GOOD = 0  # every record completed or skipped
SOME_FAILED = 1  # finished, some records failed
USAGE = 2  # before the first write
STOPPED_BY_WORLD = 3
STOPPED_BY_LIMIT = 4
INTERRUPTED = 130

_STOPPED = {
    StopReason.MAX_FAILED: STOPPED_BY_LIMIT,
    StopReason.ITEM_FAILED: STOPPED_BY_LIMIT,
    StopReason.INTERRUPTED: INTERRUPTED,
}


def of_batch(summary: BatchSummary, interrupted: int | None = None) -> int:
    """The exit code that a batch deserves; `interrupted` is the code of the signal that came, if one did."""
    if summary.status == BatchStatus.COMPLETED:
        return SOME_FAILED if summary.failed_items else ALL_GOOD
    if summary.stop_reason is None:
        return STOPPED_BY_WORLD
    code = _STOPPED.get(summary.stop_reason, STOPPED_BY_WORLD)
    return interrupted or code if code == INTERRUPTED else code


def ends_the_command(summary: BatchSummary) -> bool:
    """Whether files that are still to come would meet the same fate: not so for limits and bad files."""
    if summary.status == BatchStatus.COMPLETED:
        return False
    return summary.stop_reason not in (StopReason.MAX_FAILED, StopReason.ITEM_FAILED, StopReason.SOURCE)
