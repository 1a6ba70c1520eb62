"""Law 8: hooks run once per record and attempt; an attempt is repeated only for hooks that used its transaction."""

from __future__ import annotations

from collections import Counter

import pytest
from refusals.refusal_causes import trigger

from processors.hook_bench import BAD, VALUES, HookBench
from ri_declarative.records import ItemStatus

pytestmark = pytest.mark.usefixtures("no_patience")

PURE = """
def transform_item(item, ctx):
    called("transform_item", item)
    ctx.info(f"transformed {item.data['k']}")
    return item.data

def validate_item(item, ctx):
    called("validate_item", item)
    return True

def on_item_error(item, error, ctx):
    called("on_item_error", item)
"""
ASKING = PURE.replace("    called", "    ctx.execute('SELECT 1')\n    called")
PROCESSING = """
def validate_item(item, ctx):
    called("validate_item", item)
    ctx.info(f"validated {item.data['k']}")
    return True

def process_item(item, ctx):
    called("process_item", item)
    ctx.info(f"processed {item.data['k']}")
    return store(item, ctx)
"""
TWO = ("transform_item", "validate_item")


def refusing(sqlstate: str, times: int) -> str:
    """DDL of a trigger that raises this at the first tries of the bad record."""
    return "CREATE SEQUENCE tries; " + trigger(
        f"IF NEW.k = {BAD} AND nextval('tries') <= {times} THEN RAISE USING ERRCODE = '{sqlstate}', "
        "MESSAGE = 'try again'; END IF; RETURN NEW;"
    )


def counted(bench: HookBench, *hooks: str) -> dict[str, list[int]]:
    """Per hook, how often it was called for each of the five records."""
    found = Counter(bench.calls)
    return {hook: [found[f"{hook} {index}"] for index in range(len(VALUES))] for hook in hooks}


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("source", [PURE, ASKING], ids=["pure", "asking"])
def test_hooks_run_once_when_the_write_is_isolated(bench: HookBench, size: int, source: str) -> None:
    bench.sql(refusing("P0001", 1_000))
    bench.hooks(source, size=size)
    ended = bench.run()
    assert (ended.error, ended.batch.completed_items, ended.batch.failed_items) == (None, 4, 1)
    assert counted(bench, *TWO, "on_item_error") == {
        "transform_item": [1] * 5,
        "validate_item": [1] * 5,
        "on_item_error": [0, 0, 1, 0, 0],
    }


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_pure_hooks_are_not_repeated_with_a_chunk_that_is_tried_again(bench: HookBench, times: int) -> None:
    bench.sql(refusing("40001", times))
    bench.hooks(PURE)
    ended = bench.run()
    assert (ended.error, ended.batch.completed_items) == (None, 5)
    assert counted(bench, *TWO) == {"transform_item": [1] * 5, "validate_item": [1] * 5}
    assert [line["message"] for line in bench.logs(ended.batch)] == [f"transformed {k}" for k, _ in VALUES]


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_hooks_that_used_the_transaction_are_repeated_with_their_chunk(bench: HookBench, times: int) -> None:
    bench.sql(refusing("40001", times))
    bench.hooks(ASKING)
    ended = bench.run()
    assert (ended.error, ended.batch.completed_items) == (None, 5)
    assert counted(bench, *TWO) == {"transform_item": [times + 1] * 5, "validate_item": [times + 1] * 5}
    assert [line["message"] for line in bench.logs(ended.batch)] == [f"transformed {k}" for k, _ in VALUES]


@pytest.mark.parametrize("size", [2, 5])
def test_only_the_chunk_of_a_passing_fault_is_repeated(bench: HookBench, size: int) -> None:
    bench.sql(refusing("40P01", 2))
    bench.hooks(ASKING, size=size)
    assert bench.run().error is None
    again = [3] * 5 if size == 5 else [1, 1, 3, 3, 1]
    assert counted(bench, *TWO) == {"transform_item": again, "validate_item": again}


