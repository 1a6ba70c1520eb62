"""One batch from its definition to closed books: what run, process and reprocess have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Engine

from ri_declarative.database.jsonb import printable
from ri_declarative.database.leaks import leaks_told
from ri_declarative.database.readiness import before_any_run, check_readiness
from ri_declarative.database.store import Ownership, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.run import Run
from ri_declarative.errors import UsageError
from ri_declarative.manager.definitions import Definition
from ri_declarative.processors.context import DISMISSED, Batch, ImportContext
from ri_declarative.processors.listeners import forgiving
from ri_declarative.processors.protocol import Processor
from ri_declarative.records import BatchSummary, Progress
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")


class Watchers(NamedTuple):
    """Who is told about a run, and who may stop it."""

    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    on_batch: Callable[[str], None] | None = None  # gets the batch's id before the first record is read


class Parent(NamedTuple):
    """The batch that is reprocessed, and all batches whose records count as one file with its."""

    batch: BatchSummary
    lineage: tuple[str, ...]  # the one that read the records first comes first


@dataclass(frozen=True)
class Import:
    """A source on its way through a processor."""

    engine: Engine
    books_schema: str
    definition: Definition
    source: Source
    watchers: Watchers = field(default_factory=Watchers)
    parent: Parent | None = None  # reprocessing
    stored: BatchSummary | None = None  # the batch that holds its items already
    continue_on_error: bool = True

    def run(self) -> str:
        """Work to the end; the batch's id. Raises before anything is written, or StoppedError later."""
        with ExitStack() as stack:
            store = stack.enter_context(Store(self.engine, self.books_schema))
            if self.definition.hooks.functions:
                stack.enter_context(leaks_told(store.descriptor))
            processor = self._processor(store)
            owner = self._own(store, processor)
            # A limit guards a first import against a wrong file; records that failed once may fail again.
            limits = Limits() if self.parent else self.definition.limits
            Run(
                source=self.source,
                processor=processor,
                store=store,
                owner=owner,
                context=ImportContext(
                    self._batch(owner), metadata=owner.metadata, continue_on_error=self.continue_on_error
                ),
                limits=limits,
                on_begin=lambda: self._begin(store, owner),
                should_stop=self.watchers.should_stop or (lambda: False),
                on_progress=forgiving(self.watchers.on_progress),
                counts=owner.counts,
                next_index=owner.next_index,
            ).to_the_end()
        return owner.batch_id

    def _processor(self, store: Store) -> Processor:
        """All checks; makes the target table where the pipeline says so, only when all of them pass."""
        with before_any_run(), store.transaction() as connection:
            check_readiness(connection, self.books_schema)
            # Of a file. Repaired records may have fields that the file never had: each answers for itself.
            is_file = self.parent is None and self.stored is None
            return self.definition.processor(connection, self.source, checks_header=is_file)

    def _own(self, store: Store, processor: Processor) -> Ownership:
        """A new batch, or the one whose items wait."""
        fingerprint, parent = self.definition.fingerprint, self.parent
        if self.stored is None:
            return store.create_batch(
                self.definition.batch_type,
                self.source.info.as_json(),
                fingerprint=fingerprint,
                parent_batch_id=parent.batch.batch_id if parent else None,
                claim_to=processor.chunk_size,
                metadata=inherited(parent.batch.metadata) if parent else None,
            )
        batch_id = self.stored.batch_id
        owner = store.claim_batch(batch_id, fingerprint=fingerprint, chunk_size=processor.chunk_size)
        if owner is None:
            raise UsageError(
                "batch-running", f"somebody else has begun to work on batch {batch_id}", hint="wait for its end"
            )
        return owner

    def _batch(self, owner: Ownership) -> Batch:
        lineage = self.parent.lineage if self.parent else ()
        known = self.parent.batch if self.parent else self.stored
        return Batch(
            id=owner.batch_id,
            batch_type=self.definition.batch_type,
            started_at=owner.started_at,
            source_name=printable(self.source.info.name),
            parent_batch_id=self.parent.batch.batch_id if self.parent else None,
            lineage=(*lineage, owner.batch_id),
            books=self.books_schema,
            source_info=known.source_info if known else self.source.info.as_json(),
            original_batch_id=lineage[0] if lineage else None,
        )

    def _begin(self, store: Store, owner: Ownership) -> None:
        if self.watchers.on_batch is not None:
            self.watchers.on_batch(owner.batch_id)
        fingerprint = self.definition.fingerprint
        details: dict[str, Any] = {"fingerprint": fingerprint}
        if self.parent is None:
            message = f"{self.definition.batch_type}: importing {self.source.info.name}"
        else:
            message = f"{self.definition.batch_type}: reprocessing batch {self.parent.batch.batch_id}"
            if self.parent.batch.fingerprint != fingerprint:
                details["parent_fingerprint"] = self.parent.batch.fingerprint
                message += "; the pipeline has changed since"
        log.info("%s as batch %s", message, owner.batch_id)
        store.log(owner.batch_id, "info", message, details)


def inherited(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch that reprocesses another one takes over: what callers and hooks have stored, not our marks."""
    return {key: value for key, value in metadata.items() if key != DISMISSED}
