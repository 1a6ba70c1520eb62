"""A small import that can be stopped between any two of its chunks: what tests of resuming have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.interruptions import emptied, final_state, interrupted_after, killed_run
from support.workbench import Workbench, csv_text

from ri_declarative import BatchManager, BatchSummary
from ri_declarative.records import StopReason

# Chunks of 3: keys that come again across every border, and a bad record in three of the four chunks.
ROWS = ("1,a", "2,b", "x,c", "1,d", "3,e", "4,f", "2,g", "1,h", "5,i", "6,j", "y,k")
CONTENT = csv_text("k,v", ROWS)
TABLE = "CREATE TABLE t (k int PRIMARY KEY, v text)"
OLD_ROWS = "INSERT INTO t VALUES (2, 'old'), (3, 'old'), (6, 'old')"
CHUNKS = 4

Change = Callable[[], object]


def pipeline(*, target: str = "", source: str = "format: csv", more: str = "") -> str:
    """The text of a pipeline for `t`; `target`, `source` and `more` are further words of it."""
    columns = "columns: {k: k, v: v}"
    return f"source: {{{source}}}\ntarget: {{table: t, key: k, {columns}{target}}}\nchunk_size: 3\n{more}"


def prepared(bench: Workbench, text: str | None = None, *, content: str | bytes = CONTENT) -> Path:
    """The file to import with the pipeline `p`; its table holds three rows."""
    bench.sql(f"{TABLE}; {OLD_ROWS}")
    bench.pipeline("p", pipeline() if text is None else text)
    return bench.file("data/p.csv", content)


def emptied_again(bench: Workbench) -> None:
    """Nothing; all is as `prepared` leaves it."""
    emptied(bench, "t")
    bench.sql(OLD_ROWS)


def undisturbed(bench: Workbench, manager: BatchManager, file: Path) -> dict[str, list[Any]]:
    """What a run of the file leaves behind that nothing stops; all is as `prepared` leaves it afterwards."""
    manager.run_pipeline("p", file)
    state = final_state(bench, "t")
    emptied_again(bench)
    return state


def interrupted(manager: BatchManager, file: Path, chunks: int = 2) -> BatchSummary:
    """A batch of the file that was stopped when so many chunks were committed."""
    batch = manager.run_pipeline("p", file, **interrupted_after(chunks))
    assert batch.stop_reason is StopReason.INTERRUPTED
    assert batch.counts.processed == min(3 * chunks, len(ROWS))
    return batch


def killed(bench: Workbench, manager: BatchManager, file: Path, chunks: int = 2) -> str:
    """The id of a batch of the file whose runner died when so many chunks were committed."""
    return killed_run(bench, lambda **words: manager.run_pipeline("p", file, **words), chunks)
