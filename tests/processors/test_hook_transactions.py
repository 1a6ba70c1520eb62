"""CASES 36: a hook that would end its chunk's transaction, or leaves something open in it, harms only itself."""

from __future__ import annotations

import pytest

from processors.hook_bench import (
    BAD,
    JUDGES,
    HookBench,
    check_bad_one_failed_alone,
    check_called_once,
    crossed,
)
from ri_declarative.errors import RiError, StoppedError
from ri_declarative.records import BatchSummary, StopReason

REFUSED = {
    "commit": "ctx.connection.commit()",
    "rollback": "ctx.connection.rollback()",
    "close": "ctx.connection.close()",
    "with": "with ctx.connection as c: c.execute(text('SELECT 1'))",
    "begin": "ctx.connection.begin()",
    "invalidate": "ctx.connection.invalidate()",
    "detach": "ctx.connection.detach()",
    "transaction commit": "ctx.connection.get_transaction().commit()",
    "transaction rollback": "ctx.connection.get_transaction().rollback()",
    "transaction close": "ctx.connection.get_transaction().close()",
    "COMMIT": "ctx.execute('COMMIT')",
    "commit in lines": "ctx.execute(' \\n-- now\\n  commit ;')",
    "comment": "ctx.execute('/* x */ rollback')",
    "nested comment": "ctx.execute('/* a /* b */ c */ COMMIT')",
    "several comments": "ctx.execute('/* x */ -- y\\n /* z */ END')",
    "empty statement first": "ctx.execute('; COMMIT')",
    "and chain": "ctx.execute('COMMIT AND CHAIN')",
    "END": "ctx.execute('END')",
    "ABORT": "ctx.execute('abort')",
    "BEGIN": "ctx.execute('BEGIN')",
    "START": "ctx.execute('START TRANSACTION')",
    "ROLLBACK": "ctx.execute('ROLLBACK')",
    "ROLLBACK WORK": "ctx.execute('ROLLBACK WORK')",
    "PREPARE": "ctx.execute('PREPARE TRANSACTION \\'x\\'')",
    "driver's sql": "ctx.connection.exec_driver_sql('COMMIT')",
    "with parameters": "ctx.execute('COMMIT -- %s', [1])",
    "executemany": "ctx.executemany('COMMIT', [{}])",
    "session rollback": """
        from sqlalchemy.orm import Session
        with Session(ctx.connection) as session:
            session.execute(text('SELECT 1'))
            session.rollback()
    """,
    "nested left open": "ctx.connection.begin_nested(); ctx.execute(\"INSERT INTO t VALUES (90, 'x')\")",
    "nested twice left open": "ctx.connection.begin_nested(); ctx.connection.begin_nested()",
    "failed statement swallowed": """
        with contextlib.suppress(sqlalchemy.exc.DBAPIError):
            ctx.execute('SELECT 1 / 0')
    """,
    "failed statement swallowed, then another": """
        for statement in ('SELECT 1 / 0', 'SELECT 1'):
            with contextlib.suppress(sqlalchemy.exc.DBAPIError):
                ctx.execute(statement)
    """,
}
# SQLAlchemy has given its transaction up before anybody can refuse, and some words hide well: a clear stop will do.
MAY_STOP = [body for name, body in REFUSED.items() if name.split()[0] in ("transaction", "nested", "empty", "session")]
FINE = {
    "savepoint": """
        ctx.execute('SAVEPOINT mine')
        ctx.execute("INSERT INTO t VALUES (90, 'x')")
        ctx.execute('ROLLBACK TO SAVEPOINT mine')
        ctx.execute('RELEASE SAVEPOINT mine')
    """,
    "savepoint in other words": "ctx.execute('SAVEPOINT mine'); ctx.execute('rollback work to mine')",
    "savepoint left": "ctx.execute('SAVEPOINT mine')",
    "savepoint of a common name": "ctx.execute('SAVEPOINT ri'); ctx.execute('ROLLBACK TO ri')",
    "nested": "with ctx.connection.begin_nested(): ctx.execute('SELECT 1')",
    "nested undone": """
        nested = ctx.connection.begin_nested()
        ctx.execute("INSERT INTO t VALUES (90, 'x')")
        nested.rollback()
    """,
    "caught in nested": """
        with contextlib.suppress(sqlalchemy.exc.DBAPIError), ctx.connection.begin_nested():
            ctx.execute('SELECT 1 / 0')
    """,
    "deeply nested": """
        with ctx.connection.begin_nested(), ctx.connection.begin_nested():
            ctx.execute('SELECT 1')
    """,
    "words that only look alike": "ctx.execute(\"SELECT 'COMMIT' AS begin_at, 1 AS commit\")",
    "a function of that name": "ctx.execute('SELECT 1 AS x -- ; COMMIT')",
    "anonymous block": "ctx.execute('DO $$ BEGIN PERFORM 1; END $$')",
    "session": """
        from sqlalchemy.orm import Session
        with Session(ctx.connection) as session:
            session.execute(text('SELECT 1'))
            session.commit()
    """,
    "session, only closed": """
        from sqlalchemy.orm import Session
        with Session(bind=ctx.connection) as session:
            session.execute(text('SELECT 1'))
    """,
    "session in a savepoint": """
        from sqlalchemy.orm import Session
        with Session(ctx.connection, join_transaction_mode='create_savepoint') as session:
            session.execute(text('SELECT 1'))
            session.commit()
    """,
    "rows not fetched": "ctx.connection.execute(text('SELECT generate_series(1, 1000)'))",
    "server-side cursor": """
        rows = ctx.connection.execute(text('SELECT generate_series(1, 1000)').execution_options(yield_per=10))
        assert next(iter(rows)) == (1,)
    """,
    "temporary table": "ctx.execute('CREATE TEMP TABLE mine (k int) ON COMMIT DROP')",
    "own error caught": """
        try:
            ctx.execute('COMMIT')
        except Exception:
            pass
    """,
}
BEHIND_OUR_BACK = {
    "raw COMMIT": "ctx.connection.connection.cursor().execute('COMMIT')",
    "raw ROLLBACK": "ctx.connection.connection.cursor().execute('ROLLBACK')",
    "driver's commit": "ctx.connection.connection.dbapi_connection.commit()",
    "driver's rollback": "ctx.connection.connection.dbapi_connection.rollback()",
    "pool's commit": "ctx.connection.connection.commit()",
    "COMMIT; BEGIN": "ctx.connection.connection.cursor().execute('COMMIT; BEGIN')",
    "COMMIT AND CHAIN": "ctx.connection.connection.cursor().execute('COMMIT AND CHAIN')",
    "COMMIT; BEGIN; SAVEPOINT": "ctx.connection.connection.cursor().execute('COMMIT; BEGIN; SAVEPOINT ri_item')",
    "SELECT 1; COMMIT": "ctx.execute('SELECT 1; COMMIT')",
    "SELECT 1; ROLLBACK": "ctx.execute('SELECT 1; ROLLBACK')",
    "SELECT 1; COMMIT; BEGIN": "ctx.execute('SELECT 1; COMMIT; BEGIN')",
    "copy_expert": "ctx.connection.connection.cursor().copy_expert('COMMIT; COPY t TO STDOUT', io.StringIO())",
    "driver's close": "ctx.connection.connection.dbapi_connection.close()",
    "terminated": "ctx.execute('SELECT pg_terminate_backend(pg_backend_pid())')",
    "release of ours": "ctx.execute('RELEASE SAVEPOINT ri_item')",
    "autocommit": "ctx.connection.connection.dbapi_connection.autocommit = True",
    "commit, then raised": "ctx.connection.connection.cursor().execute('COMMIT'); raise ValueError('no')",
    "COMMIT; BEGIN, then raised": "ctx.connection.connection.cursor().execute('COMMIT; BEGIN'); raise ValueError('no')",
    "commit, then SkipItem": "ctx.connection.connection.cursor().execute('COMMIT'); raise SkipItem('no')",
}


