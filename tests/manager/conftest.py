"""A manager with one registered class, on a database with its tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from manager_classes import TABLE, KeepProcessor
from support.workbench import Workbench

from ri_declarative import BatchManager


@pytest.fixture
def manager(workbench: Workbench) -> Iterator[BatchManager]:
    """`keep` writes into t and applied, in chunks of 3."""
    workbench.sql(TABLE)
    with workbench.manager() as opened:
        opened.registry.register("keep", KeepProcessor)
        yield opened
