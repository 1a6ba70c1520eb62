"""Signals once, twice and three times while a run is held; a closed terminal, a closed pipe, nohup.

Once: the chunk is finished. Twice: the statement is cancelled. Always: seconds later the run is gone, its batch can be
resumed, and the next command ends as if nothing had been.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from contextlib import suppress

import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.held import hold_at, holding
from faults.support.invariants import Digest, check_invariants, digest_of
from faults.support.project import RI, FaultProject, Said, Shape, make_project
from faults.support.records import records
from faults.support.server import ROLE, FaultServer

pytestmark = pytest.mark.faults

FILE = "members.csv"
RUN = ("run", "members", FILE)
COUNT, CHUNK = 120, 40
HELD = 50  # the record at which runs are held: in the second chunk
SHAPE = Shape(writes="walk", chunk_size=CHUNK)
SOME_FAILED = 1
SECONDS = 10.0  # "within seconds", also on a machine that is busy
ASKED = "stopping after this chunk"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
every_signal = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
every_place = pytest.mark.parametrize("place", ["statement", "hook"])


@pytest.fixture
def project(make: Make) -> FaultProject:
    """Its runs can be held at record HELD."""
    return prepared(make(SHAPE))


def prepared(project: FaultProject) -> FaultProject:
    hold_at(project, HELD)
    project.file(FILE, records(COUNT))
    return project


@pytest.fixture(scope="module")
def quiet(fault_server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Digest:
    """What an undisturbed run leaves."""
    with fault_server.fresh_database() as database:
        undisturbed = prepared(make_project(tmp_path_factory.mktemp("quiet") / "project", database, SHAPE))
        assert undisturbed.ri(*RUN).code == SOME_FAILED
        check_invariants(undisturbed)
        return digest_of(undisturbed)


# ── once ─────────────────────────────────────────────────────────────────────────────────────


@every_place
@every_signal
def test_once_the_chunk_is_finished_and_the_rest_left_for_later(
    project: FaultProject, quiet: Digest, number: signal.Signals, place: str
) -> None:
    with holding(project, place) as hold:
        process = project.start(*RUN)
        hold.wait_for(process)
        ask(process, number)
        assert process.poll() is None  # it finishes its chunk
        hold.release()
        said = soon(project, process)
    is_stopped(project, said, CODES[number], at=2 * CHUNK)
    assert project.ri(*RUN).code == SOME_FAILED
    check_invariants(project, reference=quiet)


def test_ri_resume_finishes_it_as_well(project: FaultProject, quiet: Digest) -> None:
    stop_in_the_middle(project, *RUN)
    assert project.ri("resume").code == SOME_FAILED
    check_invariants(project, reference=quiet)


def test_what_is_resumed_can_be_stopped_again(project: FaultProject, quiet: Digest) -> None:
    with holding(project, "statement") as hold:
        for words in (RUN, ("resume",), RUN):
            process = project.start(*words)
            hold.wait_for(process)
            ask(process, signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            is_stopped(project, soon(project, process), 143, at=CHUNK)
    assert project.ri(*RUN).code == SOME_FAILED
    check_invariants(project, reference=quiet)


def test_a_reprocessing_that_was_stopped_is_gone_on_with(make: Make) -> None:
    project = prepared(make(Shape(writes="walk", chunk_size=1)))
    assert project.ri(*RUN).code == SOME_FAILED
    [(first,)] = project.sql("SELECT id::text FROM import_batches")
    assert project.repair() == 3
    project.sql(
        "CREATE OR REPLACE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.name = 'Accepted' THEN PERFORM pg_advisory_xact_lock(77); END IF; RETURN NEW; END $$"
    )
    with holding(project, "statement") as hold:
        process = project.start("reprocess", first, "--from", "fix.csv")
        hold.wait_for(process)
        ask(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        said = soon(project, process)
    assert said.code == 143
    assert "ri resume" in said.err + said.out
    assert project.ri("reprocess", first, "--from", "fix.csv").code == 0
    check_invariants(project)
    assert project.sql("SELECT status, completed, failed FROM import_batches ORDER BY created_at") == [
        ("completed", COUNT - 3, 3),
        ("completed", 3, 0),
    ]


def test_the_files_that_were_to_come_are_named(project: FaultProject) -> None:
    project.file("next.csv", records(3, label="n", bad=()))
    said = stop_in_the_middle(project, *RUN, "next.csv")
    assert "not imported: next.csv" in said.err
    assert [name for (name,) in project.sql("SELECT source_info ->> 'name' FROM import_batches")] == [FILE]


def test_a_program_learns_which_batch_it_has_to_resume(project: FaultProject, quiet: Digest) -> None:
    with holding(project, "statement") as hold:
        process = project.start(*RUN, "--json")
        hold.wait_for(process)
        ask(process, signal.SIGTERM)
        hold.release()
        said = soon(project, process)
    told = json.loads(said.out)
    assert (said.code, told["status"], told["stop_reason"]) == (143, "failed", "interrupted")
    assert project.ri("resume", told["batch_id"]).code == SOME_FAILED
    check_invariants(project, reference=quiet)


# ── twice, three times ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGHUP),
        (signal.SIGINT, signal.SIGTERM),
    ],
    ids=lambda number: number.name,
)
def test_twice_the_statement_is_cancelled_and_its_chunk_rolled_back(
    project: FaultProject, quiet: Digest, first: signal.Signals, second: signal.Signals
) -> None:
    with holding(project, "statement") as hold:
        process = project.start(*RUN)
        hold.wait_for(process)
        ask(process, first)
        process.send_signal(second)
        said = soon(project, process)
        # The lock is still held: had the statement not been cancelled, its session would wait for it.
        assert eventually(lambda: not sessions(project), within_s=SECONDS), sessions(project)
    is_stopped(project, said, CODES[second], at=CHUNK)
    assert project.ri(*RUN).code == SOME_FAILED
    check_invariants(project, reference=quiet)


@pytest.mark.parametrize("times", [2, 3])
def test_a_hook_that_hangs_does_not_keep_it(project: FaultProject, quiet: Digest, times: int) -> None:
    with holding(project, "hook") as hold:
        process = project.start(*RUN)
        hold.wait_for(process)
        ask(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        if times == 3:
            assert not eventually(lambda: process.poll() is not None, within_s=0.3)
            process.send_signal(signal.SIGTERM)
        said = soon(project, process)
    assert said.code == 143
    assert "ri resume --wait" in said.err
    check_invariants(project, finished=False)
    assert project.ri(*RUN, "--wait").code == SOME_FAILED
    check_invariants(project, reference=quiet)


def test_twice_in_a_statement_of_a_hook(make: Make) -> None:
    project = make(Shape(writes="process_item", chunk_size=CHUNK))
    hold_at(project, HELD)
    project.file(FILE, records(COUNT))
    with holding(project, "statement") as hold:
        process = project.start(*RUN)
        hold.wait_for(process)
        ask(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        said = soon(project, process)
    is_stopped(project, said, 143, at=CHUNK)
    assert project.ri(*RUN).code == SOME_FAILED
    check_invariants(project)


# ── while it waits ───────────────────────────────────────────────────────────────────────────


@every_signal
def test_who_waits_for_another_run_does_not_have_to(
    project: FaultProject, quiet: Digest, number: signal.Signals
) -> None:
    with holding(project, "statement") as hold:
        owner = project.start(*RUN)
        hold.wait_for(owner)
        waiting = project.start(*RUN, "--wait")
        assert waiting.stderr is not None
        assert eventually(lambda: "waiting" in waiting.stderr.readline())
        waiting.send_signal(number)
        assert soon(project, waiting).code == CODES[number]
        hold.release()
        assert soon(project, owner).code == SOME_FAILED
    check_invariants(project, reference=quiet)


@every_signal
def test_who_waits_for_the_server_does_not_have_to(
    project: FaultProject, fault_server: FaultServer, quiet: Digest, number: signal.Signals
) -> None:
    with holding(project, "hook") as hold:
        process = project.start(*RUN)
        hold.wait_for(process)
        fault_server.crash()
        hold.release()
        assert process.stderr is not None
        assert eventually(lambda: "database" in process.stderr.readline())  # that it has gone
        process.send_signal(number)
        said = soon(project, process)
    assert said.code == CODES[number]
    assert "ri resume" in said.err + said.out
    fault_server.start()
    check_invariants(project, finished=False)
    assert project.ri(*RUN, "--wait").code == SOME_FAILED
    check_invariants(project, reference=quiet)


@every_signal
def test_who_waits_for_standard_input_does_not_have_to(project: FaultProject, number: signal.Signals) -> None:
    process = fed(project, closed=False)
    assert eventually(lambda: any((project.root / ".ri/spool").glob("*")))
    ask(process, number)
    assert soon(project, process).code == CODES[number]
    assert not project.sql("SELECT 1 FROM import_batches")
    check_invariants(project)


@every_signal
def test_what_came_by_standard_input_can_be_resumed(project: FaultProject, number: signal.Signals) -> None:
    with holding(project, "statement") as hold:
        process = fed(project, closed=True)
        hold.wait_for(process)
        ask(process, number)
        hold.release()
        said = soon(project, process)
    is_stopped(project, said, CODES[number], at=2 * CHUNK)
    assert project.ri("resume").code == SOME_FAILED
    check_invariants(project)  # also that the spool is gone


def fed(project: FaultProject, *, closed: bool) -> subprocess.Popen[str]:
    """A run that has been given the records of FILE by standard input."""
    process = project.start("run", "members", "-", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write((project.root / FILE).read_text())
    process.stdin.flush()
    if closed:
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
    return process


# ── terminals, pipes, nohup ──────────────────────────────────────────────────────────────────


def test_under_nohup_a_hangup_is_nothing(project: FaultProject, quiet: Digest) -> None:
    with holding(project, "statement") as hold:
        process = project.start(*RUN, prefix=("nohup",))
        hold.wait_for(process)
        process.send_signal(signal.SIGHUP)
        hold.release()
        assert soon(project, process).code == SOME_FAILED
    check_invariants(project, reference=quiet)


def test_a_terminal_that_is_closed_leaves_a_batch_that_can_be_resumed(project: FaultProject, quiet: Digest) -> None:
    ours, theirs = pty.openpty()
    with holding(project, "statement") as hold:
        process = subprocess.Popen(
            ["setsid", "--ctty", *RI, *RUN],
            cwd=project.root,
            env=project.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        assert eventually(
            lambda: bool(project.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        )
        os.close(ours)  # the kernel sends SIGHUP; what is printed from now on goes nowhere
        hold.release()
        assert process.wait(timeout=SECONDS) == 129
    check_invariants(project, finished=False)
    assert project.sql("SELECT status, stop_reason, next_index FROM import_batches") == [
        ("failed", "interrupted", 2 * CHUNK)
    ]
    assert project.ri(*RUN).code == SOME_FAILED
    check_invariants(project, reference=quiet)


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
@pytest.mark.parametrize("words", [(), ("--json",), ("-v",)], ids=lambda words: " ".join(words) or "plain")
def test_a_pipe_that_nobody_reads_ends_the_printing_and_not_the_import(
    project: FaultProject, quiet: Digest, closed: str, words: tuple[str, ...]
) -> None:
    streams = ("stdout", "stderr") if closed == "both" else (closed,)
    with holding(project, "statement") as hold:
        process = project.start(*RUN, *words)
        hold.wait_for(process)
        for name in streams:
            getattr(process, name).close()
        hold.release()
        code = process.wait(timeout=SECONDS)
    for stream in (process.stdout, process.stderr):
        with suppress(AttributeError):
            stream.close()
    assert code in (SOME_FAILED, 0)  # whether the reader of `ri run | head` was there does not say that it failed
    check_invariants(project, reference=quiet)


# ── helpers ──────────────────────────────────────────────────────────────────────────────────


def ask(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Nothing; the signal was sent and heard."""
    process.send_signal(number)
    assert process.stderr is not None
    while line := process.stderr.readline():
        if ASKED in line:
            return
    raise AssertionError("it has ended without a word about the signal")


