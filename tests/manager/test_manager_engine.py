"""What a manager takes as its database, how it lets go of it, and callbacks that raise."""

from __future__ import annotations

import gc
import logging
import sqlite3
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy
from manager_classes import TABLE, KeepProcessor, items
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from support.workbench import Workbench

from ri_declarative import BatchManager, DatabaseError, Progress


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """With the tables of KeepProcessor."""
    workbench.sql(TABLE)
    return workbench


def _engine(workbench: Workbench, **options: Any) -> Engine:
    return create_engine(make_url(workbench.dsn).set(drivername="postgresql+psycopg2"), **options)


def _round(manager: BatchManager) -> tuple[int, int]:
    """A batch of seven, processed: completed and failed."""
    manager.registry.register("keep", KeepProcessor)
    batch = manager.process_batch(manager.create_batch("keep", items([1, 2, -3, 4, 5, -6, 7])))
    return batch.completed_items, batch.failed_items


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"isolation_level": "AUTOCOMMIT"},
        {"isolation_level": "SERIALIZABLE"},
        {"poolclass": sqlalchemy.NullPool},
        {"pool_size": 2, "max_overflow": 0, "pool_timeout": 2},
        {"echo": False, "pool_pre_ping": True},
    ],
    ids=str,
)
def test_an_engine_of_the_users_own_works_whatever_its_settings(bench: Workbench, options: dict[str, Any]) -> None:
    engine = _engine(bench, **options)
    try:
        with BatchManager(engine, project=bench.root) as manager:
            assert _round(manager) == (5, 2)
        with engine.begin() as connection:  # it is as the user made it
            level = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
            assert level == ("serializable" if options.get("isolation_level") == "SERIALIZABLE" else "read committed")
            connection.exec_driver_sql("CREATE TABLE mine (a int)")
            connection.rollback() if "isolation_level" not in options else None
        assert engine.pool.status()
    finally:
        engine.dispose()
    assert bench.sql("SELECT count(*) FROM applied") == [(5,)]


def test_a_users_engine_outlives_the_manager_and_its_connections_are_clean(bench: Workbench) -> None:
    engine = _engine(bench, pool_size=3)
    try:
        with BatchManager(engine, project=bench.root) as manager:
            _round(manager)
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE TABLE mine (a int)")
            connection.commit()  # what is refused to a hook is not refused to the user
            assert connection.exec_driver_sql("SHOW DateStyle").scalar_one().startswith("ISO")
            assert connection.exec_driver_sql("SELECT current_setting('ri.transaction', true)").scalar() in ("", None)
        with BatchManager(engine, project=bench.root) as again:
            assert len(again.list_batches()) == 1
    finally:
        engine.dispose()
    assert bench.sql("SELECT count(*) FROM mine") == [(0,)]


def test_an_engine_of_another_database_is_refused_by_name() -> None:
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:"))
    with pytest.raises(DatabaseError, match="psycopg2") as error:
        BatchManager(engine)
    assert error.value.code == "database-driver"
    assert "postgresql+psycopg2://" in (error.value.hint or "")


class _OtherDriver:
    """Enough of a driver that SQLAlchemy makes an engine of it; it is never called."""

    __version__ = "1.31.2"
    paramstyle = "format"

    def __getattr__(self, name: str) -> Any:
        return Exception if name.endswith("Error") else 1


@pytest.mark.parametrize("driver", ["pg8000"])
def test_another_driver_of_postgresql_is_refused_by_name(workbench: Workbench, driver: str) -> None:
    engine = create_engine(make_url(workbench.dsn).set(drivername=f"postgresql+{driver}"), module=_OtherDriver())
    with pytest.raises(DatabaseError, match=f"driver is {driver}; ri works with psycopg2"):
        BatchManager(engine)


def test_leaving_the_block_lets_go_of_every_connection(bench: Workbench) -> None:
    def opened() -> int:
        return sum(isinstance(found, psycopg2.extensions.connection) and not found.closed for found in gc.get_objects())

    before = opened()
    with BatchManager(bench.dsn, project=bench.root) as manager:
        _round(manager)
        list(manager.iter_items(manager.list_batches()[0].batch_id))
    assert opened() == before
    assert bench.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == [(1,)]


def test_a_block_left_by_an_exception_lets_it_through(bench: Workbench) -> None:
    with pytest.raises(ZeroDivisionError), BatchManager(bench.dsn, project=bench.root):
        raise ZeroDivisionError


def test_a_manager_of_nothing_takes_what_the_environment_says(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_DATABASE_URL", bench.dsn)
    monkeypatch.chdir(bench.root)
    with BatchManager() as manager:
        assert _round(manager) == (5, 2)


# ── on_progress ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", ["process_batch", "reprocess_batch", "run_pipeline"])
def test_on_progress_that_raises_is_told_once_and_dropped_and_the_run_goes_on(
    bench: Workbench, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    calls: list[Progress] = []

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise ValueError("the bar is broken")

    file = bench.file("keep.jsonl", "".join(f'{{"k": {-k}}}\n' for k in range(1, 9)))
    with bench.manager() as manager, caplog.at_level(logging.WARNING, "ri_declarative"):
        manager.registry.register("keep", KeepProcessor)
        if verb == "run_pipeline":
            batch = manager.run_pipeline("keep", file, on_progress=broken)
        elif verb == "process_batch":
            batch = manager.process_batch(manager.create_batch("keep", items(range(-8, 0))), on_progress=broken)
        else:
            new_id = manager.reprocess_batch(manager.run_pipeline("keep", file).batch_id, on_progress=broken)
            batch = manager.get_batch_summary(str(new_id))
    assert (batch.status, batch.failed_items) == ("completed", 8)
    told = [record.getMessage() for record in caplog.records if "on_progress" in record.getMessage()]
    assert (len(told), len(calls)) == (1, 1)
    assert "ValueError: the bar is broken" in told[0]


def test_progress_rises_to_the_end(bench: Workbench) -> None:
    seen: list[Progress] = []
    file = bench.file("keep.jsonl", "".join(f'{{"k": {k}}}\n' for k in range(8)))
    with bench.manager() as manager:
        manager.registry.register("keep", KeepProcessor)
        manager.run_pipeline("keep", file, on_progress=seen.append)
    assert [progress.counts.completed for progress in seen] == [3, 6, 8]
    assert seen[-1].bytes_read == seen[-1].size_bytes == file.stat().st_size
