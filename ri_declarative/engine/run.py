"""The loop: chunks from a source, through a processor, into the store.

Two threads: this one reads and prepares; the writer calls the hooks and sends the chunk before to the
database, so that both cores work and a signal handler never waits for a statement. Knows `Source`,
`Processor` and `Store`, never the compiler.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ri_declarative.database.batch_transaction import Transaction
from ri_declarative.database.heartbeat import Heartbeat
from ri_declarative.database.items import KeptRecords, keep
from ri_declarative.database.ownership import Claim, Ownership, Standing, lost_ownership, standing
from ri_declarative.database.store import Store
from ri_declarative.engine.claims import POISON_AFTER, is_poison, next_claim
from ri_declarative.engine.handover import quick_handover
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.outcomes import checked, count
from ri_declarative.engine.patience import Patience
from ri_declarative.engine.resumed import Position, ReadDigest
from ri_declarative.errors import (
    ConnectionLost,
    LostOwnership,
    PassingFault,
    RiError,
    SourceError,
    SourceFault,
    StoppedError,
)
from ri_declarative.processors.calls import Calls
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.protocol import Processor
from ri_declarative.records import (
    BatchStatus,
    Counts,
    ItemStatus,
    LogEntry,
    Outcome,
    Problem,
    Progress,
    Record,
    StopReason,
)
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")
T = TypeVar("T")

_CANCELS = 10  # asked of the server before the connection is cut: two seconds


class Done(NamedTuple):
    """What one transaction brings, once it is committed."""

    counts: Counts = Counts()
    next_index: int | None = None
    read_digest: ReadDigest | None = None
    reason: StopReason | None = None


@dataclass
class Run:
    """One batch being worked on by this process."""

    source: Source
    position: Position  # in the source, where the owner's work begins
    processor: Processor
    store: Store
    owner: Ownership
    context: ImportContext
    limits: Limits
    patience: Patience
    opening: LogEntry  # the first line of the batch's log
    on_begin: Callable[[], None] = lambda: None
    on_progress: Callable[[Progress], None] = lambda progress: None
    begun: float = field(default_factory=time.monotonic)
    _calls: Calls = field(init=False)
    _heartbeat: Heartbeat = field(init=False)
    _writing: Future[StopReason | None] | None = None
    _current: Future[Any] | None = None  # what the writer does
    _finished: bool = False
    _pure: dict[str, Any] = field(default_factory=dict)  # what hooks of the beginning returned that used no database
    _hooks_begun: bool = False  # on_batch_complete is still to be called
    _completing: bool = False  # it has been called
    _told: str | None = None  # what it raised

    def __post_init__(self) -> None:
        if self.position.start != self.owner.next_index:
            raise AssertionError(f"the source stands at {self.position.start}, the batch at {self.owner.next_index}")
        self._calls = Calls(self.processor.hooks, self.context)
        self.counts, self.next_index = self.owner.counts, self.owner.next_index
        self._digest = self.position.digest
        self._earlier_bytes = self.source.bytes_read if self.owner.next_index else 0

    def to_the_end(self) -> StopReason | None:
        """Work until the source ends, a limit is met, or somebody says stop; then close the batch. Why it stopped.

        Raises what stopped the run from outside, after the batch has been marked as stopped.
        """
        with (
            quick_handover(),
            ThreadPoolExecutor(1, "ri-writer") as writer,
            Heartbeat(self.store, self.owner) as self._heartbeat,
        ):
            try:
                self.on_begin()
                reason = self._result(writer.submit(self._begin)) or self._work(writer)
                ended = reason is None
                if ended and self.limits.exceeded_at_end(self.counts):
                    reason = StopReason.MAX_FAILED
                self._result(writer.submit(self._finish, reason, ended=ended))
                return reason
            except LostOwnership:
                raise
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    self._break_off()
                self._result(writer.submit(self._give_up, error))
                raise

    def _work(self, writer: ThreadPoolExecutor) -> StopReason | None:
        """None when the source has ended."""
        claim = self.owner.claim
        try:
            while chunk := self.position.take(claim.size):
                prepared = None if is_poison(claim) else self.processor.prepare(chunk)
                expected = None if prepared is None else self.processor.expected(prepared)
                kept = keep(self.owner, chunk, expected, self.processor.target)
                if (reason := self._reason_to_stop()) is not None:
                    return reason
                after = next_claim(claim, self.processor.chunk_size)
                self._current = self._writing = writer.submit(self._write, kept, prepared, claim, after)
                if claim.suspect and (reason := self._reason_to_stop()) is not None:
                    return reason  # nothing is read ahead here: a runner that dies shall have claimed why
                claim = after
            return self._reason_to_stop(ended=True)
        except BaseException as error:
            # The reader failed: what the writer met meanwhile is the nearer cause, if it met anything.
            failure = None
            if self._writing is not None and not isinstance(error, KeyboardInterrupt):
                with suppress(BaseException):
                    self._result(self._writing)
                failure = self._writing.exception()
            if failure is not None and failure is not error:
                raise failure from error
            raise

    def _reason_to_stop(self, *, ended: bool = False) -> StopReason | None:
        """Waits for the chunk that is being written."""
        if self._writing is not None:
            reason = self._result(self._writing)
            self._writing = None
            self._report()
            if reason is not None:
                return reason
        if ended:
            return None
        if self.limits.exceeded(self.counts):
            return StopReason.MAX_FAILED
        return StopReason.INTERRUPTED if self.patience.should_stop() else None

    def _result(self, future: Future[T]) -> T:
        """What the writer's work gives; an eye is kept on a server that does not answer."""
        self._current = future
        while not wait([future], timeout=1).done:
            self._heartbeat.cut_when_silent()
        return future.result()

    def _report(self) -> None:
        elapsed_s, info = time.monotonic() - self.begun, self.source.info
        self.on_progress(
            Progress(
                self.counts,
                self.source.bytes_read,
                info.size,
                elapsed_s,
                info.records,
                self.owner.counts.processed,
                self._earlier_bytes,
            )
        )

    def _break_off(self) -> None:
        """Somebody wants to leave now: the statement in progress is cancelled, its chunk rolled back."""
        self.patience.hurry()
        current, asked = self._current or self._writing, 0
        while current is not None and not wait([current], timeout=0.2).done:
            asked += 1
            if asked <= _CANCELS:
                threading.Thread(target=self.store.cancel, daemon=True).start()
            else:  # nobody answers
                self.store.cut()

    # ── the writer's side ────────────────────────────────────────────────────────────────────

    def _begin(self) -> StopReason | None:
        """The hooks before the first record, in a transaction of their own."""
        self._hooks_begun = True
        done = self._persist(self._try_to_begin, lambda now, _: now.begun_by == self.owner.token)
        return done.reason

    def _try_to_begin(self, transaction: Transaction) -> Done:
        reason = self._refused_by_hook()
        transaction.note([self.opening, *self.context.journal.pending()], self.context.unstored_metadata)
        transaction.begin_records()
        return Done(reason=reason)

    def _refused_by_hook(self) -> StopReason | None:
        valid = self._once("validate_batch")
        if valid is False:
            return StopReason.HOOK
        if valid is not True and "validate_batch" in self.processor.hooks:
            answer = type(valid).__name__
            raise StoppedError("hook.validate_batch", f"validate_batch returned {answer}, expected True or False")
        self._once("on_batch_start")
        return None

    def _once(self, hook: str) -> Any:
        """What the hook returns; a pure one is not called again when its transaction is repeated (law 8)."""
        if hook not in self._pure:
            result = self._calls.for_batch(hook, self.context)
            if self.context.transaction.used:
                return result
            self._pure[hook] = result
        return self._pure[hook]

    def _write(self, kept: KeptRecords, prepared: Any, claim: Claim, after: Claim) -> StopReason | None:
        """The chunk's rows, items and log lines, and the fence last."""
        step = partial(self._try_to_write, kept, prepared, claim, after)
        done = self._persist(step, lambda now, sent: now.next_index == sent.next_index)
        assert done.next_index is not None
        assert done.read_digest is not None
        self.next_index, self.counts = done.next_index, self.counts.plus(done.counts)
        self._digest = done.read_digest
        return done.reason

    def _try_to_write(
        self, kept: KeptRecords, prepared: Any, claim: Claim, after: Claim, transaction: Transaction
    ) -> Done:
        if is_poison(claim):
            outcomes: Sequence[Outcome] = [_poisoned(record) for record in kept.records]
        else:
            outcomes = self.processor.process(prepared, self.context)
        ends = checked(kept.indexes, outcomes)
        done = kept.first(len(outcomes))
        transaction.book(done, ends, self.processor.target)
        transaction.note(self.context.journal.pending(), self.context.unstored_metadata)
        digest = self._digest.after(done.source_data) if self.position.verifiable else self._digest
        counts, new_index = count(ends), ends.index[-1] + 1
        transaction.advance(
            counts,
            old_index=self.next_index,
            new_index=new_index,
            next_claim=after,
            read_digest=digest.hex() if self.position.verifiable else None,
        )
        return Done(counts, new_index, digest, StopReason.ITEM_FAILED if ends.stop[-1] else None)

    def _persist(self, step: Callable[[Transaction], Done], is_committed: Callable[[Standing, Done], bool]) -> Done:
        """What `step` brings, committed once. Passing faults are tried again, lost connections made anew."""
        retry, attempts, begun = self.processor.retry, 1, 0
        sent: Done | None = None

        def once() -> Done:
            nonlocal sent, begun
            sent, begun = None, begun + 1
            with (
                self.store.transaction_of(self.owner) as transaction,
                self.context.within(lambda: transaction.connection, attempt=begun, isolate=retry.isolates(attempts)),
            ):
                result = step(transaction)
                sent = result  # only COMMIT is left
            return result

        def after_loss() -> Done:
            now = self._standing()
            if sent is not None and is_committed(now, sent):
                return sent
            if now.token != self.owner.token:
                raise lost_ownership(self.owner.batch_id)
            self.context.journal.forget_attempt()
            return once()

        work = once
        while True:
            try:
                done = self.patience.through(work, again=after_loss)
                break
            except PassingFault as fault:
                if retry.is_last(attempts) or self.patience.hurried:
                    raise
                log.warning("trying the chunk again: %s", fault.message)
            self.context.journal.forget_attempt()
            self.patience.pause(retry.pause_s(attempts))
            attempts += 1
            work = after_loss  # the fault may have met us when we looked whether it is committed
        self.context.stored()
        return done

    def _standing(self) -> Standing:
        with self.store.transaction() as connection:
            return standing(self.store.statements, connection, self.owner.batch_id)

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _finish(self, reason: StopReason | None, *, ended: bool, message: str | None = None) -> None:
        # One that gives up has perhaps lost the answer to its last chunk: it believes the database.
        next_index = None if message else self.next_index
        step = partial(self._try_to_finish, reason, ended=ended, message=message, next_index=next_index)
        status = _status(reason)
        self._persist(step, lambda now, _: (now.token, now.status, now.stop_reason) == (None, status, reason))
        self._finished = True

    def _try_to_finish(
        self,
        reason: StopReason | None,
        transaction: Transaction,
        *,
        ended: bool,
        message: str | None,
        next_index: int | None,
    ) -> Done:
        """Close the batch, in one transaction with what on_batch_complete does."""
        facts = {"sha256": self.source.sha256} if self.source.sha256 else {}
        told = self._complete(success=reason is None)
        transaction.note(self.context.journal.pending(), self.context.unstored_metadata)
        transaction.finish(
            _status(reason),
            ended=ended,
            source_info=facts,
            next_index=next_index,
            stop_reason=reason,
            error_message=message or told,
        )
        return Done()

    def _complete(self, *, success: bool) -> str | None:
        """Call on_batch_complete; what it raised. The records are committed, whatever it does."""
        if not self._hooks_begun:
            return self._told
        self._completing = True
        try:
            self._calls.for_batch("on_batch_complete", self.context, success)
        except (PassingFault, ConnectionLost):
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
        if self._finished:
            return
        if isinstance(error, ConnectionLost):
            if not self.patience.hurried and self.patience.give_up_after_s > 0:
                return  # it has been tried for long enough
            self.patience.hurry()
        if self._completing:  # what stopped us came after on_batch_complete, or from it
            self._hooks_begun = False
        # Only our own messages are known to hold no cell.
        message = error.message if isinstance(error, RiError) else type(error).__name__
        try:
            self._finish(self._stop_reason(error), ended=False, message=message)
        except RiError as failure:
            log.warning("batch %s could not be marked as stopped: %s", self.owner.batch_id, failure.message)

    def _stop_reason(self, error: BaseException) -> StopReason:
        if isinstance(error, KeyboardInterrupt) or (isinstance(error, PassingFault) and self.patience.hurried):
            return StopReason.INTERRUPTED
        if isinstance(error, SourceError | SourceFault):
            return StopReason.SOURCE
        if isinstance(error, RiError):
            return StopReason.HOOK if error.code.startswith("hook") else StopReason.DATABASE
        return StopReason.ERROR


def _status(reason: StopReason | None) -> BatchStatus:
    return BatchStatus.COMPLETED if reason is None else BatchStatus.FAILED


def _poisoned(record: Record) -> Outcome:
    message = f"{POISON_AFTER} runners died while they worked on this record alone or near it: it is left out"
    return Outcome(record.index, ItemStatus.FAILED, problems=(*record.problems, Problem("poison", None, message)))
