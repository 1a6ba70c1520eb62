"""ImportContext: queries, logs, metadata, and what a batch knows of itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from processors.hook_bench import BAD, VALUES, HookBench
from ri_declarative.records import BatchSummary

QUERIES = {
    "named": "ctx.execute('SELECT v FROM r WHERE k = :k', {'k': 2})",
    "driver's places": "ctx.execute('SELECT v FROM r WHERE k = %s', [2])",
    "driver's places, tuple": "ctx.execute('SELECT v FROM r WHERE k = %s', (2,))",
    "driver's names": "ctx.execute('SELECT v FROM r WHERE k = %(k)s', {'k': 2})",
    "statement": "ctx.execute(select(R.c.v).where(R.c.k == 2))",
    "text": "ctx.execute(text('SELECT v FROM r WHERE k = :k'), {'k': 2})",
    "no parameters, percent": "ctx.execute(\"SELECT v FROM r WHERE v LIKE 'b%' AND 5 % 3 = 2\")",
    "cast": "ctx.execute('SELECT v FROM r WHERE k = CAST(:k AS int) AND 1::int = 1', {'k': '2'})",
    "percent beside names": "ctx.execute(\"SELECT v FROM r WHERE k = :k AND v LIKE 'b%'\", {'k': 2})",
    "colon beside places": "ctx.execute(\"SELECT v FROM r WHERE k = %s AND ':x' <> ''\", [2])",
    "list": "ctx.execute('SELECT v FROM r WHERE k = ANY(:ks)', {'ks': [2]})",
}


def answered(bench: HookBench, expression: str) -> Any:
    """What an expression gives inside of process_item."""
    bench.sql("CREATE TABLE r (k int, v text); INSERT INTO r VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    cls = bench.processor(
        f"""
        R = sqlalchemy.table("r", sqlalchemy.column("k"), sqlalchemy.column("v"))

        def process_item(item, ctx):
            KEPT.append({expression})
        """
    )
    ended = bench.process(cls, VALUES[:1])
    assert [i.error_message for i in bench.items(ended.batch)] == [None]
    return bench.module.KEPT[0]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_execute_gives_rows_as_mappings(bench: HookBench, query: str) -> None:
    assert answered(bench, query) == [{"v": "b"}]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_execute_one_gives_the_first_row(bench: HookBench, query: str) -> None:
    assert answered(bench, query.replace("ctx.execute", "ctx.execute_one")) == {"v": "b"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ctx.execute_one('SELECT v FROM r WHERE k = 9')", None),
        ("ctx.execute_one('SELECT v FROM r ORDER BY k')", {"v": "a"}),
        ("ctx.execute('SELECT v FROM r WHERE k = 9')", []),
        ("ctx.execute('UPDATE r SET v = :v', {'v': 'x'})", []),
        ("ctx.execute_one('DELETE FROM r')", None),
        ("ctx.execute('UPDATE r SET v = 1 WHERE k = 1 RETURNING k')", [{"k": 1}]),
        ("ctx.executemany('INSERT INTO r VALUES (:k, :v)', [{'k': 4, 'v': 'x'}, {'k': 5, 'v': 'y'}])", 2),
        ("ctx.executemany('INSERT INTO r VALUES (%s, %s)', [(4, 'x'), [5, 'y']])", 2),
        ("ctx.executemany('INSERT INTO r VALUES (%(k)s, %(v)s)', [{'k': 4, 'v': 'x'}, {'k': 5, 'v': 'y'}])", 2),
        ("ctx.executemany(sqlalchemy.insert(R), [{'k': 4, 'v': 'x'}, {'k': 5, 'v': 'y'}])", 2),
        ("ctx.executemany('UPDATE r SET v = :v WHERE k <= :k', [{'k': 1, 'v': 'x'}, {'k': 3, 'v': 'y'}])", 4),
        ("ctx.executemany('INSERT INTO r VALUES (:k, NULL)', [])", 0),
    ],
)
def test_what_other_statements_give(bench: HookBench, expression: str, expected: Any) -> None:
    assert answered(bench, expression) == expected


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────

LOGS = """
def on_batch_start(ctx):
    ctx.info("begun", {"at": "start"})

