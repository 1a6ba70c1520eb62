"""The embedded server under several real `ri`, of which some are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.embedded import attached_process, eventually, first_line
from support.ri_process import FIRST_CHUNK, counted, feed, is_at_work, people, ri, running_ri, write_people

from ri_declarative.database.embedded import home, locks, status


def is_over(project: Path) -> Callable[[], bool]:
    """Whether neither a server nor a watcher of the project lives any more."""
    return lambda: all(locks.is_free(project / ".ri" / lock) for lock in (home.SERVER_LOCK, home.WATCHER_LOCK))


@pytest.fixture
def project(stopped_project: Path) -> Path:
    """A project with a pipeline and ri's tables, whose server does not run."""
    write_people(stopped_project)
    return stopped_project


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


def test_after_kill_9_of_the_last_ri_its_server_ends_by_itself(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.2")
    with running_ri(project, "run", "people", "-") as killed:
        feed(killed, people("a", FIRST_CHUNK))
        assert eventually(lambda: is_at_work(project))
        killed.kill()
        killed.wait()
    assert eventually(is_over(project))
    assert not status(project).running
    assert ri(project, "run", "people", "-", stdin=people("later", 3)).returncode == 0


def test_kill_9_of_the_postmaster_stops_a_run_with_exit_code_3_and_the_next_one_works(project: Path) -> None:
    assert ri(project, "run", "people", "-", stdin=people("before", 3)).returncode == 0
    with running_ri(project, "run", "people", "-") as run:
        feed(run, people("a", FIRST_CHUNK))
        assert eventually(lambda: is_at_work(project))
        pid = status(project).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        _, said = run.communicate(people("b", FIRST_CHUNK, header=""))
        assert run.returncode == 3, said
        assert "Traceback" not in said
    assert ri(project, "run", "people", "-", stdin=people("after", 3)).returncode == 0
    assert counted(project, "people WHERE name LIKE 'before%' OR name LIKE 'after%'") == 6
    kept = "import_batch_items WHERE status = 'completed'"
    assert counted(project, "people") == counted(project, kept) == counted(project, f"{kept} AND target_id IS NOT NULL")


def test_the_server_is_neither_stopped_nor_removed_under_a_second_ri_when_the_first_is_killed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.1")
    with running_ri(project, "run", "people", "-") as first, running_ri(project, "run", "people", "-") as second:
        feed(first, people("first", FIRST_CHUNK))
        feed(second, people("second", FIRST_CHUNK))
        assert eventually(lambda: is_at_work(project, 2))
        pid = status(project).pid
        first.kill()
        first.wait()
        assert not eventually(lambda: status(project).pid != pid, within_s=0.5)
        for words in (("db", "stop"), ("db", "reset", "--yes")):
            refused = ri(project, *words)
            assert refused.returncode == 2
            assert "error[embedded-in-use]" in refused.stderr
        said = second.communicate(people("more", 3, header=""))
        assert second.returncode == 0, said
    assert eventually(is_over(project))


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
