"""The embedded server under several real `ri`, of which some are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.embedded import attached_process, eventually, first_line
from support.ri_process import CHUNK, counted, held_at_work, is_at_work, people, ri, running_ri, write_people

from ri_declarative.database.embedded import home, locks, status


def is_over(project: Path) -> Callable[[], bool]:
    """Whether neither a server nor a watcher of the project lives any more."""
    return lambda: all(locks.is_free(project / ".ri" / lock) for lock in (home.SERVER_LOCK, home.WATCHER_LOCK))


RECORDS = 3 * CHUNK
PATIENCE_S = 60  # for a run that is to end by itself


@pytest.fixture
def project(stopped_project: Path) -> Path:
    """A project with a pipeline, a.csv and ri's tables, whose server does not run; dead runs are replaced soon."""
    write_people(stopped_project)
    (stopped_project / "a.csv").write_text(people("a", RECORDS))
    (stopped_project / "ri.yaml").write_text("lease: 1s\n")
    return stopped_project


def kill_server(project: Path) -> None:
    """Nothing; the project's postmaster has got a SIGKILL."""
    pid = status(project).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def assert_in_once(project: Path) -> None:
    """The records of a.csv are all there, taken in by one batch, each with an item that leads to its row."""
    assert counted(project, f"import_batches WHERE status = 'completed' AND completed = {RECORDS}") == 1
    assert counted(project, "import_batches WHERE source_info ->> 'name' = 'a.csv'") == 1
    kept = "import_batch_items WHERE status = 'completed'"
    assert counted(project, "people") == counted(project, kept) == counted(project, f"{kept} AND target_id IS NOT NULL")


def test_three_ri_that_race_on_a_fresh_folder_share_one_server_and_lose_no_record(project_folder: Path) -> None:
    write_people(project_folder)
    for name in "abc":
        (project_folder / f"{name}.csv").write_text(people(name, 100))
    with (
        running_ri(project_folder, "run", "people", "a.csv") as a,
        running_ri(project_folder, "run", "people", "b.csv") as b,
        running_ri(project_folder, "run", "people", "c.csv") as c,
    ):
        said = [process.communicate() for process in (a, b, c)]
        assert [process.returncode for process in (a, b, c)] == [0, 0, 0], said
    assert counted(project_folder, "people") == 300
    assert counted(project_folder, "import_batches WHERE status = 'completed' AND completed = 100") == 3
    assert [path.name for path in (project_folder / ".ri").glob("postgres.new*")] == []


def test_after_kill_9_of_the_last_ri_its_server_ends_by_itself_and_the_next_one_finishes_the_batch(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.2")
    with held_at_work(project), running_ri(project, "run", "people", "a.csv") as killed:
        assert eventually(lambda: is_at_work(project))
        killed.kill()
        killed.wait()
    assert eventually(is_over(project))
    assert not status(project).running
    again = ri(project, "run", "people", "a.csv", "--wait")
    assert again.returncode == 0, again.stderr
    assert f"(lost) after {CHUNK} records" in again.stderr
    assert_in_once(project)


def test_a_run_whose_postmaster_is_killed_starts_it_again_and_goes_on(project: Path) -> None:
    assert ri(project, "run", "people", "-", stdin=people("before", 3)).returncode == 0
    with held_at_work(project) as let_go, running_ri(project, "run", "people", "a.csv") as run:
        assert eventually(lambda: is_at_work(project))
        kill_server(project)
        let_go()
        _, said = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, said
    assert "the connection to the database was lost" in said
    assert "Traceback" not in said
    assert counted(project, "people WHERE name LIKE 'before%'") == 3
    assert_in_once(project)


def test_the_server_is_neither_stopped_nor_removed_under_a_second_ri_when_the_first_is_killed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.1")
    write_people(project, more="concurrency: many\n")
    (project / "b.csv").write_text(people("b", RECORDS))
    with (
        held_at_work(project) as let_go,
        running_ri(project, "run", "people", "a.csv") as first,
        running_ri(project, "run", "people", "b.csv") as second,
    ):
        assert eventually(lambda: is_at_work(project, 2))
        pid = status(project).pid
        first.kill()
        first.wait()
        assert not eventually(lambda: status(project).pid != pid, within_s=0.5)
        for words in (("db", "stop"), ("db", "reset", "--yes")):
            refused = ri(project, *words)
            assert refused.returncode == 2
            assert "error[embedded-in-use]" in refused.stderr
        let_go()
        said = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 0, said
    assert eventually(is_over(project))
    assert counted(project, "people WHERE name LIKE 'b%'") == RECORDS


def test_a_server_has_its_watcher_before_it_is_there_itself(shared_project: Path) -> None:
    home_ = shared_project / ".ri"
    with attached_process(shared_project) as process:
        assert eventually(lambda: not locks.is_free(home_ / home.SERVER_LOCK))
        assert not locks.is_free(home_ / home.WATCHER_LOCK)
        assert first_line(process).isdecimal()


def test_an_ri_that_is_killed_while_it_starts_the_server_leaves_none_behind(
    stopped_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.1")
    with attached_process(stopped_project) as killed:
        assert eventually(lambda: not locks.is_free(stopped_project / ".ri" / home.SERVER_LOCK))
        killed.kill()
        killed.wait()
    assert eventually(is_over(stopped_project))
