"""Exit codes: what a shell script may rely on. 2 and 3 of a run that raised come from `RiError.exit_code`."""

from __future__ import annotations

from ri_declarative.records import BatchStatus, BatchSummary, StopReason

ALL_GOOD = 0  # every record completed or skipped
SOME_FAILED = 1  # finished, but some records or the hook on_batch_complete failed
USAGE = 2  # before the first write
STOPPED_BY_WORLD = 3
STOPPED_BY_LIMIT = 4  # of the pipeline: limits.max_failed, or a hook that refused the batch
INTERRUPTED = 130

_STOPPED = {
    StopReason.MAX_FAILED: STOPPED_BY_LIMIT,
    StopReason.ITEM_FAILED: STOPPED_BY_LIMIT,
    StopReason.HOOK: STOPPED_BY_LIMIT,  # validate_batch said no; a hook that raises is a StoppedError
    StopReason.INTERRUPTED: INTERRUPTED,
}
_OF_ONE_FILE = (StopReason.MAX_FAILED, StopReason.ITEM_FAILED, StopReason.HOOK, StopReason.SOURCE)


def of_batch(summary: BatchSummary, interrupted: int | None = None) -> int:
    """The exit code that a batch deserves; `interrupted` is the code of the signal that came, if one did."""
    if summary.status == BatchStatus.COMPLETED:
        return SOME_FAILED if summary.failed_items or summary.error_message else ALL_GOOD
    if summary.stop_reason is None:
        return STOPPED_BY_WORLD
    code = _STOPPED.get(summary.stop_reason, STOPPED_BY_WORLD)
    return interrupted or code if code == INTERRUPTED else code


def ends_the_command(summary: BatchSummary) -> bool:
    """Whether files that are still to come would meet the same fate: not for limits, hooks that refuse, bad files."""
    if summary.status == BatchStatus.COMPLETED:
        return False
    return summary.stop_reason not in _OF_ONE_FILE
