"""Who works on a batch: tokens, leases by the database's clock, and what a batch says of where it stopped.

Every function works inside an open transaction and is given `Ownership.token` by the caller, so that
asking again after a lost answer finds the same batch. What a take-over means for the claim is the engine's business.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ri_declarative.database.jsonb import printable_json
from ri_declarative.database.statements import Statements
from ri_declarative.errors import LostOwnership, StoppedError
from ri_declarative.records import BatchStatus, Counts, StopReason, is_finished


class Claim(NamedTuple):
    """The records that are worked on next, by number, and how often a runner began on them."""

    size: int
    attempts: int = 1
    suspect: int = 0  # so many records, from the first on, may have killed a runner


@dataclass(frozen=True)
class Ownership:
    """A batch and the token that proves who works on it; where the work begins."""

    batch_id: str
    token: str
    started_at: str  # ISO 8601, UTC, by the database's clock
    claim: Claim
    next_index: int = 0
    counts: Counts = field(default_factory=Counts)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    items_stored: bool = False  # as pending ones, by create_batch


@dataclass(frozen=True)
class NewBatch:
    """What is to be known of a batch that begins."""

    batch_type: str
    source_info: Mapping[str, Any]
    fingerprint: str | None
    parent_batch_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Stopped(NamedTuple):
    """A batch that is to be taken, locked: where it stands."""

    batch_id: str
    status: BatchStatus
    stop_reason: StopReason | None
    total: int | None  # known before the end: its items are stored
    next_index: int
    counts: Counts
    claim: Claim  # of the runner before
    begun: bool  # it had begun to work on records
    read_digest: str | None
    metadata: Mapping[str, Any]
    fingerprint: str | None

    @property
    def was_begun_before(self) -> bool:
        """Whether somebody has worked on it: one that create_batch made waits for its first runner."""
        return self.status is not BatchStatus.PENDING

    @property
    def lost_its_runner(self) -> bool:
        """Whether the runner died, perhaps of the records that it had claimed."""
        return self.stop_reason is StopReason.LOST

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, or is to be done."""
        return is_finished(self.status, self.stop_reason, total=self.total, processed=self.counts.processed)


class Standing(NamedTuple):
    """What of an owner's batch is committed."""

    batch_id: str
    next_index: int
    status: BatchStatus
    stop_reason: StopReason | None
    token: str | None
    begun_by: str | None


def new_token() -> str:
    """A token for one process start and one batch."""
    return str(uuid.uuid4())


def new_batch_id() -> str:
    """A random version-4 UUID whose low 32 bits are zero: an item's id puts its index there."""
    return str(uuid.UUID(int=uuid.uuid4().int >> 32 << 32))


def lost_ownership(batch_id: str) -> LostOwnership:
    """What a runner ends with whose batch was taken over."""
    return LostOwnership(
        "lost-ownership",
        f"batch {batch_id} was taken over: this runner was silent for longer than its lease. "
        "What it had not committed is dropped",
        hint=f"who works on it: ri status {batch_id[:8]}",
    )


def forgotten(batch_id: str) -> StoppedError:
    """What a runner ends with whose commits are gone: a server that crashed with asynchronous commit, a failover."""
    return StoppedError(
        "db.forgotten",
        f"the database has lost what it had committed of batch {batch_id}: "
        "it crashed, or another server took its place",
        hint=f"what it still has is consistent; finish it: ri resume {batch_id[:8]}, or run the file again",
    )


def create(
    statements: Statements, connection: Connection, batch_id: str, new: NewBatch, *, token: str, claim: Claim
) -> Ownership:
    """A new batch in processing, owned by `token`, with the first chunk claimed."""
    parameters = {
        "id": batch_id,
        "batch_type": new.batch_type,
        "source_info": printable_json(new.source_info),
        "metadata": printable_json(new.metadata),
        "fingerprint": new.fingerprint,
        "parent_batch_id": new.parent_batch_id,
        "claim_to": claim.size,
        **_owned(statements, token),
    }
    started_at = statements.execute(connection, "create_batch", parameters).scalar_one_or_none()
    if started_at is None:
        raise lost_ownership(batch_id)
    return Ownership(batch_id, token, started_at, claim, metadata=new.metadata)


def lock(statements: Statements, connection: Connection, batch_id: str) -> Stopped:
    """Where a batch stands; nobody else takes it before the transaction ends."""
    row = statements.execute(connection, "lock_batch", {"id": batch_id}).mappings().one()
    size = (row["claim_to"] or 0) - (row["claim_from"] or 0)
    return Stopped(
        batch_id=row["id"],
        status=BatchStatus(row["status"]),
        stop_reason=StopReason(row["stop_reason"]) if row["stop_reason"] else None,
        total=row["total"],
        next_index=row["next_index"],
        counts=Counts(*(row[name] for name in Counts._fields)),
        claim=Claim(size, row["claim_attempts"], row["claim_suspect"]),
        begun=row["begun"],
        read_digest=row["read_digest"],
        metadata=row["metadata"],
        fingerprint=row["fingerprint"],
    )


def take(
    statements: Statements,
    connection: Connection,
    stopped: Stopped,
    *,
    token: str,
    claim: Claim,
    fingerprint: str | None,
    source_info: Mapping[str, Any],
) -> Ownership:
    """Own a locked batch, to go on where it stopped. `source_info`: what is known better now."""
    parameters = {
        "id": stopped.batch_id,
        "fingerprint": fingerprint,
        "source_info": printable_json(source_info),
        **claimed(stopped.next_index, claim),
        **_owned(statements, token),
    }
    started_at = statements.execute(connection, "take_batch", parameters).scalar_one()
    stored = stopped.total is not None
    return Ownership(
        stopped.batch_id, token, started_at, claim, stopped.next_index, stopped.counts, stopped.metadata, stored
    )


def standing(statements: Statements, connection: Connection, batch_id: str) -> Standing:
    """What is committed of a batch. Waits until a transaction that was cut off has ended."""
    row = statements.execute(connection, "standing", {"id": batch_id}).mappings().one_or_none()
    if row is None:
        raise forgotten(batch_id)
    reason = StopReason(row["stop_reason"]) if row["stop_reason"] else None
    return Standing(
        batch_id, row["next_index"], BatchStatus(row["status"]), reason, row["lease_token"], row["begun_by"]
    )


def rescue(statements: Statements, connection: Connection) -> list[str]:
    """Mark batches whose runner is gone as stopped; their ids. Never those of a living owner."""
    return list(statements.execute(connection, "rescue", {}).scalars())


def abandon(statements: Statements, connection: Connection, batch_id: str, *, reason: str | None) -> bool:
    """Mark a batch as one that nobody will finish; False: it is completed, or somebody works on it."""
    return int(statements.execute(connection, "abandon", {"id": batch_id, "reason": reason}).rowcount) == 1


def claimed(next_index: int, claim: Claim) -> dict[str, Any]:
    """The columns that say which records are worked on next."""
    return {
        "claim_to": next_index + claim.size,
        "claim_attempts": claim.attempts,
        "claim_suspect": claim.suspect,
    }


def _owned(statements: Statements, token: str) -> dict[str, Any]:
    return {"token": token, "owner": f"{socket.gethostname()}, process {os.getpid()}", "lease_s": statements.lease_s}
