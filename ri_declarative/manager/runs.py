"""The verbs that work on batches: run a file, process what is stored, reprocess, resume. Each ends with an import."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ri_declarative.database.books import Books
from ri_declarative.database.ownership import abandon, new_batch_id, rescue
from ri_declarative.database.readiness import check_readiness
from ri_declarative.database.siblings import same_repetition
from ri_declarative.database.store import Store
from ri_declarative.engine.limits import Limits
from ri_declarative.engine.patience import Patience
from ri_declarative.errors import ConnectionLost, UsageError
from ri_declarative.manager.definitions import Definition, Definitions
from ri_declarative.manager.importing import Ended, Import, Manner, Setting, refuse_reached_limit
from ri_declarative.manager.items_source import ItemsSource, PendingSource, by_index, left_out, log_repairs
from ri_declarative.manager.requirements import (
    check_requirements,
    refuse_unless_pending,
    refuse_unless_unfinished,
    refuse_wrong_words,
)
from ri_declarative.manager.works import FileWork, Parent, RepetitionWork, StoredWork, Work, to_be_gone_on_with
from ri_declarative.processors.context import DISMISSED
from ri_declarative.records import BatchSummary, ItemStatus
from ri_declarative.sources.incoming import Incoming, receive, release_spool, spool_of
from ri_declarative.sources.open import format_of, open_source
from ri_declarative.sources.repair import Repair, read_repairs
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")


@dataclass(frozen=True)
class Corrections:
    """A repaired file of `export_failed`."""

    path: Path
    sha256: str
    repairs: Mapping[int, Repair]  # by the index of their record


@dataclass(frozen=True)
class Runs:
    """Of one setting."""

    setting: Setting
    books: Books
    definitions: Definitions

    def file(self, name: str, file: str | Path, manner: Manner, *, new_batch: bool = False) -> str:
        """Import a file, or go on with the batch that began with the same content; the batch's id."""
        definition = self.definitions.named(name)
        check_requirements(self.books, name, definition.requires)
        format_of(file, definition.source.format)  # before anything is waited for
        patience = manner.patience()
        with receive(file, self.setting.spool, should_stop=patience.should_stop) as incoming, ExitStack() as stack:
            work = FileWork(definition, _opener(stack, definition, incoming), incoming, new_batch=new_batch)
            work.should_stop = patience.should_stop
            return self._import_file(definition, work, manner, patience)

    def created(
        self,
        batch_type: str,
        items: Iterable[Mapping[str, Any]],
        source_info: Mapping[str, Any],
        metadata: Mapping[str, Any],
    ) -> str:
        """Store mappings as the pending items of a new batch; its id."""
        self.definitions.refuse_unknown(batch_type)
        if DISMISSED in metadata:
            raise UsageError("item-type", f'metadata: "{DISMISSED}" is ri\'s own mark; choose another key')
        batch_id = new_batch_id()
        with self._store() as store:
            with store.transaction() as connection:
                check_readiness(connection, self.setting.books_schema)
            try:
                store.create_pending(batch_id, batch_type, items, source_info=source_info, metadata=metadata)
            except ConnectionLost:
                if not self._exists(store, batch_id):
                    raise
        return batch_id

    def _exists(self, store: Store, batch_id: str) -> bool:
        """Whether a batch was committed, though the answer was lost."""

        def ask() -> bool:
            with store.transaction() as connection:
                return store.statements.execute(connection, "standing", {"id": batch_id}).first() is not None

        return Patience().through(ask)

    def stored(self, batch: BatchSummary, manner: Manner) -> str:
        """Process the pending items of a batch; its id."""
        refuse_unless_pending(batch)
        definition = self.definitions.of(batch.batch_type)
        check_requirements(self.books, batch.batch_type, definition.requires)
        patience = manner.patience()
        books = self.books.patient(patience.through_all)

        def pending() -> Source:
            return PendingSource(batch, books.items(batch.batch_id, status=ItemStatus.PENDING))

        work = StoredWork(definition, batch, pending)
        return self._import(definition, work, manner, patience, known=batch).batch_id

    def again(
        self,
        batch: BatchSummary,
        manner: Manner,
        *,
        failed_items_only: bool = True,
        corrections: str | Path | None = None,
        resumed: str | None = None,
    ) -> str | None:
        """Take a batch's failed items (or all) again; the id of the new batch, or of the one that is gone on with.

        None: there is nothing to take.
        """
        definition = self.definitions.of(batch.batch_type)
        parent = Parent(batch, self.books.lineage(batch.batch_id))
        known = None if corrections is None else self._corrections(corrections, parent)
        repairs = known.repairs if known else None
        repetition = {"all": not failed_items_only, "corrections": known.sha256 if known else None}
        patience = manner.patience()
        unfinished = resumed or patience.through_all(lambda: self._unfinished(batch.batch_id, repetition))
        items = self.books.to_reprocess(batch.batch_id, failed_items_only=failed_items_only)
        if unfinished is None and not any(repairs is None or item.index in repairs for item in items):
            if repairs and known:
                log.warning(left_out(known.path.name, len(repairs), of=len(repairs)))
            return None
        books = self.books.patient(patience.through_all)
        source = ItemsSource(batch, books.to_reprocess(batch.batch_id, failed_items_only=failed_items_only), repairs)
        path = str(known.path.absolute()) if known else None
        work = RepetitionWork(definition, source, parent, repetition, path, resumed)
        ended = self._import(definition, work, manner, patience)
        if ended.resumed:  # the repairs that nothing took now may have been taken before
            source.left_out = 0
        with self._store() as store:
            name, of = known.path.name if known else "", len(repairs or ())
            patience.through(lambda: log_repairs(store, ended.batch_id, source, name=name, of=of))
        return ended.batch_id

    def _corrections(self, path: str | Path, parent: Parent) -> Corrections:
        with receive(path, self.setting.spool) as incoming:
            repairs = by_index(read_repairs(incoming.path), lineage=parent.lineage, name=incoming.name)
            return Corrections(Path(path), incoming.sha256, repairs)

    def _unfinished(self, parent_batch_id: str, repetition: Mapping[str, Any]) -> str | None:
        """A batch that did the same and was stopped, perhaps behind its last record."""
        self.rescue()
        with self._store() as store, store.transaction() as connection:
            return to_be_gone_on_with(same_repetition(store.statements, connection, parent_batch_id, repetition))

    def resumed(self, batch: BatchSummary, manner: Manner, *, file: str | Path | None = None) -> str:
        """Finish a batch that stopped, from its own source or from `file`; its id."""
        refuse_unless_unfinished(batch)
        refuse_wrong_words(batch, file=file, max_failed=manner.max_failed)
        definition = self.definitions.of(batch.batch_type)
        limits = definition.limits if manner.max_failed is None else Limits.parse(manner.max_failed)
        if batch.parent_batch_id is None or manner.max_failed is not None:
            refuse_reached_limit(batch, limits)
        if batch.parent_batch_id is not None:
            self._resumed_repetition(batch, manner)
        elif batch.total_items is not None:
            self.stored(batch, manner)
        else:
            self._resumed_file(definition, batch, manner, file)
        return batch.batch_id

    def rescue(self) -> list[str]:
        """Mark batches whose runner is gone as stopped; their ids."""
        with self._store() as store, store.transaction() as connection:
            check_readiness(connection, self.setting.books_schema)
            return rescue(store.statements, connection)

    def abandon(self, batch: BatchSummary, *, reason: str | None) -> str:
        """Nobody will finish a batch: what was kept of its source goes; its id. Raises UsageError."""
        with self._store() as store, store.transaction() as connection:
            if not abandon(store.statements, connection, batch.batch_id, reason=reason):
                raise UsageError("nothing-to-abandon", f"batch {batch.batch_id} is completed: nothing is left of it")
        release_spool(self.setting.spool, batch.batch_id)
        return batch.batch_id

    def _store(self) -> Store:
        return Store(self.setting.engine, self.setting.books_schema)

    def _resumed_repetition(self, batch: BatchSummary, manner: Manner) -> None:
        assert batch.parent_batch_id is not None
        repetition = batch.source_info.get("repetition") or {}
        path = batch.source_info.get("corrections_path")
        if path is not None:
            with receive(path, self.setting.spool) as now:
                unchanged = now.sha256 == repetition.get("corrections")
            if not unchanged:
                raise UsageError(
                    "repair-changed",
                    f"{path} is not the file any more whose corrections batch {batch.batch_id} began to take in",
                    hint=f"take what is left with the new one: ri reprocess {batch.parent_batch_id[:8]} --from {path}",
                )
        parent = self.books.batch_row(batch.parent_batch_id)
        only_failed = not repetition.get("all")
        self.again(parent, manner, failed_items_only=only_failed, corrections=path, resumed=batch.batch_id)

    def _resumed_file(
        self, definition: Definition, batch: BatchSummary, manner: Manner, file: str | Path | None
    ) -> None:
        patience = manner.patience()
        path, is_spooled = self._path_of(batch, file)
        with receive(path, self.setting.spool, should_stop=patience.should_stop) as incoming, ExitStack() as stack:
            if is_spooled:
                incoming = replace(incoming, name=str(batch.source_info.get("name")), is_spooled=True)
            work = FileWork(definition, _opener(stack, definition, incoming), incoming, batch_id=batch.batch_id)
            work.should_stop = patience.should_stop
            self._import_file(definition, work, manner, patience)

    def _path_of(self, batch: BatchSummary, file: str | Path | None) -> tuple[str | Path, bool]:
        """Where the source of a batch lies now, and whether that is the spool."""
        if file is not None:
            return file, False
        kept = spool_of(self.setting.spool, batch.batch_id)
        if kept.is_file():
            return kept, True
        path = batch.source_info.get("path")
        if path is None:
            raise UsageError(
                "source-gone",
                f"batch {batch.batch_id} read {batch.source_info.get('name')}, of which nothing is kept here",
                hint=f"give it the same data: ri resume {batch.batch_id[:8]} --file FILE (`-` is stdin)",
            )
        return str(path), False

    def _import_file(self, definition: Definition, work: FileWork, manner: Manner, patience: Patience) -> str:
        begun: list[str] = []

        def on_batch(batch_id: str) -> None:
            begun.append(batch_id)
            work.incoming.keep_as(batch_id)  # what is given again for a batch that stopped belongs to it, too
            if manner.on_batch is not None:
                manner.on_batch(batch_id)

        try:
            ended = self._import(definition, work, manner._replace(on_batch=on_batch), patience)
        except ConnectionLost:
            raise
        except BaseException:
            if work.kept_as and not begun:
                release_spool(self.setting.spool, work.kept_as)
            raise
        if ended.reason is None:
            release_spool(self.setting.spool, ended.batch_id)
        return ended.batch_id

    def _import(
        self, definition: Definition, work: Work, manner: Manner, patience: Patience, known: BatchSummary | None = None
    ) -> Ended:
        return Import(self.setting, definition, work, manner, patience, known).run()


def _opener(stack: ExitStack, definition: Definition, incoming: Incoming) -> Callable[[], Source]:
    """Opens the source, once more when it must be read from its start again; the stack closes it."""
    spec = definition.source

    def opened() -> Source:
        return stack.enter_context(
            open_source(
                incoming.path,
                format=spec.format,
                encoding=spec.encoding,
                delimiter=spec.delimiter,
                records=spec.records,
                name=incoming.name if incoming.is_spooled else None,
            )
        )

    return opened
