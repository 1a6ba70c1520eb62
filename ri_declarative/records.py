"""The leaf types of a record's way: Record, Problem, Outcome and the states they can be in.

Imports nothing of ours, so that every layer can share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

ITEM_PREFIX = 28  # characters of an item's id that are its batch's


class ItemStatus(StrEnum):
    """Where an item stands. `pending` and `processing` are on the way, the other three are ends."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class BatchStatus(StrEnum):
    """Where a batch stands. `completed`: its source ended and every record reached an end."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class StopReason(StrEnum):
    """Why a batch stopped before its source ended."""

    MAX_FAILED = "max_failed"
    ITEM_FAILED = "item_failed"
    INTERRUPTED = "interrupted"
    DATABASE = "database"
    SOURCE = "source"
    HOOK = "hook"
    ERROR = "error"
    LOST = "lost"  # the runner died: its lease ended
    ABANDONED = "abandoned"  # nobody will finish it

    @property
    def is_from_outside(self) -> bool:
        """Whether the same command goes on with the batch: it has not stopped because of what its records are."""
        return self not in (self.MAX_FAILED, self.ITEM_FAILED, self.ABANDONED)


class Action(StrEnum):
    """What a completed item did to its row."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Problem(NamedTuple):
    """Why a record was refused. A value, never an exception."""

    code: str  # stable, documented in docs/errors.md: "schema.required", "field.date", "db.unique"
    field: str | None  # name of the field in the record, None when the whole record is meant
    message: str  # 'expected a date like 31/12/2026, got "2026-31-12"'
    details: Mapping[str, str] = {}  # sqlstate, constraint, column, …: never mutated


class Record(NamedTuple):
    """One record as it was read from a source, before anything is done to it."""

    index: int  # type: ignore[assignment]  # 0-based place in the original source; kept through reprocessing
    line: int | None  # 1-based line where it starts in the original source
    source_data: Mapping[str, Any] | str  # as read; a str is the raw text of an unreadable record
    problems: tuple[Problem, ...] = ()  # found while reading; not empty: the record fails
    parent_item_id: str | None = None  # reprocessing: the failed item it repeats
    metadata: Mapping[str, Any] | None = None  # kept with the item: {"corrected": ["email"]}


class Outcome(NamedTuple):
    """The end that one record reached: one for every record of a chunk, in order."""

    index: int  # type: ignore[assignment]  # Record.index
    status: ItemStatus  # completed | failed | skipped
    action: Action | None = None  # completed only
    problems: tuple[Problem, ...] = ()  # failed and skipped: at least one
    target_id: str | None = None  # primary key as text; composite: JSON array in key order
    key_hash: str | None = None  # only for pipelines that compare keys across chunks
    data: Any = None  # JSON: `processed_data` that process_item returned
    target_table: str | None = None  # None: the processor's own target
    metadata: Mapping[str, Any] | None = None  # kept with the item beside the record's: what else was returned
    stop: bool = False  # the batch ends with this record, which failed; it is the last of its list


class LogEntry(NamedTuple):
    """A line for `import_logs`."""

    level: str  # debug | info | warning | error
    message: str
    details: Mapping[str, Any] | None = None  # plain values; what JSON lacks is kept as text
    item_index: int | None = None  # None: about the whole batch


class Counts(NamedTuple):
    """How many records reached which end."""

    completed: int = 0
    failed: int = 0
    skipped: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def plus(self, other: Counts) -> Counts:
        """The field-wise sum."""
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def processed(self) -> int:
        """Records that reached an end."""
        return self.completed + self.failed + self.skipped


class ProblemGroup(NamedTuple):
    """The problems of one code on one field in a batch."""

    code: str
    field: str | None
    status: ItemStatus  # failed | skipped
    count: int  # type: ignore[assignment]
    example_line: int | None  # None for sources without lines
    example_message: str


class BatchSummary(NamedTuple):
    """A batch at one moment. `pending_items` were read or stored, but reached no end."""

    batch_id: str
    batch_type: str
    status: BatchStatus
    stop_reason: StopReason | None
    parent_batch_id: str | None
    source_info: Mapping[str, Any]  # name, size, mtime, sha256, format, encoding, header
    fingerprint: str | None
    total_items: int | None  # None until the source has ended
    completed_items: int
    failed_items: int
    skipped_items: int
    pending_items: int
    inserted_items: int
    updated_items: int
    unchanged_items: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_s: float | None
    error_message: str | None
    problems: tuple[ProblemGroup, ...] = ()  # biggest first
    metadata: Mapping[str, Any] = {}  # what callers and hooks have stored with the batch; never mutated

    @property
    def counts(self) -> Counts:
        """How many of its records reached which end."""
        ends = (self.completed_items, self.failed_items, self.skipped_items)
        return Counts(*ends, self.inserted_items, self.updated_items, self.unchanged_items)