@pytest.mark.parametrize(
    ("way", "body"), crossed(REFUSED, "commit", "COMMIT", "nested left open", "failed statement swallowed")
)
def test_a_hook_that_ends_or_confuses_the_transaction_fails_its_item_alone(
    bench: HookBench, way: tuple[str, str], body: str
) -> None:
    ended = bench.misbehaving(way, body)()
    if ended.error is not None and body in MAY_STOP:
        check_stopped(bench, ended.batch, ended.error, before=0)
        return
    check_bad_one_failed_alone(bench, ended, way[1])


@pytest.mark.parametrize(("way", "body"), crossed(FINE, "savepoint", "nested", "caught in nested", "session"))
def test_what_a_hook_may_do_in_the_transaction(bench: HookBench, way: tuple[str, str], body: str) -> None:
    ended = bench.misbehaving(way, body)()
    assert ended.error is None
    bench.check_books(ended.batch)
    failed = 1 if way[1] == "on_item_error" else 0
    assert (ended.batch.completed_items, ended.batch.failed_items) == (5 - failed, failed)
    assert [k for k, _ in bench.rows()] == [k for k in range(1, 6) if not (failed and k == BAD)]
    assert bench.logs(ended.batch) == []
    check_called_once(bench, way[1])


def check_stopped(bench: HookBench, batch: BatchSummary, error: RiError | None, *, before: int) -> None:
    """A clear error, the chunks before it whole, and nothing booked that is not there."""
    assert isinstance(error, StoppedError)
    assert error.code in ("hook-transaction", "db.world", "db.connection")
    assert "hook" in error.message or error.code == "db.connection"
    bench.check_books(batch)
    assert batch.status == "failed"
    assert batch.stop_reason in (StopReason.HOOK, StopReason.DATABASE)
    assert batch.error_message
    assert (batch.completed_items, batch.failed_items, batch.skipped_items) == (before, 0, 0)


