"""Fixtures for all tests: a PostgreSQL of the session's own, and no way to a developer's database."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.embedded import (
    copy_database,
    make_database,
    stop_for_good,
    temporary_homes_elsewhere,
    temporary_project,
)
from support.postgres import BIN_DIR, Server, running_server
from support.workbench import Workbench


def pytest_configure() -> None:
    """Behind `&` SIGINT is ignored, here and in every child: a test that sends one would wait for ever."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _hide_developers_databases(environment: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PG") or name in ("DATABASE_URL", "RI_DATABASE_URL", "RI_EMBEDDED_IDLE_S", "RI_PG_BIN"):
            environment.delenv(name)
    if BIN_DIR:
        environment.setenv("RI_PG_BIN", BIN_DIR)


@pytest.fixture(scope="session", autouse=True)
def _no_developers_database_in_fixtures() -> Iterator[None]:
    """No fixture reaches the database that a developer's shell happens to point at."""
    with pytest.MonkeyPatch.context() as environment:
        _hide_developers_databases(environment)
        yield


@pytest.fixture(autouse=True)
def _no_developers_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test does either, whatever the test before left in the environment."""
    _hide_developers_databases(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def _no_data_in_the_system() -> Iterator[None]:
    """Run by root, no test leaves a database in /var/lib/ri."""
    with temporary_homes_elsewhere():
        yield


@pytest.fixture(scope="session")
def server(_no_developers_database_in_fixtures: None) -> Iterator[Server]:
    """The session's own PostgreSQL."""
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of a fresh database, a copy of the template."""
    with server.fresh_database() as url:
        yield url


@pytest.fixture
def project_folder() -> Iterator[Path]:
    """A folder for a project with an embedded database, whose server and files are gone afterwards.

    Not below `tmp_path`: when the tests run as root, PostgreSQL's user cannot enter that.
    """
    with temporary_project() as folder:
        yield folder


@pytest.fixture(scope="session")
def seed(_no_developers_database_in_fixtures: None, _no_data_in_the_system: None) -> Iterator[Path]:
    """The data folder of an embedded database, which does not run; copying it is faster than initdb."""
    with temporary_project() as folder:
        make_database(folder)
        yield folder / ".ri/postgres"


@pytest.fixture
def stopped_project(project_folder: Path, seed: Path) -> Path:
    """A project whose embedded database has been made, but does not run."""
    copy_database(seed, project_folder)
    return project_folder


@pytest.fixture(scope="module")
def _project_of_module(seed: Path) -> Iterator[Path]:
    with temporary_project() as folder:
        copy_database(seed, folder)
        yield folder


@pytest.fixture
def shared_project(_project_of_module: Path) -> Iterator[Path]:
    """A project like that, one for all tests of a module that leave its files as they are."""
    yield _project_of_module
    stop_for_good(_project_of_module)


@pytest.fixture
def workbench(tmp_path: Path, database: str) -> Workbench:
    """An empty project and a fresh database with the bookkeeping tables."""
    (tmp_path / "pipelines").mkdir()
    return Workbench(tmp_path, database)
