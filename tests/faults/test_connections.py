"""Connections that are cut, ended, silent, slow or not to be had: a run goes on by itself and ends as ever.

A moment is a number of bytes that have passed between `ri` and the server, or a place around one of its COMMITs.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from collections.abc import Callable, Iterator

import psycopg2
import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape
from faults.support.proxy import AfterBytes, AtCommit, Moment, Proxy, Way, running_proxy
from faults.support.server import ROLE, FaultServer
from faults.support.undisturbed import (
    RUN,
    Undisturbed,
    assert_finished,
    said_in_the_end,
    undisturbed_run,
    write_file,
)

pytestmark = pytest.mark.faults

SEED = 500
CUTS, ENDED, CANCELLED = 8, 4, 3
COMMITS = 10  # of an undisturbed run; a test says when it has changed
PATIENT, IMPATIENT = ("--give-up-after", "30"), ("--give-up-after", "1")
STOPPED_BY_WORLD = 3

SESSIONS = f"FROM pg_stat_activity WHERE datname = current_database() AND usename = '{ROLE}'"


def shares(count: int, seed: int) -> list[float]:
    """Parts of a run, spread over all of it but its first moments, in which nothing has begun."""
    rng = random.Random(seed)
    return [round(0.1 + (n + rng.random()) / count * 0.85, 4) for n in range(count)]


def ways(count: int, seed: int) -> list[tuple[float, Way]]:
    """The same in both directions."""
    rng = random.Random(seed)
    return [(share, rng.choice(list(Way))) for share in shares(count, seed)]


@pytest.fixture(scope="module")
def quiet(fault_server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What a run leaves that nothing disturbs."""
    return undisturbed_run(fault_server, tmp_path_factory.mktemp("quiet") / "project", Shape())


@pytest.fixture
def proxy(fault_server: FaultServer) -> Iterator[Proxy]:
    """In front of the server."""
    with running_proxy(("127.0.0.1", fault_server.port)) as running:
        yield running


@pytest.fixture
def project(make: Make, proxy: Proxy) -> FaultProject:
    """With the file and nothing imported yet; its `ri` reaches the server through the proxy."""
    project = make(Shape())
    write_file(project)
    return project


