"""Runners that stop and wake up, that are slow, and that die of a record.

A sleeper is stopped (SIGSTOP) for longer than its lease, a rival takes its batch over and finishes it, it wakes up.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.invariants import (
    accounts_agree,
    audit_shows_nothing_twice,
    batches_of,
    check_invariants,
    has_ended,
    nobody_is_left,
    nothing_is_left_over,
    target_is_what_the_items_say,
)
from faults.support.oracle import Read, judge, read_csv
from faults.support.project import NAME, FaultProject, Shape
from faults.support.records import records
from faults.support.server import ROLE

pytestmark = pytest.mark.faults

FILE = "members.csv"
RECORDS = 120
LEASE_S = 1.0
SEED = int(os.environ.get("RI_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
RANDOM_MOMENTS = 8
POISON_AFTER = 3  # runners
MOST_DEATHS = 12  # of two poisonous records: fewer are needed
PATIENCE_S = 60.0

LOCKS = {  # what the runner waits for when it is stopped: then its server has
    "row": "SELECT 1 FROM public.countries FOR UPDATE",  # an answer that nobody takes
    "table": "LOCK TABLE public.import_batch_items IN SHARE MODE",  # to wait for rows that nobody sends
}

# Behind a hook's file. A runner that is told so by GATE stops at a place until it may go on; DEADLY kills at a line.
PLACES = """

import os
import signal
import time
from pathlib import Path


def _at(place):
    gate = os.environ.get("GATE")
    if gate and os.environ["GATE_PLACE"] == place:
        Path(gate, "reached").touch()
        while not Path(gate, "open").exists():
            time.sleep(0.005)


def validate_batch(ctx):
    _at("validate_batch")
    return True


def on_batch_start(ctx):
    _at("on_batch_start")


def validate_item(item, ctx):
    _at(f"line {item.line}")
    if str(item.line) in os.environ.get("DEADLY", "").split():
        if os.environ["DEATH"] == "exit":
            os._exit(77)
        os.kill(os.getpid(), signal.SIGKILL)
    return True


def on_batch_complete(ctx, success):
    _at("on_batch_complete")
