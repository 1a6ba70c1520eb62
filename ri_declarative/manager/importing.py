"""One batch from what there is to do to closed books: what run, resume, process and reprocess have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from ri_declarative.database.embedded.home import FOLDER as HOME
from ri_declarative.database.jsonb import printable
from ri_declarative.database.leaks import leaks_told
from ri_declarative.database.ownership import Ownership
from ri_declarative.database.readiness import before_any_run, check_readiness
from ri_declarative.database.store import LEASE_S, SHORT_S, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.patience import GIVE_UP_AFTER_S, Patience
from ri_declarative.engine.run import Run
from ri_declarative.errors import ConnectionLost, UsageError
from ri_declarative.manager.beginning import Beginning, Begun
from ri_declarative.manager.definitions import Definition
from ri_declarative.manager.works import FileWork, RepetitionWork, Work
from ri_declarative.processors.context import Batch, ImportContext
from ri_declarative.processors.listeners import forgiving
from ri_declarative.processors.protocol import Processor
from ri_declarative.records import BatchSummary, LogEntry, Progress, StopReason
from ri_declarative.sources.incoming import SPOOL_FOLDER
from ri_declarative.spec.project import find_project

log = logging.getLogger("ri_declarative")


class Setting(NamedTuple):
    """Where batches are run."""

    engine: Engine
    books_schema: str
    lease_s: float
    spool: Path  # the folder for sources that can be read only once


def setting_of(engine: Engine, folder: Path | None) -> Setting:
    """What the project says that `folder` (default: the current one) lies in; the defaults outside of one."""
    try:
        project = find_project(folder)
    except UsageError:
        return Setting(engine, "public", LEASE_S, (folder or Path.cwd()) / HOME / SPOOL_FOLDER)
    spec = project.spec
    return Setting(engine, spec.bookkeeping_schema, spec.lease_s, project.root / HOME / SPOOL_FOLDER)


class Manner(NamedTuple):
    """How a run behaves, and who watches it."""

    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    on_batch: Callable[[str], None] | None = None  # gets the batch's id before the first record is read
    wait: bool = False  # for another run of the same work
    give_up_after_s: float = GIVE_UP_AFTER_S
    continue_on_error: bool = True
    max_failed: int | str | None = None  # instead of the pipeline's own limit

    def patience(self) -> Patience:
        """For one run."""
        return Patience(self.give_up_after_s, self.should_stop or (lambda: False))


class Ended(NamedTuple):
    """A batch that was worked on."""

    batch_id: str
    reason: StopReason | None  # None: it came to its end
    resumed: bool  # another runner had begun it


@dataclass(frozen=True)
class Import:
    """A work on its way through a processor."""

    setting: Setting
    definition: Definition
    work: Work
    manner: Manner
    patience: Patience
    known: BatchSummary | None = None  # the batch, where it is known before it is begun

    def run(self) -> Ended:
        """Work to the end. Raises before anything is written, or StoppedError later."""
        with ExitStack() as stack:
            setting, patience = self.setting, self.patience
            store = stack.enter_context(Store(setting.engine, setting.books_schema, lease_s=setting.lease_s))
            if self.definition.hooks.functions:
                store.used_by_hooks = True
                stack.enter_context(leaks_told(store.descriptor))
            with before_any_run():
                processor = patience.through_all(lambda: self._processor(store))
            begun = Beginning(
                store, self.definition, self.work, processor.chunk_size, patience, wait=self.manner.wait
            ).begin()
            owner = begun.owner
            run = Run(
                source=self.work.source,
                position=begun.position,
                processor=processor,
                store=store,
                owner=owner,
                context=ImportContext(
                    self._batch(owner), metadata=owner.metadata, continue_on_error=self.manner.continue_on_error
                ),
                limits=self._limits,
                patience=patience,
                opening=self._opening(begun),
                on_begin=lambda: self.manner.on_batch(owner.batch_id) if self.manner.on_batch else None,
                on_progress=forgiving(self.manner.on_progress),
            )
            try:
                return Ended(owner.batch_id, run.to_the_end(), begun.stopped is not None)
            except ConnectionLost as lost:
                # No answer could be had: for the books the batch is ours until the lease ends.
                lost.hint = f"when the database is back: ri resume {owner.batch_id[:8]} --wait"
                raise

    @property
    def _limits(self) -> Limits:
        if self.manner.max_failed is not None:
            return Limits.parse(self.manner.max_failed)
        # A limit guards a first import against a wrong file; records that failed once may fail again.
        return Limits() if isinstance(self.work, RepetitionWork) else self.definition.limits

    def _processor(self, store: Store) -> Processor:
        """All checks; makes the target table where the pipeline says so, only when all of them pass."""
        with store.within(SHORT_S), store.transaction() as connection:
            check_readiness(connection, self.setting.books_schema)
            # Of a file. Repaired records may have fields that the file never had: each answers for itself.
            is_file = isinstance(self.work, FileWork)
            return self.definition.processor(connection, self.work.source, checks_header=is_file)

    def _batch(self, owner: Ownership) -> Batch:
        parent = self.work.parent if isinstance(self.work, RepetitionWork) else None
        lineage = parent.lineage if parent else ()
        known = parent.batch if parent else self.known
        return Batch(
            id=owner.batch_id,
            batch_type=self.definition.batch_type,
            started_at=owner.started_at,
            source_name=printable(self.work.source.info.name),
            parent_batch_id=parent.batch.batch_id if parent else None,
            lineage=(*lineage, owner.batch_id),
            books=self.setting.books_schema,
            source_info=known.source_info if known else self.work.source.info.as_json(),
            original_batch_id=lineage[0] if lineage else None,
        )

    def _opening(self, begun: Begun) -> LogEntry:
        """The first line of the run in the batch's log."""
        fingerprint, name = self.definition.fingerprint, self.definition.batch_type
        details = {"fingerprint": fingerprint}
        message = f"{name}: importing {self.work.source.info.name}"
        before = None
        if isinstance(self.work, RepetitionWork):
            batch = self.work.parent.batch
            message, before = f"{name}: reprocessing batch {batch.batch_id}", batch.fingerprint
        if begun.stopped is not None and begun.stopped.was_begun_before:
            message = f"{message}, resumed at record {begun.stopped.next_index:,}"
            before = begun.stopped.fingerprint
            reason = begun.stopped.stop_reason
            log.warning(
                "resuming batch %s, which stopped (%s) after %s records",
                begun.owner.batch_id,
                reason,
                f"{begun.stopped.counts.processed:,}",
            )
        if before is not None and before != fingerprint:
            details["fingerprint_before"] = before
            message += "; the pipeline has changed since"
            if begun.stopped is not None:
                log.warning(
                    "the pipeline changed since batch %s stopped: fingerprint %s then, %s now",
                    begun.owner.batch_id,
                    before[:12],
                    (fingerprint or "unknown")[:12],
                )
        log.info("%s as batch %s", message, begun.owner.batch_id)
        return LogEntry("info", message, details)


def refuse_reached_limit(batch: BatchSummary, limits: Limits) -> None:
    """Raise UsageError when a batch that its limit has stopped would be stopped at once."""
    if batch.stop_reason is StopReason.MAX_FAILED and limits.exceeded(batch.counts):
        raise UsageError(
            "limit-reached",
            f"batch {batch.batch_id} has {batch.failed_items:,} failed records, which is beyond its limit already",
            hint=f"allow more: ri resume {batch.batch_id[:8]} --max-failed 50%",
        )
