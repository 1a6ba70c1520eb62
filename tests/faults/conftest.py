"""Fixtures of the fault suite: a PostgreSQL of its own, which tests may crash, and a fresh database for each test.

    def test_…(fault_server: FaultServer, fault_database: Database, make: Make) -> None:
        project = make(Shape(writes="walk"))          a project on `fault_database`, see support/project.py
        …
        check_invariants(project)                     see support/invariants.py

`record_property("points", n)` in a test adds n to the sum that the summary shows (points killed, crashes survived).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from faults.support.forks import running_forks
from faults.support.project import FaultProject, Shape, make_project
from faults.support.scenario import Stages
from faults.support.server import Database, FaultServer, running_fault_server

Make = Callable[[Shape], FaultProject]


@pytest.fixture(scope="session")
def fault_server(_no_developers_database_in_fixtures: None) -> Iterator[FaultServer]:
    """The suite's own PostgreSQL."""
    with running_fault_server() as running:
        yield running


@pytest.fixture
def fault_database(fault_server: FaultServer) -> Iterator[Database]:
    """A fresh database with the bookkeeping tables; the server is started again if a test has left it down."""
    with fault_server.fresh_database() as database:
        yield database


@pytest.fixture(scope="session")
def stages(fault_server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """Scenarios that are prepared once and played many times, see support/scenario.py."""
    with running_forks() as forks:
        yield Stages(fault_server, forks, tmp_path_factory.mktemp("stages"))


@pytest.fixture
def make(tmp_path: Path, fault_database: Database) -> Iterator[Make]:
    """Makes the test's project on its database; commands that still run at the test's end are killed."""
    made: list[FaultProject] = []

    def make_one(shape: Shape) -> FaultProject:
        made.append(make_project(tmp_path / "project", fault_database, shape))
        return made[-1]

    yield make_one
    for project in made:
        project.end_all()


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """How many faults the run has survived: the figures of docs/reliability.md."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        if report.when == "call":
            sums.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    if sums:
        terminalreporter.write_line("faults: " + ", ".join(f"{sums[name]} {name}" for name in sorted(sums)))
