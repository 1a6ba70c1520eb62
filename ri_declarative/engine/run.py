"""The loop: chunks from a source, through a processor, into the store.

Two threads: this one reads, parses and validates; the writer sends the chunk before to the database,
so that both cores work and a signal handler never waits for a statement. Knows `Source`,
`Processor` and `Store`, never the compiler.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ri_declarative.database.store import Ownership, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.errors import LostOwnership, PassingFault, RiError, SourceError, SourceFault
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.protocol import Processor
from ri_declarative.records import BatchStatus, Counts, ItemStatus, Outcome, Progress, Record, StopReason
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")

ATTEMPTS = 5
_BACKOFF_S = 0.1


@dataclass
class Run:
    """One batch being worked on by this process."""

    source: Source
    processor: Processor
    store: Store
    owner: Ownership
    context: ImportContext
    limits: Limits
    on_begin: Callable[[], None] = lambda: None
    should_stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[Progress], None] | None = None
    counts: Counts = field(default_factory=Counts)
    next_index: int = 0
    begun: float = field(default_factory=time.monotonic)

    def to_the_end(self) -> None:
        """Work until the source ends, a limit is met, or somebody says stop; then close the batch.

        Raises what stopped the run from outside, after the batch has been marked as stopped.
        """
        try:
            self.on_begin()
            reason = self._work()
            if reason is None and self.limits.exceeded_at_end(self.counts):
                self._finish(BatchStatus.FAILED, StopReason.MAX_FAILED, ended=True)
            elif reason is None:
                self._finish(BatchStatus.COMPLETED, None, ended=True)
            else:
                self._finish(BatchStatus.FAILED, reason, ended=False)
        except LostOwnership:
            raise
        except BaseException as error:
            self._give_up(error)
            raise

    def _work(self) -> StopReason | None:
        """None when the source has ended."""
        with ThreadPoolExecutor(1, "ri-writer") as writer:
            writing: Future[Counts] | None = None
            try:
                for chunk in chunks(self.source, self.processor.chunk_size):
                    prepared = self.processor.prepare(chunk, self.context)
                    if writing is not None:
                        self._booked(writing.result())
                    if (reason := self._reason_to_stop()) is not None:
                        return reason
                    writing = writer.submit(self._write, chunk, prepared)
                if writing is not None:
                    self._booked(writing.result())
            except BaseException as error:
                # The reader failed: what the writer met meanwhile is the nearer cause, if it met anything.
                failure = writing.exception() if writing is not None else None
                if failure is not None and failure is not error:
                    raise failure from error
                raise
        return None

    def _reason_to_stop(self) -> StopReason | None:
        if self.limits.exceeded(self.counts):
            return StopReason.MAX_FAILED
        return StopReason.INTERRUPTED if self.should_stop() else None

    def _booked(self, counts: Counts) -> None:
        self.counts = self.counts.plus(counts)
        if self.on_progress is not None:
            elapsed_s = time.monotonic() - self.begun
            self.on_progress(Progress(self.counts, self.source.bytes_read, self.source.info.size, elapsed_s))

    # ── the writer's side ────────────────────────────────────────────────────────────────────

    def _write(self, chunk: Sequence[Record], prepared: Any) -> Counts:
        """Write a chunk; passing faults are tried again with backoff and jitter."""
        for attempt in itertools.count(1):
            try:
                return self._try(chunk, prepared, attempt)
            except PassingFault as fault:
                if attempt == ATTEMPTS:
                    raise
                log.warning("trying the chunk again: %s", fault.message)
                time.sleep(_BACKOFF_S * 2**attempt * random.uniform(0.5, 1))
        raise AssertionError("unreachable")

    def _try(self, chunk: Sequence[Record], prepared: Any, attempt: int) -> Counts:
        """One transaction: target rows, items, and the fence last."""
        new_index = chunk[-1].index + 1
        with self.store.chunk(self.owner) as transaction:
            context = self.context.within(transaction.connection, attempt)
            outcomes = self.processor.process(prepared, context)
            check_outcomes(chunk, outcomes)
            transaction.book(chunk, outcomes, self.processor.target)
            counts = count(outcomes)
            claim_to = new_index + self.processor.chunk_size
            transaction.advance(counts, old_index=self.next_index, new_index=new_index, claim_to=claim_to)
        self.next_index = new_index
        return counts

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _finish(
        self, status: BatchStatus, reason: StopReason | None, *, ended: bool, message: str | None = None
    ) -> None:
        facts = {"sha256": self.source.sha256} if self.source.sha256 else {}
        self.store.finish(self.owner, status, ended=ended, source_info=facts, stop_reason=reason, error_message=message)

    def _give_up(self, error: BaseException) -> None:
        """Mark the batch as stopped if the database still answers; its lease ends by itself otherwise."""
        reason = _stop_reason(error)
        # Only our own messages are known to hold no cell.
        message = error.message if isinstance(error, RiError) else type(error).__name__
        try:
            self._finish(BatchStatus.FAILED, reason, ended=False, message=message)
        except RiError as failure:
            log.warning("batch %s could not be marked as stopped: %s", self.owner.batch_id, failure.message)


def _stop_reason(error: BaseException) -> StopReason:
    if isinstance(error, KeyboardInterrupt):
        return StopReason.INTERRUPTED
    if isinstance(error, SourceError | SourceFault):
        return StopReason.SOURCE
    return StopReason.DATABASE if isinstance(error, RiError) else StopReason.ERROR


def chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Lists of `size` records, the last one shorter. When the source breaks off, what it gave before comes first."""
    iterator = iter(records)
    while True:
        chunk: list[Record] = []
        try:
            for record in itertools.islice(iterator, size):
                chunk.append(record)
        except SourceFault:
            if chunk:
                yield chunk
            raise
        if not chunk:
            return
        yield chunk


def check_outcomes(chunk: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
    """One outcome per record, in order, each at an end and refusals with a reason (law 1)."""
    if [record.index for record in chunk] != [outcome.index for outcome in outcomes]:
        raise AssertionError("the processor did not give one outcome per record, in order")
    for outcome in outcomes:
        explained = outcome.action is not None if outcome.status is ItemStatus.COMPLETED else outcome.problems
        if not explained:
            raise AssertionError(f"record {outcome.index} is {outcome.status} without an action or a problem")


def count(outcomes: Sequence[Outcome]) -> Counts:
    """How many of `outcomes` reached which end."""
    found = dict.fromkeys(Counts._fields, 0)
    for outcome in outcomes:
        found[outcome.status.value] += 1
        if outcome.action is not None:
            found[outcome.action.value] += 1
    return Counts(**found)
