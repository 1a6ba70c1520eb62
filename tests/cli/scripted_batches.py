"""Batches made by hand, and a stand-in for the manager where a real one cannot be made to fail on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ri_declarative.records import BatchStatus, BatchSummary, Item, ItemStatus, Problem, ProblemGroup

BATCH = "3f2a9c1e-0000-4000-8000-000000000001"


def batch(**changes: Any) -> BatchSummary:
    """500 customers of which 28 failed, in 0.4 s."""
    made = BatchSummary(
        batch_id=BATCH,
        batch_type="customer_data",
        status=BatchStatus.COMPLETED,
        stop_reason=None,
        parent_batch_id=None,
        source_info={"name": "customers.csv", "size": 83998, "sha256": "ab" * 32, "encoding": "utf-8"},
        fingerprint="f" * 64,
        total_items=500,
        completed_items=472,
        failed_items=28,
        skipped_items=0,
        pending_items=0,
        inserted_items=470,
        updated_items=2,
        unchanged_items=0,
        created_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        started_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        completed_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        duration_s=0.4,
        error_message=None,
        problems=(
            ProblemGroup("schema.format", "email", ItemStatus.FAILED, 19, 7, 'expected an e-mail address, got "x"'),
            ProblemGroup("source.ragged", None, ItemStatus.FAILED, 9, 12, "expected 6 cells, found 5"),
        ),
    )
    return made._replace(**changes)


def failed_item(index: int, **changes: Any) -> Item:
    """A customer without a good e-mail address."""
    made = Item(
        item_id=f"item-{index}",
        batch_id=BATCH,
        index=index,
        line=index + 2,
        status=ItemStatus.FAILED,
        action=None,
        source_data={"email": "x", "first_name": "Zoë"},
        problems=(Problem("schema.format", "email", 'expected an e-mail address, got "x"'),),
        error_message=None,
        parent_item_id=None,
        target_table="public.customers",
        target_id=None,
        metadata={},
    )
    return made._replace(**changes)


class ScriptedManager:
    """Answers as a test tells it: `runs` are taken one by one, an exception among them is raised."""

    database_label = "embedded"
    warnings: tuple[str, ...] = ()
    runs: list[Any] = []
    attention: list[Item] = []
    prints: tuple[str | None, str | None] = ("a" * 64, "a" * 64)
    imported: list[str] = []

    def __init__(self, database: str | None = None) -> None:
        self.database = database

    def __enter__(self) -> ScriptedManager:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def run_pipeline(self, name: str, file: str, *, on_batch: Callable[[str], None], **_: Any) -> BatchSummary:
        self.imported.append(file)
        answer = self.runs.pop(0)
        on_batch(BATCH)
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, BatchSummary)
        return answer

    def reprocess_batch(self, batch_id: str, failed_items_only: bool, **_: Any) -> str | None:
        answer: str | None = self.runs.pop(0)
        return answer

    def fingerprints(self, batch_id: str) -> tuple[str | None, str | None]:
        return self.prints

    def resolve_batch(self, reference: str) -> str:
        return BATCH

    def get_batch_summary(self, batch_id: str, **_: Any) -> BatchSummary:
        return batch()

    def list_batches(self, *, limit: int, batch_type: str | None) -> list[BatchSummary]:
        return [batch(), batch(batch_id="b" * 32, total_items=None, status=BatchStatus.PROCESSING)][:limit]

    def needs_attention(self, batch_id: str, *, limit: int | None = None) -> Iterator[Item]:
        return iter(self.attention[:limit])

    def failing_repeats(self, batch_id: str) -> dict[str, int]:
        return {}

    def export_failed(self, batch_id: str, stream: Any) -> int:
        stream.write("email\r\nx\r\n")
        return 1

    def dismiss(self, batch_id: str, items: tuple[str, ...], *, reason: str | None) -> int:
        return len(items) or 28
