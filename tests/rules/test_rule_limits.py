"""DESIGN section 3: limits.max_failed as a count and as a share; chunk_size; files without records."""

from __future__ import annotations

import pytest
from support.workbench import Workbench, csv_text

from ri_declarative.records import BatchStatus, BatchSummary, StopReason


def run(bench: Workbench, max_failed: str, rows: str, *, chunk_size: int = 2) -> BatchSummary:
    """A batch of one record per letter: `b` is bad, every other is good."""
    bench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    bench.pipeline(
        "p",
        f"target: {{table: t, key: k, columns: {{k: k}}}}\nlimits: {{max_failed: {max_failed}}}\n"
        f"chunk_size: {chunk_size}\n",
    )
    return bench.run("p", csv_text("k", ("x" if row == "b" else str(k) for k, row in enumerate(rows))))


def processed(batch: BatchSummary) -> int:
    return batch.completed_items + batch.failed_items + batch.skipped_items


def is_stopped(batch: BatchSummary) -> bool:
    assert (batch.status is BatchStatus.FAILED) == (batch.stop_reason is StopReason.MAX_FAILED)
    return batch.status is BatchStatus.FAILED


def test_without_limits_any_number_may_fail(workbench: Workbench) -> None:
    assert not is_stopped(run(workbench, "null", "bbbbbb"))


@pytest.mark.parametrize(
    ("max_failed", "rows", "read"),
    [("2", "bbbbbbbbbb", 4), ("0", "gbgggggg", 2), ("0", "ggggbg", 6), ("1", "bggggggbgg", 8)],
)
def test_a_count_stops_the_batch_after_the_chunk_that_exceeds_it(
    workbench: Workbench, max_failed: str, rows: str, read: int
) -> None:
    batch = run(workbench, max_failed, rows)
    assert is_stopped(batch)
    assert processed(batch) == read
    assert len(workbench.items(batch)) == read
    assert workbench.sql("SELECT count(*) FROM t") == [(batch.completed_items,)]


@pytest.mark.parametrize(("max_failed", "rows"), [("2", "bbggg"), ("0", "ggggg"), ("5", "bbbbb")])
def test_a_count_that_is_not_exceeded_stops_nothing(workbench: Workbench, max_failed: str, rows: str) -> None:
    batch = run(workbench, max_failed, rows)
    assert not is_stopped(batch)
    assert (processed(batch), batch.total_items) == (5, 5)


def test_a_stopped_batch_does_not_know_its_total(workbench: Workbench) -> None:
    batch = run(workbench, "0", "bbbbbbbb")
    assert batch.total_items is None
    assert workbench.sql("SELECT stop_reason, total, next_index FROM import_batches") == [("max_failed", None, 2)]


def test_a_batch_that_meets_its_limit_in_the_last_chunk_knows_its_total(workbench: Workbench) -> None:
    batch = run(workbench, "0", "gggb")
    assert is_stopped(batch)
    assert (processed(batch), batch.total_items) == (4, 4)


def test_a_share_is_checked_from_a_thousand_records_on(workbench: Workbench) -> None:
    batch = run(workbench, "20%", "b" * 500 + "g" * 2500, chunk_size=250)
    assert is_stopped(batch)
    assert processed(batch) == 1000


def test_a_share_that_is_kept_from_a_thousand_records_on_stops_nothing(workbench: Workbench) -> None:
    batch = run(workbench, "20%", "b" * 200 + "g" * 1000, chunk_size=250)
    assert not is_stopped(batch)
    assert processed(batch) == 1200


@pytest.mark.parametrize(("rows", "stops"), [("bbbgg", True), ("bgggg", False), ("b", True), ("ggggg", False)])
def test_a_share_is_checked_at_the_end_of_a_small_file(workbench: Workbench, rows: str, stops: bool) -> None:
    batch = run(workbench, "20%", rows)
    assert is_stopped(batch) == stops
    assert (processed(batch), batch.total_items) == (len(rows), len(rows))


def test_the_share_of_an_empty_file_is_nothing(workbench: Workbench) -> None:
    assert not is_stopped(run(workbench, "0%", ""))


# ── chunk_size ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("chunk_size", "transactions"), [(1, 5), (2, 3), (5, 1), (100, 1)])
def test_each_chunk_is_one_transaction_of_rows_and_items(
    workbench: Workbench, chunk_size: int, transactions: int
) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, at timestamptz DEFAULT transaction_timestamp())")
    workbench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k}}}}\nchunk_size: {chunk_size}\n")
    workbench.run("p", "k\n1\n2\nx\n4\n5\n")
    assert workbench.sql("SELECT count(DISTINCT processed_at) FROM import_batch_items") == [(transactions,)]
    assert workbench.sql(
        "SELECT item_index FROM import_batch_items JOIN t ON t.at = processed_at AND t.k::text = target_id ORDER BY 1"
    ) == [(0,), (1,), (3,), (4,)]


# ── no records at all ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("content", "ending"), [("k\n", "csv"), ("k", "csv"), ("\n\n", "jsonl")])
def test_a_file_without_records_is_a_completed_batch_of_none(workbench: Workbench, content: str, ending: str) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k}}")
    batch = workbench.run("p", content, ending=ending)
    assert (batch.status, batch.total_items, batch.pending_items) == (BatchStatus.COMPLETED, 0, 0)
    assert batch.source_info["sha256"]