class Item(NamedTuple):
    """A record as it is kept in the database."""

    item_id: str
    batch_id: str
    index: int  # type: ignore[assignment]
    line: int | None
    status: ItemStatus
    action: Action | None
    source_data: Mapping[str, Any] | str
    problems: tuple[Problem, ...]
    error_message: str | None
    parent_item_id: str | None
    target_table: str | None
    target_id: str | None
    metadata: Mapping[str, Any]
    processed_data: Any = None  # what a hand-written processor returned


class Progress(NamedTuple):
    """How far a running batch is; counts are of committed chunks."""

    counts: Counts
    bytes_read: int
    size_bytes: int | None  # None when the source does not know its end
    elapsed_s: float
    total_items: int | None = None  # None when the source does not know it: files do not
    earlier_items: int = 0  # processed before this run took the batch up
    earlier_bytes: int = 0  # read by way of them

    @property
    def rate(self) -> float:
        """Records per second, of this run."""
        return self._own_items / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def _own_items(self) -> int:
        return self.counts.processed - self.earlier_items

    @property
    def eta_s(self) -> float | None:
        """Seconds to go, by records where their number is known, else by bytes; None when it cannot be told."""
        if self.total_items and self._own_items:
            return max(0.0, self.elapsed_s * (self.total_items - self.counts.processed) / self._own_items)
        own_bytes = self.bytes_read - self.earlier_bytes
        if not self.size_bytes or own_bytes <= 0:
            return None
        return max(0.0, self.elapsed_s * (self.size_bytes - self.bytes_read) / own_bytes)


def is_finished(status: BatchStatus, stop_reason: StopReason | None, *, total: int | None, processed: int) -> bool:
    """Whether there is nothing left to be done in a batch, or nothing that anybody will do.

    A runner may die behind its last record: such a batch has still to be brought to its end.
    """
    if status is not BatchStatus.FAILED:
        return status is BatchStatus.COMPLETED
    if stop_reason is None or stop_reason is StopReason.ABANDONED:
        return True
    return total is not None and total <= processed and not stop_reason.is_from_outside


def item_id(batch_id: str, index: int) -> str:
    """The id of a batch's item: the batch's, whose low 32 bits are zero, with the item's index in them.

    >>> item_id("6f1c5a1e-0000-4000-8000-000000000000", 255)
    '6f1c5a1e-0000-4000-8000-0000000000ff'
    """
    return f"{batch_id[:ITEM_PREFIX]}{index:08x}"


def describe(problems: Sequence[Problem]) -> str:
    """All problems of a record in one line.

    >>> describe([Problem("schema.required", "email", "is required")])
    'email: is required'
    """
    return "; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in problems)


class TypeStatistics(NamedTuple):
    """The batches of one type that ended within a window, and their records."""

    batch_type: str | None  # None: of all types together
    completed_batches: int = 0
    failed_batches: int = 0  # stopped early
    completed_items: int = 0
    failed_items: int = 0
    skipped_items: int = 0
    duration_s: float = 0.0  # of all of them, each from its first start to its end; 0 for one that was never started

    @property
    def batches(self) -> int:
        """Batches that ended."""
        return self.completed_batches + self.failed_batches

    @property
    def processed_items(self) -> int:
        """Records that reached an end in them."""
        return self.completed_items + self.failed_items + self.skipped_items

    @property
    def success_rate(self) -> float | None:
        """Completed records as a share of those that reached an end, 0 to 1; None when none did."""
        return self.completed_items / self.processed_items if self.processed_items else None

    @property
    def average_duration_s(self) -> float | None:
        """Seconds that a batch took; None when none ended."""
        return self.duration_s / self.batches if self.batches else None

    @property
    def records_per_s(self) -> float | None:
        """Records that reached an end per second of the batches' time, so that big batches weigh more."""
        return self.processed_items / self.duration_s if self.duration_s > 0 else None


class NotableBatch(NamedTuple):
    """A batch that an operator should look at."""

    batch_id: str
    batch_type: str
    parent_batch_id: str | None  # it reprocesses that batch
    source_name: str | None
    processed_items: int  # records that reached an end
    failed_items: int
    since: datetime  # stuck: its lease ended; waiting: it was created; failing: it ended


class BatchStatistics(NamedTuple):
    """How imports are doing: the batches that ended within a window, and those that need a look.

    A batch that reprocesses takes records that an import has counted already. To try hopeless ones again would pull
    the rate down, to take good ones again would lift it, and neither says anything about the files that arrive. So
    such batches count in `reprocessing` alone; `failing` names them as well.
    """

    days: int  # of 24 hours
    since: datetime  # when the window began, by the database's clock
    any_batches: bool  # False: nothing was ever imported
    overall: TypeStatistics  # all types, without reprocessing
    types: tuple[TypeStatistics, ...]  # without reprocessing, by name; those of which a batch ended
    reprocessing: TypeStatistics  # all types
    stuck: tuple[NotableBatch, ...]  # `processing`, but their lease has ended: nobody works on them; newest first
    waiting: tuple[NotableBatch, ...]  # `pending` for more than an hour; newest first
    failing: tuple[NotableBatch, ...]  # ended in the window, more than half of their records failed; newest first