"""


# ── sleepers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("writes", ["sets", "walk", "process_item"])
@pytest.mark.parametrize("place", ["on_batch_start", "first", "middle", "last", "on_batch_complete"])
def test_a_runner_that_sleeps_in_a_hook_changes_nothing_when_it_wakes_up(make: Make, writes: str, place: str) -> None:
    project = made(make, writes)
    gate = gate_at(project, place_in(project, place))
    sleeper = project.start("run", NAME, FILE, **gate)
    wait_for(Path(gate["GATE"], "reached"), sleeper)
    with asleep(sleeper):
        the_rival_finishes(project)
        before = everything(project)
        Path(gate["GATE"], "open").touch()
    woke_up_in_vain(project, sleeper, before)


@pytest.mark.parametrize("writes", ["sets", "walk", "process_item"])
@pytest.mark.parametrize("kept", LOCKS)
def test_a_runner_that_sleeps_while_its_statement_runs_changes_nothing_when_it_wakes_up(
    make: Make, writes: str, kept: str
) -> None:
    """Its transaction stays open while nobody listens; its locks must not keep the rival from its work."""
    project = made(make, writes)
    with locked(project, LOCKS[kept]) as unlock:
        sleeper = project.start("run", NAME, FILE)
        assert eventually(lambda: waits_for_a_lock(project)), sleeper.poll()
        with asleep(sleeper):
            unlock()
            project.sql(f"ALTER DATABASE {project.database.name} SET lock_timeout = '1s'")  # for the rival
            the_rival_finishes(project)
            before = everything(project)
        woke_up_in_vain(project, sleeper, before)


def test_a_runner_that_is_stopped_at_any_moment_changes_nothing_when_it_wakes_up(
    make: Make, record_property: Callable[[str, int], None]
) -> None:
    rng = random.Random(SEED)
    project, slept = made(make, "sets", chunk_size=10), 0
    for number in range(RANDOM_MOMENTS):
        project.file(FILE, records(RECORDS, seed=number, label=f"s{number}x"))
        known = begun(project)
        sleeper = project.start("run", NAME, FILE)
        assert eventually(lambda n=known, s=sleeper: begun(project) > n or s.poll() is not None)
        pause_s = rng.uniform(0, 0.25)
        time.sleep(pause_s)  # the moment is meant to be any
        where = f"RI_TEST_SEED={SEED}, round {number}, {pause_s:.3f} s after the batch was begun"
        with asleep(sleeper):
            assert eventually(lambda: nothing_runs(project)), where  # what it had sent may have been its last COMMIT
            owned = project.sql("SELECT count(*) FROM import_batches WHERE status = 'processing'")[0][0]
            said = project.ri("run", NAME, FILE, "--wait")
            assert said.code == 1, f"{where}: {said}"
            before = everything(project)
        woken = project.ended(sleeper)
        # Stopped between its last COMMIT and the end of its process it has nothing to lose any more.
        assert woken.code == (3 if owned else 1), f"{where}: {woken}"
        assert not owned or "error[lost-ownership]" in woken.err, f"{where}: {woken}"
        assert changed_since(project, before) == [], where
        check_invariants(project)
        slept += owned
    assert slept, f"RI_TEST_SEED={SEED}: no runner was ever stopped at work"
    record_property("sleepers", slept)


# ── owners that live ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("slow", ["hook", "statement"])
def test_a_batch_whose_owner_lives_is_never_taken_over_however_long_a_chunk_takes(make: Make, slow: str) -> None:
    project = made(make, "walk", chunk_size=RECORDS)
    with slowly_imported(project, slow) as (owner, let_go):
        batch_id = project.sql("SELECT id::text FROM import_batches")[0][0]
        begun_at, rounds = time.monotonic(), 0
        while time.monotonic() - begun_at < 3 * LEASE_S or rounds < 2:
            for words in (("run", NAME, FILE), ("resume", batch_id)):
                said = project.ri(*words)
                assert (said.code, "error[batch-running]" in said.err) == (3, True), said
                assert f"process {owner.pid}" in said.err, said.err
            assert project.ri("rescue").code == 0
            assert project.sql("SELECT status, retry_count FROM import_batches") == [("processing", 0)]
            rounds += 1
        let_go()
        assert project.ended(owner).code == 1
    assert project.sql("SELECT status, retry_count FROM import_batches") == [("completed", 0)]
    check_invariants(project)


def test_a_rival_that_waits_begins_when_the_lease_has_ended_and_not_before(make: Make) -> None:
    project = made(make, "sets")
    gate = gate_at(project, place_in(project, "middle"))
    owner = project.start("run", NAME, FILE, **gate)
    wait_for(Path(gate["GATE"], "reached"), owner)
    rival = project.start("run", NAME, FILE, "--wait")
    time.sleep(3 * LEASE_S)  # nothing is to happen
    assert rival.poll() is None
    assert project.sql("SELECT retry_count FROM import_batches") == [(0,)]
    owner.kill()
    killed_at = project.sql("SELECT lease_expires_at FROM import_batches")[0][0]
    assert project.ended(rival).code == 1
    project.ended(owner)
    taken = project.sql("SELECT retry_count, completed_at > %s FROM import_batches", (killed_at,))
    assert taken == [(1, True)]
    check_invariants(project)


# ── records that kill ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("writes", "death", "places"),
    [
        ("sets", "kill", "first"),
        ("sets", "exit", "middle"),
        ("sets", "kill", "last"),
        ("sets", "exit", "middle next"),
        ("walk", "exit", "middle"),
        ("process_item", "kill", "middle"),
    ],
)
def test_records_that_kill_their_runner_end_as_poison_and_harm_nobody(
    make: Make, writes: str, death: str, places: str
) -> None:
    project = made(make, writes)
    lines = [line_at(project, place) for place in places.split()]
    deadly = {"DEADLY": " ".join(map(str, lines)), "DEATH": death}
    codes = run_until_it_lives(project, deadly)
    assert codes[-1] == 1, codes
    assert len(codes) - 1 >= POISON_AFTER, "condemned too early"
    poisoned = project.sql(
        'SELECT source_line FROM import_batch_items WHERE problems @> \'[{"code": "poison"}]\' ORDER BY source_line'
    )
    assert poisoned == [(line,) for line in sorted(lines)]
    all_others_ended_as_they_deserve(project, poison=lines)
    assert project.sql("SELECT count(*) FROM failed_imports_report WHERE kind = 'item'") == [(3 + len(lines),)]


def test_poison_can_be_taken_again_when_the_hook_was_mended(make: Make) -> None:
    project = made(make, "sets")
    project.file(FILE, records(RECORDS, bad=()))
    deadly = {"DEADLY": str(line_at(project, "middle")), "DEATH": "kill"}
    assert run_until_it_lives(project, deadly)[-1] == 1
    assert project.ri("reprocess", "last").code == 0
    assert project.sql("SELECT count(*) FROM failed_imports_report") == [(0,)]


def test_a_runner_that_is_killed_again_and_again_while_it_advances_condemns_no_record(make: Make) -> None:
    """From outside, once in each chunk: no record has anything to do with it."""
    project = made(make, "sets", chunk_size=20)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        gate = gate_at(project, f"line {read(project)[int(share * RECORDS)].line}", f"gate-{share}")
        runner = project.start("run", NAME, FILE, "--wait", **gate)
        wait_for(Path(gate["GATE"], "reached"), runner)
        assert eventually(lambda s=share: committed(project) >= int(s * RECORDS) // 20 * 20)
        runner.kill()
        project.ended(runner)
    assert project.ri("run", NAME, FILE, "--wait").code == 1
    check_invariants(project)


# ── helpers ──────────────────────────────────────────────────────────────────────────────────


def made(make: Make, writes: str, *, chunk_size: int = 50) -> FaultProject:
    """A project whose hook stops or dies where it is told to, and a file."""
    project = make(Shape(writes, chunk_size=chunk_size, lease=f"{LEASE_S:g}s"))
    hook = project.root / "hooks" / f"{NAME}.py"
    hook.write_text(hook.read_text() + PLACES)
    project.file(FILE, records(RECORDS))
    return project


def read(project: FaultProject) -> list[Read]:
    """The file's records."""
    return read_csv((project.root / FILE).read_text())


