"""The awaited twins: the loop goes on meanwhile, and cancelling leaves the batch consistent."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Coroutine
from typing import Any

import pytest
from manager_classes import KeepProcessor, items, variant
from support.workbench import Workbench

from ri_declarative import BatchManager, ImportContext, ImportItem, Progress, UsageError

PATIENCE_S = 20


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What it gives; debug mode tells of loops that are blocked and futures that are lost."""
    return asyncio.run(work, debug=True)


def test_every_verb_that_asks_the_database_has_its_twin() -> None:
    verbs = ["create_batch", "process_batch", "reprocess_batch", "run_pipeline"]
    verbs += ["get_batch", "get_batch_summary", "batch_statistics", "iter_items", "iter_logs"]
    for verb in verbs:
        own = list(inspect.signature(getattr(BatchManager, verb)).parameters)
        twin = list(inspect.signature(getattr(BatchManager, f"{verb}_async")).parameters)
        assert twin[:3] == own[: len(twin[:3])], verb


def test_the_program_of_the_documentation_awaited(workbench: Workbench, manager: BatchManager) -> None:
    async def main() -> None:
        batch_id = await manager.create_batch_async("keep", items([1, -2, 3]), {"name": "crm"}, {"tenant": "x"})
        summary = await manager.process_batch_async(batch_id)
        assert (summary.completed_items, summary.failed_items) == (2, 1)
        new_id = await manager.reprocess_batch_async(batch_id, failed_items_only=True)
        assert new_id is not None
        assert (await manager.get_batch_async(new_id)).failed_items == 1
        assert (await manager.get_batch_summary_async(new_id)).problems[0].code == "hook.validate_item"
        assert [item.index async for item in manager.iter_items_async(batch_id, status="failed")] == [1]
        assert "k is negative" in [line["message"] async for line in manager.iter_logs_async(batch_id)]
        assert (await manager.batch_statistics_async()).overall.completed_batches == 1
        file = workbench.file("keep.jsonl", '{"k": 8}\n')
        assert (await manager.run_pipeline_async("keep", file)).completed_items == 1

    run(main())


def _waiting(begun: threading.Event, go_on: threading.Event) -> type[KeepProcessor]:
    """A class whose fifth item waits until it is let go."""

    def process_item(self: KeepProcessor, item: ImportItem, ctx: ImportContext) -> Any:
        if item.index == 4:
            begun.set()
            assert go_on.wait(PATIENCE_S), "the loop is blocked"
        return KeepProcessor.process_item(self, item, ctx)

    return variant(process_item=process_item)


def test_the_loop_goes_on_while_a_batch_runs(manager: BatchManager) -> None:
    """The batch waits for a coroutine, which comes to its turn only when the loop is free."""
    begun, go_on = threading.Event(), threading.Event()
    manager.registry.register("waits", _waiting(begun, go_on))

    async def main() -> None:
        batch_id = manager.create_batch("waits", items(range(9)))
        running = asyncio.create_task(manager.process_batch_async(batch_id))
        while not (begun.is_set() or running.done()):
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not running.done()
        assert (await manager.get_batch_async(batch_id)).completed_items == 3
        go_on.set()
        assert (await running).completed_items == 9

    run(main())


def test_batches_run_side_by_side(manager: BatchManager) -> None:
    meeting = threading.Barrier(3, timeout=PATIENCE_S)
    manager.registry.register("meet", variant(on_batch_start=lambda self, ctx: meeting.wait()))

    async def main() -> list[int]:
        ids = [manager.create_batch("meet", items(range(10 * n, 10 * n + 5))) for n in range(3)]
        return [batch.completed_items for batch in await asyncio.gather(*map(manager.process_batch_async, ids))]

    assert run(main()) == [5, 5, 5]


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_cancelling_stops_after_the_chunk_and_the_rest_can_be_processed_later(
    workbench: Workbench, manager: BatchManager, how: str
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    manager.registry.register("waits", _waiting(begun, go_on))
    batch_id = manager.create_batch("waits", items(range(30)))

    async def main() -> None:
        running = asyncio.create_task(manager.process_batch_async(batch_id))
        while not (begun.is_set() or running.done()):
            await asyncio.sleep(0)
        waiting: asyncio.Future[Any] = running
        if how == "cancel":
            running.cancel()
        else:
            waiting = asyncio.ensure_future(asyncio.wait_for(running, 0.001))
        while not (running.cancelling() or running.done()):
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done(), "a thread is left behind with an open transaction"
        go_on.set()
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await waiting
        # Nobody works on it any more when the cancelled call has returned.
        batch = manager.get_batch(batch_id)
        assert (batch.status, batch.stop_reason) == ("failed", "interrupted")
        assert (batch.completed_items, batch.pending_items) in ((6, 24), (9, 21))

    run(main())
    done = manager.process_batch(batch_id)
    assert (done.status, done.completed_items) == ("completed", 30)
    assert workbench.sql("SELECT count(*), count(DISTINCT k) FROM applied") == [(30, 30)]


def test_on_progress_is_called_in_the_threads_of_the_loop_before_the_end(manager: BatchManager) -> None:
    seen: list[tuple[int, bool]] = []

    async def main() -> None:
        loop_thread = threading.current_thread()

        def look(progress: Progress) -> None:
            asyncio.get_running_loop()
            seen.append((progress.counts.processed, threading.current_thread() is loop_thread))

        batch_id = manager.create_batch("keep", items(range(7)))
        await manager.process_batch_async(batch_id, on_progress=look)
        assert seen == [(3, True), (6, True), (7, True)]

    run(main())


def test_an_awaited_on_progress_that_raises_is_told_once_and_dropped(
    manager: BatchManager, caplog: pytest.LogCaptureFixture
) -> None:
    calls, unhandled = [], []

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise ValueError("the bar is broken")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        batch_id = manager.create_batch("keep", items(range(60)))
        with caplog.at_level(logging.WARNING, "ri_declarative"):
            assert (await manager.process_batch_async(batch_id, on_progress=broken)).completed_items == 60

    run(main())
    told = [record.getMessage() for record in caplog.records if "on_progress" in record.getMessage()]
    assert (len(told), unhandled) == (1, [])
    assert "the bar is broken" in told[0]
    assert len(calls) == 1


def test_errors_come_out_of_the_await(manager: BatchManager) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="No processor registered for batch type 'kep'"):
            await manager.create_batch_async("kep", [])
        batch_id = await manager.create_batch_async("keep", [])
        await manager.process_batch_async(batch_id)
        with pytest.raises(UsageError, match="is completed"):
            await manager.process_batch_async(batch_id)

    run(main())


def test_a_loop_over_items_may_be_left_early(manager: BatchManager) -> None:
    async def main() -> None:
        batch_id = await manager.create_batch_async("keep", items(range(1200)))
        seen = []
        async for item in manager.iter_items_async(batch_id):
            seen.append(item.index)
            if len(seen) == 700:
                break
        assert seen == list(range(700))
        assert (await manager.process_batch_async(batch_id)).completed_items == 1200

    run(main())
