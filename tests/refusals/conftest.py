"""Fixtures of the refusals: an ordinary role in the test's database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.workbench import Workbench

from refusals.refusal_roles import connected_as, ordinary_role


@pytest.fixture
def role(workbench: Workbench) -> Iterator[str]:
    """A role that can log in and use the books, and owns nothing."""
    with ordinary_role(workbench) as name:
        yield name


@pytest.fixture
def as_role(workbench: Workbench, role: str) -> Workbench:
    """The test's project and database, entered as `role`."""
    return connected_as(workbench, role)