def line_at(project: FaultProject, place: str) -> int:
    """The line of a good record: the first one, one in the middle, the one next to that, the last one."""
    good = [record.line for record in read(project) if not judge(record.cells, project.shape)]
    line = {"first": good[0], "middle": good[60], "next": good[61], "last": good[-1]}[place]
    assert line is not None
    return line


def place_in(project: FaultProject, place: str) -> str:
    """The name of a place in the hook's file."""
    return place if place.startswith("on_") else f"line {line_at(project, place)}"


def gate_at(project: FaultProject, place: str, name: str = "gate") -> dict[str, str]:
    """The environment of a runner that stops at this place until the gate is opened."""
    folder = project.root / name
    folder.mkdir()
    return {"GATE": str(folder), "GATE_PLACE": place}


def wait_for(path: Path, runner: subprocess.Popen[str]) -> None:
    """Nothing; the runner has made the file."""
    assert eventually(lambda: path.exists() or runner.poll() is not None, within_s=PATIENCE_S)
    assert path.exists(), runner.communicate()


@contextlib.contextmanager
def asleep(process: subprocess.Popen[str]) -> Iterator[None]:
    """Within: the process is stopped."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def the_rival_finishes(project: FaultProject) -> None:
    """Nothing; one that does not wait is refused, one that does takes over when the lease has ended."""
    hasty = project.ri("run", NAME, FILE)
    if hasty.code == 3:  # the lease may have ended while it started
        assert "error[batch-running]" in hasty.err, hasty.err
        patient = project.ri("run", NAME, FILE, "--wait")
        assert patient.code == 1, patient
        return
    assert hasty.code == 1, hasty


def woke_up_in_vain(project: FaultProject, sleeper: subprocess.Popen[str], before: set[tuple[str, str]]) -> None:
    """Nothing; the sleeper, who goes on now, has lost its batch, says so, and changed nothing."""
    said = project.ended(sleeper)
    assert said.code == 3, said
    assert "error[lost-ownership]" in said.err, said.err
    assert "taken over" in said.err, said.err
    assert changed_since(project, before) == []
    assert project.sql("SELECT status, retry_count FROM import_batches") == [("completed", 1)]
    check_invariants(project)


def everything(project: FaultProject) -> set[tuple[str, str]]:
    """All that is stored, with ids and times."""
    tables = ("import_batches", "import_batch_items", "import_logs", "members", "members_audit", "ledger")
    return {(table, row) for table in tables for (row,) in project.sql(f"SELECT t::text FROM {table} t")}


def changed_since(project: FaultProject, before: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows that are other ones now."""
    return sorted(everything(project) ^ before)


