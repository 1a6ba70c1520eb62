"""`BatchManager`: run, reprocess, look, dismiss."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TextIO

from sqlalchemy import Engine

from ri_declarative.compiler.explain import Explanation
from ri_declarative.database.books import Books
from ri_declarative.database.connect import open_engine, refuse_other_driver
from ri_declarative.database.migrations import migrate
from ri_declarative.database.store import Store
from ri_declarative.engine.patience import GIVE_UP_AFTER_S, Patience
from ri_declarative.errors import ConnectionLost, Diagnostic
from ri_declarative.manager.checks import check_files, in_order
from ri_declarative.manager.definitions import Definitions, fingerprint_now, registry_here
from ri_declarative.manager.export import write_repairable
from ri_declarative.manager.importing import Manner, Setting, setting_of
from ri_declarative.manager.in_thread import in_thread, iterate_in_thread, run_in_thread
from ri_declarative.manager.place import find_place
from ri_declarative.manager.requirements import refuse_running
from ri_declarative.manager.runs import Runs
from ri_declarative.manager.targets import Targets
from ri_declarative.processors.registry import ProcessorRegistry
from ri_declarative.records import BatchStatistics, BatchSummary, Item, ItemStatus, Progress
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import Project, find_project

log = logging.getLogger("ri_declarative")


class BatchManager:
    """Everything that can be done with batches in one database.

    `database`: a DSN, the name of a service, a SQLAlchemy engine, or None: what the environment and
    ri.yaml say, else the embedded PostgreSQL. Raises DatabaseError when it cannot be used.
    """

    def __init__(self, database: str | Engine | None = None, *, project: Path | None = None) -> None:
        self._folder = project
        self._registry: ProcessorRegistry | None = None
        self._filling = threading.Lock()
        self.warnings: tuple[str, ...] = ()
        self._is_embedded = False
        self._migrated: list[str] = []  # by opening the embedded database
        if isinstance(database, Engine):
            refuse_other_driver(database)
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

    # ── run, process, reprocess, resume ──────────────────────────────────────────────────────

    def run_pipeline(
        self,
        name: str,
        file: str | Path,
        *,
        continue_on_error: bool = True,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
        new_batch: bool = False,
        wait: bool = False,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> BatchSummary:
        """Import one file ("-": standard input) with a pipeline or a processor class, as one batch.

        A batch of the same content that was stopped from outside is gone on with, unless `new_batch`.
        `continue_on_error=False`: the first failed item stops the batch. `wait`: for another run of the same
        content. Raises ConfigError, SourceError, UsageError or DatabaseError before anything is written,
        StoppedError when the world stops a run that has begun or somebody else works on the same content.
        """
        manner = Manner(on_progress, should_stop, on_batch, wait, give_up_after_s, continue_on_error)
        return self._ended(self._runs.file(name, file, manner, new_batch=new_batch), manner)

    def create_batch(
        self,
        batch_type: str,
        items: Iterable[Mapping[str, Any]],
        source_info: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Store mappings as the pending items of a new batch; its id. They are streamed: any iterable will do.

        Raises UsageError, and stores nothing, for an unknown batch type or an item that JSON cannot hold.
        """
        return self._runs.created(batch_type, items, source_info or {}, metadata or {})

    def process_batch(
        self,
        batch_id: str,
        continue_on_error: bool = True,
        on_progress: Callable[[Progress], None] | None = None,
        *,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> BatchSummary:
        """Process the pending items of a batch that create_batch has made, also of one that stopped early.

        `continue_on_error=False`: the first failed item stops the batch, and the rest stays pending.
        Raises as `run_pipeline` does, and UsageError when nothing is pending.
        """
        batch = self._idle_batch(batch_id)
        manner = Manner(on_progress, should_stop, on_batch, False, give_up_after_s, continue_on_error)
        return self._ended(self._runs.stored(batch, manner), manner)

    def reprocess_batch(
        self,
        batch_id: str,
        failed_items_only: bool = True,
        *,
        corrections: str | Path | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
        wait: bool = False,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> str | None:
        """Take a batch's failed items (or all) through its processor again, as a new batch linked to it.

        `corrections`: a repaired file of `export_failed`; only the records it names are taken, with its
        values; the log warns of those that nothing takes. A batch that did just this and was stopped from
        outside is gone on with. `wait`: for another run that takes the same records again. Gives the batch's id, or
        None when there is nothing to reprocess.
        """
        batch = self._idle_batch(batch_id)
        manner = Manner(on_progress, should_stop, on_batch, wait, give_up_after_s)
        return self._runs.again(batch, manner, failed_items_only=failed_items_only, corrections=corrections)

    def resume_batch(
        self,
        batch_id: str,
        *,
        file: str | Path | None = None,
        max_failed: int | str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_batch: Callable[[str], None] | None = None,
        wait: bool = False,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> BatchSummary:
        """Finish a batch that stopped early, from where it stopped.

        `file`: its source, where that lies elsewhere now or has grown; what was read before must be the same.
        `max_failed`: instead of the pipeline's limit. Raises as `run_pipeline` does, and UsageError when there
        is nothing to finish.
        """
        manner = Manner(on_progress, should_stop, on_batch, wait, give_up_after_s, max_failed=max_failed)
        manner.patience().through_all(self._runs.rescue)
        batch = self._books.batch_row(self._books.id_of(batch_id))
        return self._ended(self._runs.resumed(batch, manner, file=file), manner)

    def unfinished_batches(self) -> list[str]:
        """Ids of batches that stopped early and can be resumed, the newest first."""
        return self._books.unfinished()

    def rescue_batches(self) -> list[str]:
        """Mark batches whose runner is gone as stopped, so that they can be resumed; their ids.

        A batch in processing belongs to its runner until its lease ends. Every run does this first.
        """
        return self._runs.rescue()

    def abandon_batch(self, batch_id: str, *, reason: str | None = None) -> BatchSummary:
        """Give up a batch that stopped early: it is not resumed and needs no attention any more.

        Raises UsageError for one that is completed, StoppedError while somebody works on it.
        """
        return self.get_batch_summary(self._runs.abandon(self._idle_batch(batch_id), reason=reason))

    def _ended(self, batch_id: str, manner: Manner) -> BatchSummary:
        try:
            return self.get_batch_summary(batch_id, give_up_after_s=manner.give_up_after_s)
        except ConnectionLost as lost:
            lost.hint = f"the batch has come to its end; when the database is back: ri status {batch_id[:8]}"
            raise

    def _idle_batch(self, batch_id: str) -> BatchSummary:
        batch = self._books.batch_row(self._books.id_of(batch_id))
        refuse_running(self._books, batch)
        return batch

    def _store(self) -> Store:
        return Store(self._engine, self._books_schema)

    @property
    def _runs(self) -> Runs:
        return Runs(self._setting, self._books, self._definitions)

    async def run_pipeline_async(
        self, name: str, file: str | Path, *, on_progress: Callable[[Progress], None] | None = None, **options: Any
    ) -> BatchSummary:
        """As `run_pipeline`, without blocking the loop; cancelling stops the run after its chunk."""
        return await run_in_thread(self.run_pipeline, name, file, on_progress=on_progress, **options)

    async def create_batch_async(
        self,
        batch_type: str,
        items: Iterable[Mapping[str, Any]],
        source_info: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """As `create_batch`, without blocking the loop; `items` is read in another thread."""
        return await in_thread(self.create_batch, batch_type, items, source_info, metadata)

    async def process_batch_async(
        self, batch_id: str, continue_on_error: bool = True, on_progress: Callable[[Progress], None] | None = None
    ) -> BatchSummary:
        """As `process_batch`, without blocking the loop; cancelling stops the run after its chunk."""
        return await run_in_thread(self.process_batch, batch_id, continue_on_error, on_progress=on_progress)

    async def reprocess_batch_async(
        self,
        batch_id: str,
        failed_items_only: bool = True,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> str | None:
        """As `reprocess_batch`, without blocking the loop; cancelling stops the run after its chunk."""
        return await run_in_thread(
            self.reprocess_batch, batch_id, failed_items_only, on_progress=on_progress, **options
        )

    async def get_batch_async(self, batch_id: str) -> BatchSummary:
        """As `get_batch`, without blocking the loop."""
        return await in_thread(self.get_batch, batch_id)

    async def get_batch_summary_async(self, batch_id: str) -> BatchSummary:
        """As `get_batch_summary`, without blocking the loop."""
        return await in_thread(self.get_batch_summary, batch_id)

    async def batch_statistics_async(self, days: int = 7) -> BatchStatistics:
        """As `batch_statistics`, without blocking the loop."""
        return await in_thread(self.batch_statistics, days)

    def iter_items_async(
        self, batch_id: str, *, status: ItemStatus | str | None = None, limit: int | None = None
    ) -> AsyncIterator[Item]:
        """As `iter_items`, without blocking the loop."""
        return iterate_in_thread(self.iter_items(batch_id, status=status, limit=limit))

    def iter_logs_async(self, batch_id: str) -> AsyncIterator[dict[str, Any]]:
        """As `iter_logs`, without blocking the loop."""
        return iterate_in_thread(self.iter_logs(batch_id))

    def get_batch_summary(self, batch_id: str, *, give_up_after_s: float = 0) -> BatchSummary:
        """One batch with its problems grouped. Raises UsageError when there is none.

        `give_up_after_s`: for so long a database that has gone away is waited for; then ConnectionLost.
        """
        if not give_up_after_s:
            return self._books.batch(self._books.id_of(batch_id))
        through = Patience(give_up_after_s).through
        books = self._books.patient(through)
        return through(lambda: books.batch(books.id_of(batch_id)))

    def get_batch(self, batch_id: str) -> BatchSummary:
        """One batch without its problems, which makes asking often cheap. Raises UsageError when there is none."""
        return self._books.batch_row(self._books.id_of(batch_id))

    def list_batches(self, *, limit: int = 20, batch_type: str | None = None) -> list[BatchSummary]:
        """The newest batches, without their problems."""
        return self._books.batches(limit=limit, batch_type=batch_type)

    def batch_statistics(self, days: int = 7) -> BatchStatistics:
        """How the batches that ended in the last `days` times 24 hours did, and which ones need a look."""
        return self._books.statistics(days=days)

    def resolve_batch(self, reference: str) -> str:
        """The full id that `last`, an id or an unambiguous beginning of one means. Raises UsageError."""
        return self._books.resolve(reference)

    def iter_items(
        self, batch_id: str, *, status: ItemStatus | str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        """A batch's items in file order. `status`: only those that stand there ("failed")."""
        wanted = None if status is None else ItemStatus(status)
        yield from self._books.items(self._books.id_of(batch_id), status=wanted, limit=limit)

    def iter_logs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """A batch's log in order."""
        yield from self._books.logs(self._books.id_of(batch_id))

    def needs_attention(self, batch_id: str, *, limit: int | None = None) -> Iterator[Item]:
        """A batch's failed items that nothing repeats and nobody dismissed, in file order."""
        return self._books.needs_attention(self._books.id_of(batch_id), limit=limit)

    def failing_repeats(self, batch_id: str) -> dict[str, int]:
        """Where a batch's failed records failed again: id of the later batch → how many need attention there."""
        return self._books.failing_repeats(self._books.id_of(batch_id))

    def fingerprints(self, batch_id: str) -> tuple[str | None, str | None]:
        """The pipeline's fingerprint when the batch ran, and now (None: there is no such pipeline any more)."""
        batch = self.get_batch_summary(batch_id)
        return batch.fingerprint, fingerprint_now(self.registry, batch.batch_type)

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
        with self._store() as store:
            return store.dismiss(batch.batch_id, items, reason=reason)

    def migrate(self) -> list[str]:
        """Bring the bookkeeping tables up to date; names of the migrations that this manager has applied."""
        self._migrated += migrate(self._engine, self._books_schema)
        return list(self._migrated)

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
    def registry(self) -> ProcessorRegistry:
        """The batch types known here: the project's pipelines, the packages named in its ri.yaml, and what you add."""
        with self._filling:
            if self._registry is None:
                self._registry = registry_here(self._folder)
        return self._registry

    @property
    def _definitions(self) -> Definitions:
        return Definitions(self.registry, self._folder)

    @property
    def targets(self) -> Targets:
        """What this database says about pipelines."""
        return Targets(self._engine, self._books_schema)

    @cached_property
    def project(self) -> Project:
        """The project that this manager was opened in. Raises UsageError outside of one."""
        return find_project(self._folder)

    @cached_property
    def _setting(self) -> Setting:
        return setting_of(self._engine, self._folder)

    @property
    def _books_schema(self) -> str:
        return self._setting.books_schema

    @cached_property
    def _books(self) -> Books:
        return Books(self._engine, self._books_schema)
