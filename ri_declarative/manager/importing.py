"""One batch from compiled pipeline to closed books: what `run` and `reprocess` have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Engine

from ri_declarative.compiler.compile import compile_pipeline, required_fields
from ri_declarative.compiler.processor import CompiledProcessor
from ri_declarative.database.jsonb import printable
from ri_declarative.database.readiness import before_any_run, check_readiness
from ri_declarative.database.store import Ownership, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.run import Run
from ri_declarative.errors import SourceError
from ri_declarative.processors.context import Batch, ImportContext
from ri_declarative.records import BatchSummary, Progress
from ri_declarative.sources.source import Source
from ri_declarative.spec.pipeline import Pipeline

log = logging.getLogger("ri_declarative")


class Watchers(NamedTuple):
    """Who is told about a run, and who may stop it."""

    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    on_batch: Callable[[str], None] | None = None  # gets the new batch's id before the first record is read


class Parent(NamedTuple):
    """The batch that is reprocessed, and all batches whose records count as one file with its."""

    batch: BatchSummary
    lineage: tuple[str, ...]


@dataclass(frozen=True)
class Import:
    """A source on its way through a pipeline."""

    engine: Engine
    books_schema: str
    pipeline: Pipeline
    source: Source
    watchers: Watchers
    parent: Parent | None = None  # reprocessing

    def run(self) -> str:
        """Work to the end; the new batch's id. Raises before anything is written, or StoppedError later."""
        with Store(self.engine, self.books_schema) as store:
            processor = self._compile(store)
            owner = store.create_batch(
                self.pipeline.name,
                self.source.info.as_json(),
                fingerprint=self.pipeline.fingerprint,
                parent_batch_id=self.parent.batch.batch_id if self.parent else None,
                claim_to=processor.chunk_size,
            )
            # A limit guards a first import against a wrong file; records that failed once may fail again.
            limits = Limits() if self.parent else Limits.parse(self.pipeline.spec.limits.max_failed)
            Run(
                source=self.source,
                processor=processor,
                store=store,
                owner=owner,
                context=ImportContext(self._batch(owner)),
                limits=limits,
                on_begin=lambda: self._begin(store, owner),
                should_stop=self.watchers.should_stop or (lambda: False),
                on_progress=self.watchers.on_progress,
            ).to_the_end()
        return owner.batch_id

    def _compile(self, store: Store) -> CompiledProcessor:
        """All checks; makes the target table where the pipeline says so, only when all of them pass."""
        with before_any_run(), store.transaction() as connection:
            check_readiness(connection, self.books_schema)
            processor = compile_pipeline(connection, self.pipeline, textual=self.source.textual)
            self._check_header(processor)
        return processor

    def _check_header(self, processor: CompiledProcessor) -> None:
        """Of a file. Repaired records may have fields that the file never had: each answers for itself."""
        header = self.source.info.header
        if header is None or self.parent is not None:
            return
        messages = processor.check_header(header, required_fields(self.pipeline))
        if messages:
            raise SourceError("source-header", f"{self.source.info.name}: " + "; ".join(messages))

    def _batch(self, owner: Ownership) -> Batch:
        return Batch(
            id=owner.batch_id,
            batch_type=self.pipeline.name,
            started_at=owner.started_at,
            source_name=printable(self.source.info.name),
            parent_batch_id=self.parent.batch.batch_id if self.parent else None,
            lineage=(*(self.parent.lineage if self.parent else ()), owner.batch_id),
            books=self.books_schema,
        )

    def _begin(self, store: Store, owner: Ownership) -> None:
        if self.watchers.on_batch is not None:
            self.watchers.on_batch(owner.batch_id)
        details: dict[str, Any] = {"fingerprint": self.pipeline.fingerprint}
        if self.parent is None:
            message = f"{self.pipeline.name}: importing {self.source.info.name}"
        else:
            message = f"{self.pipeline.name}: reprocessing batch {self.parent.batch.batch_id}"
            if self.parent.batch.fingerprint != self.pipeline.fingerprint:
                details["parent_fingerprint"] = self.parent.batch.fingerprint
                message += "; the pipeline has changed since"
        log.info("%s as batch %s", message, owner.batch_id)
        store.log(owner.batch_id, "info", message, details)
