"""A small import that can be stopped between any two of its chunks, in many ways: for tests of resuming."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.interruptions import emptied, final_state, interrupted_after, killed_run
from support.workbench import Workbench, csv_text

from ri_declarative import BatchManager, BatchSummary
from ri_declarative.errors import RiError, StoppedError
from ri_declarative.records import StopReason

# Chunks of 3: keys that come again across every border, and a bad record in three of the four chunks.
ROWS = ("1,a", "2,b", "x,c", "1,d", "3,e", "4,f", "2,g", "1,h", "5,i", "6,j", "y,k")
CONTENT = csv_text("k,v", ROWS)
TABLE = "CREATE TABLE t (k int PRIMARY KEY, v text)"
OLD_ROWS = "INSERT INTO t VALUES (2, 'old'), (3, 'old'), (6, 'old')"
CHUNKS = 4


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


def refusal(verb: Callable[..., object], *words: Any, **options: Any) -> RiError:
    """What a verb raises."""
    with pytest.raises(RiError) as error:
        verb(*words, **options)
    return error.value


# ── ways to stop ─────────────────────────────────────────────────────────────────────────────


class Stop(NamedTuple):
    """A way for a run to stop, and to go on."""

    reason: StopReason
    pipeline: str  # of the run that stops
    run: Callable[[Workbench, BatchManager, Path], object] = lambda bench, manager, file: manager.run_pipeline(
        "p", file
    )
    raises: bool = False
    setup: str = "SELECT"
    mended: str = "SELECT"
    resume: dict[str, Any] = {}
    processed: int = 6


_FULL_DISK = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'no space' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.k = 5) EXECUTE FUNCTION full_disk()
"""


def _breaks_off(bench: Workbench, manager: BatchManager, file: Path) -> object:
    """Somebody touches the file while it is read: what was read may be from before or after."""
    return manager.run_pipeline("p", file, on_progress=lambda progress: os.utime(file, (0, progress.elapsed_s)))


def _caller_fails(bench: Workbench, manager: BatchManager, file: Path) -> object:
    def on_batch(batch_id: str) -> None:
        raise LookupError(batch_id)

    try:
        return manager.run_pipeline("p", file, on_batch=on_batch)
    except LookupError as error:
        raise StoppedError("internal", "as the command line sees it") from error


STOPS = {
    "interrupted": Stop(StopReason.INTERRUPTED, pipeline(), lambda bench, manager, file: interrupted(manager, file)),
    "killed": Stop(StopReason.LOST, pipeline(), lambda bench, manager, file: killed(bench, manager, file)),
    "limit": Stop(
        StopReason.MAX_FAILED,
        pipeline(target=", on_duplicate: error", more="limits: {max_failed: 1}"),
        resume={"max_failed": "80%"},
    ),
    "first failed item": Stop(
        StopReason.ITEM_FAILED,
        pipeline(),
        lambda bench, manager, file: manager.run_pipeline("p", file, continue_on_error=False),
        processed=3,
    ),
    "database": Stop(
        StopReason.DATABASE, pipeline(), raises=True, setup=_FULL_DISK, mended="DROP TRIGGER full_disk ON t"
    ),
    "source": Stop(StopReason.SOURCE, pipeline(), _breaks_off, raises=True, processed=len(ROWS)),
    "an error of ours": Stop(StopReason.ERROR, pipeline(), _caller_fails, raises=True, processed=0),
}
OUTSIDE = ("interrupted", "killed", "database", "source", "an error of ours")


def stopped(bench: Workbench, manager: BatchManager, file: Path, stop: Stop) -> BatchSummary:
    """The batch that has stopped in this way, whose cause is mended."""
    bench.sql(stop.setup)
    if stop.raises:
        with pytest.raises(StoppedError):
            stop.run(bench, manager, file)
    else:
        stop.run(bench, manager, file)
    manager.rescue_batches()
    bench.sql(stop.mended)
    [batch] = manager.list_batches()
    return batch
