"""One transaction on a batch by its owner: items, log, and the fence that lets only the owner commit, and only once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection

from ri_declarative.blocks import OutcomeColumns
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.hook_transaction import ended_by_hook
from ri_declarative.database.items import BatchRows, KeptRecords
from ri_declarative.database.jsonb import printable, printable_json
from ri_declarative.database.ownership import Claim, Ownership, claimed, forgotten, lost_ownership, standing
from ri_declarative.database.statements import Statements
from ri_declarative.records import BatchStatus, Counts, LogEntry, StopReason


class Transaction:
    """It begins with the first use of `connection`."""

    def __init__(self, statements: Statements, owner: Ownership, begin: Callable[[], Connection]) -> None:
        self._statements = statements
        self._owner = owner
        self._begin = begin

    @cached_property
    def connection(self) -> Connection:
        """The open transaction."""
        return self._begin()

    def book(self, kept: KeptRecords, ends: OutcomeColumns, target: str | None) -> None:
        """Store the end that each record has reached."""
        rows = self._rows()
        if self._owner.items_stored:
            rows.update(ends, target)
            return
        try:
            rows.insert(kept, ends, target)
        except UniqueViolation as error:
            if error.diag.constraint_name != "import_batch_items_pkey":
                raise
            # Somebody else has stored these items: the fence would say the same.
            raise lost_ownership(self._owner.batch_id) from error

    def note(self, entries: Sequence[LogEntry], metadata: Mapping[str, Any]) -> None:
        """Store what is to be logged, and what hooks want to be remembered with the batch."""
        if entries:
            self._rows().log(entries)
        if metadata:
            parameters = {"id": self._owner.batch_id, "metadata": printable_json(metadata)}
            self._statements.execute(self.connection, "set_metadata", parameters)

    def begin_records(self) -> None:
        """Mark that work on records begins now. Raises `LostOwnership`."""
        self._guarded("begin", {"lease_s": self._statements.lease_s})

    def advance(
        self, counts: Counts, *, old_index: int, new_index: int, next_claim: Claim, read_digest: str | None
    ) -> None:
        """The fence. Raises `LostOwnership` when another runner owns the batch or booked this chunk."""
        parameters = {**counts._asdict(), **claimed(new_index, next_claim), "read_digest": read_digest}
        parameters |= {"old_index": old_index, "new_index": new_index, "lease_s": self._statements.lease_s}
        self._guarded("advance", parameters)

    def finish(
        self,
        status: BatchStatus,
        *,
        ended: bool,
        source_info: Mapping[str, Any],
        next_index: int | None,
        stop_reason: StopReason | None = None,
        error_message: str | None = None,
    ) -> None:
        """The end of a batch. `ended`: the source was read to its end, so that the total is known.

        `next_index`: behind the last record that was committed; None: whatever the database says.
        """
        parameters = {
            "status": status.value,
            "stop_reason": stop_reason.value if stop_reason else None,
            "error_message": printable(error_message) if error_message else None,
            "ended": ended,
            "source_info": printable_json(source_info),
            "next_index": next_index,
        }
        self._guarded("finish", parameters)

    def _guarded(self, query: str, parameters: Mapping[str, Any]) -> None:
        """A change that only the owner may make, in a transaction that is still ours."""
        owned = {"id": self._owner.batch_id, "token": self._owner.token}
        if self._statements.execute(self.connection, query, {**parameters, **owned}).rowcount != 1:
            self._refuse_other_transaction()
            now = standing(self._statements, self.connection, self._owner.batch_id)
            expected = parameters.get("old_index", parameters.get("next_index"))
            if now.token == self._owner.token and expected is not None and now.next_index < expected:
                raise forgotten(self._owner.batch_id)
            raise lost_ownership(self._owner.batch_id)

    def _rows(self) -> BatchRows:
        return BatchRows(driver_cursor(self.connection), f'"{self._statements.schema}"', self._owner.batch_id)

    def _refuse_other_transaction(self) -> None:
        """A hook that sends COMMIT and BEGIN behind our back leaves a transaction that we did not begin."""
        if not self._statements.execute(self.connection, "is_our_transaction", {}).scalar_one():
            raise ended_by_hook()
