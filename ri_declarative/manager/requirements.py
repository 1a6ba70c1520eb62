"""What must hold before a batch is worked on: what it requires is there, and something is to do."""

from __future__ import annotations

from collections.abc import Sequence

from ri_declarative.database.books import Books
from ri_declarative.errors import StoppedError, UsageError
from ri_declarative.records import BatchStatus, BatchSummary, StopReason


def check_requirements(books: Books, batch_type: str, requires: Sequence[str]) -> None:
    """Raise UsageError saying which required batch type has never completed, or has an unfinished batch."""
    for required in requires:
        completed, unfinished = books.requirement(required)
        if unfinished is not None:
            raise UsageError(
                "requires",
                f"{batch_type} requires {required}, whose batch {unfinished} is unfinished",
                hint=f"finish it, or `ri errors {unfinished[:8]} --dismiss` it, then run {batch_type} again",
            )
        if not completed:
            raise UsageError(
                "requires",
                f"{batch_type} requires {required}, which has never completed here",
                hint=f"import {required} first: ri run {required} FILE",
            )


def refuse_unless_pending(batch: BatchSummary) -> None:
    """Raise UsageError saying why there is nothing to process in a batch."""
    if batch.total_items is None:
        raise UsageError(
            "nothing-pending",
            f"batch {batch.batch_id} reads {batch.source_info.get('name')}: its records are not stored before",
            hint="run_pipeline imports the file again",
        )
    # One in processing has lost its runner, perhaps after its last record: it still must be brought to its end.
    if not batch.pending_items and batch.status not in (BatchStatus.PENDING, BatchStatus.PROCESSING):
        raise UsageError(
            "nothing-pending",
            f"batch {batch.batch_id} is {batch.status}: none of its {batch.total_items} items is pending",
            hint="reprocess_batch takes the failed ones again",
        )


def refuse_unless_unfinished(batch: BatchSummary) -> None:
    """Raise UsageError when a batch has nothing left to be resumed."""
    if batch.stop_reason is StopReason.ABANDONED:
        why = "was abandoned"
    elif batch.status is BatchStatus.COMPLETED:
        why = "is completed"
    elif batch.status is BatchStatus.FAILED and batch.total_items is not None and not batch.pending_items:
        why = "was read to its end"
    else:
        return
    raise UsageError(
        "nothing-to-resume",
        f"batch {batch.batch_id} {why}",
        hint=f"its failed records are taken again by: ri reprocess {batch.batch_id[:8]}",
    )


def refuse_running(books: Books, batch: BatchSummary) -> None:
    """Raise StoppedError while somebody works on a batch."""
    if books.is_owned(batch.batch_id):
        raise StoppedError("batch-running", f"batch {batch.batch_id} is still being worked on", hint="wait for its end")
