"""What must hold before a batch is worked on: what it requires is there, and something is to do."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ri_declarative.database.books import Books
from ri_declarative.errors import StoppedError, UsageError
from ri_declarative.records import BatchSummary, StopReason, is_finished
from ri_declarative.spec.models import LimitsSpec


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
            hint="resume_batch goes on with it; run_pipeline imports its file again",
        )
    if batch.stop_reason is StopReason.ABANDONED:
        raise UsageError("nothing-pending", f"batch {batch.batch_id} was given up: nobody is to process it")
    if is_finished(batch.status, batch.stop_reason, total=batch.total_items, processed=batch.counts.processed):
        raise UsageError(
            "nothing-pending",
            f"batch {batch.batch_id} is {batch.status}: none of its {batch.total_items} items is pending",
            hint="reprocess_batch takes the failed ones again",
        )


def refuse_unless_unfinished(batch: BatchSummary) -> None:
    """Raise UsageError when a batch has nothing left to be resumed."""
    if not is_finished(batch.status, batch.stop_reason, total=batch.total_items, processed=batch.counts.processed):
        return
    why = "was read to its end" if batch.stop_reason is not StopReason.ABANDONED else "was given up"
    raise UsageError(
        "nothing-to-resume",
        f"batch {batch.batch_id} {why}",
        hint=f"its failed records are taken again by: ri reprocess {batch.batch_id[:8]}",
    )


def refuse_wrong_words(batch: BatchSummary, *, file: object, max_failed: int | str | None) -> None:
    """Raise UsageError when a batch cannot be resumed with these words."""
    if file is not None and (batch.parent_batch_id is not None or batch.total_items is not None):
        raise UsageError("usage", f"batch {batch.batch_id} takes stored records: there is no file to resume it with")
    try:
        LimitsSpec(max_failed=max_failed)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError("usage", f"max_failed is {max_failed!r}: {reason}") from None


def refuse_running(books: Books, batch: BatchSummary) -> None:
    """Raise StoppedError while somebody works on a batch."""
    if books.is_owned(batch.batch_id):
        raise StoppedError("batch-running", f"batch {batch.batch_id} is still being worked on", hint="wait for its end")
