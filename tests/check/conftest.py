"""Fixtures of checking and explaining: a project whose commands reach a database of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.class_project import imports_forgotten
from support.command_line import CommandLine
from support.workbench import Workbench


@pytest.fixture
def bench(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """The project is the current folder, and the environment names its database."""
    monkeypatch.chdir(workbench.root)
    monkeypatch.setenv("RI_DATABASE_URL", workbench.dsn)
    return workbench


@pytest.fixture
def command_line(bench: Workbench) -> CommandLine:
    """`ri` in that project."""
    return CommandLine(bench)


@pytest.fixture
def classes(command_line: CommandLine) -> Iterator[CommandLine]:
    """`ri` in that project, for a test that imports classes of its own."""
    with imports_forgotten():
        yield command_line
