"""What a hook knows of its batch, and what it may do: query, log, remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Executable

from ri_declarative.database.hook_queries import Parameters, first_of, rows_of, run_many
from ri_declarative.database.hook_transaction import HookTransaction
from ri_declarative.database.jsonb import refuse_unstorable
from ri_declarative.processors.item import ImportItem, thawed
from ri_declarative.processors.journal import Journal

DISMISSED = "dismissed"  # in a batch's metadata: it needs no attention


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
    source_info: Mapping[str, Any] = field(default_factory=dict)  # name, size, format, header, …
    original_batch_id: str | None = None  # reprocessing: the batch that read the records first


class ImportContext:
    """One object per run: hooks share it, and nothing of it is global. Not to be kept beyond the batch."""

    def __init__(
        self, batch: Batch, *, metadata: Mapping[str, Any] | None = None, continue_on_error: bool = True
    ) -> None:
        self.batch = batch
        self.item: ImportItem | None = None  # the one that the running hook works for
        self.continue_on_error = continue_on_error
        self.journal = Journal(batch.batch_type)
        self.transaction = HookTransaction()
        self.attempt = 1  # how often the chunk has been begun
        self._metadata = dict(metadata or {})
        self._unstored: dict[str, Any] = {}

    # ── the database ─────────────────────────────────────────────────────────────────────────

    @property
    def connection(self) -> Connection:
        """The chunk's transaction, which begins now. Savepoints (`begin_nested`) are fine, commit and rollback refused.

        What is done in it is undone when the hook raises, and stays when the chunk is committed.
        """
        return self.transaction.connection()

    def execute(self, query: str | Executable, params: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows as mappings; empty for a statement that gives none.

        `query`: text with `:name` and a mapping, text with `%s` and a sequence, or a SQLAlchemy statement.
        """
        return rows_of(self.connection, query, params)

    def execute_one(self, query: str | Executable, params: Parameters | None = None) -> dict[str, Any] | None:
        """The first row as a mapping, None when there is none."""
        return first_of(self.connection, query, params)

    def executemany(self, query: str | Executable, params: Sequence[Parameters]) -> int:
        """Run a statement once for each of `params`; how many rows it changed."""
        return run_many(self.connection, query, params)

    # ── the log ──────────────────────────────────────────────────────────────────────────────

    def debug(self, message: object, details: Mapping[str, Any] | None = None) -> None:
        """A line in `import_logs`, tied to the batch and the item, and to the Python logger."""
        self._log("debug", message, details)

    def info(self, message: object, details: Mapping[str, Any] | None = None) -> None:
        """As `debug`, at level info."""
        self._log("info", message, details)

    def warning(self, message: object, details: Mapping[str, Any] | None = None) -> None:
        """As `debug`, at level warning. In `validate_item` it is the reason when that returns False."""
        self._log("warning", message, details)

    def error(self, message: object, details: Mapping[str, Any] | None = None) -> None:
        """As `debug`, at level error. Does not fail the item: raise for that."""
        self._log("error", message, details)

    def _log(self, level: str, message: object, details: Mapping[str, Any] | None) -> None:
        self.journal.add(level, message, details, None if self.item is None else self.item.index)

    # ── what the batch knows ─────────────────────────────────────────────────────────────────

    def set_metadata(self, key: str, value: Any) -> None:
        """Remember any object for the time of the run; what JSON can hold is stored with the batch, too."""
        if key == DISMISSED:
            raise ValueError(f'"{DISMISSED}" is ri\'s own mark; choose another key')
        self._metadata[key] = value
        if _is_storable(value):
            self._unstored[key] = thawed(value)

    def get_metadata(self, key: str, default: Any = None) -> Any:
        """What was set in this run, or stored with the batch or with the one it reprocesses."""
        return self._metadata.get(key, default)

    def is_reprocess(self) -> bool:
        """Whether the batch takes records of another one again."""
        return self.batch.parent_batch_id is not None

    def get_original_batch_id(self) -> str | None:
        """When reprocessing: the batch that read the records first. None otherwise."""
        return self.batch.original_batch_id

    # ── for the engine ───────────────────────────────────────────────────────────────────────

    @contextmanager
    def within(self, connect: Callable[[], Connection], *, attempt: int = 1, isolate: bool = False) -> Iterator[None]:
        """The time of one transaction, which `connect` begins when something needs it."""
        self.attempt = attempt
        with self.transaction.within(connect, isolate=isolate):
            yield

    @property
    def unstored_metadata(self) -> Mapping[str, Any]:
        """What has been set since `stored`."""
        return self._unstored

    def stored(self) -> None:
        """Log and metadata are committed."""
        self.journal.stored()
        self._unstored = {}


def _is_storable(value: Any) -> bool:
    try:
        refuse_unstorable(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
