"""What a processor knows about the batch it works for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection


@dataclass(frozen=True)
class Batch:
    """A running batch; times are the database's."""

    id: str
    batch_type: str
    started_at: str  # ISO 8601, UTC
    source_name: str
    parent_batch_id: str | None
    lineage: tuple[str, ...]  # ids of the batches whose records count as one file, this one included
    books: str  # schema of the bookkeeping tables


@dataclass(frozen=True)
class ImportContext:
    """The batch, and inside `process` the open transaction of the chunk."""

    batch: Batch
    transaction: Connection | None = None  # None in `prepare`, which touches no database
    attempt: int = 1  # how often this chunk has been begun

    @property
    def connection(self) -> Connection:
        """The chunk's transaction. Never commit or roll back: the engine does."""
        if self.transaction is None:
            raise RuntimeError("there is no transaction outside of process()")
        return self.transaction

    def within(self, transaction: Connection, attempt: int) -> ImportContext:
        """The same batch inside a chunk's transaction."""
        return replace(self, transaction=transaction, attempt=attempt)
