"""The hooks that speak for the whole batch: validate_batch, on_batch_start, on_batch_complete."""

from __future__ import annotations

from typing import Any

import pytest
from refusals.refusal_causes import trigger

from processors.hook_bench import VALUES, Ended, HookBench
from ri_declarative.errors import StoppedError
from ri_declarative.records import BatchStatus, StopReason

KINDS = pytest.mark.parametrize("kind", ["hooks", "class"])
RAISED = [
    "raise ValueError('no rates')",
    "raise SystemExit(3)",
    "raise KeyboardInterrupt",
    "raise SkipItem('no')",
    "1 / 0",
]
COMPLETE = """
def on_batch_complete(ctx, success):
    called(f"on_batch_complete {success}")
"""


def ended_of(bench: HookBench, kind: str, source: str, *, size: int = 500, **options: Any) -> Ended:
    """A run of a hook module or of a class."""
    if kind == "hooks":
        bench.hooks(source, size=size)
        return bench.run(**options)
    return bench.process(bench.processor(source, size=size), **options)


# ── before the first record ──────────────────────────────────────────────────────────────────────


@KINDS
def test_a_batch_that_validate_batch_refuses_fails_untouched(bench: HookBench, kind: str) -> None:
    source = """
    def validate_batch(ctx):
        ctx.warning("wrong day")
        return False

    def on_batch_start(ctx):
        called("on_batch_start")
    """
    ended = ended_of(bench, kind, source + COMPLETE.replace("\n", "\n    "))
    assert ended.error is None
    assert (ended.batch.status, ended.batch.stop_reason) == (BatchStatus.FAILED, StopReason.HOOK)
    assert (ended.batch.completed_items, ended.batch.failed_items, bench.rows()) == (0, 0, [])
    assert ended.batch.pending_items == (5 if kind == "class" else 0)
    assert bench.calls == ["on_batch_complete False"]
    assert "wrong day" in [line["message"] for line in bench.logs(ended.batch)]
    bench.check_books(ended.batch)


def test_a_refused_batch_of_stored_items_can_be_processed_later(bench: HookBench) -> None:
    cls = bench.processor("def validate_batch(ctx):\n    return len(KEPT) > 0\n")
    ended = bench.process(cls)
    assert ended.batch.stop_reason is StopReason.HOOK
    bench.module.KEPT.append(1)
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        assert manager.process_batch(ended.batch.batch_id).completed_items == 5


@KINDS
@pytest.mark.parametrize("answer", ["None or None", "'yes'", "0", "1", "[]"])
def test_an_answer_of_validate_batch_that_is_no_bool_lets_nothing_begin(
    bench: HookBench, kind: str, answer: str
) -> None:
    ended = ended_of(bench, kind, f"def validate_batch(ctx):\n    return {answer}\n")
    assert ended.batch.stop_reason is StopReason.HOOK
    assert bench.rows() == []


@KINDS
@pytest.mark.parametrize("hook", ["validate_batch", "on_batch_start"])
@pytest.mark.parametrize("raised", RAISED)
def test_what_a_hook_raises_before_the_first_record_stops_the_run(
    bench: HookBench, kind: str, hook: str, raised: str
) -> None:
    bench.sql("CREATE TABLE noted (k int)")
    source = (
        f"def {hook}(ctx):\n    ctx.execute('INSERT INTO noted VALUES (1)')\n    {raised}\n    return True\n" + COMPLETE
    )
    ended = ended_of(bench, kind, source)
    assert isinstance(ended.error, StoppedError)
    assert ended.error.code == f"hook.{hook}"
    assert ".py:" in ended.error.message
    assert (ended.batch.status, ended.batch.stop_reason) == (BatchStatus.FAILED, StopReason.HOOK)
    assert ended.batch.error_message == ended.error.message
    assert bench.sql("SELECT * FROM noted") + bench.rows() == []
    assert bench.calls == ["on_batch_complete False"]
    bench.check_books(ended.batch)


@KINDS
def test_on_batch_start_loads_reference_data_for_all_items(bench: HookBench, kind: str) -> None:
    bench.sql("CREATE TABLE rates (v text, name text); INSERT INTO rates VALUES ('a', 'Anna'), ('d', 'Dora')")
    source = """
    def on_batch_start(ctx):
        called("on_batch_start")
        ctx.set_metadata("names", {row["v"]: row["name"] for row in ctx.execute("SELECT * FROM rates")})

    def process_item(item, ctx):
        name = ctx.get_metadata("names").get(item.data["v"], "?")
        ctx.execute("INSERT INTO t VALUES (%s, %s)", [int(item.data["k"]), name])
    """
    ended = ended_of(bench, kind, source, size=2)
    assert ended.batch.completed_items == 5
    assert bench.rows() == [(1, "Anna"), (2, "?"), (3, "?"), (4, "Dora"), (5, "?")]
    assert bench.calls == ["on_batch_start"]


@KINDS
def test_what_on_batch_start_writes_is_committed_before_the_first_record(bench: HookBench, kind: str) -> None:
    source = """
    def on_batch_start(ctx):
        ctx.execute("CREATE TABLE made (k int)")
        ctx.info("made")

    def process_item(item, ctx):
        with contextlib.closing(psycopg2.connect(DSN)) as other, other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM made")
        return store(item, ctx)
    """
    assert ended_of(bench, kind, source).batch.completed_items == 5


# ── at the end ───────────────────────────────────────────────────────────────────────────────────


