from __future__ import annotations

import json

from cli.scripted_batches import BATCH, batch, failed_item
from ri_declarative.cli import shapes
from ri_declarative.cli.output import json_text
from ri_declarative.records import BatchStatus, StopReason


def test_the_object_of_a_run_is_the_documented_one() -> None:
    assert json.loads(json_text(shapes.run(batch(problems=batch().problems[:1]), "embedded"))) == {
        "schema": "ri.run/1",
        "pipeline": "customer_data",
        "batch_id": BATCH,
        "parent_batch_id": None,
        "status": "completed",
        "stop_reason": None,
        "database": "embedded",
        "source": {"name": "customers.csv", "size": 83998, "sha256": "ab" * 32},
        "total": 500,
        "completed": 472,
        "failed": 28,
        "skipped": 0,
        "pending": 0,
        "inserted": 470,
        "updated": 2,
        "unchanged": 0,
        "duration_s": 0.4,
        "error_message": None,
        "problems": [
            {
                "code": "schema.format",
                "field": "email",
                "count": 19,
                "example": {"line": 7, "message": 'expected an e-mail address, got "x"'},
            }
        ],
    }


def test_a_source_without_size_and_a_running_batch_give_nulls() -> None:
    running = batch(source_info={"name": "-"}, total_items=None, duration_s=None, status=BatchStatus.PROCESSING)
    made = shapes.run(running, "embedded")
    assert made["source"] == {"name": "-", "size": None, "sha256": None}
    assert (made["total"], made["duration_s"]) == (None, None)


def test_nothing_to_reprocess_has_the_shape_of_a_run_with_all_counts_zero() -> None:
    made = shapes.nothing_to_do(batch(), "embedded")
    assert made.keys() == shapes.run(batch(), "embedded").keys()
    assert (made["batch_id"], made["parent_batch_id"], made["status"]) == (None, BATCH, "completed")
    counts = ("total", "completed", "failed", "skipped", "pending", "inserted", "updated", "unchanged")
    assert [made[c] for c in counts] == [0] * 8


def test_status_adds_times_fingerprint_and_reason() -> None:
    made = shapes.status(batch(stop_reason=StopReason.DATABASE, error_message="server closed"), "embedded")
    assert made["schema"] == "ri.status/1"
    assert made["started_at"] == "2026-11-20T09:00:00+00:00"
    assert (made["stop_reason"], made["error_message"], made["fingerprint"]) == ("database", "server closed", "f" * 64)


def test_a_failed_item_keeps_its_record_and_every_problem() -> None:
    made = shapes.item(failed_item(5))
    assert (made["item_id"], made["line"], made["source_data"]["first_name"]) == ("item-5", 7, "Zoë")
    assert made["problems"][0]["code"] == "schema.format"
