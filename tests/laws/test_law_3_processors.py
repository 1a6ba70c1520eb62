"""Law 3 for every processor: one bad record changes only its own fate, whoever refuses it and wherever it stands."""

from __future__ import annotations

import pytest
from law_processors import BY_HOOK, ROWS, STAGES, TABLES, WITH_REFUSALS, define, run, spoiled
from support.workbench import Workbench

RECORDS = 9
SIZE = 4
_ALL = (*STAGES, *BY_HOOK)
_PLACES = (0, SIZE - 1, SIZE, RECORDS - 1)  # the ends of file and chunks


def _good(k: int) -> dict[str, str | None]:
    return {"k": str(k + 10), "v": str(k), "w": f"w{k}", "r": str(k % 2 + 1), "u": str(k + 100)}


@pytest.mark.parametrize("name", WITH_REFUSALS)
def test_a_bad_record_harms_no_other_whoever_processes_it(workbench: Workbench, name: str) -> None:
    with workbench.manager() as manager:
        define(workbench, manager, {name: WITH_REFUSALS[name]}, size=SIZE)
        for turn, stage in enumerate(_ALL):
            place = _PLACES[(turn + list(WITH_REFUSALS).index(name)) % len(_PLACES)]
            workbench.sql(TABLES[("sets", "walk")[turn % 2]] + "DELETE FROM t")
            samples = [spoiled(_good(k), stage if k == place else None) for k in range(RECORDS)]
            batch = run(workbench, manager, name, samples, entry="jsonl")
            where = f"{stage} at {place}"
            statuses = [item.status.value for item in manager.iter_items(batch.batch_id)]
            own = "skipped" if stage == "skip" else "failed"
            assert statuses == [own if k == place else "completed" for k in range(RECORDS)], where
            wanted = [(k + 10, k, f"w{k}", k % 2 + 1, k + 100) for k in range(RECORDS) if k != place]
            assert workbench.sql(f"{ROWS} ORDER BY k") == wanted, where


@pytest.mark.parametrize("name", ["compiled", "by_hand", "twin"])
def test_nothing_but_bad_records_is_nothing_but_failures(workbench: Workbench, name: str) -> None:
    workbench.sql(TABLES["walk"] + "DELETE FROM t")
    samples = [spoiled(_good(k), _ALL[k % len(_ALL)]) for k in range(30)]
    with workbench.manager() as manager:
        define(workbench, manager, {name: WITH_REFUSALS[name]}, size=SIZE)
        batch = run(workbench, manager, name, samples, entry="jsonl")
    assert (batch.completed_items, batch.failed_items, batch.skipped_items) == (0, 27, 3)
    assert (workbench.sql(ROWS), batch.status) == ([], "completed")
