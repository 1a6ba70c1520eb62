"""A run of small chunks that is disturbed while it goes on, and what it left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from support.workbench import Workbench, csv_text

from ri_declarative.errors import RiError
from ri_declarative.records import BatchSummary

PIPELINE = """
target:
  table: t
  key: [k]
  columns: {{k: k, v: v}}
chunk_size: {size}
"""


class Ended(NamedTuple):
    """How a run ended: its batch, and the error that stopped it, if any."""

    batch: BatchSummary
    error: RiError | None


class Disturbance:
    """Calls `act` once, between the chunk that books the record number `after` and the next one."""

    def __init__(self, act: Callable[[], Any], *, after: int) -> None:
        self._act: Callable[[], Any] | None = act
        self._after = after

    def __call__(self, progress: Any) -> None:
        if self._act is not None and progress.counts.processed >= self._after:
            act, self._act = self._act, None
            act()


def run_keys(
    workbench: Workbench,
    count: int,
    *,
    on_progress: Callable[[Any], None] | None = None,
    give_up_after_s: float = 60,
) -> Ended:
    """Import the keys 1 to `count`, each with the value v<key>, through the pipeline p."""
    file = workbench.file("data/p.csv", csv_text("k,v", [f"{k},v{k}" for k in range(1, count + 1)]))
    begun: list[str] = []
    error = None
    with workbench.manager() as manager:
        try:
            manager.run_pipeline(
                "p", file, on_progress=on_progress, on_batch=begun.append, give_up_after_s=give_up_after_s
            )
        except RiError as stopped:
            error = stopped
        return Ended(manager.get_batch_summary(begun[0]), error)


def prepare(workbench: Workbench, ddl: str = "", *, size: int) -> None:
    """A table t (k, v), what comes with it, and a pipeline p in chunks of `size`."""
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v text); {ddl}")
    workbench.pipeline("p", PIPELINE.format(size=size))


def kept(workbench: Workbench) -> tuple[int, int, int]:
    """How many rows, items and booked records the database holds."""
    ((rows, items, booked),) = workbench.sql(
        "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM import_batch_items), "
        "(SELECT sum(completed + failed + skipped)::int FROM import_batches)"
    )
    return rows, items, booked
