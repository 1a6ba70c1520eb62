"""One import, written in every way there is: compiled, with each kind of hook, by hand; and what became of its records.

All of them write `t` and must leave the same table, the same items and the same counts.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from law_records import Sample, rendered
from law_runs import counts_in
from support.workbench import Workbench

from ri_declarative import (
    BaseProcessor,
    BatchManager,
    BatchSummary,
    ImportContext,
    ImportItem,
    Problem,
    Progress,
    SkipItem,
)

DDL = """
    DROP TABLE IF EXISTS t, ref;
    CREATE TABLE ref (id int PRIMARY KEY);
    INSERT INTO ref VALUES (1), (2);
    CREATE TABLE t (k int PRIMARY KEY, v int CHECK (v < 900), w varchar(5), r int REFERENCES ref, u int%s);
    INSERT INTO t VALUES (1, 1, 'a', 1, NULL), (2, 2, NULL, NULL, 7);
"""
# Written by sets where it can be, and row by row because of a second unique column.
TABLES = {"sets": DDL % "", "walk": DDL % " UNIQUE"}
ROWS = "SELECT k, v, w, r, u FROM public.t"
NAMES = ("k", "v", "w", "r", "u")
NUMBERS = ("k", "v", "r", "u")
ENTRIES = ("jsonl", "csv", "stored")  # by run_pipeline, or by create_batch and process_batch

PIPELINE = """
    schema:
      properties: {k: {type: integer}, v: {type: integer, minimum: 0}, w: {type: string}, r: {type: integer},
                   u: {type: integer}}
    target: {table: public.t, key: k, columns: {k: k, v: v, w: w, r: r, u: u}}
    chunk_size: %s
"""
# Stages that refuse a record → the cells that make it so.
STAGES: Mapping[str, dict[str, str | None]] = {
    "source": {},
    "parse": {"v": "abc"},
    "schema": {"v": "-5"},
    "map": {"w": "seven77"},
    "keyless": {"k": None},
    "check": {"v": "950"},
    "parent": {"r": "77"},
}
BY_HOOK: Mapping[str, dict[str, str | None]] = {"False": {"v": "777"}, "raise": {"v": "778"}, "skip": {"v": "779"}}

REFUSING = """
    from law_processors import refuse
    def validate_item(item, ctx):
        return refuse(item, ctx)
"""
_TRANSFORM = """
    def transform_item(item, ctx):
        return item.data
"""
_TRANSFORM_CHUNK = """
    def transform_chunk(items, ctx):
        return [item.data for item in items]
"""
_ON_ITEM_ERROR = """
    def on_item_error(item, error, ctx):
        return True
"""
_BATCH = """
    def validate_batch(ctx):
        return True
    def on_batch_start(ctx):
        ctx.set_metadata("seen", [])
    def on_batch_complete(ctx, success):
        assert ctx.get_metadata("seen") == [] and success
"""
_PROCESS = """
    from law_processors import write
    def process_item(item, ctx):
        return write(item.data, ctx)