@pytest.mark.parametrize("kind", ["hooks", "class"])
@pytest.mark.parametrize("times", [1, 2])
def test_process_item_is_repeated_and_a_pure_validate_item_is_not(bench: HookBench, kind: str, times: int) -> None:
    bench.sql(refusing("40001", times))
    if kind == "hooks":
        bench.hooks(PROCESSING)
        ended = bench.run()
    else:
        ended = bench.process(bench.processor(PROCESSING))
    assert (ended.error, ended.batch.completed_items) == (None, 5)
    assert counted(bench, "validate_item", "process_item") == {
        "validate_item": [1] * 5,
        "process_item": [times + 1] * 3 + [1] * 2,
    }
    bench.check_books(ended.batch)
    said = [line["message"] for line in bench.logs(ended.batch) if "ed " in line["message"]]
    assert Counter(said) == Counter(f"{word} {k}" for word in ("validated", "processed") for k, _ in VALUES)


def test_a_pure_transform_chunk_is_not_repeated(bench: HookBench) -> None:
    bench.sql(refusing("40001", 2))
    bench.hooks(
        "def transform_chunk(items, ctx):\n    called('transform_chunk')\n    return [item.data for item in items]\n"
    )
    assert bench.run().batch.completed_items == 5
    assert bench.calls == ["transform_chunk"]


@pytest.mark.parametrize("asking", ["", "ctx.execute('SELECT 1')"], ids=["pure", "asking"])
def test_what_a_hook_refused_stays_refused_when_the_chunk_is_tried_again(bench: HookBench, asking: str) -> None:
    bench.sql(refusing("40001", 2))
    bench.hooks(
        f"""
        def transform_item(item, ctx):
            called("transform_item", item)
            {asking or "pass"}
            if item.data["k"] == 1:
                ctx.warning("before it raised")
                raise ValueError("no price")
            return None if item.data["k"] == 2 else item.data

        def validate_item(item, ctx):
            {asking or "pass"}
            if item.data["k"] == 4:
                ctx.warning("too big")
                ctx.warning("too late")
            return item.data["k"] != 4

        def on_item_error(item, error, ctx):
            {asking or "pass"}
            called("on_item_error", item)
            ctx.info(f"told of {{type(error).__name__}}")
        """
    )
    ended = bench.run()
    assert ended.error is None
    ends = [(i.status.value, [p.message.partition(" (")[0] for p in i.problems]) for i in bench.items(ended.batch)]
    assert ends == [
        ("failed", ["ValueError: no price"]),
        ("skipped", ["skipped by transform_item, which returned None"]),
        ("completed", []),
        ("failed", ["too big", "too late"]),
        ("completed", []),
    ]
    said = [line["message"] for line in bench.logs(ended.batch)]
    raised = ["before it raised", "transform_item raised ValueError", "told of ValueError"]
    assert Counter(said) == Counter([*raised, "too big", "too late", "told of ItemError"])
    assert counted(bench, "transform_item")["transform_item"] == [3 if asking else 1] * 5
    assert counted(bench, "on_item_error")["on_item_error"] == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_logs_of_failed_items_are_kept(bench: HookBench, kind: str) -> None:
    source = """
    def process_item(item, ctx):
        ctx.debug("looked", {"v": item.data["v"]})
        store(item, ctx)
        ctx.warning("wrote")
        if item.data["v"] == "bad":
            raise ValueError("after all")
    """
    run = bench.run if kind == "hooks" else None
    if run is None:
        ended = bench.process(bench.processor(source))
    else:
        bench.hooks(source)
        ended = run()
    failed = bench.items(ended.batch)[BAD - 1]
    assert failed.status is ItemStatus.FAILED
    lines = [line for line in bench.logs(ended.batch) if str(line["item_id"]) == failed.item_id]
    assert [(line["log_level"], line["message"]) for line in lines] == [
        ("debug", "looked"),
        ("warning", "wrote"),
        ("error", "process_item raised ValueError"),
    ]
    assert lines[0]["details"] == {"v": "bad"}


def test_what_a_repeated_attempt_set_as_metadata_is_that_of_the_last(bench: HookBench) -> None:
    bench.sql(refusing("40001", 2))
    bench.hooks(
        """
        def process_item(item, ctx):
            ctx.execute("SELECT 1")
            ctx.set_metadata("tries", ctx.get_metadata("tries", 0) + (item.index == 0))
            return store(item, ctx)
        """
    )
    ended = bench.run()
    assert ended.batch.completed_items == 5
    assert ended.batch.metadata["tries"] in (1, 3)