def process_item(item, ctx):
    for level in ("debug", "info", "warning", "error"):
        getattr(ctx, level)(f"{level} of {item.data['k']}", {"k": int(item.data["k"])})
    return store(item, ctx)

def on_batch_complete(ctx, success):
    ctx.info("ended")
"""


@pytest.mark.parametrize("kind", ["hooks", "class"])
def test_lines_of_the_log_are_tied_to_batch_and_item(bench: HookBench, kind: str) -> None:
    if kind == "hooks":
        bench.hooks(LOGS, size=2)
        ended = bench.run()
    else:
        ended = bench.process(bench.processor(LOGS, size=2))
    items = bench.items(ended.batch)
    lines = [
        (line["log_level"], line["message"], line["item_id"] and str(line["item_id"]), line["details"])
        for line in bench.logs(ended.batch)
    ]
    expected: list[Any] = [("info", "begun", None, {"at": "start"})]
    for item, (k, _) in zip(items, VALUES, strict=True):
        for level in ("debug", "info", "warning", "error"):
            expected.append((level, f"{level} of {k}", item.item_id, {"k": k}))
    assert lines == [*expected, ("info", "ended", None, None)]


def test_the_python_logger_gets_every_line_once(bench: HookBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ri_declarative.hooks")
    bench.process(bench.processor(LOGS))
    lines = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "ri_declarative.hooks.p"]
    assert lines[0] == ("INFO", "begun")
    assert lines[1] == ("DEBUG", "debug of 1 (item 0)")
    assert len(lines) == 4 * 5 + 2


ODD_DETAILS = {
    "object": "object()",
    "set": "{1}",
    "bytes": "b'raw'",
    "nan": "float('nan')",
    "Decimal NaN": "decimal.Decimal('NaN')",
    "huge Decimal": "decimal.Decimal('1e200000')",
    "huge number": "10 ** 200_000",
    "big number": "2 ** 100",
    "exception": "ValueError('x')",
    "date": "__import__('datetime').date(2026, 1, 2)",
    "NUL": "'a\\x00b'",
    "lone surrogate": "'a\\udc80b'",
    "numbers as keys": "{1: {2: 3}}",
    "circle": "CIRCLE",
    "deep": "DEEP",
    "row": "ctx.connection.execute(text('SELECT 1 AS a')).one()",
    "its repr raises": "Silent()",
    "subclass of float": "Metres(1.5)",
    "subclass of int": "Count(1)",
    "subclass of str": "Name('x')",
}
ODD = """
import enum
CIRCLE = []
CIRCLE.append(CIRCLE)
DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]

class Silent:
    def __repr__(self):
        raise RuntimeError

class Metres(float):
    pass

class Count(int):
    pass

class Name(str):
    pass

def process_item(item, ctx):
    if item.data["v"] == "bad":
        %s
    return store(item, ctx)
