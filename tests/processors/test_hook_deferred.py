"""Deferred constraints and process_item: the item that breaks one fails alone, whatever the chunk."""

from __future__ import annotations

import pytest

from processors.hook_bench import HookBench
from ri_declarative.records import ItemStatus

CHILD = """
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE child (k int PRIMARY KEY, parent_id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)
"""
PROCESS = """
def process_item(item, ctx):
    called("process_item", item)
    ctx.execute("INSERT INTO child VALUES (:k, :p)", {"k": int(item.data["k"]), "p": int(item.data["v"])})
"""
# The parent comes after its child, inside one call: what deferring is for.
PARENT_LATER = """
def process_item(item, ctx):
    k = int(item.data["k"])
    ctx.execute("INSERT INTO child VALUES (:k, :k + 100)", {"k": k})
    if item.data["v"] != "9":
        ctx.execute("INSERT INTO parent VALUES (:k + 100)", {"k": k})
"""
VALUES = [(k, "9" if k in (1, 4, 5, 12) else str(1 + k % 2)) for k in range(1, 13)]
GOOD = [k for k, v in VALUES if v != "9"]


def ends(bench: HookBench, kind: str, source: str, size: int) -> list[str]:
    """Per item, `completed` or the codes of its problems; the books agree with the table."""
    if kind == "hooks":
        bench.hooks(source, size=size)
        ended = bench.run(VALUES)
    else:
        ended = bench.process(bench.processor(source, size=size), VALUES)
    assert ended.error is None
    items = bench.items(ended.batch)
    assert (ended.batch.completed_items, ended.batch.failed_items) == (len(GOOD), len(VALUES) - len(GOOD))
    return ["completed" if i.status is ItemStatus.COMPLETED else ",".join(p.code for p in i.problems) for i in items]


@pytest.mark.parametrize("kind", ["hooks", "class"])
@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("source", [PROCESS, PARENT_LATER], ids=["wrong parent", "parent later"])
def test_an_item_that_breaks_a_deferred_constraint_fails_alone(
    bench: HookBench, kind: str, size: int, source: str
) -> None:
    bench.sql(CHILD)
    expected = ["completed" if k in GOOD else "db.foreign_key" for k, _ in VALUES]
    assert ends(bench, kind, source, size) == expected
    assert bench.sql("SELECT k FROM child ORDER BY k") == [(k,) for k in GOOD]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_a_hook_may_swap_the_values_of_a_deferred_unique_constraint(bench: HookBench, size: int) -> None:
    bench.sql("CREATE TABLE place (k int PRIMARY KEY, n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)")
    bench.sql("INSERT INTO place SELECT g, g FROM generate_series(1, 14) g")
    swap = """
    def process_item(item, ctx):
        k = int(item.data["k"])
        ctx.execute("UPDATE place SET n = n + 1 WHERE k = :k", {"k": k})
        if item.data["v"] != "9":
            ctx.execute("UPDATE place SET n = n - 1 WHERE k = :k", {"k": k + 1})
            ctx.execute("UPDATE place SET n = n - 1 WHERE k = :k", {"k": k})
            ctx.execute("UPDATE place SET n = n + 1 WHERE k = :k", {"k": k + 1})
    """
    expected = ["completed" if k in GOOD else "db.unique" for k, _ in VALUES]
    assert ends(bench, "hooks", swap, size) == expected
    assert bench.sql("SELECT count(*) FROM place WHERE n = k") == [(14,)]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_transform_item_writes_obeys_deferred_constraints(bench: HookBench, size: int) -> None:
    bench.sql(CHILD)
    bench.hooks(PROCESS.replace("process_item", "transform_item") + "    return item.data\n", size=size)
    ended = bench.run(VALUES)
    assert ended.error is None
    assert (ended.batch.completed_items, ended.batch.failed_items) == (len(GOOD), len(VALUES) - len(GOOD))
    assert bench.sql("SELECT k FROM child ORDER BY k") == [(k,) for k in GOOD]
    assert [k for k, _ in bench.rows()] == GOOD


def test_a_hook_that_makes_constraints_immediate_or_deferred_changes_nothing(bench: HookBench) -> None:
    bench.sql(CHILD)
    source = """
    def process_item(item, ctx):
        bad = item.data["v"] == "9"
        ctx.execute("SET CONSTRAINTS ALL DEFERRED" if bad else "SET CONSTRAINTS ALL IMMEDIATE")
        ctx.execute("INSERT INTO child VALUES (:k, :p)", {"k": int(item.data["k"]), "p": int(item.data["v"])})
    """
    expected = ["completed" if k in GOOD else "db.foreign_key" for k, _ in VALUES]
    assert ends(bench, "hooks", source, 5) == expected


def test_a_constraint_that_a_hook_creates_is_checked_before_its_item_is_booked(bench: HookBench) -> None:
    bench.sql("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2)")
    source = """
    def on_batch_start(ctx):
        ctx.execute("CREATE TABLE child (k int PRIMARY KEY, parent_id int REFERENCES parent INITIALLY DEFERRED)")
    """
    expected = ["completed" if k in GOOD else "db.foreign_key" for k, _ in VALUES]
    assert ends(bench, "hooks", source.replace("\n    ", "\n") + PROCESS, 5) == expected
