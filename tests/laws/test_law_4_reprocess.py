"""Reprocessing: the records of one file stay one file through every repair, and later records stay later."""

from __future__ import annotations

from itertools import pairwise

import pytest
from law_repairs import again, fixed, pipeline, table_and_pipeline
from support.workbench import Workbench, csv_text

from ri_declarative.manager import BatchManager
from ri_declarative.records import Item, ItemStatus


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """A workbench with the table and its pipeline."""
    return table_and_pipeline(workbench)


def _failed(manager: BatchManager, batch_id: str) -> list[Item]:
    return list(manager.iter_items(batch_id, status=ItemStatus.FAILED))


_LINES = ["1,1,a", "2,x,b", "3,-1,c", "4,950,d", "5,5,e", "6,6", "1,2,f"]


def test_a_reprocessed_item_keeps_its_place_and_names_its_parent(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES))
    with bench.manager() as manager:
        second = again(manager, first.batch_id)
        third = again(manager, second.batch_id)
        chains = [_failed(manager, batch.batch_id) for batch in (first, second, third)]
    assert [second.parent_batch_id, third.parent_batch_id] == [first.batch_id, second.batch_id]
    for older, newer in pairwise(chains):
        assert [(item.index, item.line) for item in newer] == [(1, 3), (2, 4), (3, 5), (5, 7)]
        assert [item.parent_item_id for item in newer] == [item.item_id for item in older]
        assert [item.source_data for item in newer] == [item.source_data for item in older]
        assert [item.problems for item in newer] == [item.problems for item in older]


def test_the_first_batch_reprocessed_again_goes_on_from_the_newest_items(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES))
    with bench.manager() as manager:
        second = again(manager, first.batch_id)
        third = again(manager, first.batch_id)
        assert [item.parent_item_id for item in _failed(manager, third.batch_id)] == [
            item.item_id for item in _failed(manager, second.batch_id)
        ]


def test_reprocessing_without_failures_finds_nothing(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", ["1,1,a", "2,2,b"]))
    with bench.manager() as manager:
        assert manager.reprocess_batch(first.batch_id) is None
    assert bench.sql("SELECT count(*) FROM import_batches") == [(1,)]


def test_a_repaired_batch_leaves_nothing_to_do_and_an_empty_report(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES[:5]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, b={"v": "2"}, c={"v": "3"}, d={"v": "4"})
        second = again(manager, first.batch_id, corrections=fix)
        assert (second.completed_items, second.failed_items, second.total_items) == (3, 0, 3)
        assert manager.reprocess_batch(first.batch_id) is None
        assert manager.reprocess_batch(second.batch_id) is None
    assert bench.sql("SELECT * FROM failed_imports_report") == []
    assert bench.sql("SELECT * FROM t ORDER BY k") == [(1, 1, "a"), (2, 2, "b"), (3, 3, "c"), (4, 4, "d"), (5, 5, "e")]


def test_an_original_is_never_changed_by_its_correction(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES[:5]))
    before = bench.sql("SELECT i::text FROM import_batch_items i ORDER BY id")
    with bench.manager() as manager:
        second = again(manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, b={"v": "2"}))
        corrected = [item.metadata.get("corrected") for item in manager.iter_items(second.batch_id)]
        messages = " ".join(str(entry["message"]) for entry in manager.iter_logs(second.batch_id))
    assert corrected == [["v"], None, None]
    assert "1 record" in messages
    assert (
        bench.sql("SELECT i::text FROM import_batch_items i WHERE batch_id = %s ORDER BY id", (first.batch_id,))
        == before
    )


def test_only_the_records_that_the_repaired_file_names_are_taken(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES[:5]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, c={"v": "3"})
        lines = fix.read_text().splitlines()
        fix.write_text("\n".join([lines[0], lines[2]]) + "\n")
        second = again(manager, first.batch_id, corrections=fix)
        assert [(item.index, item.status) for item in manager.iter_items(second.batch_id)] == [(2, "completed")]
        assert [item.index for item in manager.needs_attention(first.batch_id)] == [1, 3]


# ── later records stay later ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_repaired_record_does_not_overwrite_a_later_one_with_its_key(bench: Workbench, size: int) -> None:
    pipeline(bench, size=size)
    first = bench.run("p", csv_text("k,v,w", ["7,-1,early", "8,1,other", "7,2,late"]))
    with bench.manager() as manager:
        second = again(manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, early={"v": "1"}))
        (item,) = manager.iter_items(second.batch_id)
        assert manager.reprocess_batch(first.batch_id) is None
    assert (item.status, item.line, [p.code for p in item.problems]) == ("skipped", 2, ["target.superseded"])
    assert "line 4" in item.problems[0].message
    assert bench.sql("SELECT * FROM t ORDER BY k") == [(7, 2, "late"), (8, 1, "other")]
    assert bench.sql("SELECT * FROM failed_imports_report") == []


def test_a_repaired_record_overwrites_an_earlier_one_with_its_key(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", ["7,1,early", "7,-1,late"]))
    with bench.manager() as manager:
        second = again(manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, late={"v": "2"}))
    assert second.updated_items == 1
    assert bench.sql("SELECT * FROM t") == [(7, 2, "late")]


def test_a_later_record_completed_by_an_earlier_repair_stays(bench: Workbench) -> None:
    """Line 3 is repaired first, then line 2 with the same key: three batches, one file."""
    first = bench.run("p", csv_text("k,v,w", ["7,-1,early", "7,-1,late"]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, late={"v": "2"})
        lines = fix.read_text().splitlines()
        fix.write_text("\n".join([lines[0], lines[2]]) + "\n")
        again(manager, first.batch_id, corrections=fix)
        second = again(manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, early={"v": "1"}))
        (item,) = manager.iter_items(second.batch_id)
    assert [p.code for p in item.problems] == ["target.superseded"]
    assert bench.sql("SELECT * FROM t") == [(7, 2, "late")]


