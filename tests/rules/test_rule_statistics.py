"""What `batch_statistics` counts, in which window, and which batches it names."""

from __future__ import annotations

import pytest
from support.workbench import Workbench

from ri_declarative.errors import UsageError
from ri_declarative.records import BatchStatistics, Progress

PIPELINE = "target: {table: t, key: k, columns: {k: k, v: v}}\n"
MENDED = "source: {fields: {k: {clean: [digits]}}}\n" + PIPELINE


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    workbench.pipeline("p", PIPELINE)
    workbench.pipeline("q", PIPELINE)
    return workbench


def statistics(bench: Workbench, days: int = 7) -> BatchStatistics:
    with bench.manager() as manager:
        return manager.batch_statistics(days)


def reprocess(bench: Workbench, batch_id: str) -> str:
    with bench.manager() as manager:
        new_id = manager.reprocess_batch(batch_id)
    assert new_id is not None
    return new_id


def books(bench: Workbench, change: str, batch_id: str) -> None:
    """Change one batch's row: the past, and the dead, cannot be had by running."""
    bench.sql(f"UPDATE import_batches SET {change} WHERE id = %s", (batch_id,))


# ── the rate, duration and throughput ────────────────────────────────────────────────────────


def test_without_batches_every_number_is_zero_or_unknown(bench: Workbench) -> None:
    found = statistics(bench)
    assert (found.any_batches, found.types, found.stuck, found.waiting, found.failing) == (False, (), (), (), ())
    assert (found.overall.batches, found.overall.processed_items) == (0, 0)
    assert (found.overall.success_rate, found.overall.average_duration_s, found.overall.records_per_s) == (None,) * 3


def test_success_is_the_share_of_completed_records_overall_and_per_type(bench: Workbench) -> None:
    bench.run("p", "k,v\n1,a\n2,b\nx,c\n")
    bench.run("p", "k,v\n3,a\n")
    bench.run("q", "k,v\n4,a\ny,b\n")
    found = statistics(bench)
    assert [(one.batch_type, one.success_rate, one.batches) for one in found.types] == [("p", 0.75, 2), ("q", 0.5, 1)]
    assert found.overall.success_rate == pytest.approx(4 / 6)
    assert (found.overall.batch_type, found.overall.completed_items, found.overall.failed_items) == (None, 4, 2)


def test_a_skipped_record_reached_an_end_without_success(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'old')")
    bench.pipeline("p", PIPELINE.replace("}}", "}, on_conflict: ignore}"))
    bench.run("p", "k,v\n1,a\n2,b\n")
    [found] = statistics(bench).types
    assert (found.skipped_items, found.success_rate) == (1, 0.5)


def test_a_batch_that_stopped_early_counts_with_the_records_that_reached_an_end(bench: Workbench) -> None:
    bench.pipeline("p", PIPELINE + "limits: {max_failed: 0}\nchunk_size: 2\n")
    bench.run("p", "k,v\n1,a\nx,b\n3,c\n4,d\n")
    bench.run("q", "k,v\n1,a\n")
    stopped, completed = statistics(bench).types
    assert (stopped.completed_batches, stopped.failed_batches, stopped.processed_items) == (0, 1, 2)
    assert (completed.completed_batches, completed.failed_batches) == (1, 0)


def test_a_big_batch_weighs_more_in_the_rate_but_not_in_the_average_duration(bench: Workbench) -> None:
    small = bench.run("p", "k,v\n1,a\n")
    big = bench.run("p", "k,v\n" + "".join(f"{k},a\n" for k in range(59)))
    books(bench, "started_at = completed_at - interval '1 second'", small.batch_id)
    books(bench, "started_at = completed_at - interval '5 seconds'", big.batch_id)
    [found] = statistics(bench).types
    assert (found.average_duration_s, found.records_per_s) == pytest.approx((3, 10))


def test_a_batch_that_ended_without_a_start_took_no_time(bench: Workbench) -> None:
    books(bench, "started_at = NULL", bench.run("p", "k,v\n1,a\n").batch_id)
    [found] = statistics(bench).types
    assert (found.duration_s, found.average_duration_s, found.records_per_s) == (0, 0, None)


# ── the window ───────────────────────────────────────────────────────────────────────────────


def test_the_window_is_of_the_batch_s_end(bench: Workbench) -> None:
    before = bench.run("p", "k,v\n1,a\n")
    long = bench.run("q", "k,v\n1,a\n")
    books(bench, "completed_at = clock_timestamp() - interval '169 hours'", before.batch_id)
    longest = "created_at = clock_timestamp() - interval '30 days', started_at = clock_timestamp() - interval '30 days'"
    books(bench, f"{longest}, completed_at = clock_timestamp() - interval '167 hours'", long.batch_id)
    assert [one.batch_type for one in statistics(bench).types] == ["q"]
    assert [one.batch_type for one in statistics(bench, 8).types] == ["p", "q"]


def test_when_all_batches_are_older_there_are_batches_but_none_ended(bench: Workbench) -> None:
    books(bench, "completed_at = now() - interval '8 days'", bench.run("p", "k,v\n1,a\n").batch_id)
    found = statistics(bench)
    assert (found.any_batches, found.types, found.overall.batches) == (True, (), 0)


