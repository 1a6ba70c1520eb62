"""The stand-in for the manager that tests of printing and exit codes script; a real project for all others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from support.class_project import imports_forgotten
from support.command_line import CommandLine
from support.workbench import Workbench

from cli.scripted_batches import ScriptedManager


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedManager]:
    """The class that commands will use as their BatchManager: set its attributes to script it."""
    scripted = type("Scripted", (ScriptedManager,), {"runs": [], "attention": [], "imported": []})
    module = ModuleType("ri_declarative.manager")
    module.BatchManager = scripted  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ri_declarative.manager", module)
    return scripted


@pytest.fixture
def command_line(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """`ri` in an empty project, the current folder, with a database that has the bookkeeping tables."""
    monkeypatch.chdir(workbench.root)
    monkeypatch.setenv("RI_DATABASE_URL", workbench.dsn)
    return CommandLine(workbench)


@pytest.fixture
def classes(command_line: CommandLine) -> Iterator[CommandLine]:
    """`ri` in that project, for a test that imports classes of its own."""
    with imports_forgotten():
        yield command_line
