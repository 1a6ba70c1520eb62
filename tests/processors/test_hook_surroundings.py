"""CASES 36: a hook that prints, sets the locale, changes its session or leaks connections harms no record."""

from __future__ import annotations

import gc
import json
import locale
import logging
import threading
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from support.command_line import CommandLine
from support.workbench import csv_text

from processors.hook_bench import BAD, ITEM_HOOKS, VALUES, HookBench, check_called_once
from ri_declarative.processors.base import BaseProcessor


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The process's locale, and no connection of a hook."""
    yield
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    for found in gc.get_objects():
        if isinstance(found, psycopg2.extensions.connection) and not found.closed:
            found.close()


HARMLESS = {
    "prints": "print('x' * 20_000_000)",
    "writes to stderr": "sys.stderr.write('x' * 1_000_000)",
    "locale": "locale.setlocale(locale.LC_ALL, 'C')",
    "decimals": "decimal.getcontext().prec = 1; decimal.getcontext().traps[decimal.Inexact] = True",
    "environment": "os.environ['TZ'] = 'Asia/Tokyo'; __import__('time').tzset()",
    "recursion limit": "sys.setrecursionlimit(500)",
    "signal": "__import__('signal').raise_signal(__import__('signal').SIGWINCH)",
    "thread": "import threading; threading.Thread(target=lambda: None).start()",
    "leaks": "KEPT.append(psycopg2.connect(DSN))",
    "leaks in a transaction": "KEPT.append(psycopg2.connect(DSN)); KEPT[-1].cursor().execute('SELECT 1')",
    "own transaction": """
        with contextlib.closing(psycopg2.connect(DSN)) as other, other, other.cursor() as cursor:
            cursor.execute('CREATE TABLE IF NOT EXISTS other (k int)')
            cursor.execute('INSERT INTO other VALUES (1)')
    """,
    "own failed statement, caught": """
        with contextlib.closing(psycopg2.connect(DSN)) as other, other.cursor() as cursor:
            with contextlib.suppress(psycopg2.Error):
                cursor.execute('SELECT 1 / 0')
    """,
    "listen": "ctx.execute('LISTEN news'); ctx.execute('NOTIFY news')",
    "notice": "ctx.execute(\"DO $$ BEGIN RAISE WARNING 'hear'; END $$\")",
    "temporary table": "ctx.execute('CREATE TEMP TABLE t (k int, v text)')",
    "temporary table of our name": "ctx.execute('CREATE TEMP TABLE import_batches (k int)')",
    "search path": "ctx.execute('CREATE SCHEMA IF NOT EXISTS evil'); ctx.execute('SET search_path TO evil, public')",
    "local settings": "ctx.execute(\"SET LOCAL DateStyle = 'German'; SET LOCAL TimeZone = 'Asia/Tokyo'\")",
    "settings": "ctx.execute(\"SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -10\")",
    "settings of quoting": "ctx.execute(\"SET standard_conforming_strings = off; SET bytea_output = 'escape'\")",
    "encoding": "ctx.execute(\"SET client_encoding = 'LATIN1'\")",
    "prepared statement": "ctx.execute('PREPARE mine AS SELECT 1')",
    "cursor": "ctx.execute('DECLARE mine CURSOR FOR SELECT generate_series(1, 10)')",
    "advisory lock": "ctx.execute('SELECT pg_advisory_lock(42)')",
    "info": "ctx.connection.info['x'] = 1",
}
PIPELINE = """
source: {{fields: {{amount: {{}}, at: {{}}}}}}
schema:
  properties:
    k: {{type: integer}}
    v: {{type: string}}
    amount: {{type: number}}
    day: {{type: string, format: date}}
    at: {{type: string, format: date-time}}
target: {{table: t, key: k, columns: {{k: k, v: v, amount: amount, at: at, day: day}}}}
chunk_size: {size}
"""
WIDE = csv_text("k,v,amount,day,at", [f"{k},{v},1234567.891,2026-04-03,2026-01-02T03:04:05Z" for k, v in VALUES])


