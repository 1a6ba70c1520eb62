"""One manager shared by threads: batches are kept apart, and one batch has one worker."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
from manager_classes import KeepProcessor, items, variant
from support.workbench import Workbench

from ri_declarative import BatchManager, BatchSummary, ImportContext, RiError, StoppedError

PATIENCE_S = 20  # how long a test waits for what ought to come at once


def test_two_threads_process_two_batches_at_the_same_time(workbench: Workbench, manager: BatchManager) -> None:
    """Both are inside of their first chunk before either goes on."""
    meeting = threading.Barrier(2, timeout=PATIENCE_S)

    def on_batch_start(self: object, ctx: ImportContext) -> None:
        ctx.set_metadata("mine", ctx.batch.id)
        meeting.wait()

    def process_item(self: KeepProcessor, item: Any, ctx: ImportContext) -> Any:
        assert ctx.get_metadata("mine") == ctx.batch.id
        ctx.info("kept", {"batch": ctx.batch.id})
        return KeepProcessor.process_item(self, item, ctx)

    manager.registry.register("meet", variant(on_batch_start=on_batch_start, process_item=process_item))
    ids = [manager.create_batch("meet", items(range(start, start + 20))) for start in (0, 100)]
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(manager.process_batch, ids)
    assert (first.completed_items, second.completed_items) == (20, 20)
    for batch_id, start in zip(ids, (0, 100), strict=True):
        rows = workbench.sql("SELECT k FROM applied WHERE batch = %s ORDER BY k", (batch_id,))
        assert rows == [(k,) for k in range(start, start + 20)]
        logged = [entry["details"]["batch"] for entry in manager.iter_logs(batch_id) if entry["message"] == "kept"]
        assert logged == [batch_id] * 20
        assert manager.get_batch(batch_id).metadata == {"mine": batch_id}


def _ends(futures: list[Future[BatchSummary]]) -> tuple[list[BatchSummary], list[BaseException]]:
    errors = [future.exception(timeout=PATIENCE_S) for future in futures]
    return [f.result() for f, e in zip(futures, errors, strict=True) if e is None], [e for e in errors if e is not None]


@pytest.mark.parametrize("threads", [2, 5])
def test_of_threads_that_want_one_batch_exactly_one_gets_it(
    workbench: Workbench, manager: BatchManager, threads: int
) -> None:
    """The winner waits in its first hook until all others have been refused."""
    others = threading.Semaphore(0)

    def on_batch_start(self: object, ctx: ImportContext) -> None:
        for _ in range(threads - 1):
            assert others.acquire(timeout=PATIENCE_S), "another thread was not refused"

    manager.registry.register("one", variant(on_batch_start=on_batch_start))
    batch_id = manager.create_batch("one", items(range(30)))
    start = threading.Barrier(threads, timeout=PATIENCE_S)

    def work() -> BatchSummary:
        start.wait()
        try:
            return manager.process_batch(batch_id)
        except StoppedError:
            others.release()
            raise

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work) for _ in range(threads)]
        wait(futures, timeout=PATIENCE_S)
        winners, losers = _ends(futures)
    assert [winner.completed_items for winner in winners] == [30]
    assert {getattr(error, "code", error) for error in losers} == {"batch-running"}
    assert workbench.sql("SELECT count(*), count(DISTINCT k) FROM applied") == [(30, 30)]
    assert manager.get_batch(batch_id).status == "completed"


def test_threads_race_for_many_small_batches_and_nothing_is_applied_twice(
    workbench: Workbench, manager: BatchManager
) -> None:
    ids = [manager.create_batch("keep", items(range(10 * n, 10 * n + 4))) for n in range(8)]
    won: list[str] = []
    lost: list[str] = []

    def work(order: list[str]) -> None:
        for batch_id in order:
            try:
                manager.process_batch(batch_id)
                won.append(batch_id)
            except RiError as refused:
                lost.append(refused.code)

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(work, ids), threads.submit(work, ids)]:
            future.result()
    assert sorted(won) == sorted(ids)
    assert len(lost) == 8
    assert {"batch-running", "nothing-pending", "nothing-to-resume"} >= set(lost)
    assert workbench.sql("SELECT count(*), count(DISTINCT k) FROM applied") == [(32, 32)]


def test_threads_create_batches_and_look_at_them_together(manager: BatchManager) -> None:
    def work(n: int) -> list[int]:
        batch_id = manager.create_batch("keep", items(range(100 * n, 100 * n + 50)))
        manager.process_batch(batch_id)
        return [item.index for item in manager.iter_items(batch_id, status="completed")]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [list(range(50))] * 4
    assert manager.batch_statistics().overall.completed_batches == 4


def test_one_registry_for_all_threads_from_the_start(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k}}")
    start = threading.Barrier(4, timeout=PATIENCE_S)
    with workbench.manager() as manager, ThreadPoolExecutor(4) as threads:

        def ask(_: int) -> int:
            start.wait()
            return id(manager.registry)

        assert len(set(threads.map(ask, range(4)))) == 1
