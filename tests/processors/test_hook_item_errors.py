"""on_item_error and continue_on_error: asked once per failed item, and the batch stops exactly where it is told to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from refusals.refusal_causes import trigger
from support.workbench import csv_text

from processors.hook_bench import BAD, VALUES, HookBench
from ri_declarative.errors import UsageError
from ri_declarative.records import BatchStatus, BatchSummary, StopReason

PIPELINE = """
schema: {{properties: {{k: {{type: integer}}, v: {{type: string, maxLength: 4}}}}}}
target: {{table: t, key: k, columns: {{k: k, v: v}}}}
chunk_size: {size}
"""
EVERY_KIND = """
import json
from ri_declarative import ItemError

def transform_item(item, ctx):
    if item.data.get("v") == "hook":
        raise KeyError("EUR")
    if item.data.get("v") == "skip":
        return None
    return item.data

def validate_item(item, ctx):
    if item.data.get("v") == "no":
        ctx.warning("not this one")
    return item.data.get("v") != "no"

def on_item_error(item, error, ctx):
    codes = [p.code for p in error.problems] if isinstance(error, ItemError) else None
    called(json.dumps([item.index, type(error).__name__, codes, item.data.get("v"), dict(item.source_data)]))
"""
KINDS = [
    ("1", "a"),
    ("2", "longer"),
    ("3", "hook"),
    ("x", "map"),
    ("5", "trig"),
    ("6", "skip"),
    ("7", "no"),
    ("8", "h"),
]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_on_item_error_is_asked_once_for_each_kind_of_failure(bench: HookBench, size: int) -> None:
    bench.sql(trigger("IF NEW.v = 'trig' THEN RAISE 'not this one'; END IF; RETURN NEW;"))
    bench.hooks(EVERY_KIND, size=size, pipeline=PIPELINE)
    ended = bench.run(content=csv_text("k,v", [",".join(row) for row in KINDS]))
    assert ended.error is None
    told = [json.loads(line) for line in bench.calls]
    assert sorted(line[:3] for line in told) == [
        [1, "ItemError", ["schema.maxLength"]],
        [2, "KeyError", None],
        [3, "ItemError", ["field.integer"]],
        [4, "ItemError", ["db.raised"]],
        [6, "ItemError", ["hook.validate_item"]],
    ]
    assert {line[0]: line[4] for line in told} == {
        i: {"k": k, "v": v} for i, (k, v) in enumerate(KINDS) if i in (1, 2, 3, 4, 6)
    }
    assert [line[0] for line in told] == [1, 2, 3, 4, 6], "in file order"
    assert (ended.batch.completed_items, ended.batch.failed_items, ended.batch.skipped_items) == (2, 5, 1)


def test_on_item_error_of_a_class_gets_the_exception_itself(bench: HookBench) -> None:
    cls = bench.processor(
        """
        class NoPrice(Exception):
            pass

        RAISED = []

        def process_item(item, ctx):
            if item.data["v"] == "bad":
                RAISED.append(NoPrice("x"))
                raise RAISED[0]
            return store(item, ctx)

        def on_item_error(item, error, ctx):
            KEPT.append(error)
            return True
        """
    )
    assert bench.process(cls).batch.failed_items == 1
    assert bench.module.KEPT == bench.module.RAISED


def test_a_refused_statement_reaches_on_item_error(bench: HookBench) -> None:
    cls = bench.processor(
        """
        def process_item(item, ctx):
            ctx.execute("INSERT INTO t VALUES (1, 'x')")

        def on_item_error(item, error, ctx):
            KEPT.append(error)
        """
    )
    assert bench.process(cls).batch.failed_items == 4
    assert {type(error).__name__ for error in bench.module.KEPT} == {"IntegrityError"}


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────

STOPS = """
def on_item_error(item, error, ctx):
    called("on_item_error", item)
    return item.data.get("v") != "bad"
