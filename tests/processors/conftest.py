"""The tests of hooks share one database per module, as those of the rules do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("processors.hook_bench")
from rules.conftest import _shared_database, database
from support.workbench import Workbench

from processors.hook_bench import HookBench
from ri_declarative.processors.retry import Retry

__all__ = ["_shared_database", "database"]


@pytest.fixture
def bench(workbench: Workbench) -> HookBench:
    """A table t (k, v), a pipeline p into it, and room for hooks."""
    return HookBench(workbench)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between two tries of a chunk."""
    monkeypatch.setattr(Retry, "pause_s", lambda retry, attempt: 0.001)


@pytest.fixture(autouse=True)
def _no_sequences(workbench: Workbench) -> Iterator[None]:
    """Sequences outlive the emptying of the database, which knows tables, types and functions only."""
    yield
    for (name,) in workbench.sql("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S' AND relname = 'tries'"):
        workbench.sql(f"DROP SEQUENCE {name} CASCADE")
