"""`requires`: a pipeline waits until those that it needs have completed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ri_process import ri
from support.workbench import Workbench

from ri_declarative import BatchManager, UsageError


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """`orders` requires `catalog`."""
    workbench.sql(
        "CREATE TABLE catalog (k int PRIMARY KEY, v int CHECK (v < 900)); CREATE TABLE orders (k int PRIMARY KEY)"
    )
    workbench.pipeline("catalog", "target: {table: catalog, key: k, columns: {k: k, v: v}}\nchunk_size: 1\n")
    workbench.pipeline("orders", "requires: [catalog]\ntarget: {table: orders, key: k, columns: {k: k}}")
    return workbench


def _orders(manager: BatchManager, bench: Workbench) -> int:
    return manager.run_pipeline("orders", bench.file("orders.csv", "k\n1\n")).completed_items


def _refusal(manager: BatchManager, bench: Workbench) -> str:
    batches = bench.sql("SELECT count(*) FROM import_batches")
    with pytest.raises(UsageError) as error:
        _orders(manager, bench)
    assert error.value.code == "requires"
    assert bench.sql("SELECT count(*) FROM import_batches") == batches
    assert bench.sql("SELECT * FROM orders") == []
    return f"{error.value.message}: {error.value.hint}"


def _catalog(bench: Workbench, rows: str = "1,1\n2,2\n") -> Path:
    return bench.file("catalog.csv", f"k,v\n{rows}")


def test_a_pipeline_whose_requirement_never_completed_does_not_begin(bench: Workbench) -> None:
    with bench.manager() as manager:
        told = _refusal(manager, bench)
    assert "orders requires catalog, which has never completed here" in told
    assert "ri run catalog FILE" in told


def test_it_runs_when_the_requirement_has_completed(bench: Workbench) -> None:
    with bench.manager() as manager:
        manager.run_pipeline("catalog", _catalog(bench))
        assert _orders(manager, bench) == 1


def test_a_requirement_that_completed_with_failed_items_is_completed(bench: Workbench) -> None:
    with bench.manager() as manager:
        assert manager.run_pipeline("catalog", _catalog(bench, "1,1\n2,950\n")).failed_items == 1
        assert _orders(manager, bench) == 1


def test_an_unfinished_batch_of_the_requirement_stands_in_the_way(bench: Workbench) -> None:
    """Also when an older one has completed: half of the new catalogue is there."""
    with bench.manager() as manager:
        manager.run_pipeline("catalog", _catalog(bench))
        stopped = manager.run_pipeline("catalog", _catalog(bench), should_stop=lambda: True)
        told = _refusal(manager, bench)
        assert f"orders requires catalog, whose batch {stopped.batch_id} is unfinished" in told
        manager.run_pipeline("catalog", _catalog(bench))  # the next one overtakes it
        assert _orders(manager, bench) == 1


def test_a_waiting_batch_of_the_requirement_stands_in_the_way_until_it_is_processed(bench: Workbench) -> None:
    with bench.manager() as manager:
        batch_id = manager.create_batch("catalog", [{"k": 1, "v": 1}])
        assert f"batch {batch_id} is unfinished" in _refusal(manager, bench)
        manager.process_batch(batch_id)
        assert _orders(manager, bench) == 1


def test_a_dismissed_batch_stands_in_nobodys_way(bench: Workbench) -> None:
    with bench.manager() as manager:
        manager.run_pipeline("catalog", _catalog(bench))
        stopped = manager.run_pipeline("catalog", _catalog(bench), should_stop=lambda: True)
        manager.dismiss(stopped.batch_id)
        assert _orders(manager, bench) == 1


def test_a_waiting_batch_that_is_dismissed_stands_in_nobodys_way(bench: Workbench) -> None:
    """As the refusal's own hint says."""
    with bench.manager() as manager:
        manager.run_pipeline("catalog", _catalog(bench))
        batch_id = manager.create_batch("catalog", [{"k": 1, "v": 1}])
        assert f"ri errors {batch_id[:8]} --dismiss" in _refusal(manager, bench)
        manager.dismiss(batch_id)
        assert _orders(manager, bench) == 1


def test_a_batch_in_work_stands_in_the_way_and_one_that_reprocesses_does_not(bench: Workbench) -> None:
    with bench.manager() as manager:
        first = manager.run_pipeline("catalog", _catalog(bench, "1,1\n2,950\n"))
        seen = []

        def look(_: object) -> None:
            with pytest.raises(UsageError) as error:
                _orders(manager, bench)
            seen.append(error.value.code)

        manager.run_pipeline("catalog", _catalog(bench), on_progress=look)
        assert seen == ["requires", "requires"]
        manager.reprocess_batch(first.batch_id, should_stop=lambda: True)
        assert _orders(manager, bench) == 1


def test_stored_batches_ask_when_they_are_processed_not_when_they_are_made(bench: Workbench) -> None:
    with bench.manager() as manager:
        batch_id = manager.create_batch("orders", [{"k": 1}])
        with pytest.raises(UsageError, match="never completed here"):
            manager.process_batch(batch_id)
        assert manager.get_batch(batch_id).status == "pending"
        manager.run_pipeline("catalog", _catalog(bench))
        assert manager.process_batch(batch_id).completed_items == 1


def test_a_class_can_be_required(bench: Workbench) -> None:
    bench.file("ri.yaml", "processors: [catalogs]\n")
    bench.file("pipelines/catalog.yaml", "").unlink()
    bench.file(
        "catalogs.py",
        "from ri_declarative import BaseProcessor\n"
        "class CatalogProcessor(BaseProcessor):\n"
        "    def validate_item(self, item, ctx):\n        return True\n"
        "    def process_item(self, item, ctx): ...\n",
    )
    with bench.manager() as manager:
        assert "never completed" in _refusal(manager, bench)
        manager.process_batch(manager.create_batch("catalog", [{"k": 1}]))
        assert _orders(manager, bench) == 1


def test_the_command_line_says_why_and_ends_with_2(bench: Workbench) -> None:
    bench.file("orders.csv", "k\n1\n")
    refused = ri(bench.root, "run", "orders", "orders.csv", RI_DATABASE_URL=bench.dsn)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "orders requires catalog, which has never completed here" in refused.stderr
    _catalog(bench)
    assert ri(bench.root, "run", "catalog", "catalog.csv", RI_DATABASE_URL=bench.dsn).returncode == 0
    assert ri(bench.root, "run", "orders", "orders.csv", RI_DATABASE_URL=bench.dsn).returncode == 0
