"""Connections that are silent, slow, half gone or not to be had: a run waits, notices, and ends as ever."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import psycopg2
import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape
from faults.support.proxy import AfterBytes, AtCommit, Moment, Proxy, Way, running_proxy
from faults.support.server import ROLE, FaultServer
from faults.support.undisturbed import RUN, SOME_FAILED, Undisturbed, assert_finished, undisturbed_run, write_file

pytestmark = pytest.mark.faults

PATIENT = ("--give-up-after", "30")
STOPPED_BY_WORLD = 3
SESSIONS = f"FROM pg_stat_activity WHERE datname = current_database() AND usename = '{ROLE}'"


@pytest.fixture
def quiet(fault_server: FaultServer) -> Undisturbed:
    """What a run leaves that nothing disturbs."""
    return undisturbed_run(fault_server, Shape())


@pytest.fixture
def proxy(fault_server: FaultServer) -> Iterator[Proxy]:
    """In front of the server."""
    with running_proxy(("127.0.0.1", fault_server.port)) as running:
        yield running


@pytest.fixture
def project(make: Make) -> FaultProject:
    """With the file, and nothing imported yet."""
    project = make(Shape())
    write_file(project)
    return project


def run(project: FaultProject, proxy: Proxy) -> None:
    """Nothing; a run through the proxy has met its fault, and has come to its end."""
    said = project.ri(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.has_happened()
    assert_finished(said)


# ── silent and slow ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_a_stalled_run_goes_on_where_it_stood(
    way: Way, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    proxy.when(AfterBytes(quiet.byte_at(0.6, way), way), proxy.stall)
    process = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    with pytest.raises(subprocess.TimeoutExpired):  # longer than its lease
        process.wait(2)
    proxy.go_on()
    assert_finished(project.ended(process))
    check_invariants(project, reference=quiet.digest)


def test_a_run_stalled_beyond_its_lease_leaves_the_batch_to_its_successor(
    project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    proxy.when(AtCommit(Moment.UNSENT, 6), proxy.stall)
    sleeper = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    successor = project.ri(*RUN, "--wait")
    assert_finished(successor)
    proxy.go_on()
    said = project.ended(sleeper)
    assert said.code == STOPPED_BY_WORLD, said
    assert "error[lost-ownership]" in said.err
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("nth", [4, 7, 9])
def test_a_run_notices_that_only_its_own_end_of_the_connection_is_open(
    nth: int, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """A firewall that has forgotten the connection: the server is gone from it, and nobody tells the client."""
    proxy.when(AtCommit(Moment.UNSENT, nth), proxy.half_open)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


def test_a_run_notices_that_the_answer_to_commit_will_never_come(
    project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    proxy.when(AtCommit(Moment.DONE, 6), proxy.half_open)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


def test_a_slow_line_changes_nothing(project: FaultProject, proxy: Proxy, quiet: Undisturbed) -> None:
    proxy.when(AtCommit(Moment.DONE, 2), lambda: proxy.delay(0.01))
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


# ── no connection to be had ──────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def all_slots_taken(server: FaultServer) -> Iterator[list[psycopg2.extensions.connection]]:
    """Within: nobody gets a connection; those that take them are in the list, and are closed at the end."""
    taken: list[psycopg2.extensions.connection] = []
    try:
        with pytest.raises(psycopg2.OperationalError, match=r"too many clients|connection slots"):
            taken.extend(iter(lambda: psycopg2.connect(server.admin_url()), None))
        yield taken
    finally:
        for connection in taken:
            connection.close()


def test_a_run_waits_for_a_free_connection(
    fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    fault_server.restart(max_connections="12")

    def away() -> None:
        proxy.refuse()
        proxy.cut()

    proxy.when(AtCommit(Moment.UNSENT, 6), away)
    process = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    assert eventually(lambda: not project.sql(f"SELECT {SESSIONS}"))
    with all_slots_taken(fault_server):
        answered = proxy.passed(Way.TO_CLIENT)
        proxy.accept()
        assert eventually(lambda: proxy.passed(Way.TO_CLIENT) > answered + 300)  # it was told so a few times
        assert process.poll() is None
    assert_finished(project.ended(process))
    check_invariants(project, reference=quiet.digest)
    fault_server.restart()


def test_a_run_that_never_got_a_connection_has_done_nothing(fault_server: FaultServer, project: FaultProject) -> None:
    fault_server.restart(max_connections="12")
    with all_slots_taken(fault_server):
        said = project.ri(*RUN)
    assert said.code == 2, said
    assert "error[database-unreachable]" in said.err
    assert not project.sql("SELECT 1 FROM import_batches")
    fault_server.restart()


def test_a_run_whose_lease_cannot_be_renewed_for_want_of_connections_ends_all_the_same(
    fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """Its own connection is open; nobody gives it one for the heartbeat, nor one to read the summary with."""
    fault_server.restart(max_connections="12")
    proxy.when(AtCommit(Moment.ANSWERED, 4), proxy.stall)
    process = project.start(*RUN, "--give-up-after", "3", RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    with all_slots_taken(fault_server):
        proxy.delay(0.01)
        proxy.go_on()
        said = project.ended(process)
    assert (said.code, "the batch has come to its end" in said.err) == (3, True), said
    check_invariants(project, reference=quiet.digest)
    fault_server.restart()


def test_a_connection_lost_while_another_run_waits_disturbs_neither(
    project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """The one that waits for its turn is cut as well."""
    proxy.when(AtCommit(Moment.ANSWERED, 4), proxy.stall)
    url = proxy.url(project.database.url)
    first = project.start(*RUN, *PATIENT, RI_DATABASE_URL=url)
    assert proxy.wait_until_it_happened()
    proxy.cut()
    second = project.start(*RUN, "--wait", *PATIENT, RI_DATABASE_URL=url)
    proxy.go_on()
    assert [project.ended(process).code for process in (first, second)] == [SOME_FAILED, SOME_FAILED]
    check_invariants(project)
