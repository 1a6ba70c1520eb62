"""Hooks that misbehave at one record, in a hook module or in a processor class, and what the run left behind."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from support.workbench import Workbench, csv_text

from ri_declarative.errors import RiError
from ri_declarative.manager import BatchManager
from ri_declarative.processors.base import BaseProcessor
from ri_declarative.records import BatchSummary, Item

Values = Sequence[tuple[int, str]]
AT_ONCE = {"give_up_after_s": 0}  # a hook that ends its connection does so again

BAD = 3
VALUES = [(1, "a"), (2, "b"), (BAD, "bad"), (4, "d"), (5, "e")]
PIPELINE = """
schema: {{properties: {{k: {{type: integer}}, v: {{type: string}}}}}}
target: {{table: t, key: k, columns: {{k: k, v: v}}}}
chunk_size: {size}
"""
HEAD = """
import contextlib, decimal, io, locale, os, sys
import psycopg2
import sqlalchemy
from sqlalchemy import select, text
from ri_declarative import BaseProcessor, SkipItem

CALLS = {calls!r}
DSN = {dsn!r}
KEPT = []

def called(hook, item=None):
    with open(CALLS, "a") as calls:
        calls.write(hook + (f" {{item.index}}" if item is not None else "") + "\\n")

def store(item, ctx):
    ctx.execute("INSERT INTO t VALUES (:k, :v)", {{"k": int(item.data["k"]), "v": item.data["v"]}})
    return {{"target_table": "t", "target_id": item.data["k"], "action": "inserted"}}

"""
# Each calls `misbehave` for the bad record; what it gives, unless it is GO_ON, is the hook's answer.
MISBEHAVING = """
GO_ON = object()

def misbehave(item, ctx):
{body}
    return GO_ON

def answer(item, ctx, otherwise):
    given = misbehave(item, ctx) if item.data.get("v") == "bad" else GO_ON
    return otherwise() if given is GO_ON else given
"""
HOOKS = {
    "transform_item": """
def transform_item(item, ctx):
    called("transform_item", item)
    return answer(item, ctx, lambda: item.data)
""",
    "transform_chunk": """
def transform_chunk(items, ctx):
    called("transform_chunk", items[0])
    return [answer(item, ctx, lambda: item.data) for item in items]
""",
    "validate_item": """
def validate_item(item, ctx):
    called("validate_item", item)
    return answer(item, ctx, lambda: True)
""",
    "process_item": """
def process_item(item, ctx):
    called("process_item", item)
    return answer(item, ctx, lambda: store(item, ctx))
""",
    "on_item_error": """
def on_item_error(item, error, ctx):
    called("on_item_error", item)
    return answer(item, ctx, lambda: True)
""",
}
OPEN_TRANSACTIONS = (
    "SELECT pid, state, query FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
)
IN_CLASSES = ("validate_item", "process_item", "on_item_error")
# "hooks": a module beside a pipeline; "class": a hand-written processor with the same functions.
ITEM_HOOKS = [("hooks", name) for name in HOOKS if name != "transform_chunk"] + [("class", name) for name in IN_CLASSES]
# Those whose failure is their item's: on_item_error is asked about an item that has failed already.
JUDGES = [way for way in ITEM_HOOKS if way[1] != "on_item_error"]


def crossed(bodies: Mapping[str, str], *everywhere: str, ways: Sequence[tuple[str, str]] = ITEM_HOOKS) -> list[Any]:
    """Each body in process_item, some of them in all hooks: (way, body)."""
    ways_of = {name: ways if name in everywhere else [("hooks", "process_item")] for name in bodies}
    return [pytest.param(w, bodies[name], id=f"{name}, {' '.join(w)}") for name in bodies for w in ways_of[name]]


_CLASS = """
class PProcessor(BaseProcessor):
    chunk_size = {size}
    validate_item = staticmethod(globals().get("validate_item") or (lambda item, ctx: True))
    process_item = staticmethod(globals().get("process_item") or store)
for _name in ("validate_batch", "on_batch_start", "on_batch_complete", "on_item_error"):
    if _name in globals():
        setattr(PProcessor, _name, staticmethod(globals()[_name]))
