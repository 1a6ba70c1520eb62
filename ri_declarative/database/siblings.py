"""Other batches of a type: who works on them, and which ones read the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ri_declarative.database.jsonb import printable_json
from ri_declarative.database.statements import Statements
from ri_declarative.records import BatchStatus, StopReason


class Working(NamedTuple):
    """A batch that a living owner works on."""

    batch_id: str
    owner: str | None  # for people
    source_name: str | None
    sha256: str | None  # of the file that it reads
    parent_batch_id: str | None  # it takes records of that batch again
    token: str


class Sibling(NamedTuple):
    """A batch that nobody works on."""

    batch_id: str
    status: BatchStatus
    stop_reason: StopReason | None
    completed_at: datetime | None


def one_at_a_time(statements: Statements, connection: Connection, batch_type: str) -> None:
    """No other batch of the type begins before the transaction ends."""
    statements.execute(connection, "serialize", {"batch_type": batch_type})


def being_worked_on(statements: Statements, connection: Connection, batch_type: str) -> list[Working]:
    """The batches of a type that are being worked on, the oldest first."""
    rows = statements.execute(connection, "being_worked_on", {"batch_type": batch_type}).mappings()
    return [Working(**row) for row in rows]


def same_content(statements: Statements, connection: Connection, batch_type: str, sha256: str) -> list[Sibling]:
    """The batches that read the same file, the newest first."""
    return _siblings(statements, connection, "same_content", {"batch_type": batch_type, "sha256": sha256})


def same_repetition(
    statements: Statements, connection: Connection, parent_batch_id: str, repetition: Mapping[str, Any]
) -> list[Sibling]:
    """The batches that took the same records of another one again, the newest first."""
    parameters = {"parent_batch_id": parent_batch_id, "repetition": printable_json(repetition)}
    return _siblings(statements, connection, "same_repetition", parameters)


def _siblings(
    statements: Statements, connection: Connection, query: str, parameters: Mapping[str, Any]
) -> list[Sibling]:
    return [
        Sibling(
            row["batch_id"],
            BatchStatus(row["status"]),
            StopReason(row["stop_reason"]) if row["stop_reason"] else None,
            row["completed_at"],
        )
        for row in statements.execute(connection, query, parameters).mappings()
    ]
