"""How a run comes to own its batch: a new one, or one that stopped; never one that somebody works on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from ri_declarative.database.ownership import Ownership, Stopped, create, lock, new_batch_id, new_token, rescue, take
from ri_declarative.database.siblings import Working, being_worked_on, one_at_a_time
from ri_declarative.database.store import SHORT_S, Store
from ri_declarative.engine.claims import claim_of, first_claim
from ri_declarative.engine.patience import Patience
from ri_declarative.engine.resumed import Position
from ri_declarative.errors import StoppedError, UsageError
from ri_declarative.manager.definitions import Definition
from ri_declarative.manager.works import Work

log = logging.getLogger("ri_declarative")

_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True)
class Begun:
    """A batch that is ours, and where its source stands."""

    owner: Ownership
    position: Position
    stopped: Stopped | None = None  # it goes on from here; None: it is new


@dataclass
class Beginning:
    """One run's way to its batch."""

    store: Store
    definition: Definition
    work: Work
    chunk_size: int
    patience: Patience
    wait: bool = False  # for another run of the same work
    _token: str = field(default_factory=new_token)
    _batch_id: str = field(default_factory=new_batch_id)
    _owner: Ownership | None = None  # as sent to the database
    _stopped: Stopped | None = None  # the source has been moved to where this one ended
    _told: str | None = None  # the batch that we wait for
    _rescued: frozenset[str] = frozenset()  # found without their runner

    def begin(self) -> Begun:
        """Waits for others where the pipeline says so. Raises StoppedError "batch-running" where it does not.

        Raises SourceError when the source is another one than the batch to be resumed has read.
        """
        position = self.work.position(None)
        while True:
            found = self.patience.through_all(self._try)
            if isinstance(found, Ownership):
                self._tell_rescued(found.batch_id)
                return Begun(found, position, self._stopped)
            if isinstance(found, Working):
                self._await(found)
            else:  # the source has to be moved, in no transaction
                position, self._stopped = self.work.position(found), found

    def _try(self) -> Ownership | Working | Stopped | None:
        """The batch when it is ours, else what comes first: to wait, to move to where one stopped, or to the start."""
        statements = self.store.statements
        with self.store.within(SHORT_S), self.store.transaction() as connection:
            one_at_a_time(statements, connection, self.definition.batch_type)
            self._rescued |= frozenset(rescue(statements, connection))
            others = being_worked_on(statements, connection, self.definition.batch_type)
            if self._owner is not None and any(other.token == self._token for other in others):
                return self._owner  # the answer to our COMMIT was lost
            if (blocking := self._blocking(others)) is not None:
                return blocking
            batch_id = self.work.unfinished(statements, connection)
            if batch_id is None:
                if self._stopped is not None:
                    return None  # somebody else has finished it meanwhile
                new = self.work.new(statements, connection, self._batch_id)
                claim = first_claim(self.chunk_size)
                self._owner = create(statements, connection, self._batch_id, new, token=self._token, claim=claim)
                return self._owner
            stopped = lock(statements, connection, batch_id)
            if stopped.finished:
                raise _nothing_left(batch_id)
            if not self._stands_at(stopped):
                return stopped
            self._owner = take(
                statements,
                connection,
                stopped,
                token=self._token,
                claim=claim_of(stopped, self.chunk_size),
                fingerprint=self.definition.fingerprint,
                source_info=self.work.source_info,
            )
            return self._owner

    def _stands_at(self, stopped: Stopped) -> bool:
        mine = self._stopped
        return mine is not None and (mine.batch_id, mine.next_index) == (stopped.batch_id, stopped.next_index)

    def _blocking(self, others: Sequence[Working]) -> Working | None:
        same = next((other for other in others if self.work.is_same(other)), None)
        if same is not None and not self.wait:
            raise running(same)
        if self.definition.concurrency == "many":
            return same
        return same or next((other for other in others if self.work.waits_for(other)), None)

    def _tell_rescued(self, own: str) -> None:
        for batch_id in sorted(self._rescued - {own}):
            log.warning("batch %s has lost its runner; to finish it: ri resume %s", batch_id, batch_id[:8])

    def _await(self, other: Working) -> None:
        if self._told != other.batch_id:
            self._told = other.batch_id
            log.warning("waiting for %s", _described(other))
        self.patience.pause(min(_LOOK_AGAIN_S, self.store.lease_s))
        if self.patience.hurried:
            raise StoppedError("interrupted", f"stopped while waiting for batch {other.batch_id}")


def running(other: Working) -> StoppedError:
    """Somebody else does the same work."""
    return StoppedError(
        "batch-running",
        f"somebody works on it already: {_described(other)}",
        hint="wait for its end, or give --wait; a runner that died is replaced when its lease ends",
    )


def _described(other: Working) -> str:
    where = f" ({other.owner})" if other.owner else ""
    return f"batch {other.batch_id} of {other.source_name or 'stored records'}{where}"


def _nothing_left(batch_id: str) -> UsageError:
    return UsageError(
        "nothing-to-resume", f"batch {batch_id} is at its end", hint="ri reprocess takes its failed records again"
    )