def test_a_batch_that_is_not_at_its_end_does_not_count(bench: Workbench) -> None:
    books(bench, "status = 'processing'", bench.run("p", "k,v\n1,a\n").batch_id)
    assert statistics(bench).types == ()


@pytest.mark.parametrize("days", [0, -1, 36_501])
def test_a_window_that_is_none_is_refused(bench: Workbench, days: int) -> None:
    with pytest.raises(UsageError, match=f"days must be from 1 to 36500, not {days}"):
        statistics(bench, days)


# ── reprocessing ─────────────────────────────────────────────────────────────────────────────


def test_a_reprocessing_counts_apart_whether_it_helped_or_not(bench: Workbench) -> None:
    first = bench.run("p", "k,v\n1,a\nx2,b\ny,c\nz,d\n")
    bench.pipeline("p", MENDED)
    reprocess(bench, first.batch_id)
    reprocess(bench, first.batch_id)
    found = statistics(bench)
    assert (found.overall.success_rate, found.overall.batches) == (0.25, 1)
    assert [one.batches for one in found.types] == [1]
    assert (found.reprocessing.batches, found.reprocessing.completed_items) == (2, 1)
    assert found.reprocessing.processed_items == 3 + 2


# ── batches to look at ───────────────────────────────────────────────────────────────────────


def test_a_batch_whose_lease_has_ended_is_stuck_since_then(bench: Workbench) -> None:
    batch = bench.run("p", "k,v\n1,a\nx,b\n")
    books(
        bench, "status = 'processing', lease_expires_at = timestamptz '2024-02-29 12:00:00+00', completed_at = NULL",
        batch.batch_id,
    )  # fmt: skip
    [stuck] = statistics(bench).stuck
    assert (stuck.batch_id, stuck.batch_type, stuck.source_name) == (batch.batch_id, "p", "p.csv")
    assert (stuck.processed_items, stuck.failed_items, stuck.since.timestamp()) == (2, 1, 1709208000)


def test_a_batch_in_process_without_any_lease_is_stuck(bench: Workbench) -> None:
    books(bench, "status = 'processing'", bench.run("p", "k,v\n1,a\n").batch_id)
    assert len(statistics(bench).stuck) == 1


def test_a_batch_at_work_is_not_stuck(bench: Workbench) -> None:
    bench.pipeline("p", PIPELINE + "chunk_size: 1\n")
    seen: list[tuple[int, int]] = []

    def look(_: Progress) -> None:
        processing = bench.sql("SELECT count(*) FROM import_batches WHERE status = 'processing'")[0][0]
        seen.append((processing, len(statistics(bench).stuck)))

    with bench.manager() as manager:
        manager.run_pipeline("p", bench.file("p.csv", "k,v\n1,a\n2,b\n3,c\n"), on_progress=look)
    assert (1, 0) in seen
    assert {stuck for _, stuck in seen} == {0}


def test_a_batch_that_nobody_began_for_an_hour_is_waiting(bench: Workbench) -> None:
    insert = (
        "INSERT INTO import_batches (id, batch_type, created_at) VALUES (gen_random_uuid(), %s, now() - %s::interval)"
    )
    bench.sql(insert, ("old", "61 minutes"))
    bench.sql(insert, ("new", "59 minutes"))
    found = statistics(bench)
    assert [(one.batch_type, one.source_name, one.processed_items) for one in found.waiting] == [("old", None, 0)]
    assert found.stuck == found.failing == ()


def test_a_batch_is_failing_from_more_than_half_of_its_records_on(bench: Workbench) -> None:
    bench.run("p", "k,v\n1,a\nx,b\n")
    worse = bench.run("p", "k,v\n1,a\nx,b\ny,c\n")
    old = bench.run("p", "k,v\nx,b\n")
    books(bench, "completed_at = now() - interval '8 days'", old.batch_id)
    [failing] = statistics(bench).failing
    assert (failing.batch_id, failing.failed_items, failing.processed_items) == (worse.batch_id, 2, 3)
    assert failing.since == worse.completed_at


def test_a_batch_of_an_empty_file_is_not_failing(bench: Workbench) -> None:
    bench.run("p", "k,v\n")
    found = statistics(bench)
    assert (found.overall.batches, found.overall.success_rate, found.failing) == (1, None, ())


def test_a_reprocessing_that_failed_again_is_failing_and_names_its_parent_newest_first(bench: Workbench) -> None:
    first = bench.run("p", "k,v\nx,b\n")
    again = reprocess(bench, first.batch_id)
    found = [(one.batch_id, one.parent_batch_id) for one in statistics(bench).failing]
    assert found == [(again, first.batch_id), (first.batch_id, None)]


def test_nothing_but_the_batches_is_read(bench: Workbench) -> None:
    bench.run("p", "k,v\nx,b\n")
    bench.sql("ALTER TABLE import_batch_items RENAME TO hidden")
    try:
        assert len(statistics(bench).failing) == 1
    finally:
        bench.sql("ALTER TABLE hidden RENAME TO import_batch_items")


def test_the_books_may_live_in_another_schema(bench: Workbench) -> None:
    bench.file("ri.yaml", "bookkeeping_schema: books\n")
    bench.sql("CREATE SCHEMA books")
    with bench.manager() as manager:
        manager.migrate()
    bench.run("p", "k,v\n1,a\n")
    assert statistics(bench).overall.batches == 1