@pytest.mark.parametrize(("hook", "size"), [("transform_item", 2), ("validate_item", 100)])
@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_what_a_hook_does_around_its_record_changes_no_result(
    bench: HookBench, hook: str, body: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    bench.sql("ALTER TABLE t ADD amount numeric, ADD day date, ADD at timestamptz")
    bench.misbehaving(("hooks", hook), body, size=size, pipeline=PIPELINE)
    ended = bench.run(content=WIDE)
    assert ended.error is None
    assert (ended.batch.completed_items, ended.batch.failed_items) == (5, 0)
    rows = bench.sql("SET TimeZone = 'UTC'; SELECT k, v, amount::text, day::text, at::text FROM public.t ORDER BY k")
    assert rows == [(k, v, "1234567.891", "2026-04-03", "2026-01-02 03:04:05+00") for k, v in VALUES]
    check_called_once(bench, hook)


@pytest.mark.parametrize("way", ITEM_HOOKS, ids=" ".join)
@pytest.mark.parametrize("body", [HARMLESS[name] for name in ("prints", "listen", "leaks", "own transaction")])
def test_every_hook_may_do_it(bench: HookBench, way: tuple[str, str], body: str) -> None:
    ended = bench.misbehaving(way, body)()
    assert ended.error is None
    bench.check_books(ended.batch)
    assert ended.batch.completed_items == (4 if way[1] == "on_item_error" else 5)
    check_called_once(bench, way[1])


def test_settings_of_a_hook_do_not_outlive_its_chunk_in_the_next_batch(bench: HookBench) -> None:
    bench.hooks(
        'def transform_item(item, ctx):\n    ctx.execute("SET search_path TO pg_catalog")\n    return item.data\n'
    )
    assert bench.run().batch.completed_items == 5
    assert bench.run().batch.unchanged_items == 5


def test_a_hook_that_resets_the_settings_of_the_transaction_stops_the_run(bench: HookBench) -> None:
    ended = bench.misbehaving(("hooks", "process_item"), "ctx.execute('RESET ALL')", size=2)()
    assert ended.error is not None
    assert ended.error.code == "hook-transaction"
    bench.check_books(ended.batch)
    assert ended.batch.completed_items == 2


def test_leaked_connections_are_told(bench: HookBench, caplog: pytest.LogCaptureFixture) -> None:
    bench.misbehaving(("hooks", "process_item"), HARMLESS["leaks"])
    bench.run([(k, "bad") for k in range(1, 4)])
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert [w for w in warnings if w.startswith("3 database connections were opened")] == warnings


def test_the_error_of_a_hook_s_own_connection_is_no_fault_of_ours(bench: HookBench) -> None:
    body = """
        with contextlib.closing(psycopg2.connect(DSN)) as other, other.cursor() as cursor:
            cursor.execute("DO $$ BEGIN RAISE USING ERRCODE = '40001'; END $$")
    """
    ended = bench.misbehaving(("hooks", "process_item"), body)()
    assert ended.error is None
    assert [p.code for p in bench.items(ended.batch)[BAD - 1].problems] == ["hook.process_item"]
    check_called_once(bench, "process_item")


def test_what_a_hook_prints_is_not_in_the_json_of_the_command_line(
    bench: HookBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.hooks("def transform_item(item, ctx):\n    print('looked at', item.index)\n    return item.data\n")
    bench.workbench.file("data/p.csv", csv_text("k,v", ["1,a", "2,b"]))
    monkeypatch.chdir(bench.workbench.root)
    monkeypatch.setenv("RI_DATABASE_URL", bench.workbench.dsn)
    with CommandLine(bench.workbench).start("run", "p", "data/p.csv", "--json") as process:
        out, err = process.communicate()
    assert (process.returncode, json.loads(out)["completed"]) == (0, 2)
    assert "looked at" in err


# ── a context that is kept ───────────────────────────────────────────────────────────────────────

KEEPING = """
def process_item(item, ctx):
    KEPT[:] = [ctx, ctx.connection]
    return store(item, ctx)
"""


def kept(bench: HookBench) -> tuple[type[BaseProcessor], Any, Any]:
    cls = bench.processor(KEEPING)
    assert bench.process(cls).batch.completed_items == 5
    return cls, *bench.module.KEPT


USES = {
    "execute": lambda ctx: ctx.execute("INSERT INTO t VALUES (9, 'x')"),
    "execute_one": lambda ctx: ctx.execute_one("INSERT INTO t VALUES (9, 'x')"),
    "executemany": lambda ctx: ctx.executemany("INSERT INTO t VALUES (9, 'x')", [{}]),
    "connection": lambda ctx: ctx.connection,
}


@pytest.mark.parametrize("use", USES)
def test_a_context_kept_beyond_its_batch_reaches_no_database(bench: HookBench, use: str) -> None:
    _, ctx, _ = kept(bench)
    with pytest.raises(Exception, match="outside of"):
        USES[use](ctx)
    assert bench.rows() == VALUES


def test_a_connection_kept_beyond_its_batch_is_closed(bench: HookBench) -> None:
    _, _, connection = kept(bench)
    assert connection.closed


def test_a_context_kept_beyond_its_batch_logs_and_remembers_without_harm(bench: HookBench) -> None:
    cls, ctx, _ = kept(bench)
    ctx.info("too late")
    ctx.set_metadata("late", 1)
    bench.sql("DELETE FROM t")
    again = bench.process(cls)
    assert (again.batch.completed_items, again.batch.metadata) == (5, {})
    assert bench.logs(again.batch) == []


def test_two_runs_at_once_do_not_share_a_context(bench: HookBench) -> None:
    source = """
    def on_batch_start(ctx):
        ctx.set_metadata("mine", ctx.batch.id)

    def process_item(item, ctx):
        assert ctx.get_metadata("mine") == ctx.batch.id
        ctx.info(ctx.batch.id)
        return store(item, ctx)
    """
    cls, ended = bench.processor(source, size=1), []
    runs = [
        threading.Thread(
            target=lambda first=first: ended.append(bench.process(cls, [(first + i, "a") for i in range(20)]))
        )
        for first in (0, 100, 200)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [e.batch.completed_items for e in ended] == [20] * 3
    for e in ended:
        assert {line["message"] for line in bench.logs(e.batch)} == {e.batch.batch_id}


def test_a_connection_kept_between_two_items_cannot_end_the_transaction(bench: HookBench) -> None:
    source = """
    def process_item(item, ctx):
        if KEPT:
            KEPT[0].commit()
        KEPT[:] = [ctx.connection]
        return store(item, ctx)
    """
    ended = bench.process(bench.processor(source))
    bench.check_books(ended.batch)
    assert ended.error is not None or ended.batch.failed_items >= 1
