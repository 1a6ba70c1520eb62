"""process_batch and reprocess_batch of stored batches: in which states, and what a batch type makes of the items."""

from __future__ import annotations

from typing import Any

import pytest
from manager_classes import KeepProcessor, items, variant
from support.workbench import Workbench

from ri_declarative import BatchManager, BatchSummary, ImportContext, ImportItem, RiError, StoppedError, UsageError


def _refusal(manager: BatchManager, batch_id: str) -> RiError:
    with pytest.raises(RiError) as error:
        manager.process_batch(batch_id)
    return error.value


# ── states ───────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_processed_once(workbench: Workbench, manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", items(range(5)))
    first = manager.process_batch(batch_id)
    refused = _refusal(manager, batch_id)
    assert (refused.code, "completed" in refused.message) == ("nothing-pending", True)
    assert manager.get_batch_summary(batch_id) == first
    assert workbench.sql("SELECT count(*) FROM applied") == [(5,)]


def test_an_unknown_batch_is_refused(manager: BatchManager) -> None:
    for verb in (manager.process_batch, manager.reprocess_batch, manager.get_batch):
        with pytest.raises(UsageError):
            verb("6f1c5a1e-0000-4000-8000-000000000000")


def test_a_batch_whose_owner_lives_is_left_to_it(workbench: Workbench, manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", items(range(5)))
    workbench.sql(
        "UPDATE import_batches SET status = 'processing', lease_token = gen_random_uuid(),"
        " lease_expires_at = clock_timestamp() + interval '1 minute'"
    )
    assert _refusal(manager, batch_id).code == "batch-running"
    with pytest.raises(StoppedError, match="still being worked on"):
        manager.reprocess_batch(batch_id)
    assert workbench.sql("SELECT count(*) FROM applied") == [(0,)]
    workbench.sql("UPDATE import_batches SET lease_expires_at = clock_timestamp()")
    assert manager.process_batch(batch_id).completed_items == 5


def test_an_owner_who_lost_its_batch_writes_nothing_more(workbench: Workbench, manager: BatchManager) -> None:
    """Its lease ended and another runner came; what it was about to commit is dropped."""
    batch_id = manager.create_batch("keep", items(range(6)))

    def taken(progress: Any) -> None:
        if progress.counts.processed == 3:
            workbench.sql("UPDATE import_batches SET lease_token = gen_random_uuid()")

    with pytest.raises(RiError) as error:
        manager.process_batch(batch_id, on_progress=taken)
    assert error.value.code == "lost-ownership"
    assert workbench.sql("SELECT k FROM applied ORDER BY k") == [(0,), (1,), (2,)]
    assert manager.get_batch(batch_id).pending_items == 3


def test_a_batch_stopped_by_its_first_failure_goes_on_with_the_rest(
    workbench: Workbench, manager: BatchManager
) -> None:
    batch_id = manager.create_batch("keep", items([0, 1, 2, 3, -4, 5, 6, -7, 8]))
    ends = []
    for _ in range(3):
        batch = manager.process_batch(batch_id, continue_on_error=False)
        ends.append(
            (batch.status.value, batch.stop_reason, batch.completed_items, batch.failed_items, batch.pending_items)
        )
    assert ends == [
        ("failed", "item_failed", 4, 1, 4),
        ("failed", "item_failed", 6, 2, 1),
        ("completed", None, 7, 2, 0),
    ]
    assert workbench.sql("SELECT k FROM applied ORDER BY k") == [(k,) for k in (0, 1, 2, 3, 5, 6, 8)]


def test_continue_on_error_and_on_progress_are_the_second_and_third_argument(manager: BatchManager) -> None:
    seen: list[int] = []
    batch = manager.process_batch(
        manager.create_batch("keep", items([1, -2, 3])), False, lambda progress: seen.append(progress.counts.processed)
    )
    assert (batch.stop_reason, seen) == ("item_failed", [2])


def test_a_stored_batch_knows_how_much_is_to_come(manager: BatchManager) -> None:
    seen: list[Any] = []
    manager.process_batch(manager.create_batch("keep", items(range(7))), on_progress=seen.append)
    assert [(p.counts.processed, p.total_items, p.size_bytes) for p in seen] == [
        (3, 7, None),
        (6, 7, None),
        (7, 7, None),
    ]
    assert [p.eta_s is not None and p.rate > 0 for p in seen] == [True, True, True]
    assert seen[-1].eta_s == 0


def test_a_batch_that_read_a_file_has_nothing_to_process(workbench: Workbench, manager: BatchManager) -> None:
    batch = manager.run_pipeline("keep", workbench.file("keep.jsonl", '{"k": 1}\n{"k": -1}\n'))
    assert _refusal(manager, batch.batch_id).code == "nothing-pending"
    assert manager.reprocess_batch(batch.batch_id) is not None


def test_a_batch_whose_file_was_not_read_to_its_end_says_so(workbench: Workbench, manager: BatchManager) -> None:
    file = workbench.file("keep.jsonl", "".join(f'{{"k": {k}}}\n' for k in range(9)))
    batch = manager.run_pipeline("keep", file, should_stop=lambda: True)
    refused = _refusal(manager, batch.batch_id)
    assert (refused.code, "keep.jsonl" in refused.message) == ("nothing-pending", True)


@pytest.mark.parametrize("size", [0, -1, 2.5, "many", None])
def test_a_class_without_a_usable_chunk_size_is_refused(workbench: Workbench, manager: BatchManager, size: Any) -> None:
    def use() -> None:
        manager.registry.register("odd", variant(chunk_size=size))
        manager.process_batch(manager.create_batch("odd", items(range(3))))

    with pytest.raises(RiError, match="chunk_size"):
        use()
    assert workbench.sql("SELECT count(*) FROM import_batches WHERE status IN ('completed', 'processing')") == [(0,)]


def test_a_class_that_cannot_be_made_leaves_its_batch_to_be_processed(
    workbench: Workbench, manager: BatchManager
) -> None:
    def broken(self: object) -> None:
        raise KeyError("RATES_URL")

    manager.registry.register("broken", variant(__init__=broken))
    batch_id = manager.create_batch("broken", items([1]))
    with pytest.raises(RiError, match="RATES_URL"):
        manager.process_batch(batch_id)
    assert manager.get_batch(batch_id).status == "pending"


def test_a_stored_batch_of_a_type_that_nobody_knows_any_more_says_which_there_are(
    workbench: Workbench, manager: BatchManager
) -> None:
    batch_id = manager.create_batch("keep", items([1, -1]))
    with workbench.manager() as forgetful:
        forgetful.registry.register("kept", KeepProcessor)
        assert "No processor registered for batch type 'keep'. Available types: kept" in (
            _refusal(forgetful, batch_id).message
        )
    manager.process_batch(batch_id)
    with (
        workbench.manager() as forgetful,
        pytest.raises(UsageError, match=r"batch type 'keep'\. Available types: none"),
    ):
        forgetful.reprocess_batch(batch_id)


def test_outside_of_a_project_too(workbench: Workbench, manager: BatchManager, tmp_path_factory: Any) -> None:
    batch_id = manager.create_batch("keep", items([1]))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with BatchManager(workbench.dsn, project=elsewhere) as forgetful, pytest.raises(UsageError) as error:
        forgetful.process_batch(batch_id)
    assert "No processor registered for batch type 'keep'. Available types: none" in error.value.message


# ── pipelines as batch types ─────────────────────────────────────────────────────────────────

_ORDERS = """
    source: {fields: {day: {from: Day, date: "%d/%m/%Y"}}}
    schema: {required: [k], properties: {k: {type: integer}, day: {type: string, format: date}}}
    target: {table: orders, key: k, columns: {k: k, day: day}}
"""


def _orders(workbench: Workbench, rows: list[dict[str, Any]], info: dict[str, Any] | None) -> BatchSummary:
    workbench.sql("CREATE TABLE IF NOT EXISTS orders (k int PRIMARY KEY, day date)")
    workbench.pipeline("orders", _ORDERS)
    with workbench.manager() as manager:
        return manager.process_batch(manager.create_batch("orders", rows, info))


def test_texts_of_a_csv_are_parsed_as_those_of_a_file(workbench: Workbench) -> None:
    batch = _orders(workbench, [{"k": "07", "Day": "31/12/2026"}, {"k": "8", "Day": ""}], {"format": "csv"})
    assert (batch.completed_items, batch.problems) == (2, ())
    assert [tuple(map(str, row)) for row in workbench.sql("SELECT * FROM orders ORDER BY k")] == [
        ("7", "2026-12-31"),
        ("8", "None"),
    ]


def test_items_of_no_format_are_typed(workbench: Workbench) -> None:
    batch = _orders(workbench, [{"k": 7}, {"k": "7"}, {"k": 8.0}], None)
    assert [(g.code, g.count) for g in batch.problems] == [("schema.type", 1)]
    assert workbench.sql("SELECT k FROM orders ORDER BY k") == [(7,), (8,)]


def test_an_unknown_field_fails_its_item_alone(workbench: Workbench) -> None:
    """A file's header is checked before anything is read; items have none."""
    batch = _orders(workbench, [{"k": 1}, {"k": 2, "surprise": 1}, {"k": 3}], None)
    assert (batch.completed_items, batch.failed_items) == (2, 1)


def test_a_stored_csv_batch_is_reprocessed_as_text(workbench: Workbench) -> None:
    first = _orders(
        workbench, [{"k": "1", "Day": "12/31/2026"}, {"k": "2", "Day": ""}], {"format": "csv", "name": "crm"}
    )
    assert (first.failed_items, first.source_info["name"]) == (1, "crm")
    path = workbench.root / "pipelines/orders.yaml"
    path.write_text(path.read_text().replace("%d/%m", "%m/%d"))
    with workbench.manager() as manager:
        new_id = manager.reprocess_batch(first.batch_id)
        assert new_id is not None
        assert manager.get_batch(new_id).completed_items == 1
    assert str(workbench.sql("SELECT day FROM orders WHERE k = 1")[0][0]) == "2026-12-31"


# ── reprocess ────────────────────────────────────────────────────────────────────────────────


def test_only_failed_items_are_taken_again_or_all(workbench: Workbench, manager: BatchManager) -> None:
    workbench.sql("INSERT INTO t VALUES (2, 'in the way')")
    batch_id = manager.create_batch("keep", items([1, 2, 3]), {"name": "crm"}, {"tenant": "x"})
    assert manager.process_batch(batch_id).failed_items == 1
    workbench.sql("DELETE FROM t WHERE k = 2")
    new_id = manager.reprocess_batch(batch_id, failed_items_only=True)
    assert new_id is not None
    again = manager.get_batch(new_id)
    assert (again.total_items, again.completed_items, again.parent_batch_id) == (1, 1, batch_id)
    assert (again.metadata["tenant"], again.source_info["name"]) == ("x", "crm")
    assert manager.reprocess_batch(batch_id) is None
    workbench.sql("TRUNCATE t")
    everything = manager.reprocess_batch(batch_id, False)
    assert everything is not None
    assert manager.get_batch(everything).completed_items == 3


def test_a_batch_that_was_never_processed_has_nothing_to_reprocess(manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", items([1]))
    assert manager.reprocess_batch(batch_id) is None
    assert manager.process_batch(batch_id).completed_items == 1


def test_a_class_sees_that_it_reprocesses_and_what(manager: BatchManager) -> None:
    seen: list[Any] = []

    def process_item(self: object, item: ImportItem, ctx: ImportContext) -> None:
        seen.append((ctx.is_reprocess(), ctx.get_original_batch_id(), ctx.batch.parent_batch_id, item.parent_item_id))
        raise ValueError("again")

    manager.registry.register("seen", variant(process_item=process_item))
    first = manager.create_batch("seen", items([1]))
    manager.process_batch(first)
    second = manager.reprocess_batch(first)
    assert second is not None
    assert manager.reprocess_batch(second) is not None
    ids = [next(iter(manager.iter_items(batch))).item_id for batch in (first, second)]
    assert seen == [(False, None, None, None), (True, first, first, ids[0]), (True, first, second, ids[1])]


def test_a_class_finds_what_its_batch_was_made_with_also_when_reprocessing(manager: BatchManager) -> None:
    seen: list[Any] = []

    def on_batch_start(self: object, ctx: ImportContext) -> None:
        seen.append((ctx.batch.source_info["page"], ctx.get_metadata("tenant")))

    manager.registry.register("seen", variant(on_batch_start=on_batch_start))
    batch_id = manager.create_batch("seen", items([-1]), {"page": 7}, {"tenant": "x"})
    assert manager.process_batch(batch_id).stop_reason is None
    assert manager.reprocess_batch(batch_id) is not None
    assert seen == [(7, "x"), (7, "x")]


def test_stored_items_are_exported_repaired_and_taken_again(workbench: Workbench, manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", [{"k": 1}, {"k": -2, "w": "b"}, {"w": "c", "k": -3, "more": [1, {"a": 2}]}])
    manager.process_batch(batch_id)
    with (workbench.root / "fix.csv").open("w", newline="") as stream:
        assert manager.export_failed(batch_id, stream) == 2
    file = workbench.root / "fix.csv"
    file.write_text(file.read_text().replace('"-2"', '"2"').replace('"-3"', '"3"'))
    new_id = manager.reprocess_batch(batch_id, corrections=file)
    assert new_id is not None
    assert [(item.status, item.source_data) for item in manager.iter_items(new_id)] == [
        ("completed", {"k": 2, "w": "b"}),
        ("completed", {"k": 3, "w": "c", "more": [1, {"a": 2}]}),
    ]
