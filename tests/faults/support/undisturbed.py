"""A run that nothing disturbs: what it leaves behind, and how much passes between it and the server.

quiet = undisturbed_run(fault_server, folder, Shape())         once for a module: it is the measure of all cases
proxy.when(AfterBytes(quiet.byte_at(0.5, way), way), …)        half-way through such a run
check_invariants(project, reference=quiet.digest)
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from faults.support.invariants import Digest, check_invariants, digest_of
from faults.support.project import FaultProject, Said, Shape, make_project
from faults.support.proxy import Way, running_proxy
from faults.support.records import records
from faults.support.server import FaultServer

FILE = "members.csv"
COUNT = 300
RUN = ("run", "members", FILE)
SOME_FAILED = 1  # the exit code of a run to its end: three of the records are bad


class Undisturbed(NamedTuple):
    """A run of 300 records, six chunks."""

    digest: Digest
    passed: Mapping[Way, int]  # bytes
    commits: int

    def byte_at(self, share: float, way: Way) -> int:
        """How many bytes have passed in that direction when that share of all has."""
        return round(share * self.passed[way])


@functools.cache
def undisturbed_run(server: FaultServer, shape: Shape) -> Undisturbed:
    """Measured once, through a proxy, in a folder and a database that are gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server.fresh_database() as database,
        running_proxy(("127.0.0.1", server.port)) as proxy,
    ):
        behind = dataclasses.replace(database, url=proxy.url(database.url))
        project = make_project(Path(folder) / "project", behind, shape)
        write_file(project)
        passed, commits = {way: proxy.passed(way) for way in Way}, proxy.commits  # of making the tables
        assert_finished(project.ri(*RUN))
        check_invariants(project)
        return Undisturbed(
            digest_of(project),
            {way: proxy.passed(way) - before for way, before in passed.items()},
            proxy.commits - commits,
        )


def write_file(project: FaultProject) -> None:
    """Nothing; the project has the file that all runs are about."""
    project.file(FILE, records(COUNT))


def assert_finished(said: Said) -> None:
    """The command has come to the end of the file."""
    assert said.code == SOME_FAILED, said


def said_in_the_end(project: FaultProject, said: Said) -> Said:
    """The same, or what the command says once more when it could not connect at all, and had done nothing yet."""
    if said.code == 2 and "error[database-unreachable] cannot connect" in said.err:
        assert not project.sql("SELECT 1 FROM import_batches"), said
        return project.ri(*RUN)
    return said
