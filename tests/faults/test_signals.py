"""Signals once, twice and three times, at places where a run is held; a closed terminal, a closed pipe, nohup.

Where it is held: in a `statement` (a trigger of the target waits for a lock that the test has), or in a `hook` (which
waits for a file). So each signal comes at a known moment, and nobody sleeps.
"""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from support.embedded import eventually

from faults.conftest import Make
from faults.support.invariants import Digest, check_invariants, digest_of
from faults.support.project import PATIENCE_S, RI, FaultProject, Said, Shape
from faults.support.records import records
from faults.support.server import ROLE, FaultServer

pytestmark = pytest.mark.faults

FILE = "members.csv"
COUNT, CHUNK = 120, 40
HELD = 50  # the record at which a run is held, in the second chunk
SOME_FAILED = 1
AT_ONCE_S = 5.0  # "within seconds"
ASKED = "stopping after this chunk"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
every_signal = pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
every_place = pytest.mark.parametrize("place", ["statement", "hook"])

TRIGGER = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.email LIKE 'm{held}@%' THEN PERFORM pg_advisory_xact_lock(77); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE INSERT ON public.members FOR EACH ROW EXECUTE FUNCTION public.hold();
"""
HOOK = """
import pathlib
import time


def validate_item(item, ctx):
    if item.index == {held} and not pathlib.Path("released").exists():
        pathlib.Path("reached").touch()
        while not pathlib.Path("released").exists():
            time.sleep(0.01)
    return True
"""


class Hold:
    """A run that is held at its record HELD until it is released."""

    def __init__(self, project: FaultProject, process: subprocess.Popen[str], place: str) -> None:
        self.project, self.process, self.place = project, process, place
        self._keeper = psycopg2.connect(project.database.admin_url)
        self._keeper.cursor().execute("SELECT pg_advisory_lock(77)" if place == "statement" else "SELECT 1")

    def wait(self) -> None:
        """Nothing; it is held."""
        assert eventually(self._is_held), self.project.ended(self.process)

    def release(self) -> None:
        """Nothing; it goes on, if it is still there."""
        self._keeper.close()
        (self.project.root / "released").touch()

    def signal(self, number: signal.Signals) -> None:
        """Nothing; the first one, which it has heard."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        assert eventually(lambda: ASKED in self.process.stderr.readline())  # type: ignore[union-attr]

    def _is_held(self) -> bool:
        if self.place == "hook":
            return (self.project.root / "reached").exists()
        return bool(self.project.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


@pytest.fixture
def project(make: Make) -> FaultProject:
    """The table with its trigger, the pipeline with its hook, and the file."""
    project = make(Shape(writes="walk", chunk_size=CHUNK))
    project.sql(TRIGGER.format(held=HELD))
    with (project.root / "hooks/members.py").open("a") as hooks:
        hooks.write(HOOK.format(held=HELD))
    project.file(FILE, records(COUNT))
    return project


@pytest.fixture(scope="module")
def quiet(fault_server: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> Digest:
    """What an undisturbed run leaves."""
    from faults.support.project import make_project

    with fault_server.fresh_database() as database:
        undisturbed = make_project(
            tmp_path_factory.mktemp("quiet") / "project", database, Shape(writes="walk", chunk_size=CHUNK)
        )
        with (undisturbed.root / "hooks/members.py").open("a") as hooks:
            hooks.write(HOOK.format(held=HELD))
        (undisturbed.root / "released").touch()
        undisturbed.file(FILE, records(COUNT))
        assert undisturbed.ri("run", "members", FILE).code == SOME_FAILED
        check_invariants(undisturbed)
        return digest_of(undisturbed)


@contextlib.contextmanager
def held(project: FaultProject, place: str, *words: str, **options: str) -> Iterator[Hold]:
    """Within: a run that is held; released at the end in any case."""
    words = words or ("run", "members", FILE)
    if place == "statement":
        (project.root / "released").touch()
    hold = Hold.__new__(Hold)
    keeper_first = Hold(project, _nobody(), place)
    hold.__dict__.update(keeper_first.__dict__)
    hold.process = project.start(*words, **options)
    try:
        hold.wait()
        yield hold
    finally:
        hold.release()
        if hold.process.poll() is None:
            hold.process.kill()
            hold.process.communicate()
