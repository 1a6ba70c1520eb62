"""What is disturbed at every point: a command, the state it begins with, and the one command that comes after it.

stage = stages.of(SCENARIOS["run-sets"])         prepared once: a template database, a folder, an undisturbed run
stage.points("sendto")                           what that run has sent: every thread, every call
with stage.project(tmp_path) as project: …       a copy of both, for one point
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from faults.support.forks import Forks
from faults.support.invariants import Digest, check_invariants, digest_of
from faults.support.project import FaultProject, Said, Shape, make_project
from faults.support.records import records
from faults.support.server import FaultServer
from faults.support.traced import COUNT

FILE = "members.csv"
LEASE = "500ms"
LEAST = 40  # points of a scenario


class Point(NamedTuple):
    """The n-th call of a thread, as strace counts."""

    thread: str
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.thread}:{self.call}:{self.number}"


@dataclass(frozen=True)
class Scenario:
    """`words` of `ri` (or -c PROGRAM) from the state that `prepare` makes; `again` gives the one command."""

    name: str
    shape: Shape
    count: int
    words: Callable[[FaultProject], Sequence[str]]
    again: Callable[[FaultProject, Forks], Said]
    prepare: Callable[[FaultProject], None] = lambda project: None
    threads: str = ""  # only those whose name begins so: what the others do is the same as in another scenario

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Stage:
    """A scenario that is ready to be played many times."""

    scenario: Scenario
    server: FaultServer
    forks: Forks
    template: str
    folder: FaultProject
    calls: dict[str, dict[str, int]]  # thread → call → how often
    batches_before: int
    code: int  # of the undisturbed run
    reference: Digest

    def points(self, call: str) -> list[Point]:
        """Every call of this kind, thread by thread."""
        found = [
            Point(thread, call, number)
            for thread, calls in sorted(self.calls.items())
            if thread.startswith(self.scenario.threads)
            for number in range(1, calls[call] + 1)
        ]
        assert len(found) > LEAST, f"{self.scenario} has {len(found)} points: was it watched?"
        return found

    @contextlib.contextmanager
    def project(self, folder: Path) -> Iterator[FaultProject]:
        """Within: the scenario's project as it was before the command; gone afterwards."""
        with self.server.fresh_database(self.template) as database:
            shutil.copytree(self.folder.root, folder)
            yield replace(self.folder, root=folder, database=database, said=[])
            shutil.rmtree(folder)

    def disturbed(self, project: FaultProject, point: Point, rule: str) -> Said:
        """What the command said that met the fault. The rule as strace writes it: signal=SIGKILL."""
        what = f"{point.thread}={point.call}:{rule}:when={point.number}"
        return self.forks.traced(project, what, self.scenario.words(project))

    def again(self, project: FaultProject) -> Said:
        """What the one command said that comes after the fault."""
        return self.scenario.again(project, self.forks)


@dataclass
class Stages:
    """Prepares each scenario once."""

    server: FaultServer
    forks: Forks
    folder: Path
    _ready: dict[str, Stage] = field(default_factory=dict)

    def of(self, scenario: Scenario) -> Stage:
        """The stage; its undisturbed run has kept all invariants."""
        if scenario.name not in self._ready:
            self._ready[scenario.name] = self._prepared(scenario)
        return self._ready[scenario.name]

    def _prepared(self, scenario: Scenario) -> Stage:
        template = f"faults_stage_{scenario.name}"
        self.server.run("DROP DATABASE IF EXISTS {}", template)  # a preparation that failed may have left it
        self.server.run("CREATE DATABASE {} TEMPLATE ri_faults_template OWNER importer", template)
        project = make_project(
            self.folder / f"{scenario.name}-{len(list(self.folder.iterdir()))}",
            self.server.database(template),
            scenario.shape,
        )
        project.file(FILE, records(scenario.count))
        scenario.prepare(project)
        (project.root / "strace").mkdir()
        stage = Stage(scenario, self.server, self.forks, template, project, {}, 0, 0, {})
        with stage.project(self.folder / f"{scenario.name}-quiet") as quiet:
            before = len(quiet.sql("SELECT 1 FROM import_batches"))
            said = self.forks.traced(quiet, COUNT, scenario.words(quiet))
            check_invariants(quiet)
            calls = {log.name: _calls(log, self.server.port) for log in (quiet.root / "strace").iterdir()}
            return replace(stage, calls=calls, batches_before=before, code=said.code, reference=digest_of(quiet))


def _calls(log: Path, port: int) -> dict[str, int]:
    """How often a thread has sent and received; all of it to and from our server."""
    counts = {"sendto": 0, "recvfrom": 0}
    for line in log.read_text(errors="replace").splitlines():
        if (found := re.match(r"(sendto|recvfrom)\(", line)) is not None:
            assert f"->127.0.0.1:{port}]>" in line, line
            counts[found[1]] += 1
    return counts


# ── the scenarios ────────────────────────────────────────────────────────────────────────────


def _run(project: FaultProject) -> Sequence[str]:
    return ("run", "members", FILE)


def _run_again(project: FaultProject, forks: Forks) -> Said:
    return forks.ri(project, *_run(project), "--wait")


def _with_failed(project: FaultProject) -> None:
    project.ri(*_run(project))
    assert project.repair() == 3


def _reprocess(project: FaultProject) -> Sequence[str]:
    [(first,)] = project.sql("SELECT id::text FROM import_batches WHERE parent_batch_id IS NULL")
    return ("reprocess", first, "--from", "fix.csv")


def _reprocess_again(project: FaultProject, forks: Forks) -> Said:
    project.wait_for_leases()
    return forks.ri(project, *_reprocess(project))


_STORED = """
import json
batch_id = MANAGER.create_batch("members", json.loads(sys.argv[1]), source_info={"name": "members.csv"})
summary = MANAGER.process_batch(batch_id)
print(summary.status)
sys.exit(1 if summary.failed_items else 0)
"""


def _stored(project: FaultProject) -> Sequence[str]:
    return ("-c", project.program(_STORED), json.dumps(project.items()))


def _stored_again(project: FaultProject, forks: Forks) -> Said:
    """The program again if it had not stored its batch, else `ri resume`, which needs nothing but the database."""
    batches = project.sql("SELECT id::text FROM import_batches")
    if not batches:
        return forks.python(project, _STORED, json.dumps(project.items()))
    return forks.ri(project, "resume", batches[0][0], "--wait")


_SETS = Shape(writes="sets", lease=LEASE)
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("run-sets", _SETS, 300, _run, _run_again),
        Scenario(
            "run-walk", Shape(writes="walk", lease=LEASE, chunk_size=40), 120, _run, _run_again, threads="ri-writer"
        ),
        Scenario(
            "run-hook", Shape(writes="process_item", lease=LEASE, chunk_size=6), 18, _run, _run_again, threads="ri-"
        ),
        Scenario("reprocess", replace(_SETS, chunk_size=2), 60, _reprocess, _reprocess_again, _with_failed),
        Scenario("stored", Shape(writes="by_hand", lease=LEASE, chunk_size=6), 18, _stored, _stored_again),
    )
}
