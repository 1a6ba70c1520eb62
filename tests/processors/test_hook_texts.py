"""Law 10: a cell that a hook's exception quotes is told with its item, and nowhere else."""

from __future__ import annotations

import logging

import pytest
from refusals.refusal_causes import trigger

from processors.hook_bench import BAD, ITEM_HOOKS, JUDGES, HookBench

SECRET = "sesame"
VALUES = [(1, "a"), (2, "b"), (BAD, "bad"), (4, "d")]
QUOTES = f"raise ValueError('cannot read {SECRET}')"
# The hooks' own lines are theirs: what they log goes where they say.
ENGINE = "ri_declarative"


def lines_of_engine(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that went to the Python logger, tracebacks too."""
    return caplog.text + "".join(str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("way", ITEM_HOOKS, ids=" ".join)
def test_a_quoted_cell_is_in_the_item_s_problem_only(
    bench: HookBench, caplog: pytest.LogCaptureFixture, way: tuple[str, str]
) -> None:
    caplog.set_level(logging.DEBUG, ENGINE)
    ended = bench.misbehaving(way, QUOTES)(VALUES)
    assert ended.error is None
    if way in JUDGES:
        assert SECRET in bench.items(ended.batch)[BAD - 1].problems[0].message
    assert SECRET not in lines_of_engine(caplog)
    assert SECRET not in str(bench.sql("SELECT error_message, metadata, source_info FROM import_batches"))


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
@pytest.mark.parametrize("sqlstate", ["P0001", "40001"])
@pytest.mark.usefixtures("no_patience")
def test_a_cell_in_a_refused_statement_is_not_logged(
    bench: HookBench, caplog: pytest.LogCaptureFixture, way: tuple[str, str], sqlstate: str
) -> None:
    caplog.set_level(logging.DEBUG, ENGINE)
    bench.sql("CREATE TABLE r (v text)")
    bench.sql(trigger(f"RAISE USING ERRCODE = '{sqlstate}', MESSAGE = 'not ' || NEW.v, DETAIL = NEW.v;", table="r"))
    ended = bench.misbehaving(way, f"ctx.execute('INSERT INTO r VALUES (:v)', {{'v': '{SECRET}'}})")(VALUES)
    bench.check_books(ended.batch, VALUES)
    assert SECRET not in lines_of_engine(caplog)
    assert SECRET not in str(bench.sql("SELECT error_message FROM import_batches"))
    if ended.error is not None:
        assert SECRET not in str(ended.error)


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
def test_a_cell_in_a_statement_that_stops_the_run_is_not_told_with_the_batch(
    bench: HookBench, caplog: pytest.LogCaptureFixture, way: tuple[str, str]
) -> None:
    caplog.set_level(logging.DEBUG, ENGINE)
    ended = bench.misbehaving(way, f"ctx.execute('SELECT * FROM missing WHERE v = :v', {{'v': '{SECRET}'}})")(VALUES)
    assert ended.error is not None
    assert SECRET not in str(ended.error)
    assert SECRET not in lines_of_engine(caplog)
    assert SECRET not in str(bench.sql("SELECT error_message FROM import_batches"))


def test_an_item_and_a_context_show_no_values(bench: HookBench) -> None:
    cls = bench.processor("def process_item(item, ctx):\n    KEPT.append(repr(item) + str(item) + repr(ctx))\n")
    bench.process(cls, [(1, SECRET)])
    assert SECRET not in bench.module.KEPT[0]
