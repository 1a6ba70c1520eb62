"""Runs that are held at one record, so that what happens to them happens at a known moment, and nobody sleeps.

    hold_at(project, 50)                        the 51st record of members.csv is where it is held, if anybody holds
    with holding(project, "statement") as hold:         or "hook"
        process = project.start("run", "members", "members.csv")
        hold.wait_for(process)
        …
        hold.release()                          at the end of the block in any case

`statement`: a trigger of the target waits for a lock (shapes but `sets` only: a trigger makes it a walk).
`hook`: Python waits for a file, without a word to the database.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import connection as Connection
from support.embedded import eventually

from faults.support.project import FaultProject

TRIGGER = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.email LIKE 'm{index}@%' THEN PERFORM pg_advisory_xact_lock(77); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE INSERT ON public.members FOR EACH ROW EXECUTE FUNCTION public.hold();
"""
HOOK = """
import pathlib
import time


def validate_item(item, ctx):
    if item.index == {index}:
        while pathlib.Path("hold").exists():
            pathlib.Path("held").touch()
            time.sleep(0.01)
    return True
"""


@dataclass(frozen=True)
class Hold:
    """Somebody holds runs of the project at their record."""

    project: FaultProject
    place: str
    keeper: Connection

    def wait_for(self, process: subprocess.Popen[str]) -> None:
        """Nothing; a run is held."""
        assert eventually(lambda: self._is_held() or process.poll() is not None)
        assert process.poll() is None, self.project.ended(process)

    def release(self) -> None:
        """Nothing; who was held goes on, if he is still there."""
        self.keeper.close()
        for name in ("hold", "held"):
            (self.project.root / name).unlink(missing_ok=True)

    def _is_held(self) -> bool:
        if self.place == "hook":
            return (self.project.root / "held").exists()
        return bool(self.project.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


def hold_at(project: FaultProject, index: int) -> None:
    """Nothing; a trigger and a hook stop at that record when they are told to."""
    project.sql(TRIGGER.format(index=index))
    with (project.root / "hooks/members.py").open("a", encoding="utf-8") as hooks:
        hooks.write(HOOK.format(index=index))


@contextlib.contextmanager
def holding(project: FaultProject, place: str) -> Iterator[Hold]:
    """Within: a run that comes to the record is held there."""
    with contextlib.closing(psycopg2.connect(project.database.admin_url)) as keeper:
        keeper.autocommit = True
        hold = Hold(project, place, keeper)
        if place == "statement":
            keeper.cursor().execute("SELECT pg_advisory_lock(77)")
        else:
            (project.root / "hold").touch()
        try:
            yield hold
        finally:
            hold.release()