"""
# A pipeline's name → its hooks that do nothing.
PURE = {
    "transforms": _TRANSFORM,
    "chunks": _TRANSFORM_CHUNK,
    "validates": "def validate_item(item, ctx):\n    return True\n",
    "answers": _ON_ITEM_ERROR,
    "batches": _BATCH,
    "everything": _TRANSFORM + _ON_ITEM_ERROR + _BATCH + "\n    def validate_item(item, ctx):\n        return True\n",
}
PLAIN = {"compiled": "", **PURE, "by_hand": _PROCESS, "twin": None}
WITH_REFUSALS = {
    "compiled": REFUSING,
    "transforms": REFUSING + _TRANSFORM,
    "chunks": REFUSING + _TRANSFORM_CHUNK,
    "answers": REFUSING + _ON_ITEM_ERROR + _BATCH,
    "by_hand": REFUSING + _PROCESS,
    "twin": None,
}
OWN_CODES = ("by_hand", "twin")  # where the same refusal may have another code


# ── by hand ──────────────────────────────────────────────────────────────────────────────────


def refuse(item: ImportItem, ctx: ImportContext) -> bool:
    """What validate_item says of the values that no schema knows to be bad."""
    value = _int(item.data.get("v"))
    if value == 778:
        raise ValueError("778 is not a number I like")
    if value == 779:
        raise SkipItem("779 is of no use")
    if value == 777:
        ctx.warning("777 is not allowed")
    return value != 777


def write(data: Mapping[str, Any], ctx: ImportContext) -> dict[str, Any]:
    """Select, then insert or update; what happened."""
    row = {name: data.get(name) for name in NAMES}
    old = ctx.execute_one(f"{ROWS} WHERE k = :k", row)
    if old is None:
        ctx.execute("INSERT INTO public.t (k, v, w, r, u) VALUES (:k, :v, :w, :r, :u)", row)
    elif old != row:
        ctx.execute("UPDATE public.t SET v = :v, w = :w, r = :r, u = :u WHERE k = :k", row)
    action = "inserted" if old is None else "unchanged" if old == row else "updated"
    return {"target_table": "public.t", "target_id": row["k"], "action": action}


class Twin(BaseProcessor):
    """The pipeline, by hand. Values come as text from CSV, typed otherwise."""

    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        wrong = [name for name in NUMBERS if item.data.get(name) and _int(item.data[name]) is None]
        if _int(item.data.get("k")) is None:
            wrong.append("k")
        if (_int(item.data.get("v")) or 0) < 0:
            wrong.append("v")
        for name in wrong:
            ctx.warning(f"{name} is wrong")
        return not wrong and refuse(item, ctx)

    def process_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, Any]:
        numbers = {name: _int(item.data.get(name)) for name in NUMBERS}
        return write({**numbers, "w": item.data.get("w") or None}, ctx)


def _int(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


# ── records ──────────────────────────────────────────────────────────────────────────────────


def spoiled(cells: Mapping[str, str | None], stage: str | None) -> Sample:
    """The record made bad for one stage; None leaves it good."""
    return Sample({**cells, **({**STAGES, **BY_HOOK}[stage] if stage else {})}, stage)


def random_samples(rng: random.Random, count: int, *, stages: Sequence[str]) -> list[Sample]:
    """Records whose keys come again, whose `u` clashes now and then, and every fourth of which some stage refuses."""
    samples = []
    for _ in range(count):
        cells = {
            "k": str(rng.randint(1, 18)),
            "v": rng.choice(["1", "2", "3", None]),
            "w": rng.choice(["a", "b", "é\n", '"', None]),
            "r": rng.choice(["1", "2", None]),
            "u": str(rng.randint(1, 40)) if rng.random() < 0.4 else None,
        }
        samples.append(spoiled(cells, rng.choice(stages) if rng.random() < 0.25 else None))
    return samples


def stages_of(entry: str, *more: str) -> list[str]:
    """Stages that can refuse what comes this way; mappings are never malformed."""
    return [stage for stage in (*STAGES, *more) if (entry, stage) != ("stored", "source")]


# ── runs ─────────────────────────────────────────────────────────────────────────────────────


class Left(NamedTuple):
    """What a run left behind."""

    rows: list[tuple[Any, ...]]
    items: list[tuple[Any, ...]]
    codes: list[Any]
    summary: dict[str, Any]


def define(bench: Workbench, manager: BatchManager, hooks: Mapping[str, str | None], *, size: int) -> None:
    """Write every pipeline with its hooks; register the twin."""
    for name, text in hooks.items():
        if text is None:
            manager.registry.register(name, type("Twin", (Twin,), {"__module__": __name__, "chunk_size": size}))
            continue
        bench.pipeline(name, PIPELINE % size)
        if text:
            bench.file(f"hooks/{name}.py", _dedented(text))


def _dedented(text: str) -> str:
    return "".join(f"{line.removeprefix('    ') if _is_indented(text) else line}\n" for line in text.split("\n"))


def _is_indented(text: str) -> bool:
    return text.startswith("\n    ")


def run(
    bench: Workbench,
    manager: BatchManager,
    name: str,
    samples: Sequence[Sample],
    *,
    entry: str,
    on_progress: Callable[[Progress], None] | None = None,
) -> BatchSummary:
    """The batch of these records."""
    if entry == "stored":
        batch_id = manager.create_batch(name, mappings(samples))
        return manager.process_batch(batch_id, on_progress=on_progress)
    file = bench.file(f"data/p.{entry}", rendered(samples, entry, numbers=NUMBERS).text)
    return manager.run_pipeline(name, file, on_progress=on_progress)


def mappings(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The records as Python has them, numbers as numbers."""
    return [
        {
            name: cell if name not in NUMBERS or _int(cell) is None else int(cell)
            for name, cell in sample.cells.items()
            if cell is not None
        }
        for sample in samples
    ]


def left_by(bench: Workbench, manager: BatchManager, batch: BatchSummary) -> Left:
    """Table, items and summary as they stand."""
    items = list(manager.iter_items(batch.batch_id))
    facts = counts_in(batch) | {"total": batch.total_items, "pending": batch.pending_items, "status": batch.status}
    return Left(
        sorted(bench.sql(ROWS)),
        [(i.index, i.line, i.status, i.action, i.source_data, i.target_table, i.target_id) for i in items],
        [[_without_file(problem, batch.batch_type) for problem in i.problems] for i in items],
        facts | {"stop_reason": batch.stop_reason},
    )


def _without_file(problem: Problem, name: str) -> Problem:
    """What a hook raised is told with its file, which is another one for each pipeline."""
    return problem._replace(message=problem.message.replace(f"hooks/{name}.py", "hooks/*.py"))


def first_difference(found: Left, wanted: Left, where: str) -> str:
    """For people; looked at only when they differ."""
    for mine, theirs in zip(found.items, wanted.items, strict=False):
        if mine != theirs:
            return f"{where}: {mine}, expected {theirs}; {found.codes[mine[0]]}, expected {wanted.codes[mine[0]]}"
    return f"{where}: {found.summary}, expected {wanted.summary}"


def dying(hook: Callable[..., Any]) -> Callable[..., Any]:
    """The hook, in which the process ends without a word at the record that the environment names."""
    last = int(os.environ.get("RI_TEST_DIES_AT", "999999"))

    def call(*arguments: Any) -> Any:
        item = next(argument for argument in arguments if isinstance(argument, ImportItem))
        if item.index >= last:
            os._exit(9)
        return hook(*arguments)

    return call
