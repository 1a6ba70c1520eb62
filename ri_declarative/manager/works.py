"""What there is to do in a batch: a file, records of another batch once more, or items that create_batch has stored.

Each knows where its records come from, which stopped batch it would go on with, and how to find its place in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import Connection

from ri_declarative.database.ownership import NewBatch, Stopped
from ri_declarative.database.siblings import Sibling, Working, same_content, same_repetition
from ri_declarative.database.statements import Statements
from ri_declarative.engine.resumed import Position
from ri_declarative.errors import SourceError
from ri_declarative.manager.definitions import Definition
from ri_declarative.processors.context import DISMISSED
from ri_declarative.records import BatchStatus, BatchSummary, StopReason
from ri_declarative.sources.incoming import Incoming
from ri_declarative.sources.source import Source

log = logging.getLogger("ri_declarative")


class Work(Protocol):
    """What a run is to do."""

    @property
    def source(self) -> Source: ...

    @property
    def source_info(self) -> Mapping[str, Any]:
        """What the batch is to know of its source."""

    def unfinished(self, statements: Statements, connection: Connection) -> str | None:
        """The stopped batch that this work belongs to; None: it needs a new one."""

    def new(self, statements: Statements, connection: Connection, batch_id: str) -> NewBatch:
        """A batch for it, which is to have that id. Raises UsageError or SourceError when there must be none."""

    def is_same(self, other: Working) -> bool:
        """Whether somebody does just this already."""

    def waits_for(self, other: Working) -> bool:
        """Whether `concurrency: one` keeps it from beginning."""

    def position(self, stopped: Stopped | None) -> Position:
        """The records from where a stopped batch ended (None: from the start). Raises SourceError."""


@dataclass(frozen=True)
class Parent:
    """The batch that is reprocessed, and all batches whose records count as one file with its."""

    batch: BatchSummary
    lineage: tuple[str, ...]  # the one that read the records first comes first


@dataclass
class FileWork:
    """A file, or what was kept of a source that could be read only once."""

    definition: Definition
    open: Callable[[], Source] = field(repr=False)
    incoming: Incoming
    new_batch: bool = False  # whatever there is of the same content
    batch_id: str | None = None  # to be gone on with
    should_stop: Callable[[], bool] = lambda: False
    kept_as: str | None = None  # the new batch whose spool it is
    _moved: bool = False

    def __post_init__(self) -> None:
        self.source = self.open()

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return self.incoming.sha256

    @cached_property
    def source_info(self) -> Mapping[str, Any]:
        """Its digest with the rest."""
        return {**self.source.info.as_json(), "sha256": self.sha256}

    def unfinished(self, statements: Statements, connection: Connection) -> str | None:
        """The batch named, or the newest one of the same content when it was stopped from outside."""
        if self.batch_id is not None or self.new_batch:
            return self.batch_id
        return to_be_gone_on_with(self._siblings(statements, connection))

    def new(self, statements: Statements, connection: Connection, batch_id: str) -> NewBatch:
        """Raises SourceError "same-file" when the pipeline refuses what was imported before."""
        siblings = self._siblings(statements, connection)
        self._tell_of_stopped(siblings)
        before = next((one for one in siblings if one.status is BatchStatus.COMPLETED), None)
        if before is not None:
            self._tell_of_same(before)
        self.incoming.keep_as(batch_id)  # before the batch exists: it must not be without its source
        self.kept_as = batch_id
        return NewBatch(self.definition.batch_type, self.source_info, self.definition.fingerprint)

    def is_same(self, other: Working) -> bool:
        """Of the same content."""
        if other.batch_id == self.batch_id:
            return True
        return other.parent_batch_id is None and other.sha256 == self.sha256

    def waits_for(self, other: Working) -> bool:
        """As `is_source` says."""
        return is_source(other)

    def position(self, stopped: Stopped | None) -> Position:
        """Behind the records that are done, which must be the same ones."""
        if self._moved:  # for a batch that somebody else has finished meanwhile
            self.source = self.open()
        position, self._moved = Position(self.source.pieces()), stopped is not None
        if stopped is not None:
            position.move_to(
                stopped.next_index, stopped.read_digest, name=self.source.info.name, should_stop=self.should_stop
            )
        return position

    def _siblings(self, statements: Statements, connection: Connection) -> list[Sibling]:
        return same_content(statements, connection, self.definition.batch_type, self.sha256)

    def _tell_of_stopped(self, siblings: list[Sibling]) -> None:
        newest = next(iter(siblings), None)
        if newest is None or newest.status is BatchStatus.COMPLETED:
            return
        if newest.stop_reason is not StopReason.ABANDONED:
            log.warning(
                "batch %s of the same content stays stopped (%s): ri abandon %s",
                newest.batch_id,
                newest.stop_reason,
                newest.batch_id[:8],
            )

    def _tell_of_same(self, before: Sibling) -> None:
        policy, name = self.definition.source.same_file, self.source.info.name
        when = f"{before.completed_at:%Y-%m-%d %H:%M:%S %Z}" if before.completed_at else "before"
        message = f"{name}: the same content was imported {when} by batch {before.batch_id}"
        if policy == "refuse":
            raise SourceError(
                "same-file", f"{message}; the pipeline refuses it again", hint="source.same_file: warn lets it through"
            )
        if policy == "warn":
            log.warning("%s; importing it again", message)


@dataclass
class RepetitionWork:
    """Records of a batch once more. `source` gives those that are left."""

    definition: Definition
    source: Source
    parent: Parent
    repetition: Mapping[str, Any]  # which records, and with which corrections
    corrections_path: str | None = None
    batch_id: str | None = None  # to be gone on with

    @cached_property
    def source_info(self) -> Mapping[str, Any]:
        """The parent's, with what is done to its records."""
        path = {} if self.corrections_path is None else {"corrections_path": self.corrections_path}
        return {**self.source.info.as_json(), "repetition": dict(self.repetition), **path}

    def unfinished(self, statements: Statements, connection: Connection) -> str | None:
        """The batch named, or the newest one that did the same and was stopped from outside."""
        if self.batch_id is not None:
            return self.batch_id
        siblings = same_repetition(statements, connection, self.parent.batch.batch_id, self.repetition)
        return to_be_gone_on_with(siblings)

    def new(self, statements: Statements, connection: Connection, batch_id: str) -> NewBatch:
        """Linked to its parent, from which it takes what callers and hooks have remembered."""
        batch = self.parent.batch
        return NewBatch(
            self.definition.batch_type,
            self.source_info,
            self.definition.fingerprint,
            parent_batch_id=batch.batch_id,
            metadata=inherited(batch.metadata),
        )

    def is_same(self, other: Working) -> bool:
        """Of the same parent."""
        return other.batch_id == self.batch_id or other.parent_batch_id == self.parent.batch.batch_id

    def waits_for(self, other: Working) -> bool:
        """As `is_source` says."""
        return is_source(other)

    def position(self, stopped: Stopped | None) -> Position:
        """Items keep the places of their records: those before are done."""
        return _position_in(self.source, stopped)


