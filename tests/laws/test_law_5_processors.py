"""Law 5 for every processor: however an import is written, and in whatever chunks, it leaves the same."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from law_processors import (
    BY_HOOK,
    OWN_CODES,
    PLAIN,
    TABLES,
    WITH_REFUSALS,
    Left,
    define,
    first_difference,
    left_by,
    random_samples,
    run,
    stages_of,
)
from law_records import Sample
from support.workbench import Workbench

SIZES = (1000, 7, 3, 1)
RECORDS = 28
FEW = ("compiled", "by_hand", "twin")  # also in the smallest chunks, which are slow


def _compare(
    bench: Workbench, hooks: Mapping[str, str | None], samples: list[Sample], *, table: str, entry: str, seed: str
) -> None:
    """Nothing; fails where one way of writing the import, or one chunk size, leaves something else."""
    wanted: Left | None = None
    for size in SIZES:
        with bench.manager() as manager:
            define(bench, manager, hooks, size=size)
            for name in hooks if size > 3 else [name for name in FEW if name in hooks]:
                bench.sql(TABLES[table])
                found = left_by(bench, manager, run(bench, manager, name, samples, entry=entry))
                wanted = wanted or found
                where = f"{name} chunk_size={size} seed={seed}"
                assert found[:2] == wanted[:2], first_difference(found, wanted, where)
                assert found.summary == wanted.summary, where
                if name not in OWN_CODES:
                    assert found.codes == wanted.codes, where
                assert [bool(codes) for codes in found.codes] == [bool(codes) for codes in wanted.codes], where


@pytest.mark.parametrize(("entry", "table"), [("jsonl", "walk"), ("stored", "sets")])
def test_hooks_that_do_nothing_and_the_twin_leave_what_the_pipeline_leaves(
    workbench: Workbench, entry: str, table: str
) -> None:
    seed = f"plain-{entry}-{table}"
    samples = random_samples(random.Random(seed), RECORDS, stages=stages_of(entry))
    _compare(workbench, PLAIN, samples, table=table, entry=entry, seed=seed)


@pytest.mark.parametrize(("entry", "table"), [("csv", "sets"), ("stored", "walk")])
def test_records_that_a_hook_refuses_end_the_same_in_every_way(workbench: Workbench, entry: str, table: str) -> None:
    seed = f"refused-{entry}-{table}"
    samples = random_samples(random.Random(seed), RECORDS, stages=[*stages_of(entry), *BY_HOOK])
    _compare(workbench, WITH_REFUSALS, samples, table=table, entry=entry, seed=seed)