"""
_numbers = count(1)


class Ended(NamedTuple):
    """How a run ended: its batch, and the error that stopped it, if any."""

    batch: BatchSummary
    error: RiError | None


class HookBench:
    """Writes hooks, runs them, and looks at what is left."""

    def __init__(self, workbench: Workbench) -> None:
        self.workbench = workbench
        self.sql = workbench.sql
        self.calls_file = workbench.root / "calls.txt"
        self.module: Any = None  # of the last class
        workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")

    # ── write ────────────────────────────────────────────────────────────────────────────────

    def hooks(self, source: str, *, size: int = 500, pipeline: str = PIPELINE) -> None:
        """A pipeline p with this hook module."""
        self.workbench.pipeline("p", pipeline.format(size=size))
        self.workbench.file("hooks/p.py", self._head() + textwrap.dedent(source))

    def processor(self, source: str, *, size: int = 500) -> type[BaseProcessor]:
        """The same functions as the methods of a class, whose batch type is p."""
        name = f"written_for_a_test_{next(_numbers)}"
        path = self.workbench.file(f"{name}.py", self._head() + textwrap.dedent(source) + _CLASS.format(size=size))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        self.module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        cls: type[BaseProcessor] = self.module.PProcessor
        return cls

    def misbehaving(self, way: tuple[str, str], body: str, **options: Any) -> Callable[..., Ended]:
        """A hook that runs `body` at the bad record; call what it gives to run it.

        The table refuses the bad record when the hook is one that is asked about failures.
        """
        kind, hook = way
        if hook == "on_item_error":
            self.sql("ALTER TABLE t ADD CHECK (v <> 'bad')")
        source = MISBEHAVING.format(body=textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")) + HOOKS[hook]
        if kind == "hooks":
            self.hooks(source, **options)
            return self.run
        cls = self.processor(source, **options)
        return lambda values=VALUES: self.process(cls, values)

    def _head(self) -> str:
        return HEAD.format(calls=str(self.calls_file), dsn=self.workbench.dsn)

    # ── run ──────────────────────────────────────────────────────────────────────────────────

    def run(self, values: Values = VALUES, *, content: str | None = None, **options: Any) -> Ended:
        """Import a file through the pipeline p."""
        text = csv_text("k,v", [f"{k},{v}" for k, v in values]) if content is None else content
        file = self.workbench.file("data/p.csv", text)
        begun: list[str] = []
        with self.workbench.manager() as manager:
            return self._ended(
                manager, begun, lambda: manager.run_pipeline("p", file, on_batch=begun.append, **AT_ONCE, **options)
            )

    def process(self, cls: type[BaseProcessor], values: Values = VALUES, **options: Any) -> Ended:
        """Store items, and process them with the class."""
        with self.workbench.manager() as manager:
            manager.registry.register("p", cls)
            batch_id = manager.create_batch("p", ({"k": k, "v": v} for k, v in values))
            return self._ended(manager, [batch_id], lambda: manager.process_batch(batch_id, **AT_ONCE, **options))

    def _ended(self, manager: BatchManager, begun: list[str], work: Callable[[], Any]) -> Ended:
        error = None
        try:
            work()
        except RiError as stopped:
            error = stopped
        except BaseException as raised:  # pytest would call its methods
            raise AssertionError(f"the run raised {type(raised).__name__}") from None
        assert begun, error
        return Ended(manager.get_batch_summary(begun[0]), error)

    # ── look ─────────────────────────────────────────────────────────────────────────────────

    @property
    def calls(self) -> list[str]:
        """Every call of a hook, in order: its name and its item's index."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def items(self, batch: BatchSummary) -> list[Item]:
        """In file order."""
        return self.workbench.items(batch)

    def rows(self) -> list[tuple[Any, ...]]:
        """What the table holds."""
        return self.sql("SELECT k, v FROM t ORDER BY k")

    def logs(self, batch: BatchSummary) -> list[dict[str, Any]]:
        """What hooks and engine logged, without the line that tells the batch's beginning."""
        with self.workbench.manager() as manager:
            return [line for line in manager.iter_logs(batch.batch_id) if "importing" not in line["message"]]

    def check_books(self, batch: BatchSummary, values: Values = VALUES) -> None:
        """Laws 1 and 2: every count is of items, every refusal has a reason, completed means that the row is there."""
        assert self.sql(OPEN_TRANSACTIONS) == []
        items = self.items(batch)
        counted = (batch.completed_items, batch.failed_items, batch.skipped_items)
        assert counted == tuple(sum(i.status == s for i in items) for s in ("completed", "failed", "skipped"))
        if batch.total_items is not None:
            assert batch.total_items == len(items) == sum(counted) + batch.pending_items
        assert all(i.problems and i.error_message for i in items if i.status in ("failed", "skipped"))
        read = {index: {"k": k, "v": v} for index, (k, v) in enumerate(values)}
        assert [_as_text(i.source_data) for i in items] == [_as_text(read[i.index]) for i in items]
        there = {k for k, _ in self.rows()}
        missing = [i for i in items if i.status == "completed" and int(i.source_data["k"]) not in there]  # type: ignore[index, call-overload]
        assert missing == []


def _as_text(data: Any) -> Any:
    """A file gives texts, create_batch numbers."""
    return {name: str(value) for name, value in data.items()}


def check_bad_one_failed_alone(bench: HookBench, ended: Ended, hook: str, *, code: str | None = None) -> Item:
    """Four completed, the bad one failed by this hook; the books right; the item."""
    assert ended.error is None
    bench.check_books(ended.batch)
    assert (ended.batch.status, ended.batch.completed_items, ended.batch.failed_items) == ("completed", 4, 1)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]
    failed = bench.items(ended.batch)[BAD - 1]
    if hook != "on_item_error":
        assert [p.code for p in failed.problems] == [code or f"hook.{hook}"]
    check_called_once(bench, hook)
    return failed


def check_called_once(bench: HookBench, hook: str, count: int = len(VALUES)) -> None:
    """Each record, or the failed one, was the hook's once."""
    indexes = [BAD - 1] if hook == "on_item_error" else range(count)
    assert bench.calls == [f"{hook} {index}" for index in indexes]
