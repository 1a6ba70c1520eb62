"""The embedded PostgreSQL: starts, is shared, ends when nobody uses it, and harms nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest
from support.embedded import (
    AS_NOBODY,
    attached_process,
    connected,
    eventually,
    first_line,
    stop_for_good,
)

from ri_declarative.database.embedded import attach, home, locks, start, status, stop
from ri_declarative.errors import DatabaseError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
linux_only = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


def ask(dsn: str, question: str) -> object:
    with connected(dsn) as cursor:
        cursor.execute(question)
        row = cursor.fetchone()
        assert row is not None
        return row[0]


def test_a_first_attach_makes_and_starts_a_utf8_database_that_listens_on_a_private_socket_only(
    project_folder: Path,
) -> None:
    with attach(project_folder) as server:
        with connected(server.dsn) as cursor:
            cursor.execute("SELECT datname, pg_encoding_to_char(encoding), datcollate FROM pg_database")
            assert ("ri", "UTF8", "C.UTF-8") in cursor.fetchall()
        assert ask(server.dsn, "SHOW listen_addresses") == ""
        assert ask(server.dsn, "SHOW fsync") == "on"
        assert ask(server.dsn, "SELECT current_user::text") == "ri"
    state = status(project_folder)
    assert state.running
    assert state.data_dir == project_folder / ".ri/postgres"
    assert state.size_bytes is not None
    assert state.size_bytes > 1_000_000


def test_a_status_of_a_project_without_a_database_changes_nothing(project_folder: Path) -> None:
    state = status(project_folder)
    assert (state.running, state.url, state.version, state.pid, state.size_bytes) == (False, None, None, None, None)
    assert list(project_folder.iterdir()) == []
    assert stop(project_folder) is False


def test_two_processes_that_start_it_at_once_share_one_server(project_folder: Path) -> None:
    with attached_process(project_folder) as one, attached_process(project_folder) as other:
        assert first_line(one) == first_line(other) == str(status(project_folder).pid)


def test_it_is_not_stopped_under_another_process_and_its_use_ends_with_kill_9(shared_project: Path) -> None:
    with attached_process(shared_project) as other:
        first_line(other)
        with pytest.raises(DatabaseError) as refused:
            stop(shared_project)
        assert refused.value.code == "embedded-in-use"
        other.kill()
        other.wait()
        assert stop(shared_project) is True
    assert not status(shared_project).running


def test_it_ends_when_nobody_uses_it_and_starts_again_with_its_data(
    stopped_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.2")
    with attach(stopped_project) as server, connected(server.dsn) as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        socket_dir = Path(str(ask(server.dsn, "SHOW unix_socket_directories")))
    assert eventually(lambda: locks.is_free(stopped_project / ".ri" / home.WATCHER_LOCK))
    assert not status(stopped_project).running
    assert not socket_dir.exists()
    with attach(stopped_project) as server:
        assert ask(server.dsn, "SELECT answer FROM kept") == 42


def test_it_does_not_end_while_it_is_attached_connected_or_kept(
    stopped_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_EMBEDDED_IDLE_S", "0.1")
    with attach(stopped_project) as server:
        pid = status(stopped_project).pid
        assert not eventually(lambda: status(stopped_project).pid != pid, within_s=0.6)
        session = psycopg2.connect(server.dsn)
    with contextlib.closing(session):
        assert not eventually(lambda: status(stopped_project).pid != pid, within_s=0.6)
        start(stopped_project)
    assert not eventually(lambda: status(stopped_project).pid != pid, within_s=0.6)
    assert status(stopped_project).keep
    assert stop(stopped_project) is True
    assert not status(stopped_project).keep


def test_after_kill_9_of_the_server_the_next_attach_starts_it_with_what_was_committed(shared_project: Path) -> None:
    with attach(shared_project) as server, connected(server.dsn) as cursor:
        cursor.execute("CREATE TABLE survives AS SELECT 42 AS answer")
        pid = status(shared_project).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with attach(shared_project) as again:
            assert ask(again.dsn, "SELECT answer FROM survives") == 42
            assert status(shared_project).pid != pid


def test_a_stale_postmaster_pid_that_names_a_stranger_leaves_him_alive(shared_project: Path) -> None:
    with attach(shared_project):
        pid_file = shared_project / ".ri/postgres/postmaster.pid"
        recorded = pid_file.read_text().split("\n")
        owner = pid_file.stat()
    stop(shared_project)
    as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd=shared_project, **as_owner)  # type: ignore[call-overload]
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *recorded[1:]]))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert stop(shared_project) is False
        assert status(shared_project).pid is None
        with attach(shared_project) as server:
            assert ask(server.dsn, "SELECT 1") == 1
        assert stop(shared_project) is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_initdb_that_was_killed_is_thrown_away_and_done_again(project_folder: Path) -> None:
    def unfinished() -> list[Path]:
        return list((project_folder / ".ri").glob("postgres.new-*"))

    with attached_process(project_folder) as killed:
        assert eventually(lambda: bool(unfinished()))
        killed.kill()
        killed.wait()
    assert not (project_folder / ".ri/postgres").exists()
    with attach(project_folder) as server:
        assert ask(server.dsn, "SELECT 1") == 1
    assert unfinished() == []


@pytest.mark.parametrize("name", ['it\'s a "fine" $HOME; folder', "long/" + "/".join(["x" * 60] * 4)])
def test_a_project_may_lie_in_any_folder(project_folder: Path, name: str) -> None:
    project = project_folder / name
    project.mkdir(parents=True)
    try:
        with attach(project) as server:
            assert ask(server.dsn, "SHOW data_directory") == str(project / ".ri/postgres")
    finally:
        stop_for_good(project)


def test_the_callers_pg_variables_do_not_reach_it(shared_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "6543", "PGDATA": "/nowhere", "PGHOST": "db.invalid", "PGOPTIONS": "-c x=y"}.items():
        monkeypatch.setenv(name, value)
    with attach(shared_project) as server:
        monkeypatch.delenv("PGOPTIONS")
        assert ask(server.dsn, "SHOW port") == "5432"


def test_its_log_holds_no_values_of_records(shared_project: Path) -> None:
    with attach(shared_project) as server, connected(server.dsn) as cursor:
        cursor.execute("CREATE TABLE people (email text PRIMARY KEY); INSERT INTO people VALUES ('ann@secret.example')")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            cursor.execute("INSERT INTO people VALUES ('ann@secret.example')")
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation):
            cursor.execute("SELECT 'ann@secret.example'::int")
    log = (shared_project / ".ri/postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "secret" not in log


def test_a_removed_data_folder_gives_a_fresh_database_and_ends_the_server_it_was_removed_under(
    stopped_project: Path,
) -> None:
    with attach(stopped_project) as server, connected(server.dsn) as cursor:
        cursor.execute("CREATE TABLE gone ()")
        before = status(stopped_project).pid
    shutil.rmtree(stopped_project / ".ri")
    with attach(stopped_project) as server:
        assert ask(server.dsn, "SELECT to_regclass('gone') IS NULL") is True
    assert not Path(f"/proc/{before}/cwd").exists()


@linux_only
def test_a_project_that_was_moved_while_the_server_ran_finds_its_data(stopped_project: Path) -> None:
    before, after = stopped_project / "before", stopped_project / "after"
    before.mkdir()
    (stopped_project / ".ri").rename(before / ".ri")
    old_socket_dir = home.cluster_of(before / ".ri").socket_dir
    try:
        with attach(before) as server, connected(server.dsn) as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        before.rename(after)
        with attach(after) as server:
            assert ask(server.dsn, "SELECT answer FROM kept") == 42
        old_socket_dir.rmdir()
    finally:
        for place in (before, after):
            stop_for_good(place)


def test_data_of_another_major_version_is_refused_with_the_way_out(stopped_project: Path) -> None:
    (stopped_project / ".ri/postgres/PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 9") as refused:
        attach(stopped_project)
    assert refused.value.code == "embedded-version"
    assert "RI_PG_BIN" in str(refused.value)


def test_a_start_that_fails_says_what_postgresql_said(stopped_project: Path) -> None:
    with (stopped_project / ".ri/postgres/postgresql.conf").open("a") as config:
        config.write("no_such_setting = 1\n")
    with pytest.raises(DatabaseError, match="no_such_setting") as failed:
        attach(stopped_project)
    assert failed.value.code == "embedded-start"


def test_a_socket_folder_that_others_could_look_into_is_refused(shared_project: Path) -> None:
    socket_dir = home.cluster_of(shared_project / ".ri").socket_dir
    socket_dir.mkdir(mode=0o755)
    try:
        with pytest.raises(DatabaseError) as refused:
            attach(shared_project)
    finally:
        socket_dir.rmdir()
    assert refused.value.code == "embedded-socket"


def test_a_project_whose_ri_is_a_file_is_a_clear_error(project_folder: Path) -> None:
    (project_folder / ".ri").touch()
    with pytest.raises(DatabaseError) as refused:
        attach(project_folder)
    assert refused.value.code == "embedded-folder"
    assert str(project_folder / ".ri") in refused.value.message
    (project_folder / ".ri").unlink()


@root_only
def test_an_ordinary_user_has_a_server_of_his_own_which_root_can_use_too(project_folder: Path) -> None:
    shutil.chown(project_folder, "nobody", "nogroup")
    with attached_process(project_folder, prefix=AS_NOBODY) as ordinary:
        pid = first_line(ordinary)
        assert pid.isdecimal()
        assert Path("/proc", pid).stat().st_uid == project_folder.stat().st_uid
        with attach(project_folder) as server:
            assert ask(server.dsn, "SELECT 1") == 1
        assert str(status(project_folder).pid) == pid
    assert {path.owner() for path in (project_folder / ".ri").iterdir()} == {"nobody"}


@root_only
def test_a_folder_that_cannot_be_written_is_a_clear_error(project_folder: Path) -> None:
    with attached_process(project_folder, prefix=AS_NOBODY) as ordinary:
        assert first_line(ordinary) == "embedded-folder"


@root_only
def test_a_project_that_the_servers_user_cannot_enter_has_its_data_elsewhere(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "ELSEWHERE", project_folder / "elsewhere")
    private = project_folder / "private"
    project = private / "project"
    private.mkdir(mode=0o700)
    project.mkdir()
    try:
        with attach(project) as server, connected(server.dsn) as cursor:
            cursor.execute("CREATE TABLE kept ()")
            assert status(project).data_dir.is_relative_to(project_folder / "elsewhere")
            assert status(project).pid is not None
        copy = Path(shutil.copytree(project, private / "copy"))
        assert home.find_home(copy) == copy / ".ri"
        moved = project.rename(private / "moved")
        with attach(moved) as server:
            assert ask(server.dsn, "SELECT to_regclass('kept') IS NOT NULL") is True
    finally:
        for place in (project, private / "moved"):
            stop_for_good(place)