def begun(project: FaultProject) -> int:
    """How many batches there are."""
    return int(project.sql("SELECT count(*) FROM import_batches")[0][0])


def committed(project: FaultProject) -> int:
    """How far the one batch is."""
    return int(project.sql("SELECT coalesce(max(next_index), 0) FROM import_batches")[0][0])


@contextlib.contextmanager
def locked(project: FaultProject, statement: str) -> Iterator[Callable[[], None]]:
    """Within: what the statement locks is locked until what is yielded is called."""
    with contextlib.closing(psycopg2.connect(project.database.admin_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        yield connection.rollback


def waits_for_a_lock(project: FaultProject) -> bool:
    """Whether some session does."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(project.sql(waiting))


def nothing_runs(project: FaultProject) -> bool:
    """Whether the server has done all that runs have sent; inside COPY it waits for more."""
    busy = "state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead'"
    return not project.sql(f"SELECT 1 FROM pg_stat_activity WHERE usename = %s AND {busy}", (ROLE,))


@contextlib.contextmanager
def slowly_imported(project: FaultProject, slow: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """Within: a run that is busy in a hook or in a statement until what is yielded with it is called."""
    if slow == "hook":
        gate = gate_at(project, place_in(project, "middle"))
        owner = project.start("run", NAME, FILE, **gate)
        wait_for(Path(gate["GATE"], "reached"), owner)
        yield owner, Path(gate["GATE"], "open").touch
        return
    with locked(project, LOCKS["row"]) as unlock:
        owner = project.start("run", NAME, FILE)
        assert eventually(lambda: waits_for_a_lock(project)), owner.poll()
        yield owner, unlock


def run_until_it_lives(project: FaultProject, deadly: dict[str, str]) -> list[int]:
    """The exit codes of one command, given until it is not killed any more."""
    codes: list[int] = []
    while not codes or codes[-1] in (77, -signal.SIGKILL):
        assert len(codes) <= MOST_DEATHS, f"still deadly: {codes}"
        codes.append(project.ri("run", NAME, FILE, "--wait", **deadly).code)
    return codes


def all_others_ended_as_they_deserve(project: FaultProject, *, poison: list[int]) -> None:
    """Nothing; the invariants hold, but for those of records that the oracle takes for good ones."""
    nobody_is_left(project)
    batches = batches_of(project)
    for batch in batches:
        accounts_agree(batch)
        has_ended(batch)
        expected = {record.line: judge(record.cells, project.shape) for record in read(project)}
        expected |= dict.fromkeys(poison, (("poison", None),))
        assert {item.line: item.codes for item in batch.items} == expected
    target_is_what_the_items_say(project, batches)
    audit_shows_nothing_twice(project, batches)
    nothing_is_left_over(project, finished=True)
