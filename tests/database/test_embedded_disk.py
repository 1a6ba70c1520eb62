"""The embedded server on a disk that is full, or that cannot be written: a small one of memory, mounted by root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.embedded import copy_database, eventually, stop_for_good
from support.ri_process import held_at_work, is_at_work, people, ri, running_ri, write_people


@dataclass(frozen=True)
class Disk:
    """A project on a disk of its own."""

    project: Path

    def remount(self, options: str) -> None:
        """Nothing; the disk is mounted with these options from now on."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.project], check=True)

    @contextlib.contextmanager
    def filled(self) -> Iterator[None]:
        """Within: not a byte is free."""
        filler = self.project / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4_096))
        try:
            yield
        finally:
            filler.unlink()


@pytest.fixture
def disk(project_folder: Path) -> Iterator[Disk]:
    """An empty disk of 30 MB; an embedded database needs 50."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m,mode=755", "tmpfs", project_folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a disk of memory, and not everywhere")
    try:
        write_people(project_folder)
        yield Disk(project_folder)
        stop_for_good(project_folder)
    finally:
        subprocess.run(["umount", "--lazy", project_folder], check=True)


@pytest.fixture
def made(disk: Disk, seed: Path) -> Disk:
    """A disk of 100 MB with an embedded database, which does not run."""
    disk.remount("size=100m")
    copy_database(seed, disk.project)
    return disk


def test_a_disk_too_small_for_a_database_is_a_clear_error_and_with_more_space_it_is_made(disk: Disk) -> None:
    refused = ri(disk.project, "db", "start")
    assert refused.returncode == 2
    assert "error[embedded-full]" in refused.stderr
    assert "No space left on device" in refused.stderr
    assert "MB are free" in refused.stderr
    disk.remount("size=100m")
    assert ri(disk.project, "db", "start").returncode == 0
    assert ri(disk.project, "run", "people", "-", stdin=people("a", 3)).returncode == 0


def test_a_disk_without_a_byte_is_a_clear_error_for_every_command(disk: Disk) -> None:
    with disk.filled():
        for words in (["db", "start"], ["run", "people", "-"], ["db", "psql"]):
            refused = ri(disk.project, *words, stdin=people("a", 3))
            assert refused.returncode == 2
            assert "error[embedded-full]" in refused.stderr
        assert ri(disk.project, "db", "status").returncode == 0
    disk.remount("size=100m")
    assert ri(disk.project, "run", "people", "-", stdin=people("a", 3)).returncode == 0


def test_a_disk_that_is_full_when_the_server_starts_is_named_and_nothing_is_lost(made: Disk) -> None:
    assert ri(made.project, "run", "people", "-", stdin=people("before", 3)).returncode == 0
    assert ri(made.project, "db", "stop").returncode == 0
    with made.filled():
        refused = ri(made.project, "run", "people", "-", stdin=people("during", 3))
        assert refused.returncode == 2
        assert "error[embedded-full]" in refused.stderr
    assert ri(made.project, "run", "people", "-", stdin=people("after", 3)).returncode == 0
    counted = ri(made.project, "db", "psql", "--", "-Atc", "SELECT string_agg(email, ' ' ORDER BY email) FROM people")
    assert "before0@example.org before1@example.org before2@example.org" in counted.stdout


def test_a_disk_that_fills_up_during_a_run_stops_it_consistent_and_with_space_the_next_one_finishes_it(
    made: Disk,
) -> None:
    (made.project / "a.csv").write_text(people("a", 30_000))
    (made.project / "ri.yaml").write_text("lease: 1s\n")  # a server that is full may not even note that the run stopped
    words = ("run", "people", "a.csv", "--wait", "--give-up-after", "1")
    with held_at_work(made.project) as let_go, running_ri(made.project, *words) as run:
        assert eventually(lambda: is_at_work(made.project))
        with made.filled():
            let_go()
            _, said = run.communicate(timeout=60)
        assert run.returncode == 3, said
        assert "Traceback" not in said
    accounts = (
        "SELECT (SELECT count(*) FROM people) = (SELECT count(*) FROM import_batch_items WHERE status = 'completed')"
    )
    asked = ri(made.project, "db", "psql", "--", "-Atc", accounts)
    assert asked.stdout == "t\n", asked.stderr
    again = ri(made.project, *words)
    assert again.returncode == 0, again.stderr
    asked = ri(made.project, "db", "psql", "--", "-Atc", "SELECT status, completed FROM import_batches; " + accounts)
    assert asked.stdout == "completed|30000\nt\n", asked.stderr


def test_a_dump_to_a_full_disk_leaves_no_file(made: Disk) -> None:
    assert ri(made.project, "db", "start").returncode == 0
    with made.filled():
        refused = ri(made.project, "db", "dump", "copy.sql")
        assert refused.returncode == 2
        assert "error[dump-failed] pg_dump: error: " in refused.stderr
        assert list(made.project.glob("copy*")) == []
    assert ri(made.project, "db", "dump", "copy.sql").returncode == 0


@pytest.mark.parametrize("database", ["none", "made"])
def test_a_read_only_disk_is_a_clear_error(disk: Disk, seed: Path, database: str) -> None:
    disk.remount("size=100m")
    if database == "made":
        copy_database(seed, disk.project)
    disk.remount("ro")
    try:
        for words in (["db", "start"], ["run", "people", "-"]):
            refused = ri(disk.project, *words, stdin=people("a", 3))
            assert refused.returncode == 2
            assert "error[embedded-folder]" in refused.stderr
            assert "read-only file system" in refused.stderr
        assert ri(disk.project, "db", "status").returncode == 0
    finally:
        disk.remount("rw")
