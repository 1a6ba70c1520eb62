"""Behind pgbouncer in transaction mode: no session is ours, and the server may be another one in each transaction.

Between pgbouncer and the server stands the proxy, which says when the server crashes or loses a connection.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.support.bouncer import PROGRAM, Bouncer, running_bouncer
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape, make_project
from faults.support.proxy import AfterBytes, AtCommit, Moment, Proxy, Way, running_proxy
from faults.support.records import THREE, records
from faults.support.server import PASSWORD, ROLE, Database, FaultServer
from faults.support.undisturbed import (
    COUNT,
    FILE,
    RUN,
    SOME_FAILED,
    Undisturbed,
    assert_finished,
    undisturbed_run,
    write_file,
)

pytestmark = [pytest.mark.faults, pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")]

PATIENT = ("--give-up-after", "30")
ONE_IN_TWENTY = THREE * (COUNT // 20 // len(THREE))


@pytest.fixture
def quiet(fault_server: FaultServer) -> Undisturbed:
    """What a run leaves that nothing disturbs, without pgbouncer."""
    return undisturbed_run(fault_server, Shape())


@pytest.fixture(scope="module")
def proxy(fault_server: FaultServer) -> Iterator[Proxy]:
    """Between pgbouncer and the server."""
    with running_proxy(("127.0.0.1", fault_server.port)) as running:
        yield running


@pytest.fixture(scope="module")
def bouncer(proxy: Proxy) -> Iterator[Bouncer]:
    """The one that most tests use."""
    with running_bouncer(f"host=127.0.0.1 port={proxy.port} user={ROLE} password={PASSWORD}") as running:
        yield running


def pooled(folder: Path, database: Database, bouncer: Bouncer, shape: Shape) -> FaultProject:
    """A project that reaches its database through pgbouncer only."""
    return make_project(folder / "project", dataclasses.replace(database, url=bouncer.url(database.name)), shape)


@pytest.fixture
def project(tmp_path: Path, fault_database: Database, bouncer: Bouncer) -> FaultProject:
    """With the file, and nothing imported yet."""
    project = pooled(tmp_path, fault_database, bouncer, Shape())
    write_file(project)
    return project


@pytest.mark.parametrize("writes", ["sets", "walk", "process_item"])
def test_an_import_and_its_repair_work(writes: str, tmp_path: Path, fault_database: Database, bouncer: Bouncer) -> None:
    """With one record in twenty refused, and hooks that use the transaction."""
    project = pooled(tmp_path, fault_database, bouncer, Shape(writes=writes))
    project.file(FILE, records(COUNT, bad=ONE_IN_TWENTY))
    assert_finished(project.ri(*RUN))
    check_invariants(project)
    assert_finished(project.ri("reprocess", "last"))
    check_invariants(project)
    assert project.repair() == len(ONE_IN_TWENTY)
    assert project.ri("reprocess", "last", "--from", "fix.csv").code == 0
    check_invariants(project)
    assert project.ri(*RUN, "--new-batch").code == SOME_FAILED
    check_invariants(project)


def test_one_server_connection_is_enough(
    tmp_path: Path, fault_server: FaultServer, fault_database: Database, quiet: Undisturbed
) -> None:
    """The heartbeat waits for it until the transaction has ended, and the other way round."""
    server = f"host=127.0.0.1 port={fault_server.port} user={ROLE} password={PASSWORD}"
    with running_bouncer(server, default_pool_size="1", server_idle_timeout="1") as bouncer:
        project = pooled(tmp_path, fault_database, bouncer, Shape())
        write_file(project)
        assert_finished(project.ri(*RUN))
        check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.8, 0.95])
def test_a_run_outlives_a_crash_of_the_server_behind_it(
    share: float, fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    proxy.when(AfterBytes(quiet.byte_at(share, Way.TO_SERVER), Way.TO_SERVER), fault_server.crash)
    process = project.start(*RUN, *PATIENT)
    assert proxy.wait_until_it_happened()
    fault_server.start()
    assert_finished(project.ended(process))
    check_invariants(project, reference=quiet.digest)
    record_property("crashes of the server survived", 1)


@pytest.mark.parametrize("moment", [Moment.UNSENT, Moment.DONE, Moment.HALF_ANSWERED], ids=lambda m: m.name.lower())
@pytest.mark.parametrize("nth", [1, 5, 9])
def test_a_run_goes_on_when_a_commit_or_its_answer_is_lost_behind_it(
    moment: Moment, nth: int, project: FaultProject, proxy: Proxy, quiet: Undisturbed,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    proxy.when(AtCommit(moment, nth), proxy.cut)
    said = project.ri(*RUN, *PATIENT)
    assert proxy.has_happened()
    assert_finished(said)
    check_invariants(project, reference=quiet.digest)
    record_property("connections cut", 1)


def test_a_run_goes_on_after_pgbouncer_has_thrown_everybody_out(
    project: FaultProject, proxy: Proxy, bouncer: Bouncer, quiet: Undisturbed
) -> None:
    def throw_out() -> None:
        bouncer.command(f"KILL {project.database.name}")
        bouncer.command(f"RESUME {project.database.name}")

    proxy.when(AtCommit(Moment.UNSENT, 5), throw_out)
    said = project.ri(*RUN, *PATIENT)
    assert proxy.has_happened()
    assert_finished(said)
    check_invariants(project, reference=quiet.digest)


def test_a_run_waits_while_pgbouncer_is_paused(
    project: FaultProject, proxy: Proxy, bouncer: Bouncer, quiet: Undisturbed
) -> None:
    """As for a switch-over: longer than the lease, and then as if nothing had been."""
    name = project.database.name
    proxy.when(AtCommit(Moment.ANSWERED, 4), lambda: bouncer.begin(f"PAUSE {name}"))
    process = project.start(*RUN, *PATIENT)
    assert proxy.wait_until_it_happened()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    bouncer.command(f"RESUME {name}")
    assert_finished(project.ended(process))
    check_invariants(project, reference=quiet.digest)
