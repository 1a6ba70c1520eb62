"""The tests of hooks share one database per module, as those of the rules do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
def _nothing_in_the_way(workbench: Workbench) -> Iterator[None]:
    """Sessions that a run has left would make the emptying of the database wait; it does not know sequences."""
    yield
    workbench.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    workbench.sql("DROP SEQUENCE IF EXISTS tries CASCADE")
