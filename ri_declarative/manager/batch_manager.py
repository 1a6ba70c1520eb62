"""`BatchManager`: run, reprocess, look, dismiss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO

from sqlalchemy import Engine

from ri_declarative.compiler.compile import compile_pipeline, required_fields
from ri_declarative.compiler.explain import Explanation
from ri_declarative.compiler.processor import CompiledProcessor
from ri_declarative.database.books import Books
from ri_declarative.database.connect import choose_database, open_engine
from ri_declarative.database.migrations import migrate
from ri_declarative.database.readiness import check_readiness
from ri_declarative.database.store import Ownership, Store
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.run import Run
from ri_declarative.errors import DatabaseError, Diagnostic, SourceError, StoppedError, UsageError
from ri_declarative.manager.checks import check_files, in_order
from ri_declarative.manager.export import write_repairable
from ri_declarative.manager.items_source import ItemsSource, by_index
from ri_declarative.manager.targets import Targets
from ri_declarative.processors.context import Batch, ImportContext
from ri_declarative.records import BatchStatus, BatchSummary, Item, ItemStatus, Progress
from ri_declarative.sources.open import open_source
from ri_declarative.sources.repair import read_repairs
from ri_declarative.sources.source import Source
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import Project, find_project

log = logging.getLogger("ri_declarative")


class Watchers(NamedTuple):
    """Who is told about a run, and who may stop it."""

    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None
    on_batch: Callable[[str], None] | None = None  # gets the new batch's id before the first record is read


class BatchManager:
    """Everything that can be done with batches in one database.

    `database`: a DSN, the name of a service, a SQLAlchemy engine, or None: what the environment and
    ri.yaml say, else the embedded PostgreSQL. Raises DatabaseError when it cannot be used.
    """

    def __init__(self, database: str | Engine | None = None, *, project: Path | None = None) -> None:
        self._folder = project
        self.warnings: tuple[str, ...] = ()
        self._is_embedded = False
        self._migrated: list[str] = []  # by opening the embedded database
        if isinstance(database, Engine):
            self._engine, self.database_label = database, str(database.url.database)
            self._owns_engine = False
        else:
            self._owns_engine = True
            self._open(database)

    def _open(self, database: str | None) -> None:
        root, configured = self._project_or_folder()
        choice = choose_database(database, root=root, configured=None if database else configured)
        self.database_label, self.warnings, self._is_embedded = choice.label, choice.warnings, choice.embedded
        self._engine = open_engine(choice, root)
        if choice.embedded:
            self._migrated = migrate(self._engine, self._books_schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        if self._owns_engine:
            self._engine.dispose()

    # ── run and reprocess ────────────────────────────────────────────────────────────────────

    def run_pipeline(
        self,
        name: str,
        file: str | Path,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
    ) -> BatchSummary:
        """Import one file ("-": standard input) through a pipeline, as one batch.

        Raises ConfigError, SourceError or DatabaseError before anything is written, StoppedError
        when the world stops a run that has begun.
        """
        pipeline = load_pipeline(self.project, name)
        spec = pipeline.spec.source
        with open_source(file, format=spec.format, encoding=spec.encoding, delimiter=spec.delimiter) as source:
            batch_id = self._run(pipeline, source, None, Watchers(on_progress, should_stop, on_batch))
        return self.get_batch_summary(batch_id)

    def reprocess_batch(
        self,
        batch_id: str,
        failed_items_only: bool = True,
        *,
        corrections: str | Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
    ) -> str | None:
        """Take a batch's failed items (or all) through the pipeline again, as a new batch linked to it.

        `corrections`: a repaired file of `export_failed`; only the records it names are taken, with its
        values. Gives the new batch's id, or None when there is nothing to reprocess.
        """
        parent = self.get_batch_summary(batch_id)
        if parent.status is BatchStatus.PROCESSING:
            raise UsageError("batch-running", f"batch {batch_id} is still being worked on", hint="wait for its end")
        pipeline = load_pipeline(self.project, parent.batch_type)
        repairs = None
        if corrections is not None:
            lineage = self._books.lineage(batch_id)
            repairs = by_index(read_repairs(corrections), lineage=lineage, name=Path(corrections).name)
        items = self._books.to_reprocess(batch_id, failed_items_only=failed_items_only)
        if not any(repairs is None or item.index in repairs for item in items):
            return None
        items = self._books.to_reprocess(batch_id, failed_items_only=failed_items_only)
        source = ItemsSource(parent, items, repairs)
        new_id = self._run(pipeline, source, parent, Watchers(on_progress, should_stop, on_batch))
        if source.repaired:
            with Store(self._engine, self._books_schema) as store:
                store.log(new_id, "info", f"{source.repaired} records corrected from {Path(corrections or '').name}")
        return new_id

    def _run(self, pipeline: Pipeline, source: Source, parent: BatchSummary | None, watchers: Watchers) -> str:
        with Store(self._engine, self._books_schema) as store:
            processor = self._compile(store, pipeline, source)
            owner = store.create_batch(
                pipeline.name,
                source.info.as_json(),
                fingerprint=pipeline.fingerprint,
                parent_batch_id=parent.batch_id if parent else None,
                claim_to=processor.chunk_size,
            )
            if watchers.on_batch is not None:
                watchers.on_batch(owner.batch_id)
            self._log_start(store, owner, pipeline, source, parent)
            Run(
                source=source,
                processor=processor,
                store=store,
                owner=owner,
                context=ImportContext(self._batch(owner, pipeline, source, parent)),
                limits=Limits.parse(pipeline.spec.limits.max_failed),
                should_stop=watchers.should_stop or (lambda: False),
                on_progress=watchers.on_progress,
            ).to_the_end()
        return owner.batch_id

    def _compile(self, store: Store, pipeline: Pipeline, source: Source) -> CompiledProcessor:
        """All checks; makes the target table where the pipeline says so, only when all of them pass."""
        try:
            with store.transaction() as connection:
                check_readiness(connection, self._books_schema)
                processor = compile_pipeline(connection, pipeline, textual=source.textual)
                if source.info.header is not None:
                    _check_header(processor, pipeline, source.info.header, name=source.info.name)
        except StoppedError as stopped:  # nothing has begun yet
            raise DatabaseError(stopped.code, stopped.message, hint=stopped.hint) from stopped
        return processor

    def _batch(self, owner: Ownership, pipeline: Pipeline, source: Source, parent: BatchSummary | None) -> Batch:
        lineage = self._books.lineage(owner.batch_id)
        return Batch(
            id=owner.batch_id,
            batch_type=pipeline.name,
            started_at=owner.started_at,
            source_name=source.info.name,
            parent_batch_id=parent.batch_id if parent else None,
            lineage=lineage,
            books=self._books_schema,
        )

    def _log_start(
        self, store: Store, owner: Ownership, pipeline: Pipeline, source: Source, parent: BatchSummary | None
    ) -> None:
        if parent is None:
            message = f"{pipeline.name}: importing {source.info.name}"
        else:
            message = f"{pipeline.name}: reprocessing batch {parent.batch_id}"
        log.info("%s as batch %s", message, owner.batch_id)
        details: dict[str, Any] = {"fingerprint": pipeline.fingerprint}
        if parent is not None and parent.fingerprint != pipeline.fingerprint:
            details["parent_fingerprint"] = parent.fingerprint
            message += "; the pipeline has changed since"
        store.log(owner.batch_id, "info", message, details)

    # ── look ─────────────────────────────────────────────────────────────────────────────────

    def get_batch_summary(self, batch_id: str) -> BatchSummary:
        """One batch with its problems grouped. Raises UsageError when there is none."""
        return self._books.batch(batch_id)

    def list_batches(self, *, limit: int = 20, batch_type: str | None = None) -> list[BatchSummary]:
        """The newest batches, without their problems."""
        return self._books.batches(limit=limit, batch_type=batch_type)

    def resolve_batch(self, reference: str) -> str:
        """The full id that `last`, an id or an unambiguous beginning of one means. Raises UsageError."""
        return self._books.resolve(reference)

    def iter_items(
        self, batch_id: str, *, status: ItemStatus | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """A batch's items in file order."""
        return self._books.items(batch_id, status=status, limit=limit)

    def iter_logs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """A batch's log in order."""
        return iter(self._books.logs(batch_id))

    def needs_attention(self, batch_id: str, *, limit: int | None = None) -> Iterator[Item]:
        """A batch's failed items that nothing repeats and nobody dismissed, in file order."""
        return self._books.needs_attention(batch_id, limit=limit)

    def fingerprints(self, batch_id: str) -> tuple[str | None, str | None]:
        """The pipeline's fingerprint when the batch ran, and now (None: there is no such pipeline any more)."""
        batch = self.get_batch_summary(batch_id)
        try:
            return batch.fingerprint, load_pipeline(self.project, batch.batch_type).fingerprint
        except UsageError:
            return batch.fingerprint, None

    def export_failed(self, batch_id: str, stream: TextIO) -> int:
        """Write the records that need attention as CSV to be repaired; how many.

        The columns are the file's own, in its order, then `_ri_item`, `_ri_code`, `_ri_error`.
        Open `stream` with newline="".
        """
        batch = self.get_batch_summary(batch_id)
        return write_repairable(batch, lambda: self.needs_attention(batch_id), stream)

    def dismiss(self, batch_id: str, items: Sequence[str] = (), *, reason: str | None = None) -> int:
        """Mark failed items (none named: all of the batch) as needing no attention; how many."""
        with Store(self._engine, self._books_schema) as store:
            return store.dismiss(batch_id, items, reason=reason)

    def migrate(self) -> list[str]:
        """Bring the bookkeeping tables up to date; names of the migrations that this manager has applied."""
        self._migrated += migrate(self._engine, self._books_schema)
        return list(self._migrated)

    # ── before a run ─────────────────────────────────────────────────────────────────────────

    def check(self, names: Sequence[str] | None = None, *, offline: bool = False) -> list[Diagnostic]:
        """Every finding about the pipelines named (default: all), errors and warnings, by place; writes nothing.

        `offline`: the files only. Whether a run could begin in the database at all is `targets.not_ready()`.
        """
        files = check_files(self.project, names)
        if offline:
            return files.all
        against_database = self.targets.check(files.sound.values())
        return in_order([*files.all, *(found for told in against_database.values() for found in told)])

    def explain(self, name: str) -> Explanation:
        """How a pipeline would be run in this database. Raises ConfigError when it could not be."""
        return self.targets.explain(load_pipeline(self.project, name))

    @property
    def targets(self) -> Targets:
        """What this database says about pipelines."""
        return Targets(self._engine, self._books_schema)

    # ── where we are ─────────────────────────────────────────────────────────────────────────

    @cached_property
    def project(self) -> Project:
        """The project that this manager was opened in. Raises UsageError outside of one."""
        return find_project(self._folder)

    def _project_or_folder(self) -> tuple[Path, str | None]:
        """A project is needed for its pipelines only: a database can be looked at without."""
        try:
            return self.project.root, self.project.database()
        except UsageError:
            return self._folder or Path.cwd(), None

    @cached_property
    def _books_schema(self) -> str:
        try:
            return self.project.spec.bookkeeping_schema
        except UsageError:
            return "public"

    @cached_property
    def _books(self) -> Books:
        return Books(self._engine, self._books_schema)


def _check_header(processor: CompiledProcessor, pipeline: Pipeline, header: tuple[str, ...], *, name: str) -> None:
    messages = processor.parser.check_header(header, required_fields(pipeline))
    if messages:
        raise SourceError("source-header", f"{name}: " + "; ".join(messages))
