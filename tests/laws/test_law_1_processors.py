"""Law 1 for every processor: at each commit the counters are those of the items, and whoever failed has a reason."""

from __future__ import annotations

import random

import pytest
from law_processors import BY_HOOK, ENTRIES, TABLES, WITH_REFUSALS, define, random_samples, run, stages_of
from support.workbench import Workbench

from ri_declarative import Progress

_COUNTED = """
    SELECT b.completed, b.failed, b.skipped, b.inserted, b.updated, b.unchanged,
           count(*) FILTER (WHERE i.status = 'completed'), count(*) FILTER (WHERE i.status = 'failed'),
           count(*) FILTER (WHERE i.status = 'skipped'), count(*) FILTER (WHERE i.action = 'inserted'),
           count(*) FILTER (WHERE i.action = 'updated'), count(*) FILTER (WHERE i.action = 'unchanged'),
           count(*) FILTER (WHERE i.status = 'pending'), b.total
    FROM import_batches b JOIN import_batch_items i ON i.batch_id = b.id WHERE b.status = 'processing' GROUP BY b.id
"""


@pytest.mark.parametrize("name", WITH_REFUSALS)
def test_counters_equal_items_after_every_chunk_of_every_processor(workbench: Workbench, name: str) -> None:
    entry = ENTRIES[list(WITH_REFUSALS).index(name) % 3]
    samples = random_samples(random.Random(f"count-{name}"), 50, stages=[*stages_of(entry), *BY_HOOK])
    workbench.sql(TABLES["sets"])
    seen = []

    def look(progress: Progress) -> None:
        (row,) = workbench.sql(_COUNTED)
        assert row[:6] == row[6:12] == tuple(progress.counts)
        assert row[12] == (50 - progress.counts.processed if entry == "stored" else 0)
        assert row[13] == progress.total_items == (50 if entry == "stored" else None)
        seen.append(progress.counts.processed)

    with workbench.manager() as manager:
        define(workbench, manager, {name: WITH_REFUSALS[name]}, size=7)
        batch = run(workbench, manager, name, samples, entry=entry, on_progress=look)
    assert seen == [7, 14, 21, 28, 35, 42, 49, 50]
    assert (batch.total_items, batch.pending_items, batch.status) == (50, 0, "completed")


@pytest.mark.parametrize(("name", "entry"), [("compiled", "csv"), ("by_hand", "stored"), ("twin", "jsonl")])
def test_whoever_did_not_complete_has_a_code_and_a_reason_by_any_processor(
    workbench: Workbench, name: str, entry: str
) -> None:
    samples = random_samples(random.Random(f"why-{name}-{entry}"), 60, stages=[*stages_of(entry), *BY_HOOK])
    workbench.sql(TABLES["walk"])
    with workbench.manager() as manager:
        define(workbench, manager, {name: WITH_REFUSALS[name]}, size=20)
        items = list(manager.iter_items(run(workbench, manager, name, samples, entry=entry).batch_id))
    assert {"completed", "failed"} <= {item.status.value for item in items}
    for item in items:
        assert bool(item.problems) == bool(item.error_message) == (item.status != "completed"), item
        assert all("." in problem.code and len(problem.message) > 8 for problem in item.problems), item
        assert (item.action is not None, item.target_table) == (
            (True, "public.t") if item.status == "completed" else (False, None)
        )


@pytest.mark.parametrize("name", ["compiled", "by_hand", "twin"])
def test_completed_means_that_the_row_is_there_by_any_processor(workbench: Workbench, name: str) -> None:
    samples = random_samples(random.Random(f"row-{name}"), 60, stages=stages_of("jsonl"))
    workbench.sql(TABLES["walk"])
    with workbench.manager() as manager:
        define(workbench, manager, {name: WITH_REFUSALS[name]}, size=7)
        items = list(manager.iter_items(run(workbench, manager, name, samples, entry="jsonl").batch_id))
    wanted = {1: (1, "a", 1, None), 2: (2, None, None, 7)}  # the rows of before
    for item in items:
        if item.status == "completed":
            assert not isinstance(item.source_data, str)
            assert item.target_id == str(item.source_data["k"])
            wanted[item.source_data["k"]] = tuple(item.source_data.get(name) for name in ("v", "w", "r", "u"))
    assert {row[0]: row[1:] for row in workbench.sql("SELECT k, v, w, r, u FROM t")} == wanted
