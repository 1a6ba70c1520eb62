"""CASES 36: whatever a hook raises fails its item alone, and is told with the item."""

from __future__ import annotations

import pytest

from processors.hook_bench import BAD, ITEM_HOOKS, JUDGES, HookBench, check_bad_one_failed_alone, crossed

RAISED = {
    "Exception": "raise ValueError('no price')",
    "SystemExit": "raise SystemExit(3)",
    "sys.exit": "sys.exit('the end')",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "GeneratorExit": "raise GeneratorExit",
    "StopIteration": "next(iter(()))",
    "MemoryError": "raise MemoryError",
    "RecursionError": "return misbehave(item, ctx)",
    "ExceptionGroup": "raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])",
    "nothing to say": "raise ValueError",
    "lines": "raise ValueError('first\\nsecond')",
    "NUL": "raise ValueError('a\\x00b')",
    "lone surrogate": "raise ValueError('a\\udc80b')",
    "a lot to say": "raise ValueError('x' * 10_000_000)",
    "after a query": "ctx.execute('SELECT 1'); raise ValueError('later')",
    "its own class": """
        class Refusal(BaseException):
            pass
        raise Refusal("no")
    """,
    "a text that raises": """
        class Silent(Exception):
            def __str__(self):
                raise RuntimeError("no text")
        raise Silent
    """,
    "a text that exits": """
        class Silent(Exception):
            def __str__(self):
                raise SystemExit(3)
        raise Silent
    """,
    "a text that is none": """
        class Silent(Exception):
            def __str__(self):
                return 5
        raise Silent
    """,
    "a repr that raises": """
        class Silent(Exception):
            def __repr__(self):
                raise KeyboardInterrupt
            __str__ = __repr__
        raise Silent
    """,
}


@pytest.mark.parametrize(
    ("way", "body"),
    crossed(RAISED, "Exception", "SystemExit", "KeyboardInterrupt", "RecursionError", "a text that raises"),
)
def test_what_a_hook_raises_fails_its_item_alone(bench: HookBench, way: tuple[str, str], body: str) -> None:
    ended = bench.misbehaving(way, body)()
    check_bad_one_failed_alone(bench, ended, way[1])


@pytest.mark.parametrize(
    "raised", ["Exception", "SystemExit", "KeyboardInterrupt", "RecursionError", "a text that exits"]
)
def test_what_transform_chunk_raises_fails_its_item_alone(bench: HookBench, raised: str) -> None:
    ended = bench.misbehaving(("hooks", "transform_chunk"), RAISED[raised])()
    assert ended.error is None
    bench.check_books(ended.batch)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]
    assert [p.code for p in bench.items(ended.batch)[BAD - 1].problems] == ["hook.transform_chunk"]
    assert bench.calls == ["transform_chunk 0", *(f"transform_chunk {index}" for index in range(5))]


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
def test_the_problem_names_type_text_and_line_of_what_a_hook_raised(bench: HookBench, way: tuple[str, str]) -> None:
    failed = check_bad_one_failed_alone(bench, bench.misbehaving(way, "raise KeyError('EUR')")(), way[1])
    (problem,) = failed.problems
    assert problem.message.startswith("KeyError: 'EUR' (")
    assert ".py:" in problem.message
    assert problem.details == {"exception": "KeyError"}


@pytest.mark.parametrize("way", ITEM_HOOKS, ids=" ".join)
def test_the_traceback_of_what_a_hook_raised_is_in_the_log_of_its_item(bench: HookBench, way: tuple[str, str]) -> None:
    ended = bench.misbehaving(way, "raise KeyError('EUR')")()
    (line,) = bench.logs(ended.batch)
    failed = bench.items(ended.batch)[BAD - 1]
    assert (line["log_level"], str(line["item_id"])) == ("error", failed.item_id)
    assert "Traceback" in line["details"]["traceback"]
    assert "in misbehave" in line["details"]["traceback"]


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
def test_skip_item_skips_with_its_reason(bench: HookBench, way: tuple[str, str]) -> None:
    ended = bench.misbehaving(
        way, "ctx.execute(\"INSERT INTO t VALUES (99, 'undone')\"); raise SkipItem('a test account')"
    )()
    assert ended.error is None
    bench.check_books(ended.batch)
    assert (ended.batch.completed_items, ended.batch.skipped_items) == (4, 1)
    (problem,) = bench.items(ended.batch)[BAD - 1].problems
    assert (problem.code, "a test account" in problem.message) == (f"hook.{way[1]}", True)
    assert [k for k, _ in bench.rows()] == [1, 2, 4, 5]


@pytest.mark.parametrize("way", ITEM_HOOKS, ids=" ".join)
@pytest.mark.parametrize("size", [1, 3])
def test_what_a_hook_wrote_before_it_raised_is_undone(bench: HookBench, way: tuple[str, str], size: int) -> None:
    bench.sql("CREATE TABLE noted (k int)")
    body = "ctx.execute('INSERT INTO noted VALUES (1)'); raise ValueError('no')"
    check_bad_one_failed_alone(bench, bench.misbehaving(way, body, size=size)(), way[1])
    assert bench.sql("SELECT * FROM noted") == []


@pytest.mark.parametrize("way", ITEM_HOOKS, ids=" ".join)
def test_every_hook_may_fail_at_every_record(bench: HookBench, way: tuple[str, str]) -> None:
    values = [(k, "bad") for k in range(1, 6)]
    ended = bench.misbehaving(way, "raise SystemExit")(values)
    assert ended.error is None
    bench.check_books(ended.batch, values)
    assert (ended.batch.status, ended.batch.failed_items) == ("completed", 5)
