"""What hooks wrote for records behind a stop, or before a retry, is there once or not at all."""

from __future__ import annotations

import asyncio

import pytest
from support.workbench import Workbench

from ri_declarative import BaseProcessor, BatchManager, ImportContext, ImportItem, LostOwnership, UsageError

WRITES_ASIDE = """
def transform_item(item, ctx):
    ctx.execute("INSERT INTO side VALUES (:v)", {"v": item.data["v"]})
    return item.data
"""


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad')); CREATE TABLE side (v text)")
    workbench.pipeline(
        "p", "{target: {table: t, key: k, columns: {k: k, v: v}}, retry: {backoff: 1ms, max: 1ms}, chunk_size: 10}"
    )
    return workbench


def aside(bench: Workbench) -> list[str]:
    return sorted(v for (v,) in bench.sql("SELECT v FROM side"))


@pytest.mark.parametrize(
    "extra", ["", "def process_item(item, ctx):\n    ctx.execute('INSERT INTO t VALUES (:k, :v)', item.data)\n"]
)
def test_what_hooks_wrote_for_records_behind_a_stop_is_undone(bench: Workbench, extra: str) -> None:
    bench.file("hooks/p.py", WRITES_ASIDE + extra)
    values = ["ok", "bad", "later"]
    with bench.manager() as manager:
        batch_id = manager.create_batch("p", [{"k": n, "v": v} for n, v in enumerate(values)])
        assert manager.process_batch(batch_id, continue_on_error=False).pending_items == 1
        assert aside(bench) == ["bad", "ok"]
        assert manager.process_batch(batch_id).completed_items == 2
    assert aside(bench) == ["bad", "later", "ok"]


def test_what_transform_chunk_wrote_record_by_record_is_written_again_with_its_chunk(bench: Workbench) -> None:
    bench.sql(
        "CREATE SEQUENCE tries; CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('tries') = 1 THEN RAISE USING ERRCODE = '40001'; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER busy BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION busy()"
    )
    bench.file(
        "hooks/p.py",
        "def transform_chunk(items, ctx):\n"
        "    if len(items) > 1:\n        raise ValueError('one by one')\n"
        "    if items[0].data['v'] != 'pure':\n"
        "        ctx.execute('INSERT INTO side VALUES (:v)', {'v': items[0].data['v']})\n"
        "    return [item.data for item in items]\n",
    )
    assert bench.run("p", "k,v\n1,a\n2,b\n3,pure\n").completed_items == 3
    assert bench.sql("SELECT last_value > 1 FROM tries") == [(True,)]
    assert aside(bench) == ["a", "b"]


class KeepProcessor(BaseProcessor):
    """Writes k into t."""

    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        return True

    def process_item(self, item: ImportItem, ctx: ImportContext) -> None:
        ctx.execute("INSERT INTO t VALUES (:k, 'x') ON CONFLICT DO NOTHING", {"k": item.data["k"]})


def kept(manager: BatchManager, cls: type[BaseProcessor], **facts: object) -> str:
    manager.registry.register("keep", cls)
    return manager.create_batch("keep", [{"k": 1}, {"k": 2}], dict(facts))


def test_a_batch_whose_runner_died_behind_the_last_record_is_brought_to_its_end(bench: Workbench) -> None:
    with bench.manager() as manager:
        batch_id = kept(manager, KeepProcessor)
        manager.process_batch(batch_id)
        bench.sql(
            "UPDATE import_batches SET status = 'processing', completed_at = NULL, "
            "lease_token = gen_random_uuid(), lease_expires_at = clock_timestamp() - interval '1s'"
        )
        assert manager.process_batch(batch_id).status == "completed"
        with pytest.raises(UsageError, match="is completed"):
            manager.process_batch(batch_id)


def test_a_passing_fault_in_on_batch_complete_does_not_spoil_a_batch_that_is_in(bench: Workbench) -> None:
    class BusyProcessor(KeepProcessor):
        retry = {"attempts": 2, "backoff": "1ms", "max": "1ms"}

        def on_batch_complete(self, ctx: ImportContext, success: bool) -> None:
            ctx.execute("DO $$ BEGIN RAISE USING ERRCODE = '40P01'; END $$")

    with bench.manager() as manager:
        batch = manager.process_batch(kept(manager, BusyProcessor))
    assert (batch.status, batch.completed_items, batch.total_items) == ("completed", 2, 2)
    assert "on_batch_complete" in str(batch.error_message)


def test_an_odd_source_info_does_not_keep_a_batch_from_being_reprocessed(bench: Workbench) -> None:
    with bench.manager() as manager:
        batch_id = kept(manager, KeepProcessor, name=17, header="k", format=None)
        manager.process_batch(batch_id)
        again = manager.reprocess_batch(batch_id, failed_items_only=False)
        assert again is not None
        assert manager.get_batch(again).completed_items == 2


def test_an_error_of_ours_that_a_hook_raises_is_its_items_problem(bench: Workbench) -> None:
    class NestedProcessor(KeepProcessor):
        def process_item(self, item: ImportItem, ctx: ImportContext) -> None:
            if item.data["k"] == 1:
                raise LostOwnership("lost-ownership", "of another batch")
            super().process_item(item, ctx)

    with bench.manager() as manager:
        batch = manager.process_batch(kept(manager, NestedProcessor))
    assert (batch.status, batch.completed_items, batch.failed_items) == ("completed", 1, 1)


def test_an_awaited_run_can_be_stopped_by_its_caller(bench: Workbench) -> None:
    file = bench.file("p.csv", "k,v\n" + "".join(f"{k},x\n" for k in range(100)))
    with bench.manager() as manager:
        batch = asyncio.run(manager.run_pipeline_async("p", file, should_stop=lambda: True))
    assert batch.stop_reason == "interrupted"


def test_a_class_with_a_pipelines_hook_is_refused(bench: Workbench) -> None:
    class OddProcessor(KeepProcessor):
        def transform_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, object]:
            return item.data

    with bench.manager() as manager, pytest.raises(UsageError, match="transform_item is a pipeline's hook"):
        manager.registry.register("odd", OddProcessor)


def test_the_mark_of_a_dismissed_batch_is_nobody_elses(bench: Workbench) -> None:
    class MarksProcessor(KeepProcessor):
        def process_item(self, item: ImportItem, ctx: ImportContext) -> None:
            ctx.set_metadata("dismissed", True)

    with bench.manager() as manager:
        batch = manager.process_batch(kept(manager, MarksProcessor))
        assert (batch.failed_items, batch.metadata) == (2, {})
        with pytest.raises(UsageError, match="ri's own mark"):
            manager.create_batch("keep", [], metadata={"dismissed": {}})
        with pytest.raises(UsageError, match="source_info holds what JSON cannot"):
            manager.create_batch("keep", [], {"rate": float("nan")})