def soon(project: FaultProject, process: subprocess.Popen[str]) -> Said:
    """What it said; it ends within seconds."""
    assert eventually(lambda: process.poll() is not None, within_s=SECONDS), "it does not end"
    return project.ended(process)


def stop_in_the_middle(project: FaultProject, *words: str) -> Said:
    """What a run said that was asked to stop in its second chunk."""
    with holding(project, "statement") as hold:
        process = project.start(*words)
        hold.wait_for(process)
        ask(process, signal.SIGINT)
        hold.release()
        said = soon(project, process)
    is_stopped(project, said, 130, at=2 * CHUNK)
    return said


def is_stopped(project: FaultProject, said: Said, code: int, *, at: int) -> None:
    """The batch has so many records, is nobody's, and what was said tells how to go on."""
    assert said.code == code, said
    batches = project.sql("SELECT status, stop_reason, next_index, lease_token, total FROM import_batches")
    assert batches == [("failed", "interrupted", at, None, None)], said
    assert "ri resume" in said.err + said.out, said
    check_invariants(project, finished=False)


def sessions(project: FaultProject) -> list[tuple[str, ...]]:
    """What the runs' sessions in the database are doing."""
    return project.sql("SELECT state, query FROM pg_stat_activity WHERE usename = %s", (ROLE,))
