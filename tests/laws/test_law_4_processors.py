"""Law 4 for every processor: repaired, stopped or killed, the end is that of an undisturbed run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from law_processors import (
    OWN_CODES,
    PURE,
    REFUSING,
    TABLES,
    WITH_REFUSALS,
    Left,
    define,
    left_by,
    mappings,
    random_samples,
    run,
    spoiled,
    stages_of,
)
from law_records import Sample
from support.ri_process import environment
from support.workbench import Workbench

from ri_declarative import BatchManager

_STAGES = (None, "parent", "schema", "check", None, "map", "raise", "parent", "skip")


@pytest.fixture
def manager(workbench: Workbench) -> Iterator[BatchManager]:
    """One for all runs of a test; every processor has chunks of 4."""
    with workbench.manager() as opened:
        define(workbench, opened, WITH_REFUSALS, size=4)
        yield opened


def _once_each() -> list[Sample]:
    """No key twice: what a later record did to a row is unknown to hand-written code."""
    cells = [{"k": str(k + 10), "v": str(k), "w": None, "r": "1", "u": None} for k in range(27)]
    return [spoiled(cell, _STAGES[place % len(_STAGES)]) for place, cell in enumerate(cells)]


@pytest.mark.parametrize("entry", ["jsonl", "stored"])
def test_failed_items_taken_again_leave_the_same_by_every_processor(
    workbench: Workbench, manager: BatchManager, entry: str
) -> None:
    """The parents that were missing are there the second time."""
    wanted: tuple[Left, list[str | None]] | None = None
    for name in WITH_REFUSALS:
        workbench.sql(TABLES["sets"])
        first = run(workbench, manager, name, _once_each(), entry=entry)
        workbench.sql("INSERT INTO ref VALUES (77)")
        new_id = manager.reprocess_batch(first.batch_id, failed_items_only=True)
        assert new_id is not None
        second = manager.get_batch_summary(new_id)
        failed = [item.item_id for item in manager.iter_items(first.batch_id, status="failed")]
        assert [item.parent_item_id for item in manager.iter_items(new_id)] == failed, name
        found = left_by(workbench, manager, second)
        wanted = wanted or (found, failed)
        assert found[:2] == wanted[0][:2], name
        assert found.summary == wanted[0].summary, name
        if name not in OWN_CODES:
            assert found.codes == wanted[0].codes, name
        assert (second.completed_items, second.parent_batch_id) == (6, first.batch_id)


def test_all_items_again_change_nothing_by_every_processor(workbench: Workbench, manager: BatchManager) -> None:
    for name in WITH_REFUSALS:
        workbench.sql(TABLES["sets"])
        first = run(workbench, manager, name, _once_each(), entry="jsonl")
        before = workbench.sql("SELECT *, xmin::text, ctid::text FROM t ORDER BY k")
        new_id = manager.reprocess_batch(first.batch_id, failed_items_only=False)
        assert new_id is not None
        second = manager.get_batch_summary(new_id)
        assert (second.unchanged_items, second.failed_items, second.skipped_items) == (
            *(first.completed_items, first.failed_items, first.skipped_items),
        ), name
        assert workbench.sql("SELECT *, xmin::text, ctid::text FROM t ORDER BY k") == before, name


@pytest.mark.parametrize("name", ["compiled", "chunks", "by_hand", "twin"])
def test_a_stored_batch_stopped_between_chunks_goes_on_where_it_was(
    workbench: Workbench, manager: BatchManager, name: str
) -> None:
    samples = random_samples(random.Random(f"stop-{name}"), 30, stages=stages_of("stored", "raise", "skip"))
    workbench.sql(TABLES["walk"])
    undisturbed = left_by(workbench, manager, run(workbench, manager, name, samples, entry="stored"))
    workbench.sql(TABLES["walk"])
    batch_id = manager.create_batch(name, mappings(samples))
    for done in (4, 8, 12):
        asked = count()
        batch = manager.process_batch(batch_id, should_stop=lambda asked=asked: next(asked) > 0)  # type: ignore[misc]
        assert (batch.status, batch.stop_reason) == ("failed", "interrupted")
        assert (batch.completed_items + batch.failed_items + batch.skipped_items, batch.pending_items) == (
            *(done, 30 - done),
        )
    assert left_by(workbench, manager, manager.process_batch(batch_id)) == undisturbed


_KILLED = """
import os, sys
from pathlib import Path
dsn, root, name, batch_id, tests = sys.argv[1:]
sys.path.append(tests)
import law_processors
from ri_declarative import BatchManager
with BatchManager(dsn, project=Path(root)) as manager:
    manager.registry.register("twin", type("Dying", (law_processors.Twin,), {
        "chunk_size": 4, "process_item": law_processors.dying(law_processors.Twin.process_item)}))
    manager.process_batch(batch_id)
"""


@pytest.mark.parametrize("name", ["transforms", "by_hand", "twin"])
def test_a_runner_killed_inside_of_a_hook_loses_nothing_and_repeats_nothing(workbench: Workbench, name: str) -> None:
    samples = random_samples(random.Random(f"kill-{name}"), 30, stages=stages_of("stored", "raise", "skip"))
    hook = "transform_item" if name == "transforms" else "process_item"
    hooks = {
        "transforms": REFUSING + PURE["transforms"],
        "by_hand": WITH_REFUSALS["by_hand"],
        "twin": None,
    }
    with workbench.manager() as manager:
        define(workbench, manager, {name: hooks[name]}, size=4)
        workbench.sql(TABLES["walk"])
        undisturbed = left_by(workbench, manager, run(workbench, manager, name, samples, entry="stored"))
        workbench.sql(TABLES["walk"])
        batch_id = manager.create_batch(name, mappings(samples))
        if name != "twin":
            with (workbench.root / f"hooks/{name}.py").open("a") as file:
                file.write(f"\nfrom law_processors import dying\n{hook} = dying({hook})\n")
        _killed(workbench, name, batch_id)
        assert manager.get_batch(batch_id).pending_items == 22  # two chunks are committed
        workbench.sql("UPDATE import_batches SET lease_expires_at = now() WHERE status = 'processing'")
        assert left_by(workbench, manager, manager.process_batch(batch_id)) == undisturbed


def _killed(workbench: Workbench, name: str, batch_id: str) -> None:
    """A runner in a process of its own, which dies in its third chunk."""
    arguments = [workbench.dsn, str(workbench.root), name, batch_id, str(Path(__file__).parent)]
    tests = os.pathsep.join(str(Path(__file__).parents[n]) for n in (2, 1, 0))
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        env=environment(RI_TEST_DIES_AT="9", PYTHONPATH=tests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9, done.stderr
