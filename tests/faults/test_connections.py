"""Connections that are cut, ended, silent, slow or not to be had: a run goes on by itself and ends as ever.

A moment is a number of bytes that have passed between `ri` and the server, or a place around one of its COMMITs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest

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


@pytest.mark.parametrize("moment", [Moment.UNSENT, Moment.DONE], ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("writes", ["walk", "process_item"])
def test_what_hooks_and_triggers_write_is_written_once_when_a_connection_is_lost(
    writes: str, moment: Moment, make: Make, fault_server: FaultServer, proxy: Proxy
) -> None:
    project = make(Shape(writes=writes))
    write_file(project)
    proxy.when(AtCommit(moment, 5), proxy.cut)
    run(project, proxy)
    check_invariants(project, reference=undisturbed_run(fault_server, project.shape).digest)


@pytest.mark.parametrize("moment", [Moment.UNSENT, Moment.DONE], ids=lambda moment: moment.name.lower())
def test_a_batch_of_create_batch_goes_on_after_its_connection_is_lost(moment: Moment, make: Make, proxy: Proxy) -> None:
    project = make(Shape(writes="by_hand"))
    write_file(project)
    store = "import json; print(MANAGER.create_batch('members', json.loads(sys.argv[1])))"
    batch_id = project.python(store, json.dumps(project.items())).out.strip()
    proxy.when(AtCommit(moment, 4), proxy.cut)
    url = proxy.url(project.database.url)
    assert project.python("MANAGER.process_batch(sys.argv[1])", batch_id, RI_DATABASE_URL=url).code == 0
    assert proxy.has_happened()
    check_invariants(project)


@pytest.mark.parametrize("moment", [Moment.UNSENT, Moment.DONE], ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_repair_goes_on_after_its_connection_is_lost(
    nth: int, moment: Moment, project: FaultProject, proxy: Proxy
) -> None:
    assert_finished(project.ri(*RUN))
    assert project.repair() == 3
    proxy.when(AtCommit(moment, nth), proxy.cut)
    words = ("reprocess", "last", "--from", "fix.csv")
    assert project.ri(*words, RI_DATABASE_URL=proxy.url(project.database.url)).code == 0
    assert proxy.has_happened()
    check_invariants(project)


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
