"""Ways to stop a run without signals, and what tells whether a batch was finished as if nothing had stopped it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ri_declarative.errors import LostOwnership
from ri_declarative.records import BatchSummary, Progress
from support.workbench import Workbench

# What a runner leaves behind that died a while ago: a batch in processing, whose lease has ended.
DEAD = """
UPDATE import_batches SET lease_token = gen_random_uuid(), lease_expires_at = clock_timestamp() - interval '1 hour'
WHERE status = 'processing'
"""
_COUNTED = ("completed", "failed", "skipped", "inserted", "updated", "unchanged")


def interrupted_after(chunks: int) -> dict[str, Any]:
    """Words that ask a run to stop when so many chunks are committed, as a first signal does."""
    reports: list[Progress] = []
    return {"on_progress": reports.append, "should_stop": lambda: len(reports) >= chunks}


def dying_after(bench: Workbench, chunks: int) -> dict[str, Any]:
    """Words by which a run leaves its batch as a killed one does when so many chunks (not 0) are committed.

    It raises LostOwnership then: for the books it is a stranger.
    """
    reports: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        reports.append(progress)
        if len(reports) == chunks:
            bench.sql(DEAD)

    return {"on_progress": on_progress}


def killed_run(bench: Workbench, run: Callable[..., object], chunks: int) -> str:
    """The id of the batch that a run has left behind, which died when so many chunks were committed."""
    ids: list[str] = []
    with pytest.raises(LostOwnership):
        run(**dying_after(bench, chunks), on_batch=ids.append)
    return ids[0]


def check_accounts(bench: Workbench, batch_id: str) -> tuple[int, int, int, int]:
    """Completed, failed, skipped and pending; the batch's counters, its items and its place agree on them (law 1)."""
    columns = ", ".join(_COUNTED)
    [(total, next_index, *counters)] = bench.sql(
        f"SELECT total, next_index, {columns} FROM import_batches WHERE id = %s", [batch_id]
    )
    items = bench.sql(
        "SELECT status, action, item_index FROM import_batch_items WHERE batch_id = %s ORDER BY item_index", [batch_id]
    )
    ends = [str(end) for status, action, _ in items for end in (status, action) if end]
    assert [ends.count(name) for name in _COUNTED] == counters
    done = [index for status, _, index in items if status not in ("pending", "processing")]
    pending = len(items) - len(done)
    assert "processing" not in ends
    assert all(index < next_index for index in done)
    assert all(index >= next_index for status, _, index in items if status == "pending")
    assert total is None or total == len(items)
    assert len(done) == sum(counters[:3])
    return ends.count("completed"), ends.count("failed"), ends.count("skipped"), pending


def final_state(bench: Workbench, *tables: str) -> dict[str, list[Any]]:
    """All that a run leaves in these tables and in the books, without ids and times, and how often it was begun."""
    ids = bench.sql("SELECT id::text FROM import_batches ORDER BY created_at, id")
    numbers = {batch_id: f"batch {number}" for number, (batch_id,) in enumerate(ids)}
    batches = bench.sql(
        "SELECT batch_type, status, stop_reason, error_message, total, next_index, completed, failed, skipped, "
        "inserted, updated, unchanged, read_digest, source_info - 'mtime', metadata, parent_batch_id::text, "
        "claim_from, claim_to, claim_attempts, claim_suspect, lease_token FROM import_batches ORDER BY created_at, id"
    )
    items = bench.sql(
        "SELECT batch_id::text, item_index, source_line, status, action, source_data, processed_data, metadata, "
        "target_table, target_id, problems, error_message, key_hash, parent_item_id::text FROM import_batch_items "
        "ORDER BY batch_id, item_index"
    )
    state = {"batches": batches, "items": items, **{name: bench.sql(f"SELECT * FROM {name}") for name in tables}}
    return {name: sorted((_without_ids(row, numbers) for row in rows), key=str) for name, rows in state.items()}


def emptied(bench: Workbench, *tables: str) -> None:
    """Nothing; these tables and the books are as empty as before the first run."""
    bench.sql(f"TRUNCATE import_batch_items, import_logs, import_batches, {', '.join(tables)}")


def logged(bench: Workbench, batch: BatchSummary | str) -> list[str]:
    """The lines of a batch's log."""
    batch_id = batch if isinstance(batch, str) else batch.batch_id
    return [
        text for (text,) in bench.sql("SELECT message FROM import_logs WHERE batch_id = %s ORDER BY id", [batch_id])
    ]


def _without_ids(row: tuple[Any, ...], numbers: dict[str, str]) -> str:
    text = json.dumps(row, default=str, sort_keys=True)
    for batch_id, number in numbers.items():
        text = text.replace(batch_id, number).replace(batch_id[:28], number)
    return text
