"""A run is killed at every call that reaches the server, then one command is given: all is as if nothing had been.

strace kills before the call is made. In other series the answers are lost, and SIGTERM comes instead of SIGKILL.
A series is split in blocks, so that two processes can share it; RI_FAULTS_EVERY=7 takes every seventh point only.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Said
from faults.support.scenario import FILE, LEASE, SCENARIOS, Point, Scenario, Stage, Stages

pytestmark = pytest.mark.faults

IN_THE_MIDDLE = Point("ri-writer_0.1", "sendto", 60)
BLOCKS = range(6)
EVERY = int(os.environ.get("RI_FAULTS_EVERY", "1"))
MOST_SHOWN = 2000  # characters of what went wrong at a point
by_block = pytest.mark.parametrize("block", BLOCKS)
Play = Callable[[Stage, FaultProject, Point], bool]


def play_all(stage: Stage, call: str, block: int, folder: Path, *, play: Play) -> tuple[int, list[Point]]:
    """How many points of a block the fault has hit, and which it missed. Fails with all that went wrong."""
    points = stage.points(call)[::EVERY][block :: len(BLOCKS)]
    wrong, missed = [], []
    for point in points:
        try:
            with stage.project(folder / str(point)) as project:
                if not play(stage, project, point):
                    missed.append(point)
        except AssertionError as error:
            wrong.append(f"── {stage.scenario} {point}\n{str(error)[:MOST_SHOWN]}\n{_last_words(project)}")
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(points)} points: " + "\n".join(wrong), pytrace=False)
    # How often the heart beats is a matter of time; all other threads do the same every time.
    return len(points) - len(missed), [point for point in missed if "heartbeat" not in point.thread]


def scenarios(*names: str) -> pytest.MarkDecorator:
    """The test for each of these; none named: for all."""
    return pytest.mark.parametrize("scenario", [SCENARIOS[name] for name in names or SCENARIOS], ids=str)


def _last_words(project: FaultProject) -> str:
    return "\n".join(f"exit code {said.code}: {said.out}{said.err}" for said in project.said[-2:])


# ── SIGKILL ──────────────────────────────────────────────────────────────────────────────────


@by_block
@scenarios()
def test_a_command_killed_at_any_point_is_finished_by_one_command(
    stages: Stages, scenario: Scenario, block: int, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    killed, missed = play_all(stages.of(scenario), "sendto", block, tmp_path, play=_kill)
    record_property("points killed", killed)
    assert not missed


def _kill(stage: Stage, project: FaultProject, point: Point) -> bool:
    said = stage.disturbed(project, point, "signal=SIGKILL")
    if said.code != -signal.SIGKILL:
        _expect(stage, said)
        return False
    check_invariants(project, finished=False)
    if not _is_done(stage, project):
        _expect(stage, stage.again(project))
    check_invariants(project, reference=stage.reference)
    return True


def _expect(stage: Stage, said: Said) -> None:
    if said.code != stage.code:
        raise AssertionError(f"exit code {said.code}, an undisturbed run has {stage.code}")  # brief: there are many


def _is_done(stage: Stage, project: FaultProject) -> bool:
    """Whether the fault came after the last commit: another `ri run` would be another batch, of unchanged rows."""
    ends = project.sql("SELECT status FROM import_batches")
    return ends == [("completed",)] * len(stage.reference["batches"])


@pytest.mark.parametrize("words", [("resume", "--wait"), ("run", "members", FILE, "--wait")], ids=" ".join)
def test_the_command_waits_for_the_lease_of_who_was_killed(
    stages: Stages, words: tuple[str, ...], tmp_path: Path
) -> None:
    stage = stages.of(SCENARIOS["run-sets"])
    with stage.project(tmp_path / "project") as project:
        assert stage.disturbed(project, IN_THE_MIDDLE, "signal=SIGKILL").code == -signal.SIGKILL
        _expect(stage, stage.forks.ri(project, *words))
        check_invariants(project, reference=stage.reference)


@pytest.mark.parametrize("words", [("resume",), ("run", "members", FILE)], ids=" ".join)
def test_without_waiting_it_says_whose_lease_is_running(stages: Stages, words: tuple[str, ...], tmp_path: Path) -> None:
    stage = stages.of(SCENARIOS["run-sets"])
    with stage.project(tmp_path / "project") as project:
        settings = project.root / "ri.yaml"
        settings.write_text(settings.read_text().replace(LEASE, "1m"))
        assert stage.disturbed(project, IN_THE_MIDDLE, "signal=SIGKILL").code == -signal.SIGKILL
        [(owner,)] = project.sql("SELECT owner FROM import_batches")
        said = stage.forks.ri(project, *words)
        assert said.code == 3
        assert "error[batch-running]" in said.err
        assert owner in said.err
        check_invariants(project, finished=False)


# ── lost answers ─────────────────────────────────────────────────────────────────────────────


@by_block
@scenarios("run-sets", "run-hook", "reprocess")
def test_a_command_whose_answer_is_lost_at_any_point_ends_as_if_it_had_come(
    stages: Stages, scenario: Scenario, block: int, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    survived, missed = play_all(stages.of(scenario), "recvfrom", block, tmp_path, play=_lose_an_answer)
    record_property("lost answers survived", survived)
    assert len(missed) <= survived / 10  # an answer that comes in two parts one time is whole another time


def _lose_an_answer(stage: Stage, project: FaultProject, point: Point) -> bool:
    said = stage.disturbed(project, point, "error=ECONNRESET")
    if said.code == 2:  # the database could not be reached at the beginning: nothing was begun
        begun = len(project.sql("SELECT 1 FROM import_batches")) - stage.batches_before
        assert not begun, "exit code 2, but something was written"
        said = stage.again(project)
    _expect(stage, said)
    check_invariants(project, reference=stage.reference)
    return "(INJECTED)" in (project.root / "strace" / point.thread).read_text()


# ── SIGTERM ──────────────────────────────────────────────────────────────────────────────────


@by_block
@scenarios("run-sets", "reprocess")
def test_a_command_that_is_asked_to_stop_at_any_point_stops_or_ends(
    stages: Stages, scenario: Scenario, block: int, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    asked, missed = play_all(stages.of(scenario), "sendto", block, tmp_path, play=_ask_to_stop)
    record_property("points stopped", asked)
    assert not missed


def _ask_to_stop(stage: Stage, project: FaultProject, point: Point) -> bool:
    said = stage.disturbed(project, point, "signal=SIGTERM")
    check_invariants(project, finished=said.code == stage.code)
    assert said.code in (stage.code, 143, -signal.SIGTERM)
    if said.code != stage.code and not _is_done(stage, project):
        _is_told_how_to_go_on(project, said)
        _expect(
            stage, stage.forks.ri(project, *stage.scenario.words(project))
        )  # nobody has to wait: the batch is nobody's now
    check_invariants(project, reference=stage.reference)
    return "SIGTERM" in (project.root / "strace" / point.thread).read_text()


def _is_told_how_to_go_on(project: FaultProject, said: Said) -> None:
    """What has begun is left resumable, and its end says how."""
    batches = project.sql("SELECT status, stop_reason FROM import_batches WHERE status <> 'completed'")
    assert batches in ([], [("failed", "interrupted")])
    if batches:
        assert said.code == 143
        assert "ri resume" in said.err + said.out
