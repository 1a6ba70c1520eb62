"""The server crashes under a run, at random moments: the run waits for it, and ends as if nothing had been.

A moment is a number of bytes that the server has been sent, or has answered: the same in every repetition, and
spread over all that a run does. The crash is an immediate shutdown, after which the server has to recover.
"""

from __future__ import annotations

import random
import re
import shlex
import threading
from collections.abc import Callable, Iterator

import pytest

from faults.conftest import Make
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape
from faults.support.proxy import AfterBytes, AtCommit, Moment, Proxy, Way, running_proxy
from faults.support.server import FaultServer
from faults.support.undisturbed import (
    RUN,
    SOME_FAILED,
    Undisturbed,
    assert_finished,
    said_in_the_end,
    undisturbed_run,
    write_file,
)

pytestmark = pytest.mark.faults

SEED = 20_26
CRASHES, RESTARTS = 20, 4
PATIENT, IMPATIENT = ("--give-up-after", "30"), ("--give-up-after", "1")
STOPPED_BY_WORLD = 3


def moments(count: int, seed: int) -> list[tuple[float, Way]]:
    """Shares of a run, in both directions, spread over all of it."""
    rng = random.Random(seed)
    return [((n + rng.random()) / count * 0.99, rng.choice(list(Way))) for n in range(count)]


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


@pytest.mark.parametrize(("share", "way"), moments(CRASHES, SEED), ids=lambda value: str(value)[:14])
def test_a_run_outlives_a_crash_of_the_server(
    share: float, way: Way, fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    print(f"seed {SEED}: crash when {share:.3f} of the bytes {way.value} have passed")
    proxy.when(AfterBytes(quiet.byte_at(share, way), way), fault_server.crash)
    process = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    fault_server.start()
    assert_finished(said_in_the_end(project, project.ended(process)))
    check_invariants(project, reference=quiet.digest)
    record_property("crashes of the server survived", 1)


@pytest.mark.parametrize(("share", "way"), moments(RESTARTS, SEED + 1), ids=lambda value: str(value)[:14])
def test_a_run_outlives_a_restart_that_announces_itself(
    share: float, way: Way, fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """A fast shutdown ends sessions with a message and an SQLSTATE of its own."""
    proxy.when(AfterBytes(quiet.byte_at(share, way), way), fault_server.restart)
    said = project.ri(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.has_happened()
    assert_finished(said_in_the_end(project, said))
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("nth", [4, 6, 9])
def test_a_run_that_gives_up_names_the_command_that_finishes_it(
    nth: int, fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    proxy.when(AtCommit(Moment.DONE, nth), fault_server.crash)
    said = project.ri(*RUN, *IMPATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.has_happened()
    assert said.code == STOPPED_BY_WORLD, said
    assert "error[db.connection]" in said.err
    command = re.search(r"ri (resume [0-9a-f-]+[^\n]*)", said.err)
    assert command, said.err
    fault_server.start()
    check_invariants(project, finished=False)
    assert_finished(project.ri(*shlex.split(command[1]), "--wait"))
    check_invariants(project, reference=quiet.digest)


def test_a_run_that_gives_up_is_finished_by_the_same_command(
    fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    proxy.when(AtCommit(Moment.UNSENT, 7), fault_server.crash)
    assert project.ri(*RUN, *IMPATIENT, RI_DATABASE_URL=proxy.url(project.database.url)).code == STOPPED_BY_WORLD
    fault_server.start()
    said = project.ri(*RUN, "--wait")
    assert_finished(said)
    assert "resum" in said.err
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize(
    ("remembered", "crashed_at"),
    [(None, 100), (None, 300), (100, 150), (100, 300), (200, 250), (250, 300)],
    ids=lambda index: "nothing" if index is None else str(index),
)
def test_a_server_that_forgets_what_it_has_committed_loses_no_record(
    remembered: int | None, crashed_at: int, fault_server: FaultServer, project: FaultProject, proxy: Proxy,
    quiet: Undisturbed,
) -> None:  # fmt: skip
    """As after a failover to a replica that lags behind: the books are older than the runner's memory."""
    fault_server.restart(synchronous_commit="off", wal_writer_delay="10s", wal_writer_flush_after="1GB")
    crashed = threading.Event()

    def look() -> None:
        """After each COMMIT, while the run stands still."""
        proxy.stall()
        done = project.sql("SELECT max(next_index) FROM import_batches")[0][0]
        if done == remembered:
            project.sql("SELECT pg_switch_wal()")  # flushes what was committed so far
        if done == crashed_at:
            fault_server.crash()
            crashed.set()
        else:
            proxy.when(AtCommit(Moment.ANSWERED), look)
        proxy.go_on()

    proxy.when(AtCommit(Moment.ANSWERED), look)
    process = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert crashed.wait(30)
    fault_server.start()
    said = project.ended(process)
    assert said.code in (SOME_FAILED, STOPPED_BY_WORLD), said
    check_invariants(project, finished=False)
    if said.code == STOPPED_BY_WORLD:
        assert_finished(project.ri(*RUN, "--wait"))
    check_invariants(project, reference=quiet.digest)
