"""`BatchManager`: run, reprocess, look, dismiss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TextIO

from sqlalchemy import Engine

from ri_declarative.compiler.explain import Explanation
from ri_declarative.database.books import Books
from ri_declarative.database.connect import open_engine
from ri_declarative.database.migrations import migrate
from ri_declarative.database.store import Store
from ri_declarative.errors import Diagnostic, UsageError
from ri_declarative.manager.checks import check_files, in_order
from ri_declarative.manager.export import write_repairable
from ri_declarative.manager.importing import Import, Parent, Watchers
from ri_declarative.manager.items_source import ItemsSource, by_index
from ri_declarative.manager.place import find_place
from ri_declarative.manager.targets import Targets
from ri_declarative.records import BatchSummary, Item, ItemStatus, Progress
from ri_declarative.sources.open import open_source
from ri_declarative.sources.repair import read_repairs
from ri_declarative.sources.source import Source
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import Project, find_project

log = logging.getLogger("ri_declarative")


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
        place = find_place(database, self._folder)
        choice = place.choice
        self.database_label, self.warnings, self._is_embedded = choice.label, choice.warnings, choice.embedded
        self._engine = open_engine(choice, place.root)
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
        with open_source(
            file, format=spec.format, encoding=spec.encoding, delimiter=spec.delimiter, records=spec.records
        ) as source:
            batch_id = self._import(pipeline, source, None, Watchers(on_progress, should_stop, on_batch))
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
        values; the log warns of those that nothing takes. Gives the new batch's id, or None when there is
        nothing to reprocess.
        """
        batch = self.get_batch_summary(batch_id)
        if self._books.is_owned(batch.batch_id):
            raise UsageError(
                "batch-running", f"batch {batch.batch_id} is still being worked on", hint="wait for its end"
            )
        pipeline = load_pipeline(self.project, batch.batch_type)
        parent = Parent(batch, self._books.lineage(batch.batch_id))
        name, repairs = Path(corrections or "").name, None
        if corrections is not None:
            repairs = by_index(read_repairs(corrections), lineage=parent.lineage, name=name)
        items = self._books.to_reprocess(batch.batch_id, failed_items_only=failed_items_only)
        if not any(repairs is None or item.index in repairs for item in items):
            if repairs:
                log.warning(_left_out(name, len(repairs), of=len(repairs)))
            return None
        items = self._books.to_reprocess(batch.batch_id, failed_items_only=failed_items_only)
        source = ItemsSource(batch, items, repairs)
        new_id = self._import(pipeline, source, parent, Watchers(on_progress, should_stop, on_batch))
        self._log_repairs(new_id, source, name=name, of=len(repairs or ()))
        return new_id

    def _log_repairs(self, batch_id: str, source: ItemsSource, *, name: str, of: int) -> None:
        with Store(self._engine, self._books_schema) as store:
            if source.repaired:
                store.log(batch_id, "info", f"{source.repaired} records corrected from {name}")
            if source.left_out:
                message = _left_out(name, source.left_out, of=of)
                log.warning(message)
                store.log(batch_id, "warning", message)

    def _import(self, pipeline: Pipeline, source: Source, parent: Parent | None, watchers: Watchers) -> str:
        return Import(self._engine, self._books_schema, pipeline, source, watchers, parent).run()

    # ── look ─────────────────────────────────────────────────────────────────────────────────

    def get_batch_summary(self, batch_id: str) -> BatchSummary:
        """One batch with its problems grouped. Raises UsageError when there is none."""
        return self._books.batch(self._books.id_of(batch_id))

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
        return self._books.items(self._books.id_of(batch_id), status=status, limit=limit)

    def iter_logs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """A batch's log in order."""
        return iter(self._books.logs(self._books.id_of(batch_id)))

    def needs_attention(self, batch_id: str, *, limit: int | None = None) -> Iterator[Item]:
        """A batch's failed items that nothing repeats and nobody dismissed, in file order."""
        return self._books.needs_attention(self._books.id_of(batch_id), limit=limit)

    def failing_repeats(self, batch_id: str) -> dict[str, int]:
        """Where a batch's failed records failed again: id of the later batch → how many need attention there."""
        return self._books.failing_repeats(self._books.id_of(batch_id))

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
        batch = self.get_batch_summary(batch_id)
        with Store(self._engine, self._books_schema) as store:
            return store.dismiss(batch.batch_id, items, reason=reason)

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

    @cached_property
    def _books_schema(self) -> str:
        try:
            return self.project.spec.bookkeeping_schema
        except UsageError:
            return "public"

    @cached_property
    def _books(self) -> Books:
        return Books(self._engine, self._books_schema)


def _left_out(name: str, count: int, *, of: int) -> str:
    return f"{name}: {count} of {of} repairs left out: their records are completed, dismissed or not in this batch"