@pytest.mark.parametrize(
    ("way", "body"), crossed(BEHIND_OUR_BACK, "raw COMMIT", "COMMIT; BEGIN", "SELECT 1; COMMIT", "terminated")
)
def test_a_transaction_ended_behind_our_back_stops_the_run_with_the_books_right(
    bench: HookBench, way: tuple[str, str], body: str
) -> None:
    ended = bench.misbehaving(way, body, size=2)()
    bench.check_books(ended.batch)
    if ended.error is None:  # the item alone is as good
        check_bad_one_failed_alone(bench, ended, way[1])
    else:
        check_stopped(bench, ended.batch, ended.error, before=2)


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
@pytest.mark.parametrize(
    "body", ["ctx.execute('SELECT 1; COMMIT')", "ctx.connection.connection.cursor().execute('COMMIT; BEGIN')"]
)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_after_a_commit_behind_our_back_no_record_of_the_chunk_is_booked(
    bench: HookBench, way: tuple[str, str], body: str, size: int
) -> None:
    ended = bench.misbehaving(way, body, size=size)()
    check_stopped(bench, ended.batch, ended.error, before=(BAD - 1) // size * size)


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
def test_a_statement_that_the_database_refuses_is_the_item_s_problem(bench: HookBench, way: tuple[str, str]) -> None:
    bench.sql("INSERT INTO t VALUES (77, 'x')")
    ended = bench.misbehaving(way, "ctx.execute(\"INSERT INTO t VALUES (77, 'y')\")")()
    bench.sql("DELETE FROM t WHERE k = 77")
    failed = check_bad_one_failed_alone(bench, ended, way[1], code="db.unique")
    assert failed.problems[0].details["sqlstate"] == "23505"


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
@pytest.mark.parametrize(
    "body",
    [
        "ctx.execute('SELECT :k', {})",
        "ctx.execute('SELECT %s', [object()])",
        "ctx.execute('SELECT %s', [])",
        "ctx.execute('SELECT :k', {'k': 'a\\x00b'})",
        "ctx.execute('SELECT :k', {'k': 'a\\udc80b'})",
        "ctx.execute(42)",
        "ctx.connection.execute('SELECT 1')",
    ],
)
def test_a_call_of_the_database_that_makes_no_sense_is_the_item_s_problem(
    bench: HookBench, way: tuple[str, str], body: str
) -> None:
    check_bad_one_failed_alone(bench, bench.misbehaving(way, body)(), way[1])


@pytest.mark.parametrize("way", JUDGES, ids=" ".join)
def test_a_wrong_statement_of_a_hook_stops_the_run_and_names_the_line(bench: HookBench, way: tuple[str, str]) -> None:
    ended = bench.misbehaving(way, "ctx.execute('SELECT * FROM missing')", size=2)()
    assert isinstance(ended.error, StoppedError)
    assert ended.error.code == "db.pipeline"
    assert "missing" in ended.error.message
    assert ".py:" in ended.error.message
    bench.check_books(ended.batch)
    assert (ended.batch.completed_items, ended.batch.failed_items) == (2, 0)
