"""The loop: chunks from a source, through a processor, into the store.

Two threads: this one reads and prepares; the writer calls the hooks and sends the chunk before to the
database, so that both cores work and a signal handler never waits for a statement. Knows `Source`,
`Processor` and `Store`, never the compiler.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ri_declarative.database.store import Ownership, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.errors import LostOwnership, PassingFault, RiError, SourceError, SourceFault, StoppedError
from ri_declarative.processors.calls import Calls
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.protocol import Processor
from ri_declarative.records import BatchStatus, Counts, ItemStatus, Outcome, Progress, Record, StopReason
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")
T = TypeVar("T")


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
    on_progress: Callable[[Progress], None] = lambda progress: None
    counts: Counts = field(default_factory=Counts)
    next_index: int = 0
    begun: float = field(default_factory=time.monotonic)
    _calls: Calls = field(init=False)
    _hooks_begun: bool = False  # on_batch_complete is still to be called
    _completing: bool = False  # it has been called
    _told: str | None = None  # what it raised

    def __post_init__(self) -> None:
        self._calls = Calls(self.processor.hooks, self.context)

    def to_the_end(self) -> None:
        """Work until the source ends, a limit is met, or somebody says stop; then close the batch.

        Raises what stopped the run from outside, after the batch has been marked as stopped.
        """
        with ThreadPoolExecutor(1, "ri-writer") as writer:
            try:
                self.on_begin()
                reason = writer.submit(self._again, self._begin).result() or self._work(writer)
                ended = reason is None
                if ended and self.limits.exceeded_at_end(self.counts):
                    reason = StopReason.MAX_FAILED
                writer.submit(self._finish, reason, ended=ended).result()
            except LostOwnership:
                raise
            except BaseException as error:
                writer.submit(self._give_up, error).result()
                raise

    def _work(self, writer: ThreadPoolExecutor) -> StopReason | None:
        """None when the source has ended."""
        writing: Future[StopReason | None] | None = None
        try:
            for chunk in chunks(self.source, self.processor.chunk_size):
                prepared = self.processor.prepare(chunk)
                if (reason := self._reason_to_stop(writing)) is not None:
                    return reason
                writing = writer.submit(self._write, chunk, prepared)
            return self._reason_to_stop(writing, ended=True)
        except BaseException as error:
            # The reader failed: what the writer met meanwhile is the nearer cause, if it met anything.
            failure = writing.exception() if writing is not None else None
            if failure is not None and failure is not error:
                raise failure from error
            raise

    def _reason_to_stop(self, writing: Future[StopReason | None] | None, *, ended: bool = False) -> StopReason | None:
        """Waits for the chunk that is being written."""
        if writing is not None:
            reason = writing.result()
            self._report()
            if reason is not None:
                return reason
        if ended:
            return None
        if self.limits.exceeded(self.counts):
            return StopReason.MAX_FAILED
        return StopReason.INTERRUPTED if self.should_stop() else None

    def _report(self) -> None:
        elapsed_s, info = time.monotonic() - self.begun, self.source.info
        self.on_progress(Progress(self.counts, self.source.bytes_read, info.size, elapsed_s, info.records))

    # ── the writer's side ────────────────────────────────────────────────────────────────────

    def _begin(self, attempt: int) -> StopReason | None:
        """The hooks before the first record, in a transaction of their own."""
        self._hooks_begun = True
        hooks = self.processor.hooks
        if "validate_batch" not in hooks and "on_batch_start" not in hooks:
            return None
        isolate = self.processor.retry.isolates(attempt)
        with (
            self.store.transaction_of(self.owner) as transaction,
            self.context.within(lambda: transaction.connection, attempt=attempt, isolate=isolate),
        ):
            valid = self._calls.for_batch("validate_batch", self.context)
            if valid is False:
                return StopReason.HOOK
            if valid is not True and "validate_batch" in hooks:
                answer = type(valid).__name__
                raise StoppedError("hook.validate_batch", f"validate_batch returned {answer}, expected True or False")
            self._calls.for_batch("on_batch_start", self.context)
            transaction.note(self.context.journal.pending(), self.context.unstored_metadata)
        self.context.stored()
        return None

    def _write(self, chunk: Sequence[Record], prepared: Any) -> StopReason | None:
        return self._again(lambda attempt: self._try(chunk, prepared, attempt))

    def _again(self, step: Callable[[int], T]) -> T:
        """One transaction, by the number of the attempt; passing faults are tried again with backoff and jitter."""
        retry = self.processor.retry
        for attempt in itertools.count(1):
            try:
                return step(attempt)
            except PassingFault as fault:
                if retry.is_last(attempt):
                    raise
                log.warning("trying the chunk again: %s", fault.message)
                self.context.journal.forget_attempt()
                time.sleep(retry.pause_s(attempt))
        raise AssertionError("unreachable")

    def _try(self, chunk: Sequence[Record], prepared: Any, attempt: int) -> StopReason | None:
        """One transaction: target rows, items, what hooks logged, and the fence last."""
        isolate = self.processor.retry.isolates(attempt)
        with (
            self.store.transaction_of(self.owner) as transaction,
            self.context.within(lambda: transaction.connection, attempt=attempt, isolate=isolate),
        ):
            outcomes = self.processor.process(prepared, self.context)
            check_outcomes(chunk, outcomes)
            done = chunk[: len(outcomes)]
            transaction.book(done, outcomes, self.processor.target)
            transaction.note(self.context.journal.pending(), self.context.unstored_metadata)
            counts, new_index = count(outcomes), done[-1].index + 1
            claim_to = new_index + self.processor.chunk_size
            transaction.advance(counts, old_index=self.next_index, new_index=new_index, claim_to=claim_to)
        self.context.stored()
        self.next_index = new_index
        self.counts = self.counts.plus(counts)
        return StopReason.ITEM_FAILED if outcomes[-1].stop else None

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _finish(self, reason: StopReason | None, *, ended: bool, message: str | None = None) -> None:
        self._again(lambda attempt: self._try_to_finish(attempt, reason, ended=ended, message=message))

    def _try_to_finish(self, attempt: int, reason: StopReason | None, *, ended: bool, message: str | None) -> None:
        """Close the batch, in one transaction with what on_batch_complete does."""
        facts = {"sha256": self.source.sha256} if self.source.sha256 else {}
        status = BatchStatus.COMPLETED if reason is None else BatchStatus.FAILED
        isolate = self.processor.retry.isolates(attempt)
        with (
            self.store.transaction_of(self.owner) as transaction,
            self.context.within(lambda: transaction.connection, attempt=attempt, isolate=isolate),
        ):
            told = self._complete(success=reason is None)
            transaction.note(self.context.journal.pending(), self.context.unstored_metadata)
            transaction.finish(
                status, ended=ended, source_info=facts, stop_reason=reason, error_message=message or told
            )
        self.context.stored()

    def _complete(self, *, success: bool) -> str | None:
        """Call on_batch_complete; what it raised. The records are committed, whatever it does."""
        if not self._hooks_begun:
            return self._told
        self._completing = True
        try:
            self._calls.for_batch("on_batch_complete", self.context, success)
        except PassingFault:
            raise
        except StoppedError as error:
            self._hooks_begun = False  # it is not called again, whatever it has done
            if error.code != "hook.on_batch_complete":
                raise
            log.error("%s", error.message)
            self._told = error.message
        if not self.context.transaction.used:
            self._hooks_begun = False  # a pure call is not repeated with its transaction
        return self._told

    def _give_up(self, error: BaseException) -> None:
        """Mark the batch as stopped if the database still answers; its lease ends by itself otherwise."""
        if self._completing:  # what stopped us came after on_batch_complete, or from it
            self._hooks_begun = False
        # Only our own messages are known to hold no cell.
        message = error.message if isinstance(error, RiError) else type(error).__name__
        try:
            self._finish(_stop_reason(error), ended=False, message=message)
        except RiError as failure:
            log.warning("batch %s could not be marked as stopped: %s", self.owner.batch_id, failure.message)


def _stop_reason(error: BaseException) -> StopReason:
    if isinstance(error, KeyboardInterrupt):
        return StopReason.INTERRUPTED
    if isinstance(error, SourceError | SourceFault):
        return StopReason.SOURCE
    if isinstance(error, RiError):
        return StopReason.HOOK if error.code.startswith("hook") else StopReason.DATABASE
    return StopReason.ERROR


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
    """One outcome per record, in order, up to one that ends the batch; refusals with a reason (law 1)."""
    expected = [record.index for record in chunk[: len(outcomes)]]
    ends_early = bool(outcomes) and outcomes[-1].stop
    if expected != [outcome.index for outcome in outcomes] or (len(outcomes) < len(chunk) and not ends_early):
        raise AssertionError("the processor did not give one outcome per record, in order")
    for outcome in outcomes:
        if outcome.status is not ItemStatus.COMPLETED and not outcome.problems:
            raise AssertionError(f"record {outcome.index} is {outcome.status} without a problem")


def count(outcomes: Sequence[Outcome]) -> Counts:
    """How many of `outcomes` reached which end."""
    found = dict.fromkeys(Counts._fields, 0)
    for outcome in outcomes:
        found[outcome.status.value] += 1
        if outcome.action is not None:
            found[outcome.action.value] += 1
    return Counts(**found)