@dataclass
class StoredWork:
    """The pending items of a batch that create_batch has made."""

    definition: Definition
    batch: BatchSummary
    pending: Callable[[], Source] = field(repr=False)

    @cached_property
    def source(self) -> Source:
        """Of the items that are left when it is first read."""
        return self.pending()

    source_info: Mapping[str, Any] = field(default_factory=dict)

    def unfinished(self, statements: Statements, connection: Connection) -> str | None:
        """Its own batch."""
        return self.batch.batch_id

    def new(self, statements: Statements, connection: Connection, batch_id: str) -> NewBatch:
        """Never asked for."""
        raise AssertionError("the items belong to a batch already")

    def is_same(self, other: Working) -> bool:
        """On the same batch."""
        return other.batch_id == self.batch.batch_id

    def waits_for(self, other: Working) -> bool:
        """Of nobody: the application that has made the batch knows what may go on beside what."""
        return False

    def position(self, stopped: Stopped | None) -> Position:
        """What is not pending is not read."""
        return _position_in(self.source, stopped)


def is_source(other: Working) -> bool:
    """Whether a batch reads a file, or records once more, and not what an application has stored."""
    return other.sha256 is not None or other.parent_batch_id is not None


def inherited(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch that reprocesses another one takes over: what callers and hooks have stored, not our marks."""
    return {key: value for key, value in metadata.items() if key != DISMISSED}


def to_be_gone_on_with(siblings: Sequence[Sibling]) -> str | None:
    """The newest, when it was stopped from outside. An older one was left behind on purpose."""
    newest = next(iter(siblings), None)
    if newest is None or newest.stop_reason is None or not newest.stop_reason.is_from_outside:
        return None
    return newest.batch_id


def _position_in(items: Source, stopped: Stopped | None) -> Position:
    start = stopped.next_index if stopped else 0
    return Position((record for record in items if record.index >= start), start=start, verifiable=False)
