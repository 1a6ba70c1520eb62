"""Fixtures of the refusals: an ordinary role in the test's database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from refusal_roles import ordinary_role
from support.workbench import Workbench


@pytest.fixture
def role(workbench: Workbench) -> Iterator[str]:
    """A role that can log in and use the books, and owns nothing."""
    with ordinary_role(workbench) as name:
        yield name


@pytest.fixture
def as_role(workbench: Workbench, role: str) -> Workbench:
    """The same project and database, connected as `role`."""
    return dataclasses.replace(workbench, dsn=workbench.dsn.replace("//ri@", f"//{role}@"))
