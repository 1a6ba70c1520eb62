"""The JSON that commands print: versioned objects built from records. Keys may be added, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ri_declarative.errors import Diagnostic
from ri_declarative.records import BatchStatistics, BatchSummary, Item, NotableBatch, ProblemGroup, TypeStatistics

if TYPE_CHECKING:
    from ri_declarative.manager.overview import LastBatches, PipelineOverview

# Keys of source_info that callers may see in every batch object.
_SOURCE_KEYS = ("name", "size", "sha256")


def run(summary: BatchSummary, database: str) -> dict[str, Any]:
    """`ri.run/1`: what came out of `ri run` and `ri reprocess`, one object per batch."""
    return {
        "schema": "ri.run/1",
        **_batch(summary, database),
        "error_message": summary.error_message,
        "problems": [_problem(p) for p in summary.problems],
    }


def nothing_to_do(source: BatchSummary, database: str) -> dict[str, Any]:
    """`ri.run/1` of a reprocessing that found nothing: no batch, all counts zero."""
    empty = source._replace(
        completed_items=0, failed_items=0, skipped_items=0, pending_items=0, inserted_items=0, updated_items=0
    )
    batch = _batch(empty._replace(unchanged_items=0, total_items=0, duration_s=0.0), database)
    outcome = {"batch_id": None, "parent_batch_id": source.batch_id, "status": "completed", "stop_reason": None}
    return {"schema": "ri.run/1", **batch, **outcome, "error_message": None, "problems": []}


def status(summary: BatchSummary, database: str) -> dict[str, Any]:
    """`ri.status/1`: one batch at this moment."""
    return {
        "schema": "ri.status/1",
        **_batch(summary, database),
        **_times(summary),
        "fingerprint": summary.fingerprint,
        "error_message": summary.error_message,
        "problems": [_problem(p) | {"status": str(p.status)} for p in summary.problems],
    }


def batches(summaries: Iterable[BatchSummary], database: str) -> dict[str, Any]:
    """`ri.batches/1`: newest first, without their problems."""
    listed = [{**_batch(s, database), **_times(s)} for s in summaries]
    return {"schema": "ri.batches/1", "database": database, "batches": listed}


def rescued(summaries: Iterable[BatchSummary], database: str) -> dict[str, Any]:
    """`ri.rescue/1`: the batches that were found without a runner."""
    listed = [{**_batch(s, database), **_times(s)} for s in summaries]
    return {"schema": "ri.rescue/1", "database": database, "batches": listed}


def abandoned(summary: BatchSummary, database: str) -> dict[str, Any]:
    """`ri.abandon/1`: a batch that was given up."""
    return {"schema": "ri.abandon/1", **_batch(summary, database), **_times(summary)}


def statistics(found: BatchStatistics, database: str) -> dict[str, Any]:
    """`ri.status.stats/1`: how batches are doing."""
    return {
        "schema": "ri.status.stats/1",
        "database": database,
        "days": found.days,
        "since": _iso(found.since),
        "overall": _ended(found.overall),
        "pipelines": [{"pipeline": one.batch_type, **_ended(one)} for one in found.types],
        "reprocessing": _ended(found.reprocessing),
        "stuck": [_notable(one) for one in found.stuck],
        "waiting": [_notable(one) for one in found.waiting],
        "failing": [_notable(one) for one in found.failing],
    }


def _ended(ended: TypeStatistics) -> dict[str, Any]:
    return {
        "completed_batches": ended.completed_batches,
        "failed_batches": ended.failed_batches,
        "completed": ended.completed_items,
        "failed": ended.failed_items,
        "skipped": ended.skipped_items,
        "success_rate": ended.success_rate,  # rounded it could say 1 although some failed
        "average_duration_s": _rounded(ended.average_duration_s, 3),
        "records_per_s": _rounded(ended.records_per_s, 1),
    }


def _notable(one: NotableBatch) -> dict[str, Any]:
    return {
        "pipeline": one.batch_type,
        "batch_id": one.batch_id,
        "parent_batch_id": one.parent_batch_id,
        "source_name": one.source_name,
        "processed": one.processed_items,
        "failed": one.failed_items,
        "since": _iso(one.since),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def pipelines(found: Iterable[PipelineOverview], last: LastBatches | None) -> dict[str, Any]:
    """`ri.list/1`; `last` is None when no database answered."""
    listed = [
        {
            "name": one.name,
            "description": one.description,
            "format": one.source_format,
            "target": one.target,
            "processor": one.processor,
            "errors": len(one.diagnostics),
            "last_batch": _last(last.batches[one.name]) if last and one.name in last.batches else None,
        }
        for one in found
    ]
    return {"schema": "ri.list/1", "database": last.database if last else None, "pipelines": listed}


def _last(summary: BatchSummary) -> dict[str, Any]:
    batch = _batch(summary, "")
    left_out = ("pipeline", "database")
    return {key: value for key, value in batch.items() if key not in left_out} | _times(summary)


def item(kept: Item) -> dict[str, Any]:
    """A failed item inside `ri.errors/1`."""
    return {
        "item_id": kept.item_id,
        "index": kept.index,
        "line": kept.line,
        "problems": [
            {"code": p.code, "field": p.field, "message": p.message, "details": dict(p.details)} for p in kept.problems
        ],
        "source_data": kept.source_data,
        "parent_item_id": kept.parent_item_id,
        "metadata": dict(kept.metadata),
    }


def _batch(summary: BatchSummary, database: str) -> dict[str, Any]:
    return {
        "pipeline": summary.batch_type,
        "batch_id": summary.batch_id,
        "parent_batch_id": summary.parent_batch_id,
        "status": str(summary.status),
        "stop_reason": str(summary.stop_reason) if summary.stop_reason else None,
        "database": database,
        "source": {key: summary.source_info.get(key) for key in _SOURCE_KEYS},
        "total": summary.total_items,
        "completed": summary.completed_items,
        "failed": summary.failed_items,
        "skipped": summary.skipped_items,
        "pending": summary.pending_items,
        "inserted": summary.inserted_items,
        "updated": summary.updated_items,
        "unchanged": summary.unchanged_items,
        "duration_s": None if summary.duration_s is None else round(summary.duration_s, 3),
    }


def _times(summary: BatchSummary) -> dict[str, Any]:
    return {
        "created_at": _iso(summary.created_at),
        "started_at": _iso(summary.started_at),
        "completed_at": _iso(summary.completed_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _problem(group: ProblemGroup) -> dict[str, Any]:
    return {
        "code": group.code,
        "field": group.field,
        "count": group.count,
        "example": {"line": group.example_line, "message": group.example_message},
    }


def diagnostic(found: Diagnostic) -> dict[str, Any]:
    """A finding about a file, with its place, inside `ri.check/1`, `ri.explain/1` and `ri.error/1`."""
    return {
        **found.position._asdict(),
        "severity": str(found.severity),
        "code": found.code,
        "message": found.message,
    }