@KINDS
@pytest.mark.parametrize("raised", RAISED)
def test_what_on_batch_complete_raises_is_told_and_the_batch_stays_completed(
    bench: HookBench, kind: str, raised: str
) -> None:
    bench.sql("CREATE TABLE noted (k int)")
    source = f"def on_batch_complete(ctx, success):\n    ctx.execute('INSERT INTO noted VALUES (1)')\n    {raised}\n"
    ended = ended_of(bench, kind, source)
    assert ended.error is None
    assert (ended.batch.status, ended.batch.stop_reason, ended.batch.completed_items) == ("completed", None, 5)
    assert "on_batch_complete" in (ended.batch.error_message or "")
    assert ".py:" in (ended.batch.error_message or "")
    assert bench.sql("SELECT * FROM noted") == []
    bench.check_books(ended.batch)


@KINDS
@pytest.mark.parametrize(
    "body",
    [
        "ctx.execute('COMMIT')",
        "ctx.connection.commit()",
        "ctx.connection.begin_nested()",
        "ctx.connection.connection.cursor().execute('COMMIT')",
        "ctx.connection.connection.cursor().execute('COMMIT; BEGIN')",
        "ctx.execute('SELECT 1; ROLLBACK')",
        "ctx.execute('SELECT * FROM missing')",
        "ctx.execute('INSERT INTO t VALUES (1, 2)')",
    ],
)
def test_whatever_on_batch_complete_does_the_books_are_closed(bench: HookBench, kind: str, body: str) -> None:
    ended = ended_of(bench, kind, f"def on_batch_complete(ctx, success):\n    {body}\n")
    assert (ended.batch.completed_items, ended.batch.pending_items) == (5, 0)
    assert ended.batch.status is not BatchStatus.PROCESSING
    assert ended.batch.error_message
    bench.check_books(ended.batch)


NOTES = """
def on_batch_complete(ctx, success):
    if success:
        statement = "INSERT INTO noted SELECT status FROM import_batches WHERE id = CAST(:id AS uuid)"
        ctx.execute(statement, {"id": ctx.batch.id})
        ctx.info("noted")
        ctx.set_metadata("noted", True)
"""


@KINDS
def test_on_batch_complete_writes_with_the_end_of_the_batch(bench: HookBench, kind: str) -> None:
    bench.sql("CREATE TABLE noted (status text)")
    ended = ended_of(bench, kind, NOTES)
    assert bench.sql("SELECT status FROM noted") == [("processing",)]
    assert ended.batch.metadata["noted"] is True
    assert [line["message"] for line in bench.logs(ended.batch)] == ["noted"]


@KINDS
def test_what_on_batch_complete_wrote_is_gone_when_the_end_is_not_committed(bench: HookBench, kind: str) -> None:
    bench.sql("CREATE TABLE noted (status text)")
    bench.sql(trigger("IF NEW.status = 'completed' THEN RAISE 'no'; END IF; RETURN NEW;", table="import_batches"))
    ended = ended_of(bench, kind, NOTES)
    assert ended.error is not None
    assert bench.sql("SELECT status FROM noted") == []
    assert ended.batch.status is BatchStatus.FAILED


CHECKED = "def validate_item(item, ctx):\n    return item.data['v'] != 'bad'\n"
ENDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "completed": ("", {}, "True"),
    "completed with failures": (CHECKED, {}, "True"),
    "item failed": (CHECKED, {"continue_on_error": False}, "False"),
    "on_item_error": (CHECKED + "def on_item_error(item, error, ctx):\n    return False\n", {}, "False"),
    "interrupted": ("", {"should_stop": lambda: True}, "False"),
    "refused": ("def validate_batch(ctx):\n    return False\n", {}, "False"),
    "start raised": ("def on_batch_start(ctx):\n    1 / 0\n", {}, "False"),
    "database": (
        "def validate_item(item, ctx):\n    ctx.execute('SELECT * FROM missing')\n    return True\n",
        {},
        "False",
    ),
    "ended by a hook": (
        "def validate_item(item, ctx):\n    ctx.execute('SELECT 1; COMMIT')\n    return True\n",
        {},
        "False",
    ),
}


@KINDS
@pytest.mark.parametrize("end", ENDS)
def test_on_batch_complete_is_told_once_whether_the_batch_came_to_its_end(
    bench: HookBench, kind: str, end: str
) -> None:
    source, options, success = ENDS[end]
    ended = ended_of(bench, kind, source + COMPLETE, size=1, **options)
    assert bench.calls == [f"on_batch_complete {success}"]
    assert (ended.batch.status is BatchStatus.COMPLETED) == (success == "True")
    bench.check_books(ended.batch)


def test_a_batch_beyond_its_limit_is_no_success(bench: HookBench) -> None:
    bench.hooks(CHECKED + COMPLETE, size=1)
    path = bench.workbench.root / "pipelines/p.yaml"
    path.write_text(path.read_text() + "limits: {max_failed: 0}\n")
    ended = bench.run()
    assert ended.batch.stop_reason is StopReason.MAX_FAILED
    assert bench.calls == ["on_batch_complete False"]


def test_the_hooks_of_the_batch_are_called_again_when_it_is_taken_up(bench: HookBench) -> None:
    start = "def on_batch_start(ctx):\n    called('on_batch_start')\n"
    cls = bench.processor(CHECKED + start + COMPLETE, size=1)
    ended = bench.process(cls, continue_on_error=False)
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        assert manager.process_batch(ended.batch.batch_id).completed_items == 4
    assert bench.calls == ["on_batch_start", "on_batch_complete False", "on_batch_start", "on_batch_complete True"]


def test_an_empty_batch_has_its_hooks_called(bench: HookBench) -> None:
    start = "def on_batch_start(ctx):\n    called('on_batch_start')\n"
    ended = bench.process(bench.processor(start + COMPLETE), [])
    assert (ended.batch.status, ended.batch.total_items) == (BatchStatus.COMPLETED, 0)
    assert bench.calls == ["on_batch_start", "on_batch_complete True"]
    assert len(VALUES) == 5