"""
FAILS: dict[str, Any] = {
    "schema": ("", "", PIPELINE.replace("maxLength: 4", "not: {{const: bad}}")),
    "hook": (
        "def transform_item(item, ctx):\n    assert item.data['v'] != 'bad'\n    return item.data\n",
        "",
        PIPELINE,
    ),
    "validate": ("def validate_item(item, ctx):\n    return item.data['v'] != 'bad'\n", "", PIPELINE),
    "database": ("", trigger("IF NEW.v = 'bad' THEN RAISE 'no'; END IF; RETURN NEW;"), PIPELINE),
    "check": ("", "ALTER TABLE t ADD CHECK (v <> 'bad')", PIPELINE),
    "process": (
        "def process_item(item, ctx):\n    store(item, ctx)\n    assert item.data['v'] != 'bad'\n",
        "",
        PIPELINE,
    ),
}


def check_stopped_at_the_bad_one(bench: HookBench, batch: BatchSummary, *, pending: int) -> None:
    """What comes before is done, the bad one failed, nothing after it was touched."""
    assert (batch.status, batch.stop_reason) == (BatchStatus.FAILED, StopReason.ITEM_FAILED)
    assert (batch.completed_items, batch.failed_items, batch.skipped_items) == (2, 1, 0)
    assert batch.pending_items == pending
    assert bench.rows() == VALUES[: BAD - 1]
    bench.check_books(batch)
    statuses = [item.status.value for item in bench.items(batch)]
    assert statuses == ["completed", "completed", "failed", *["pending"] * pending]


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("fails", FAILS)
def test_false_of_on_item_error_stops_the_batch_exactly_there(bench: HookBench, fails: str, size: int) -> None:
    source, ddl, pipeline = FAILS[fails]
    bench.sql(ddl or "SELECT")
    bench.hooks(source + STOPS, size=size, pipeline=pipeline)
    ended = bench.run()
    assert ended.error is None
    check_stopped_at_the_bad_one(bench, ended.batch, pending=0)
    assert bench.calls == ["on_item_error 2"]


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("fails", FAILS)
def test_without_continue_on_error_the_first_failed_item_stops_a_pipeline(
    bench: HookBench, fails: str, size: int
) -> None:
    source, ddl, pipeline = FAILS[fails]
    bench.sql(ddl or "SELECT")
    bench.hooks(source, size=size, pipeline=pipeline)
    ended = bench.run(continue_on_error=False)
    assert ended.error is None
    check_stopped_at_the_bad_one(bench, ended.batch, pending=0)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("fails", FAILS)
def test_a_stopped_batch_of_stored_items_goes_on_with_the_rest(bench: HookBench, fails: str, size: int) -> None:
    source, ddl, pipeline = FAILS[fails]
    bench.sql(ddl or "SELECT")
    bench.hooks(source, size=size, pipeline=pipeline)
    with bench.workbench.manager() as manager:
        batch_id = manager.create_batch("p", [{"k": k, "v": v} for k, v in VALUES])
        stopped = manager.process_batch(batch_id, continue_on_error=False)
        check_stopped_at_the_bad_one(bench, stopped, pending=2)
        ended = manager.process_batch(batch_id, continue_on_error=False)
    check_went_on(bench, ended)


def check_went_on(bench: HookBench, ended: BatchSummary) -> None:
    assert (ended.status, ended.stop_reason) == (BatchStatus.COMPLETED, None)
    assert (ended.total_items, ended.completed_items, ended.failed_items, ended.pending_items) == (5, 4, 1, 0)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]
    bench.check_books(ended)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("by", ["on_item_error", "continue_on_error"])
@pytest.mark.parametrize("hook", ["process_item", "validate_item"])
def test_a_batch_of_a_class_stops_and_goes_on(bench: HookBench, size: int, by: str, hook: str) -> None:
    body = f"def {hook}(item, ctx):\n    assert item.data['v'] != 'bad'\n    return "
    source = body + ("store(item, ctx)\n" if hook == "process_item" else "True\n")
    cls = bench.processor(source + (STOPS if by == "on_item_error" else ""), size=size)
    ended = bench.process(cls, continue_on_error=by == "on_item_error")
    check_stopped_at_the_bad_one(bench, ended.batch, pending=2)
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        check_went_on(bench, manager.process_batch(ended.batch.batch_id, False))
        with pytest.raises(UsageError, match="pending"):
            manager.process_batch(ended.batch.batch_id)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_failure_stops_once_until_the_batch_is_done(bench: HookBench, size: int) -> None:
    cls = bench.processor("def validate_item(item, ctx):\n    return item.data['k'] % 2 == 1\n", size=size)
    seen = []
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        batch_id = manager.create_batch("p", [{"k": k, "v": "a"} for k in range(1, 8)])
        for _ in range(4):
            batch = manager.process_batch(batch_id, continue_on_error=False)
            seen.append((batch.completed_items, batch.failed_items, batch.pending_items, batch.status.value))
    assert seen == [(1, 1, 5, "failed"), (2, 2, 3, "failed"), (3, 3, 1, "failed"), (4, 3, 0, "completed")]


@pytest.mark.parametrize("kind", ["hooks", "class"])
@pytest.mark.parametrize("answer", ["True", "False"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_on_item_error_writes_stays_and_is_there_once(bench: HookBench, kind: str, answer: str, size: int) -> None:
    bench.sql("CREATE TABLE told (k int)")
    source = f"""
    def validate_item(item, ctx):
        return item.data["v"] != "bad"

    def on_item_error(item, error, ctx):
        ctx.execute("INSERT INTO told VALUES (:k)", {{"k": int(item.data["k"])}})
        ctx.info("told")
        return {answer}
    """
    if kind == "hooks":
        bench.hooks(source, size=size)
        ended = bench.run()
    else:
        ended = bench.process(bench.processor(source, size=size))
    assert ended.error is None
    assert bench.sql("SELECT k FROM told") == [(BAD,)]
    assert [line["message"] for line in bench.logs(ended.batch)].count("told") == 1
    assert ended.batch.completed_items == (4 if answer == "True" else 2)


def test_a_skipped_item_stops_nothing(bench: HookBench) -> None:
    bench.hooks("def transform_item(item, ctx):\n    return item.data if item.data['v'] != 'bad' else None\n" + STOPS)
    ended = bench.run(continue_on_error=False)
    assert (ended.batch.status, ended.batch.skipped_items, bench.calls) == (BatchStatus.COMPLETED, 1, [])
