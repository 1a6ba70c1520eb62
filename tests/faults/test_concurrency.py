"""Several runners at once: on one file, on files that share keys, on one batch; and a table that changes under a run.

Runners meet where a hook's file is read, just before they look for a batch to own, so that they really race. They are
forked from an interpreter that has imported all of `ri`: starting 400 of them takes two minutes less.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.invariants import batches_of, check_invariants
from faults.support.oracle import judge, read_csv
from faults.support.project import NAME, FaultProject, Said, Shape
from faults.support.records import records

pytestmark = pytest.mark.faults

RUNNERS = 8
ROUNDS = 50  # of RUNNERS that do not wait
WAITING_ROUNDS = 4
FEWER_ROUNDS = 3  # of races that take longer
RECORDS = 120
FILE = "members.csv"
PATIENCE_S = 60.0

# Behind a hook's file: its body waits for so many runners, and a record may hold the run up while a file is missing.
MEETING = """

import os
import time
from pathlib import Path


def _meet(folder, number):
    Path(folder, str(os.getpid())).touch()
    deadline = time.monotonic() + 30
    while len(os.listdir(folder)) < number and time.monotonic() < deadline:
        time.sleep(0.001)


if "MEETING" in os.environ:
    _meet(os.environ["MEETING"], int(os.environ["RUNNERS"]))


def validate_item(item, ctx):
    gate = os.environ.get("GATE")
    if gate and item.line == int(os.environ["GATE_LINE"]):
        Path(gate, "reached").touch()
        while not Path(gate, "open").exists():
            time.sleep(0.005)
    return True