def test_another_file_in_between_does_not_make_a_record_superseded(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", ["7,-1,early"]))
    bench.run("p", csv_text("k,v,w", ["1,1,x", "7,5,other file"]))
    with bench.manager() as manager:
        second = again(manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, early={"v": "1"}))
    assert second.updated_items == 1
    assert bench.sql("SELECT v FROM t WHERE k = 7") == [(1,)]


def test_all_items_again_changes_nothing_where_nothing_changed(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES))
    before = bench.sql("SELECT *, xmin::text FROM t ORDER BY k")
    with bench.manager() as manager:
        second = again(manager, first.batch_id, failed_items_only=False)
        items = list(manager.iter_items(second.batch_id))
    assert [item.index for item in items] == list(range(7))
    assert [item.status for item in items] == [
        *("skipped", "failed", "failed", "failed", "completed", "failed", "completed"),  # line 8 came after line 2
    ]
    assert second.unchanged_items == 2
    assert bench.sql("SELECT *, xmin::text FROM t ORDER BY k") == before


def test_all_items_again_after_the_pipeline_was_changed(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", ["1,1,a", "2,2,b", "3,-1,c"]))
    path = bench.root / "pipelines/p.yaml"
    path.write_text(path.read_text().replace("minimum: 0", "minimum: -9"))
    with bench.manager() as manager:
        second = again(manager, first.batch_id, failed_items_only=False)
        recorded, now = manager.fingerprints(first.batch_id)
    assert (second.unchanged_items, second.inserted_items) == (2, 1)
    assert recorded != now


# ── first, error, ignore ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 50])
@pytest.mark.parametrize(("policy", "status"), [("first", "skipped"), ("error", "failed")])
def test_the_first_valid_record_of_a_key_stays_first(bench: Workbench, policy: str, status: str, size: int) -> None:
    pipeline(bench, on_duplicate=policy, size=size)
    first = bench.run("p", csv_text("k,v,w", ["7,-1,early", "7,2,late", "7,3,later"]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, early={"v": "1"})
        second = again(manager, first.batch_id, corrections=fix)
        found = [item.status for item in manager.iter_items(second.batch_id)]
    assert [item.status for item in bench.items(first)] == ["failed", "completed", status]
    assert set(found) == {status}
    assert bench.sql("SELECT * FROM t") == [(7, 2, "late")]


@pytest.mark.parametrize("policy", ["first", "error"])
def test_a_record_that_the_database_refused_is_repaired_as_the_first_of_its_key(bench: Workbench, policy: str) -> None:
    pipeline(bench, on_duplicate=policy)
    first = bench.run("p", csv_text("k,v,w", ["7,950,early", "7,2,late"]))
    assert bench.sql("SELECT * FROM t") == []
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, early={"v": "1"})
        lines = fix.read_text().splitlines()
        fix.write_text("\n".join(lines[:2]) + "\n")
        second = again(manager, first.batch_id, corrections=fix)
    assert second.inserted_items == 1
    assert bench.sql("SELECT * FROM t") == [(7, 1, "early")]


@pytest.mark.parametrize("policy", ["first", "error"])
def test_a_repaired_key_is_judged_as_what_it_is_now(bench: Workbench, policy: str) -> None:
    pipeline(bench, on_duplicate=policy)
    first = bench.run("p", csv_text("k,v,w", ["7,950,early", "8,2,other"]))
    with bench.manager() as manager:
        second = again(
            manager, first.batch_id, corrections=fixed(bench, manager, first.batch_id, early={"k": "9", "v": "1"})
        )
        assert second.inserted_items == 1
        third = again(manager, second.batch_id, failed_items_only=False)
        assert [item.action for item in manager.iter_items(third.batch_id)] == ["unchanged"]
    assert bench.sql("SELECT k FROM t ORDER BY k") == [(8,), (9,)]


@pytest.mark.parametrize("policy", ["ignore", "error"])
def test_rows_of_the_same_lineage_did_not_exist_before_the_batch(bench: Workbench, policy: str) -> None:
    pipeline(bench, on_conflict=policy)
    bench.sql("INSERT INTO t VALUES (1, 1, 'old')")
    first = bench.run("p", csv_text("k,v,w", ["1,2,exists", "7,1,early", "7,-1,late"]))
    with bench.manager() as manager:
        fix = fixed(bench, manager, first.batch_id, late={"v": "2"})
        second = again(manager, first.batch_id, corrections=fix)
        ends = [(item.index, item.action) for item in manager.iter_items(second.batch_id) if item.action]
    assert ends == [(2, "updated")]
    assert bench.sql("SELECT * FROM t ORDER BY k") == [(1, 1, "old"), (7, 2, "late")]


# ── dismissed ────────────────────────────────────────────────────────────────────────────────


def test_dismissed_items_are_left_alone(bench: Workbench) -> None:
    first = bench.run("p", csv_text("k,v,w", _LINES[:5]))
    with bench.manager() as manager:
        items = _failed(manager, first.batch_id)
        assert manager.dismiss(first.batch_id, [items[1].item_id], reason="test data") == 1
        second = again(manager, first.batch_id)
        assert [item.index for item in _failed(manager, second.batch_id)] == [1, 3]
        assert manager.dismiss(second.batch_id) == 2
        assert manager.reprocess_batch(second.batch_id) is None
        assert manager.reprocess_batch(first.batch_id) is None
        assert list(manager.needs_attention(first.batch_id)) == []
    assert bench.sql("SELECT * FROM failed_imports_report") == []
    assert bench.sql("SELECT count(*) FROM import_batch_items WHERE status = 'failed'") == [(5,)]