"""


@pytest.mark.parametrize("details", ODD_DETAILS.values(), ids=ODD_DETAILS)
def test_details_that_json_lacks_are_kept_as_text(bench: HookBench, details: str) -> None:
    ended = bench.process(bench.processor(ODD % f"ctx.info('odd', {{'x': {details}, 'y': 1}})"))
    assert ended.error is None
    assert ended.batch.completed_items == 5
    (line,) = bench.logs(ended.batch)
    assert line["message"] == "odd"
    assert {"x", "y"} <= set(line["details"])


@pytest.mark.parametrize(
    "message", ["'a\\x00b'", "'a\\udc80b'", "5", "None", "ValueError('x')", "''", "'%s %d'", "'x' * 10**7"]
)
def test_any_message_can_be_logged(bench: HookBench, message: str) -> None:
    ended = bench.process(bench.processor(ODD % f"ctx.info({message})"))
    assert ended.batch.completed_items == 5
    assert len(bench.logs(ended.batch)) == 1


def test_details_are_kept_as_they_were_when_they_were_logged(bench: HookBench) -> None:
    body = "details = {'n': [1]}; ctx.info('one', details); details['n'].append(2); ctx.info('two', details)"
    ended = bench.process(bench.processor(ODD % body))
    assert [line["details"] for line in bench.logs(ended.batch)] == [{"n": [1]}, {"n": [1, 2]}]


# ── metadata ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", ODD_DETAILS.values(), ids=ODD_DETAILS)
def test_any_object_can_be_remembered(bench: HookBench, value: str) -> None:
    body = f"ctx.set_metadata('x', {value}); ctx.set_metadata('y', 1); KEPT.append(ctx.get_metadata('x'))"
    ended = bench.process(bench.processor(ODD % body, size=1))
    assert ended.error is None
    assert ended.batch.completed_items == 5
    assert ended.batch.metadata["y"] == 1
    assert len(bench.module.KEPT) == 1


def test_what_json_can_hold_is_stored_with_the_batch_and_objects_are_not(bench: HookBench) -> None:
    source = """
    def on_batch_start(ctx):
        ctx.set_metadata("plain", {"a": [1, "x", None, True, 1.5]})
        ctx.set_metadata("object", object())

    def process_item(item, ctx):
        assert type(ctx.get_metadata("object")) is object
        assert ctx.get_metadata("missing", 7) == 7
        return store(item, ctx)
    """
    ended = bench.process(bench.processor(source))
    assert ended.batch.completed_items == 5
    assert ended.batch.metadata == {"plain": {"a": [1, "x", None, True, 1.5]}}


KNOWS = """
def validate_item(item, ctx):
    return item.data["v"] != "bad"

def on_batch_start(ctx):
    KEPT.append((ctx.batch.id, ctx.is_reprocess(), ctx.get_original_batch_id(), ctx.get_metadata("seen"),
                 ctx.get_metadata("given"), ctx.batch.batch_type, dict(ctx.batch.source_info)))
    ctx.set_metadata("seen", (ctx.get_metadata("seen") or 0) + 1)
"""


def test_a_batch_knows_its_origin_and_its_metadata_over_two_generations(bench: HookBench) -> None:
    cls = bench.processor(KNOWS)
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        items = [{"k": k, "v": v} for k, v in VALUES]
        first = manager.create_batch("p", items, source_info={"name": "crm"}, metadata={"given": "x"})
        manager.process_batch(first)
        second = manager.reprocess_batch(first)
        assert second is not None
        third = manager.reprocess_batch(second)
        assert third is not None
        known = bench.module.KEPT
        assert [k[:6] for k in known] == [
            (first, False, None, None, "x", "p"),
            (second, True, first, 1, "x", "p"),
            (third, True, first, 2, "x", "p"),
        ]
        assert [k[6].get("name") for k in known] == ["crm"] * 3
        assert manager.get_batch_summary(third).metadata == {"given": "x", "seen": 3}
        assert manager.get_batch_summary(first).metadata == {"given": "x", "seen": 1}
        assert [item.index for item in manager.iter_items(third)] == [BAD - 1]


def test_metadata_goes_on_when_a_batch_is_taken_up_again(bench: HookBench) -> None:
    cls = bench.processor(KNOWS, size=1)
    ended = bench.process(cls, continue_on_error=False)
    with bench.workbench.manager() as manager:
        manager.registry.register("p", cls)
        batch: BatchSummary = manager.process_batch(ended.batch.batch_id)
    assert [(k[1], k[3]) for k in bench.module.KEPT] == [(False, None), (False, 1)]
    assert batch.metadata["seen"] == 2


def test_ids_of_items_are_those_of_the_books(bench: HookBench) -> None:
    source = """
    def process_item(item, ctx):
        KEPT.append((item.id, item.index, ctx.item is item))
        return store(item, ctx)
    """
    ended = bench.process(bench.processor(source))
    assert [(item.item_id, item.index, True) for item in bench.items(ended.batch)] == bench.module.KEPT