"""

# Runs commands at once, each in a process of its own: argv is a folder for what they say, and the commands as JSON.
AT_ONCE = """
import importlib, json, os, pkgutil, signal, sys
import ri_declarative
for module in pkgutil.walk_packages(ri_declarative.__path__, "ri_declarative."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from ri_declarative.cli.main import main
folder, commands = sys.argv[1], json.loads(sys.argv[2])
children = []
for number, words in enumerate(commands):
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{number}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
        sys.exit(main(words))
    children.append(child)
print(json.dumps([[child, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] for child in children]))
"""


class Meeting(NamedTuple):
    """Commands that run at once."""

    parent: subprocess.Popen[str]
    folder: Path


class Runner(NamedTuple):
    """One of them, when it has ended."""

    pid: int
    code: int
    err: str


@pytest.mark.parametrize("same_file", ["warn", "refuse"])
def test_of_eight_runs_of_one_file_one_works_and_the_others_say_who(make: Make, same_file: str) -> None:
    project = made(make, Shape(), source=f"same_file: {same_file}")
    told = 0
    for number in range(ROUNDS // 2):
        seed = round_of(project, number)
        runners = ended(project, meeting(project, [("run", NAME, FILE)] * RUNNERS))
        late = {"warn": 1, "refuse": 2}[same_file]  # who comes after the end finds the batch completed
        assert set(codes(runners)) <= {1, 3, late}, f"{seed}: {runners}"
        one_has_worked(project, seed=seed, same_file=same_file)
        for runner in runners:
            if runner.code == 3:
                says_who_works(runner, others={other.pid for other in runners} - {runner.pid})
                told += 1
            if runner.code == 2:
                assert "error[same-file]" in runner.err, f"{seed}: {runner.err}"
    assert told >= ROUNDS // 2, "hardly any of them met"
    check_invariants(project)


def test_of_eight_runs_that_wait_all_find_the_file_imported(make: Make) -> None:
    project = made(make, Shape())
    for number in range(WAITING_ROUNDS):
        seed = round_of(project, number)
        said = ended(project, meeting(project, [("run", NAME, FILE, "--wait")] * RUNNERS))
        assert codes(said) == [1] * RUNNERS, f"{seed}: {said}"
        one_has_worked(project, seed=seed, same_file="warn")
        check_invariants(project)


def test_when_the_one_that_works_is_killed_one_of_those_that_wait_takes_over(make: Make) -> None:
    project = made(make, Shape())
    for number in range(FEWER_ROUNDS):
        seed = round_of(project, number)
        worker, _ = held_up(project, FILE)
        waiting = meeting(project, [("run", NAME, FILE, "--wait")] * (RUNNERS - 2))
        worker.kill()
        project.ended(worker)
        said = ended(project, waiting)
        assert codes(said) == [1] * (RUNNERS - 2), f"{seed}: {said}"
        one_has_worked(project, seed=seed, same_file="warn")
        check_invariants(project)


# ── files that share keys ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("writes", ["sets", "walk", "process_item"])
def test_opposite_orders_of_the_same_keys_at_once_lose_nothing(make: Make, writes: str) -> None:
    """One transaction for a file: two of them that write row by row in file order meet in the middle and deadlock."""
    project = made(make, Shape(writes, chunk_size=RECORDS, lease="10s", pipeline="concurrency: many\n"))
    name = project.database.name
    project.sql(f"ALTER DATABASE {name} SET deadlock_timeout = '100ms'")
    if writes == "walk":
        make_slow(project)
    for number in range(FEWER_ROUNDS):
        forward, backward = opposite_files(project, number)
        said = ended(project, meeting(project, [("run", NAME, forward), ("run", NAME, backward)]))
        assert codes(said) == [0, 0], f"round {number}: {said}"
        check_invariants(project, in_order=False)
        each_key_was_written_by_both(project, number, writes)
    deadlocks = project.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = %s", (name,))[0][0]
    assert deadlocks > 0 or writes != "walk", "nothing was tested"


def test_of_two_files_of_a_pipeline_one_waits_for_the_other(make: Make) -> None:
    project = made(make, Shape())
    forward, backward = opposite_files(project, 0)
    first, let_go = held_up(project, forward)
    second = project.start("run", NAME, backward)
    assert second.stderr is not None
    told = second.stderr.readline()
    assert f"process {first.pid}" in told, told
    assert second.poll() is None, "it did not wait"
    let_go()
    assert [project.ended(each).code for each in (first, second)] == [0, 0]
    order = project.sql(
        "SELECT source_info ->> 'name', started_at >= lag(completed_at) OVER (ORDER BY started_at) "
        "FROM import_batches ORDER BY started_at"
    )
    assert order == [(forward, None), (backward, True)]
    check_invariants(project)


def test_a_file_that_waits_goes_on_when_the_runner_it_waits_for_is_killed(make: Make) -> None:
    project = made(make, Shape())
    forward, backward = opposite_files(project, 0)
    first, _ = held_up(project, forward)
    second = project.start("run", NAME, backward)
    assert second.stderr is not None
    assert f"process {first.pid}" in second.stderr.readline()
    first.kill()
    assert [project.ended(each).code for each in (first, second)] == [-signal.SIGKILL, 0]
    assert project.sql("SELECT stop_reason FROM import_batches ORDER BY started_at") == [("lost",), (None,)]
    assert project.ri("run", NAME, forward).code == 0
    check_invariants(project, in_order=False)


# ── one batch ────────────────────────────────────────────────────────────────────────────────


def test_a_batch_that_is_reprocessed_by_several_at_once_is_repaired_once(make: Make) -> None:
    project = made(make, Shape())
    for number in range(FEWER_ROUNDS):
        seed = round_of(project, number)
        assert project.ri("run", NAME, FILE).code == 1
        batch_id = project.sql("SELECT id::text FROM import_batches WHERE failed > 0 ORDER BY started_at DESC")[0][0]
        assert project.repair(batch_id) == 3
        said = ended(project, meeting(project, [("reprocess", batch_id, "--from", "fix.csv")] * 4))
        assert set(codes(said)) <= {0, 3}, f"{seed}: {said}"
        for one in said:
            assert one.code == 0 or "error[batch-running]" in one.err or "error[already-reprocessed]" in one.err, one
        repeats = project.sql(
            "SELECT count(*), count(DISTINCT c.parent_item_id) FROM import_batch_items c "
            "JOIN import_batch_items p ON p.id = c.parent_item_id WHERE p.batch_id = %s AND c.status = 'completed'",
            (batch_id,),
        )
        assert repeats == [(3, 3)], seed
        check_invariants(project)


# ── a table that changes under a run ─────────────────────────────────────────────────────────


class Change(NamedTuple):
    """What another session does to a table, and how it is undone without loss; both behind ALTER TABLE."""

    change: str
    told: str  # by the run that meets it
    found: str  # by the checks of the next run
    repair: str


CHANGES = {
    "column dropped": Change(
        "members DROP COLUMN greeting",
        "greeting",
        "greeting",
        "members ADD COLUMN greeting text; UPDATE members SET greeting = 'Dear ' || name",
    ),
    "column renamed": Change(
        "members RENAME COLUMN joined_on TO joined",
        "joined_on",
        "joined_on",
        "members RENAME COLUMN joined TO joined_on",
    ),
    "type changed": Change(
        "members ALTER COLUMN joined_on TYPE int USING joined_on - date '2000-01-01'",
        "public.members as role importer",  # PostgreSQL says that date and integer do not fit, and not where
        "joined_on",
        "members ALTER COLUMN joined_on TYPE date USING date '2000-01-01' + joined_on",
    ),
    "table renamed": Change("members RENAME TO others", "public.members", "public.members", "others RENAME TO members"),
    "look-up changed": Change(
        "countries RENAME COLUMN code TO iso", "code", "code", "countries RENAME COLUMN iso TO code"
    ),
}


@pytest.mark.parametrize("writes", ["sets", "walk"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_table_that_changes_in_mid_run_stops_it_once_and_it_goes_on_after_the_repair(
    make: Make, writes: str, change: str
) -> None:
    statement, told, found, repair = CHANGES[change]
    project = made(make, Shape(writes))
    round_of(project, 0)
    runner, let_go = held_up(project, FILE)
    before = eventually_still(project)
    project.sql(f"ALTER TABLE {statement}")
    let_go()
    said = project.ended(runner)
    assert said.code == 3, said
    assert told in said.err, said.err
    assert "ri resume" in said.err, f"it does not say how to go on: {said.err}"
    standing = project.sql("SELECT status, stop_reason, failed FROM import_batches")
    assert standing == [("failed", "database", before)], "it did not stop at once"
    again = project.ri("run", NAME, FILE)
    assert again.code == 2, again
    assert found in again.err
    assert project.sql("SELECT status, stop_reason, failed FROM import_batches") == standing
    project.sql(f"SET session_replication_role = replica; ALTER TABLE {repair}")  # unseen by the audit
    assert project.ri("run", NAME, FILE).code == 1
    check_invariants(project)


def eventually_still(project: FaultProject) -> int:
    """The failed records of the one batch, once the chunk that was being written when the gate was reached is in."""
    assert eventually(lambda: project.sql("SELECT next_index > 0 FROM import_batches") == [(True,)])
    return int(project.sql("SELECT failed FROM import_batches")[0][0])


# ── helpers ──────────────────────────────────────────────────────────────────────────────────


def made(make: Make, shape: Shape, *, source: str = "") -> FaultProject:
    """A project of the shape whose hook knows meetings and gates. `source`: one more line of its source."""
    project = make(shape)
    hook = project.root / "hooks" / f"{NAME}.py"
    hook.write_text(hook.read_text() + MEETING)
    pipeline = project.root / "pipelines" / f"{NAME}.yaml"
    pipeline.write_text(pipeline.read_text().replace("source:\n", f"source:\n  {source}\n", 1))
    return project


def round_of(project: FaultProject, number: int) -> str:
    """A new file for the round; says with which seed it was made."""
    project.file(FILE, records(RECORDS, seed=number, label=f"r{number}x"))
    return f"seed={number}"


def meeting(project: FaultProject, commands: Sequence[Sequence[str]]) -> Meeting:
    """These commands, running; they wait for each other before they look for work."""
    folder = project.root / f"meeting-{time.monotonic_ns()}"
    (folder / "there").mkdir(parents=True)
    command = [sys.executable, "-c", AT_ONCE, str(folder), json.dumps(commands)]
    together = {"MEETING": str(folder / "there"), "RUNNERS": str(len(commands))}
    return Meeting(project.start_process(command, **together), folder)


def ended(project: FaultProject, meeting: Meeting) -> list[Runner]:
    """What has become of each."""
    parent = project.ended(meeting.parent)
    assert parent.code == 0, parent
    runners = []
    for number, (pid, code) in enumerate(json.loads(parent.out)):
        out, err = ((meeting.folder / f"{number}.{name}").read_text() for name in ("out", "err"))
        project.said.append(Said(code, out, err))
        runners.append(Runner(pid, code, err))
    return runners


def codes(runners: Sequence[Runner]) -> list[int]:
    """Their exit codes."""
    return [runner.code for runner in runners]


def one_has_worked(project: FaultProject, *, seed: str, same_file: str) -> None:
    """Of the batches of the newest content one has written all rows; the others, which came later, changed nothing."""
    rows = project.sql(
        "SELECT status, failed, inserted, updated, total FROM import_batches WHERE source_info ->> 'sha256' = "
        "(SELECT source_info ->> 'sha256' FROM import_batches ORDER BY created_at DESC LIMIT 1) ORDER BY started_at"
    )
    ends = [(status, failed, total) for status, failed, _, _, total in rows]
    assert ends == [("completed", 3, RECORDS)] * len(rows), f"{seed}: {rows}"
    assert rows[0][2] > 0, seed
    assert [inserted for _, _, inserted, _, _ in rows[1:]] == [0] * (len(rows) - 1), f"{seed}: {rows}"
    assert same_file == "warn" or len(rows) == 1, f"{seed}: {rows}"


def says_who_works(runner: Runner, *, others: set[int]) -> None:
    """It names the process that works, one of the others, and how to wait for it."""
    assert "error[batch-running]" in runner.err, runner.err
    assert any(f"process {pid}" in runner.err for pid in others), f"{others}: {runner.err}"
    assert "--wait" in runner.err, runner.err


def held_up(project: FaultProject, name: str) -> tuple[subprocess.Popen[str], Callable[[], None]]:
    """A run of the file that has stopped in a hook at a good record behind its middle, and what lets it go on."""
    gate = project.root / f"gate-{name}-{time.monotonic_ns()}"
    gate.mkdir()
    read = read_csv((project.root / name).read_text())
    line = next(r.line for r in read[RECORDS * 6 // 10 :] if not judge(r.cells, project.shape))
    runner = project.start("run", NAME, name, GATE=str(gate), GATE_LINE=str(line))
    assert eventually(lambda: (gate / "reached").exists() or runner.poll() is not None, within_s=PATIENCE_S)
    assert (gate / "reached").exists(), runner.communicate()
    return runner, (gate / "open").touch


def opposite_files(project: FaultProject, number: int) -> tuple[str, str]:
    """Two files of the same keys, each with names of its own, the second one from the last to the first."""
    rows = list(
        {cells["email"].lower(): cells for cells in records(RECORDS, seed=number, bad=(), label=f"o{number}x")}.values()
    )
    forward, backward = f"forward-{number}.csv", f"backward-{number}.csv"
    project.file(forward, [{**cells, "name": f"forward {n}"} for n, cells in enumerate(rows)])
    project.file(backward, [{**cells, "name": f"backward {n}"} for n, cells in enumerate(reversed(rows))])
    return forward, backward


def make_slow(project: FaultProject) -> None:
    """Nothing; each new row takes a moment, so that two transactions overlap."""
    project.sql(
        "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.003); RETURN NEW; END $$;"
        "CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON public.members FOR EACH ROW EXECUTE FUNCTION public.slow()"
    )


def each_key_was_written_by_both(project: FaultProject, number: int, writes: str) -> None:
    """Both batches completed each record; one inserted its row, the other one updated it."""
    batches = [b for b in batches_of(project) if b.row["source_info"]["name"].endswith(f"-{number}.csv")]
    assert len(batches) == 2
    ends = [{item.cells["email"].lower(): item.action for item in batch.items} for batch in batches]
    assert ends[0].keys() == ends[1].keys()
    pairs = Counter(tuple(sorted((str(ends[0][key]), str(ends[1][key])))) for key in ends[0])
    assert set(pairs) == {("inserted", "updated")}, f"{writes}: {pairs}"
