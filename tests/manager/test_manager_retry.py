"""A class's own words on retrying: passing faults are tried again so often, anything else never."""

from __future__ import annotations

from typing import Any

import pytest
from manager_classes import KeepProcessor, items, variant
from support.workbench import Workbench

from ri_declarative import BatchManager, ImportContext, ImportItem, Retry, RiError

_RAISE = "DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{}'; END $$"


def _faulty(calls: list[int], *, faults: int, state: str = "40001", **attributes: Any) -> type[KeepProcessor]:
    """A class whose item 1 meets so many faults before it is written; `calls` gets the index of each call."""

    def process_item(self: KeepProcessor, item: ImportItem, ctx: ImportContext) -> Any:
        calls.append(item.index)
        if item.index == 1 and calls.count(1) <= faults:
            ctx.execute(_RAISE.format(state))
        ctx.info(f"kept {item.index}")
        return KeepProcessor.process_item(self, item, ctx)

    quick = {"attempts": 3, "backoff": "1ms", "max": "1ms"}
    return variant(process_item=process_item, **{"retry": quick, **attributes})


def _run(manager: BatchManager, cls: type[KeepProcessor]) -> Any:
    manager.registry.register("faulty", cls)
    return manager.process_batch(manager.create_batch("faulty", items(range(4))))


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014"])
def test_a_passing_fault_is_tried_again_and_leaves_no_trace(
    workbench: Workbench, manager: BatchManager, state: str
) -> None:
    calls: list[int] = []
    batch = _run(manager, _faulty(calls, faults=2, state=state))
    assert (batch.completed_items, calls) == (4, [0, 1, 0, 1, 0, 1, 2, 3])
    assert workbench.sql("SELECT count(*), count(DISTINCT k) FROM applied") == [(4, 4)]
    logged = [line["message"] for line in manager.iter_logs(batch.batch_id) if line["message"].startswith("kept")]
    assert logged == ["kept 0", "kept 1", "kept 2", "kept 3"]


@pytest.mark.parametrize("words", [{"attempts": 2, "backoff": "1ms", "max": "1ms"}, Retry(2, 0.001, 0.001)], ids=str)
def test_after_so_many_attempts_the_item_fails_alone(manager: BatchManager, words: Any) -> None:
    """Twice as a whole, then with each item answering for itself."""
    calls: list[int] = []
    batch = _run(manager, _faulty(calls, faults=99, retry=words))
    assert (batch.completed_items, batch.failed_items, batch.status) == (3, 1, "completed")
    assert calls == [0, 1, 0, 1, 0, 1, 2, 3]
    assert [
        (i.index, i.problems[0].details["sqlstate"]) for i in manager.iter_items(batch.batch_id, status="failed")
    ] == [(1, "40001")]


def test_one_attempt_means_no_second_one_before_items_are_isolated(manager: BatchManager) -> None:
    calls: list[int] = []
    batch = _run(manager, _faulty(calls, faults=1, retry={"attempts": 1, "backoff": "1ms", "max": "1ms"}))
    assert (batch.completed_items, calls) == (4, [0, 1, 0, 1, 2, 3])


@pytest.mark.parametrize("state", ["23505", "22000", "P0001"])
def test_the_records_own_faults_are_never_tried_again(manager: BatchManager, state: str) -> None:
    calls: list[int] = []
    batch = _run(manager, _faulty(calls, faults=1, state=state))
    assert (batch.failed_items, calls) == (1, [0, 1, 2, 3])


def test_pure_verdicts_are_not_repeated_with_the_attempt(manager: BatchManager) -> None:
    judged: list[int] = []

    def validate_item(self: object, item: ImportItem, ctx: ImportContext) -> bool:
        judged.append(item.index)
        return True

    calls: list[int] = []
    assert _run(manager, _faulty(calls, faults=2, validate_item=validate_item)).completed_items == 4
    assert judged == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "words",
    [
        {"atempts": 3},
        {"attempts": 0},
        {"attempts": "three"},
        {"backoff": "soon"},
        {"backoff": 5},
        {"backoff": "1m", "max": "1s"},
        "3 times",
        7,
    ],
    ids=str,
)
def test_words_that_the_pipeline_language_does_not_have_are_refused_before_anything_is_done(
    workbench: Workbench, manager: BatchManager, words: Any
) -> None:
    def use() -> None:
        manager.registry.register("odd", variant(retry=words))
        manager.process_batch(manager.create_batch("odd", items([1])))

    with pytest.raises(RiError, match="retry"):
        use()
    assert workbench.sql("SELECT count(*) FROM import_batches WHERE status <> 'pending'") == [(0,)]
