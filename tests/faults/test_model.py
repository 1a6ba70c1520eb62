"""A model: random commands and faults, one after the other, against a dictionary that does the same in plain Python.

After every step the target must be the dictionary and every item must have ended as the dictionary says. The dictionary
is `oracle.Table`; what it is given is the records that are new in the books, in the order in which batches were begun.
RI_TEST_SEED=N repeats a run, as far as the moments of its kills can be repeated.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.embedded import eventually

from faults.support.invariants import batches_of, check_invariants, nobody_is_left, rows_in
from faults.support.oracle import Expected, Read, Table, read_csv
from faults.support.project import NAME, FaultProject, Said, Shape, make_project
from faults.support.records import BAD, records, repaired
from faults.support.server import FaultServer

pytestmark = pytest.mark.faults

SEED = int(os.environ.get("RI_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
EXAMPLES, STEPS = 8, 14
RECORDS = 40
MOST_DEATHS = 2  # of the runners of one batch: the third may condemn an innocent record as poison
PATIENCE_S = 60.0
SLOW = """

import time


def validate_item(item, ctx):
    time.sleep(0.004)
    return True
"""

# Nothing that is drawn may depend on what the world has done: a kill at the same moment may have another effect.
moments = st.integers(0, RECORDS)  # records that are committed when a fault comes
which = st.integers(0, 99)  # of the batches to which something can be done


@dataclass
class Known:
    """A batch as the model knows it."""

    words: tuple[str, ...]  # of the command that began it, and that goes on with it
    records: list[Read]
    parent: str | None = None
    ends: list[Expected] = field(default_factory=list)  # of the records that have reached one
    deaths: int = 0
    completed: bool = False  # a runner may die between its last record and saying so
    abandoned: bool = False

    @property
    def unfinished(self) -> bool:
        """Whether there is something left to do that somebody will do."""
        return not self.completed and not self.abandoned

    @property
    def failed(self) -> list[int]:
        """The indexes of its failed records."""
        return [end.index for end in self.ends if end.status == "failed"]


class Imports(RuleBasedStateMachine):
    """One project with a database of its own."""

    server: ClassVar[FaultServer]
    folder: ClassVar[Path]
    steps: ClassVar[int] = 0
    faults: ClassVar[int] = 0

    @initialize(writes=st.sampled_from(["sets", "walk", "process_item"]), chunk_size=st.integers(3, 20))
    def begin(self, writes: str, chunk_size: int) -> None:
        """An empty project."""
        self.cleanup = ExitStack()
        database = self.cleanup.enter_context(self.server.fresh_database())
        self.shape = Shape(writes, chunk_size=chunk_size, lease="1s")
        self.project: FaultProject = make_project(self.folder / database.name, database, self.shape)
        hook = self.project.root / "hooks" / f"{NAME}.py"
        hook.write_text(hook.read_text() + SLOW)
        self.table = Table(self.shape)
        self.batches: dict[str, Known] = {}
        self.files = 0
        print(f"── a new project: {self.shape}")

    # ── commands ─────────────────────────────────────────────────────────────────────────────

    @rule(bad=st.lists(st.sampled_from(sorted(BAD)), max_size=4), same_keys=st.booleans())
    def run(self, bad: list[str], same_keys: bool) -> None:
        """A new file, undisturbed."""
        new = self._new_file(bad, same_keys=same_keys)
        self._ends_well(new, self._ri(*new.words))
        assert not self._newest(new).unfinished

    @rule(which=which, by=st.sampled_from(["run", "resume"]))
    def go_on(self, which: int, by: str) -> None:
        """The one command, or the other one, finishes a batch that stopped."""
        if (batch_id := _one(self._resumable(), which)) is None:
            return
        known = self.batches[batch_id]
        words = known.words if by == "run" else ("resume", batch_id)
        self._ends_well(known, self._ri(*words, "--wait"))
        assert not known.unfinished

    @rule(which=which)
    def abandon(self, which: int) -> None:
        """A batch that nobody will finish, and that nobody can finish then."""
        if (batch_id := _one(self._resumable(), which)) is None:
            return
        self._lease_ends()
        assert self._ri("abandon", batch_id, "--reason", "model").code == 0
        assert self._ri("resume", batch_id).code == 2
        self.batches[batch_id].abandoned = True
        self._catch_up()

    @rule(which=which, mend=st.booleans(), moment=st.none() | st.integers(0, 4))
    def reprocess(self, which: int, mend: bool, moment: int | None) -> None:
        """The failed records again, as they are or repaired; killed at a moment and given once more, or undisturbed."""
        if (batch_id := _one(self._repairable(), which)) is None:
            return
        again = self._repetition(batch_id, mend=mend)
        if moment is not None:
            self._killed(again, moment, signal.SIGKILL)
            self._lease_ends()
        self._ends_well(again, self._ri(*again.words))

    @rule(chunk_size=st.integers(3, 20), description=st.integers())
    def edit_the_pipeline(self, chunk_size: int, description: int) -> None:
        """Another fingerprint, which means the same."""
        path = self.project.root / "pipelines" / f"{NAME}.yaml"
        lines = path.read_text().splitlines()
        changed = {"description": f"Members, version {description}", "chunk_size": str(chunk_size)}
        path.write_text("".join(f"{self._changed(line, changed)}\n" for line in lines))

    # ── faults ───────────────────────────────────────────────────────────────────────────────

    @rule(bad=st.lists(st.sampled_from(sorted(BAD)), max_size=4), moment=moments, term=st.booleans())
    def run_and_stop(self, bad: list[str], moment: int, term: bool) -> None:
        """A new file, whose runner is killed, or asked to end."""
        self._killed(self._new_file(bad), moment, signal.SIGTERM if term else signal.SIGKILL)

    @rule(which=which, moment=moments, term=st.booleans())
    def go_on_and_stop(self, which: int, moment: int, term: bool) -> None:
        """The same happens to one that goes on."""
        if (batch_id := _one(self._resumable(), which)) is None:
            return
        known = self.batches[batch_id]
        mortal = known.deaths < MOST_DEATHS
        self._killed(known, moment, signal.SIGKILL if mortal and not term else signal.SIGTERM)

    @rule(immediate=st.booleans())
    def restart_the_server(self, immediate: bool) -> None:
        """While nobody works."""
        if immediate:
            self.server.crash()
            self.server.start()
        else:
            self.server.restart()

    @rule(bad=st.lists(st.sampled_from(sorted(BAD)), max_size=4), moment=moments)
    def the_server_crashes_under_a_run(self, bad: list[str], moment: int) -> None:
        """It reconnects and goes on, without another command."""
        new = self._new_file(bad)
        runner = self._started(*new.words)
        self._wait_for(runner, moment)
        self.server.crash()
        self.server.start()
        type(self).faults += 1
        self._ends_well(new, self.project.ended(runner))

    @rule(bad=st.lists(st.sampled_from(sorted(BAD)), max_size=4), waits=st.booleans())
    def a_second_runner(self, bad: list[str], waits: bool) -> None:
        """Two at once on a new file: one works, the other one is refused, waits, or comes when all is done."""
        new = self._new_file(bad)
        more = ("--wait",) if waits else ()
        said = [self.project.ended(runner) for runner in [self._started(*new.words, *more) for _ in range(2)]]
        good = [one for one in said if one.code != 3]
        assert len(good) >= (2 if waits else 1), said
        for one in good:
            self._ends_well(new, one)

    # ── what must hold ───────────────────────────────────────────────────────────────────────

    @invariant()
    def what_is_stored_is_what_the_dictionary_says(self) -> None:
        """Also in the middle of a batch."""
        if not hasattr(self, "project"):
            return
        type(self).steps += 1
        check_invariants(self.project, finished=False, in_order=False)
        assert {key: row for key, (row, _) in rows_in(self.project).items()} == self.table.rows
        self.project.said.clear()

    def teardown(self) -> None:
        """Whatever has happened: in the end one command for each batch finishes all of them."""
        if not hasattr(self, "project"):
            return
        with self.cleanup:
            for batch_id in self._resumable():
                self._ends_well(self.batches[batch_id], self._ri("resume", batch_id, "--wait"))
            check_invariants(self.project, in_order=False)

    # ── helpers ──────────────────────────────────────────────────────────────────────────────

    def _resumable(self) -> list[str]:
        return [batch_id for batch_id, known in self.batches.items() if known.unfinished]

    def _repairable(self) -> list[str]:
        """The batches of files that are finished and have failed records that nothing has repaired."""
        return [
            batch_id
            for batch_id, known in self.batches.items()
            if known.parent is None and not known.unfinished and not known.abandoned and self._needs_repair(batch_id)
        ]

    def _needs_repair(self, batch_id: str) -> list[Read]:
        """Its failed records of which no repetition has completed or been skipped, and none is under way."""
        again = [known for known in self.batches.values() if known.parent == batch_id]
        if any(known.unfinished for known in again):
            return []
        done = {end.index for known in again for end in known.ends if end.status != "failed"}
        known = self.batches[batch_id]
        return [known.records[index] for index in known.failed if index not in done]

    def _new_file(self, bad: Sequence[str], *, same_keys: bool = False) -> Known:
        """A file that there was not before; its keys are those of all such files, or its own."""
        self.files += 1
        name = f"file-{self.files}.csv"
        made = records(RECORDS, seed=self.files, bad=bad, label="same" if same_keys else f"f{self.files}x")
        path = self.project.file(name, made)
        return Known(("run", NAME, name), read_csv(path.read_text()))

    def _repetition(self, batch_id: str, *, mend: bool) -> Known:
        taken = self._needs_repair(batch_id)
        if not mend:
            return Known(("reprocess", batch_id), taken, batch_id)
        name = f"fix-{len(self.batches)}.csv"
        # Failed again, they are listed with the batch that took them last.
        last = [batch_id, *(again for again, known in self.batches.items() if known.parent == batch_id)][-1]
        assert self.project.repair(last, name=name) == len(taken)
        mended = [read._replace(cells=repaired(read.cells)) for read in taken]
        return Known(("reprocess", batch_id, "--from", name), mended, batch_id)

    def _ri(self, *words: str) -> Said:
        print(" ".join(words))
        return self.project.ri(*words)

    def _started(self, *words: str) -> subprocess.Popen[str]:
        print(" ".join(words))
        return self.project.start(*words)

    def _killed(self, known: Known, moment: int, number: signal.Signals) -> None:
        """Nothing; the command has been given and its runner has been sent a signal at that moment, if it still was."""
        self._lease_ends()
        runner = self._started(*known.words)
        self._wait_for(runner, moment)
        runner.send_signal(number)
        said = self.project.ended(runner)
        print(f"{number.name} when {moment} were committed: exit {said.code}")
        # A signal may come before there is anybody to handle it.
        assert said.code in (0, 1, -signal.SIGKILL, -signal.SIGTERM, 143), said
        type(self).faults += said.code not in (0, 1)
        known = self._catch_up(known)
        known.deaths += said.code == -signal.SIGKILL

    def _wait_for(self, runner: subprocess.Popen[str], moment: int) -> None:
        """Nothing; the batch that was begun last has so many items, or its runner has ended."""
        count = (
            "SELECT count(*) FROM import_batch_items i JOIN import_batches b ON b.id = i.batch_id "
            "WHERE b.status = 'processing' AND b.lease_expires_at > clock_timestamp()"
        )
        before = self.project.sql("SELECT count(*) FROM import_batches")[0][0]

        def is_there() -> bool:
            if runner.poll() is not None:
                return True
            begun = self.project.sql("SELECT count(*) FROM import_batches")[0][0] > before or self._resumable()
            return bool(begun) and int(self.project.sql(count)[0][0]) >= moment

        assert eventually(is_there, within_s=PATIENCE_S)

    def _ends_well(self, known: Known, said: Said) -> None:
        """Nothing; the command has finished its batch, and says whether records failed."""
        known = self._catch_up(known)
        assert said.code == (1 if known.failed else 0), (said, known.failed)

    def _newest(self, new: Known) -> Known:
        return next((known for known in reversed(self.batches.values()) if known.words == new.words), new)

    def _catch_up(self, begun: Known | None = None) -> Known:
        """The batch of `begun`; what was committed since the last look has been done by the dictionary, too."""
        nobody_is_left(self.project)
        found = begun or Known((), [])
        for batch in batches_of(self.project):
            known = self.batches.get(batch.id)
            if known is None:
                assert begun is not None, f"nobody has begun {batch}"
                known = self.batches[batch.id] = Known(begun.words, begun.records, begun.parent)
            if begun is not None and known.words == begun.words:
                found = known
            old, new = len(known.ends), len([item for item in batch.items if item.status != "pending"])
            known.ends += self.table.apply(known.records[old:new], completed_before=self._completed_by(known))
            known.completed = batch.row["status"] == "completed"
            for item, end in zip(batch.items, known.ends, strict=True):
                assert item[:6] == end, f"{batch}: expected {end}, found {item}"
            assert not known.completed or len(known.ends) == len(known.records), f"{batch}: ended too early"
        return found

    def _completed_by(self, known: Known) -> list[Read]:
        """The completed records of the batch that this one repeats, and of others that repeat it."""
        if known.parent is None:
            return []
        family = [self.batches[known.parent], *(k for k in self.batches.values() if k.parent == known.parent)]
        return [Read(end.index, end.line, end.cells) for k in family for end in k.ends if end.status == "completed"]

    def _lease_ends(self) -> None:
        owned = "SELECT id FROM import_batches WHERE lease_expires_at > clock_timestamp()"
        assert eventually(lambda: not self.project.sql(owned), within_s=PATIENCE_S)

    @staticmethod
    def _changed(line: str, changed: dict[str, str]) -> str:
        key = line.partition(":")[0]
        return f"{key}: {changed[key]}" if key in changed else line


def _one(batch_ids: Sequence[str], which: int) -> str | None:
    """One of them; None: there is none."""
    return batch_ids[which % len(batch_ids)] if batch_ids else None


def test_whatever_happens_in_whatever_order_the_target_is_the_dictionary(
    fault_server: FaultServer, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    print(f"RI_TEST_SEED={SEED}")
    machine = type("Imports", (Imports,), {"server": fault_server, "folder": tmp_path, "steps": 0, "faults": 0})
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a failure is told as it came: to shrink it would take an hour
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    record_property("model steps", machine.steps)  # type: ignore[attr-defined]
    record_property("model faults", machine.faults)  # type: ignore[attr-defined]
