"""What crashes, reboots and clumsy hands leave in the folder of an embedded database."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from support.embedded import attached_process, connected, eventually, first_line
from support.postgres import Server

from ri_declarative.database.embedded import attach, home, locks, status, stop

linux_only = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


def test_a_truncated_postmaster_pid_of_a_dead_server_does_not_keep_it_from_starting(stopped_project: Path) -> None:
    pid_file = stopped_project / ".ri/postgres/postmaster.pid"
    for left in ("", "12", "99999999\n/tmp"):
        pid_file.write_text(left)
        with attach(stopped_project):
            assert status(stopped_project).running, left
        assert stop(stopped_project) is True


@linux_only
def test_a_postmaster_pid_that_is_truncated_under_a_living_server_ends_nobody(stopped_project: Path) -> None:
    with attach(stopped_project):
        pid = status(stopped_project).pid
        (stopped_project / ".ri/postgres/postmaster.pid").write_text("")
        with attach(stopped_project):
            assert status(stopped_project).pid == pid


def test_a_stale_postmaster_pid_that_names_the_server_of_another_project_leaves_it_alive(
    stopped_project: Path, server: Server
) -> None:
    with contextlib.closing(psycopg2.connect(server.url("postgres"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_read_file('postmaster.pid')")
        recorded = str(cursor.fetchone()[0])  # type: ignore[index]
        (stopped_project / ".ri/postgres/postmaster.pid").write_text(recorded)
        with attach(stopped_project):
            assert status(stopped_project).pid not in (None, int(recorded.split()[0]))
        assert stop(stopped_project) is True
        cursor.execute("SELECT 1")


@pytest.mark.parametrize("tmp_was_cleaned", [False, True], ids=["tmp-kept", "tmp-cleaned"])
def test_after_a_reboot_it_starts_with_its_data_whatever_files_were_left(
    stopped_project: Path, tmp_was_cleaned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.2")  # its watcher, too, is to be gone soon
    with left_by_a_power_cut(stopped_project) as socket_dir:
        if tmp_was_cleaned:
            for path in socket_dir.iterdir():
                path.unlink()
            socket_dir.rmdir()
        assert not status(stopped_project).running
        with attach(stopped_project) as server, connected(server.dsn) as cursor:
            cursor.execute("SELECT answer FROM kept")
            assert cursor.fetchone() == (42,)


@contextlib.contextmanager
def left_by_a_power_cut(project: Path) -> Iterator[Path]:
    """Within: no process, but lock files, postmaster.pid, a dead socket and its lock. Yields the socket's folder."""
    with attach(project) as server, connected(server.dsn) as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid = status(project).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    locks_left = [project / ".ri" / name for name in (home.SERVER_LOCK, home.WATCHER_LOCK)]
    assert eventually(lambda: all(map(locks.is_free, locks_left)))
    cluster = home.cluster_of(project / ".ri")
    assert (cluster.data / "postmaster.pid").exists()
    assert all(path.exists() for path in locks_left)
    cluster.socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(cluster.socket))
    assert cluster.socket.with_name(f"{cluster.socket.name}.lock").exists()
    yield cluster.socket_dir


@linux_only
def test_an_initdb_that_is_killed_is_reported_thrown_away_and_done_again(project_folder: Path) -> None:
    with attached_process(project_folder) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert eventually(lambda: bool(initdbs(children)))
        os.kill(initdbs(children)[0], signal.SIGKILL)
        assert first_line(process) == "embedded-start"
    assert list((project_folder / ".ri").glob("postgres*new*")) == []
    with attach(project_folder):
        assert status(project_folder).running


def initdbs(children: Path) -> list[int]:
    """The children that are an initdb at work."""
    pids = []
    for pid in children.read_text().split():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == "initdb":
                pids.append(int(pid))
    return pids


def test_a_reset_that_was_killed_half_way_leaves_nothing_to_the_next_database(stopped_project: Path) -> None:
    data = stopped_project / ".ri/postgres"
    data.rename(data.with_name("postgres.old-4711"))
    assert status(stopped_project).version is None
    with attach(stopped_project):
        assert not list(data.parent.glob("postgres.old-*"))


def test_the_files_of_an_embedded_database_are_for_its_owner_only(stopped_project: Path) -> None:
    with attach(stopped_project):
        found = subprocess.run(
            ["find", stopped_project / ".ri", "!", "-name", ".gitignore", "-perm", "/077"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert found.stdout.splitlines() == [str(stopped_project / ".ri")]