def run(project: FaultProject, proxy: Proxy, *words: str) -> None:
    """Nothing; a run through the proxy has met its fault, and has come to its end."""
    said = project.ri(*RUN, *PATIENT, *words, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.has_happened()
    assert_finished(said_in_the_end(project, said))


# ── cut ──────────────────────────────────────────────────────────────────────────────────────


def test_the_cases_around_commit_are_all_that_there_are(quiet: Undisturbed) -> None:
    assert COMMITS <= quiet.commits <= COMMITS + 3  # a busy machine sees the heartbeat's, too


@pytest.mark.parametrize(("share", "way"), ways(CUTS, SEED), ids=lambda value: str(value).removeprefix("Way."))
def test_a_run_goes_on_after_its_connections_are_cut(
    share: float, way: Way, project: FaultProject, proxy: Proxy, quiet: Undisturbed,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    print(f"seed {SEED}: cut when {share} of the bytes {way.value} have passed")
    proxy.when(AfterBytes(quiet.byte_at(share, way), way), proxy.cut)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)
    record_property("connections cut", 1)


@pytest.mark.parametrize(
    ("moment", "nth"),
    [
        *((moment, nth) for moment in (Moment.UNSENT, Moment.DONE) for nth in range(1, COMMITS + 1)),
        *((Moment.HALF_ANSWERED, nth) for nth in (1, 5, COMMITS)),
        (Moment.ANSWERED, 5),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Moment) else str(value),
)
def test_a_run_goes_on_when_a_commit_or_its_answer_is_lost(
    moment: Moment, nth: int, project: FaultProject, proxy: Proxy, quiet: Undisturbed,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    proxy.when(AtCommit(moment, nth), proxy.cut)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)
    record_property("connections cut", 1)


def test_answers_to_two_commits_in_a_row_may_be_lost(project: FaultProject, proxy: Proxy, quiet: Undisturbed) -> None:
    def cut_twice() -> None:
        proxy.when(AtCommit(Moment.DONE, 1), proxy.cut)
        proxy.cut()

    proxy.when(AtCommit(Moment.DONE, 5), cut_twice)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


def test_a_run_whose_connections_are_cut_again_and_again_gets_on(
    project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """It gives up when nothing is committed for too long, not when it was cut too often."""
    cuts = 0

    def cut() -> None:
        nonlocal cuts
        cuts += 1
        proxy.when(AtCommit(Moment.DONE, 1), proxy.cut) if cuts < 6 else None
        proxy.when(AtCommit(Moment.ANSWERED, 2), cut) if cuts < 6 else None
        proxy.cut()

    proxy.when(AtCommit(Moment.ANSWERED, 3), cut)
    run(project, proxy)
    assert cuts == 6
    check_invariants(project, reference=quiet.digest)


def test_a_run_cut_off_for_too_long_says_how_to_go_on(project: FaultProject, proxy: Proxy, quiet: Undisturbed) -> None:
    def away() -> None:
        proxy.refuse()
        proxy.cut()

    proxy.when(AtCommit(Moment.DONE, 6), away)
    said = project.ri(*RUN, *IMPATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert said.code == STOPPED_BY_WORLD, said
    assert "error[db.connection]" in said.err
    assert "ri resume" in said.err
    check_invariants(project, finished=False)
    assert_finished(project.ri("resume", "--wait"))
    check_invariants(project, reference=quiet.digest)


# ── ended by the server ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("share", shares(ENDED, SEED + 1))
def test_a_run_goes_on_after_its_sessions_are_terminated(
    share: float, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    def terminate() -> None:
        project.sql(f"SELECT pg_terminate_backend(pid) {SESSIONS}")

    proxy.when(AfterBytes(quiet.byte_at(share, Way.TO_SERVER), Way.TO_SERVER), terminate)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("share", shares(CANCELLED, SEED + 2))
def test_a_run_goes_on_after_its_statements_are_cancelled(
    share: float, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    def cancel() -> None:
        project.sql(f"SELECT pg_cancel_backend(pid) {SESSIONS}")

    proxy.when(AfterBytes(quiet.byte_at(share, Way.TO_SERVER), Way.TO_SERVER), cancel)
    run(project, proxy)
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("rounds", [3, 6])
def test_a_run_goes_on_while_somebody_terminates_sessions_all_the_time(
    rounds: int, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """Whoever cleans up idle sessions: between two chunks, and in the midst of them."""
    ended: list[int] = []

    def terminate() -> None:
        (count,) = project.sql(f"SELECT count(pg_terminate_backend(pid)) {SESSIONS}")[0]
        ended.append(count)
        if len(ended) < rounds:
            proxy.when(AfterBytes(quiet.byte_at(1 / rounds, Way.TO_SERVER), Way.TO_SERVER), terminate)

    proxy.when(AtCommit(Moment.ANSWERED, 2), terminate)
    said = project.ri(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert_finished(said)
    assert len(ended) >= rounds / 2
    check_invariants(project, reference=quiet.digest)


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


@pytest.mark.parametrize("nth", [4, 7, COMMITS - 1])
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
    assert not project.sql("SELECT FROM import_batches")
    fault_server.restart()


def test_a_run_whose_lease_cannot_be_renewed_for_want_of_connections_ends_all_the_same(
    fault_server: FaultServer, project: FaultProject, proxy: Proxy, quiet: Undisturbed
) -> None:
    """Its own connection is open; it is the one for the heartbeat that nobody gives it."""
    fault_server.restart(max_connections="12")
    proxy.when(AtCommit(Moment.ANSWERED, 4), proxy.stall)
    process = project.start(*RUN, *PATIENT, RI_DATABASE_URL=proxy.url(project.database.url))
    assert proxy.wait_until_it_happened()
    with all_slots_taken(fault_server):
        proxy.delay(0.01)
        proxy.go_on()
        assert_finished(project.ended(process))
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
    timer = threading.Timer(0.5, proxy.go_on)
    timer.start()
    codes = {project.ended(process).code for process in (first, second)}
    timer.join()
    assert 1 in codes
    check_invariants(project)
