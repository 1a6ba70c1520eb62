"""Two runners and a fault every 20 seconds, for long: `python tests/faults/soak.py --minutes 20 --seed 7`.

Each runner imports one new file after the other with a pipeline of its own into one database; when its command ends
with anything but 0 or 1, it gives the same command once more. Faults: kill -9, SIGTERM, SIGSTOP beyond the lease while
a rival finishes the file, sessions terminated, the server's immediate shutdown. Prints a table of figures; exits with 1
and the reasons when a promise was broken: a record lost or applied twice, a fault that was not recovered from, memory,
connections or tables that grow without need.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Run as a program: modules are found from tests/, not from this folder, whose `support` is another one.
if __name__ == "__main__":
    sys.path[:1] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import psycopg2
from support.embedded import eventually

from faults.support.invariants import nobody_is_left
from faults.support.oracle import Row, Table, read_csv
from faults.support.project import NAME, FaultProject, Shape, make_project
from faults.support.records import PLANTED_DOMAIN, THREE, records
from faults.support.server import PASSWORD, ROLE, FaultServer, running_fault_server

GUESTS = "guests"  # the second pipeline: a trigger books what is written, so that it writes row by row
PERIOD_S = 20.0
LEASE_S = 2.0
SIZES = (300, 3_000, 12_000)  # records of a file
RECOVERED_WITHIN_S = 60.0
EXCUSED_FOR_S = 12.0  # after a fault a command may end with something else than 0 or 1
MOST_RSS_MB = 250.0
MOST_GROWTH_OF_RSS = 1.25  # of the median, from the first third to the last
MOST_CONNECTIONS = 12  # two runners and a rival: each writes, renews its lease, and may look something up
MOST_BYTES_PER_ITEM = 1_500.0
MOST_MB_OF_BATCHES, MOST_MB_OF_TARGETS = 16.0, 64.0
VACUUMED = {"autovacuum": "on", "autovacuum_naptime": "5s"}
STOPS_WELL = (3, 143, -signal.SIGKILL, -signal.SIGTERM)  # which may come before the handler is there, or after
SLOW = """

import time


def validate_item(item, ctx):
    time.sleep(0.001)
    return True
"""
SECOND_TARGET = """
CREATE TABLE public.guests (LIKE public.members INCLUDING ALL EXCLUDING DEFAULTS);
ALTER TABLE public.guests ALTER audit_id DROP NOT NULL, ADD FOREIGN KEY (country_id) REFERENCES public.countries;
CREATE TABLE public.guests_audit (op text NOT NULL, batch uuid NOT NULL, line int NOT NULL);
CREATE FUNCTION public.audit_guests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.guests_audit VALUES (TG_OP, NEW.imported_in, NEW.line);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON public.guests FOR EACH ROW EXECUTE FUNCTION public.audit_guests();
ALTER TABLE public.guests OWNER TO importer;
ALTER TABLE public.guests_audit OWNER TO importer;
"""


class Broken(Exception):
    """A promise was broken."""


@dataclass
class Runner:
    """Imports file after file with one pipeline, and gives its command again when it was stopped."""

    project: FaultProject
    pipeline: str
    seed: int
    end: threading.Event
    table: Table = field(default_factory=lambda: Table(Shape()))
    process: subprocess.Popen[str] | None = None
    words: tuple[str, ...] = ()
    files: int = 0
    records: int = 0
    failed: int = 0
    repeated: int = 0  # commands that had to be given again
    disturbed_at: float = 0.0  # by the newest fault, be it that it hit the other one
    broken: str | None = None
    stopped: threading.Lock = field(default_factory=threading.Lock)  # held while the process sleeps and a rival works

    def work(self) -> None:
        """Until the end is asked for; then the last file is finished."""
        rng = random.Random(f"{self.seed} {self.pipeline}")
        try:
            while not self.end.is_set():
                self._import(rng.choice(SIZES))
        except Exception as error:  # told by the main thread, which waits for nothing else
            self.broken = f"{self.pipeline}: {type(error).__name__}: {error}"

    def _import(self, count: int) -> None:
        self.files += 1
        name = f"{self.pipeline}-{self.files}.csv"
        path = self.project.file(name, records(count, seed=self.seed + self.files, label="soak", bad=THREE))
        read = read_csv(path.read_text(encoding="utf-8"))
        ends = self.table.apply(read)
        self.words = ("run", self.pipeline, name, "--wait")
        self._until_imported()
        self.records += len(ends)
        self.failed += sum(end.status == "failed" for end in ends)

    def _until_imported(self) -> None:
        while True:
            self.process = self.project.start(*self.words)
            said = self.project.ended(self.process)
            with self.stopped:  # a rival has finished what it had begun
                pass
            if said.code in (0, 1) or "error[same-file]" in said.err:
                return
            is_down = "error[database-unreachable]" in said.err  # nothing had begun yet
            is_excused = time.monotonic() < self.disturbed_at + EXCUSED_FOR_S
            if not is_excused or not (is_down or said.code in STOPS_WELL):
                raise Broken(f"exit {said.code} without need: {said.err}")
            self.repeated += 1
            if is_down:
                time.sleep(0.5)

    def is_working(self) -> bool:
        """Whether its batch is under way."""
        return self.process is not None and self.process.poll() is None and self.committed() > 0

    def committed(self) -> int:
        """Records of this pipeline that have reached an end."""
        with contextlib.suppress(psycopg2.Error):
            sql = "SELECT coalesce(sum(next_index), 0) FROM import_batches WHERE batch_type = %s"
            return int(self.project.sql(sql, (self.pipeline,))[0][0])
        return -1

    def send(self, number: signal.Signals) -> None:
        """Nothing; its process has got the signal, if it lives."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


@dataclass
class Faults:
    """What happens to the runners."""

    server: FaultServer
    project: FaultProject
    runners: tuple[Runner, ...]
    rng: random.Random
    happened: Counter[str] = field(default_factory=Counter)
    longest_recovery_s: float = 0.0

    def one(self) -> None:
        """A random one; comes back when all runners have got on. Raises Broken."""
        name = self.rng.choice(("kill", "term", "sleep", "terminate", "crash"))
        runner = self.rng.choice(self.runners)
        eventually(runner.is_working)
        before = {each.pipeline: each.committed() for each in self.runners}
        self._now_disturbed()
        getattr(self, f"_{name}")(runner)
        self._now_disturbed()
        self.happened[name] += 1
        begun = time.monotonic()
        for each in self.runners:
            if not eventually(lambda e=each: self._got_on(e, before[e.pipeline]), within_s=RECOVERED_WITHIN_S):
                raise Broken(f"{each.pipeline} did not get on within {RECOVERED_WITHIN_S:g} s after {name}")
        self.longest_recovery_s = max(self.longest_recovery_s, time.monotonic() - begun)

    def _now_disturbed(self) -> None:
        for each in self.runners:
            each.disturbed_at = time.monotonic()

    @staticmethod
    def _got_on(runner: Runner, before: int) -> bool:
        return runner.broken is not None or runner.end.is_set() or runner.committed() > before

    def _kill(self, runner: Runner) -> None:
        runner.send(signal.SIGKILL)

    def _term(self, runner: Runner) -> None:
        runner.send(signal.SIGTERM)

    def _sleep(self, runner: Runner) -> None:
        """Its rival takes over when the lease has ended; woken up, it must not have changed anything."""
        with runner.stopped:
            runner.send(signal.SIGSTOP)
            try:
                rival = self.project.ri(*runner.words)
                if rival.code not in (0, 1) and "error[same-file]" not in rival.err:
                    raise Broken(f"a rival of a sleeper ended with {rival.code}: {rival.err}")
            finally:
                runner.send(signal.SIGCONT)
            assert runner.process is not None
            if not eventually(lambda: runner.process is None or runner.process.poll() is not None):
                raise Broken("a sleeper goes on after its batch was taken over")

    def _terminate(self, runner: Runner) -> None:
        self.project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (ROLE,))

    def _crash(self, runner: Runner) -> None:
        self.server.crash()
        time.sleep(self.rng.uniform(0, 3))
        self.server.start(**VACUUMED)


@dataclass
class Gauge:
    """Looks every second at what is used."""

    project: FaultProject
    runners: tuple[Runner, ...]
    end: threading.Event
    rss_mb: list[float] = field(default_factory=list)  # of the bigger runner
    connections: list[int] = field(default_factory=list)

    def work(self) -> None:
        """Until the end."""
        while not self.end.wait(1.0):
            with contextlib.suppress(psycopg2.Error, FileNotFoundError, ProcessLookupError):
                alive = [each.process.pid for each in self.runners if each.process and each.process.poll() is None]
                self.rss_mb += [max(map(_rss_mb, alive))] if alive else []
                connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
                self.connections.append(self.project.sql(connected, (ROLE,))[0][0])

    def growth_of_rss(self) -> float:
        """The median in the last third as a share of that in the first."""
        third = max(1, len(self.rss_mb) // 3)
        return statistics.median(self.rss_mb[-third:]) / statistics.median(self.rss_mb[:third])

    def sizes_mb(self) -> dict[str, float]:
        """Each table with its indexes, now."""
        rows = self.project.sql("SELECT relname, pg_total_relation_size(relid) / 1e6 FROM pg_stat_user_tables")
        return {name: float(size) for name, size in rows}


def _rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


# ── what must hold in the end ────────────────────────────────────────────────────────────────


def accounts(project: FaultProject, runners: tuple[Runner, ...]) -> list[str]:
    """What is wrong with the books: each file is one completed batch, its counters are its items."""
    wrong = []
    for runner in runners:
        found = project.sql(
            "SELECT count(*), count(DISTINCT source_info ->> 'sha256'), sum(total), sum(failed) FROM import_batches "
            "WHERE batch_type = %s AND status = 'completed'",
            (runner.pipeline,),
        )[0]
        expected = (runner.files, runner.files, runner.records, runner.failed)
        if found != expected:
            wrong.append(f"{runner.pipeline}: {found} batches, contents, records and failures; expected {expected}")
    rows = project.sql(
        "WITH i AS (SELECT batch_id, count(*) AS n, count(*) FILTER (WHERE status = 'completed') AS c, "
        "count(*) FILTER (WHERE status = 'failed') AS f FROM import_batch_items GROUP BY 1) "
        "SELECT b.id, b.status, b.total FROM import_batches b LEFT JOIN i ON i.batch_id = b.id "
        "WHERE (b.status, b.total, b.completed, b.failed) IS DISTINCT FROM ('completed', i.n, i.c, i.f)"
    )
    return wrong + [f"the counters of a batch are not its items: {row}" for row in rows]


def targets(project: FaultProject, runners: tuple[Runner, ...]) -> list[str]:
    """What is wrong with the targets: they are the oracle's, and nothing was written twice."""
    wrong = []
    for runner in runners:
        rows = project.sql(
            f"SELECT email, name, joined_on, balance, country_id, greeting, line FROM public.{runner.pipeline}"
        )
        found = {key: Row(*values) for key, *values in rows}
        different = [
            key for key in found.keys() | runner.table.rows.keys() if found.get(key) != runner.table.rows.get(key)
        ]
        wrong += [
            f"{runner.pipeline}: {key}: {found.get(key)} is not {runner.table.rows.get(key)}" for key in different[:3]
        ]
    changes = "SELECT sum(inserted), sum(inserted + updated) FROM import_batches WHERE batch_type = %s"
    inserted, written = project.sql(changes, (NAME,))[0][0], project.sql(changes, (GUESTS,))[0][1]
    if project.sql("SELECT count(*) FROM public.members_audit") != [(inserted,)]:
        wrong.append(f"{NAME}: the audit does not show {inserted} inserted rows")
    if project.sql("SELECT count(*), count(DISTINCT (batch, line)) FROM public.guests_audit") != [(written, written)]:
        wrong.append(f"{GUESTS}: the audit does not show {written} writes, each of another record")
    return wrong


def bounds(gauge: Gauge, items: int) -> list[str]:
    """What has grown without need."""
    last = gauge.sizes_mb()
    limits = {
        "memory of a runner, MB": (max(gauge.rss_mb), MOST_RSS_MB),
        "growth of it": (gauge.growth_of_rss(), MOST_GROWTH_OF_RSS),
        "connections": (max(gauge.connections), MOST_CONNECTIONS),
        "bytes per item": (1e6 * last["import_batch_items"] / items, MOST_BYTES_PER_ITEM),
        "import_batches, MB": (last["import_batches"], MOST_MB_OF_BATCHES),
        "members, MB": (last[NAME], MOST_MB_OF_TARGETS),
        "guests, MB": (last[GUESTS], MOST_MB_OF_TARGETS),
    }
    return [f"{name}: {found:.2f} is more than {most:g}" for name, (found, most) in limits.items() if found > most]


def leftovers(project: FaultProject) -> list[str]:
    """What is left behind, or was told: sessions, files, tracebacks, secrets."""
    nobody_is_left(project)
    wrong = [f"left over: {path}" for path in (project.root / "tmp").iterdir()]
    texts = ("Traceback", "error[internal]", PASSWORD, PLANTED_DOMAIN)
    return wrong + [
        f"{text!r} was said: {said}" for said in project.said for text in texts if text in said.out + said.err
    ]


# ── the program ──────────────────────────────────────────────────────────────────────────────


def soak(server: FaultServer, root: Path, *, minutes: float, period_s: float, seed: int) -> int:
    """The exit code; prints the figures."""
    server.restart(**VACUUMED)
    with server.fresh_database() as database:
        project = two_pipelines(make_project(root, database, Shape(chunk_size=250, lease=f"{LEASE_S:g}s")))
        end, over = threading.Event(), threading.Event()
        runners = tuple(Runner(project, name, seed, end) for name in (NAME, GUESTS))
        gauge, faults = Gauge(project, runners, over), Faults(server, project, runners, random.Random(seed))
        threads = [threading.Thread(target=each.work) for each in (*runners, gauge)]
        for thread in threads:
            thread.start()
        wrong: list[str] = []
        begun = time.monotonic()
        try:
            while time.monotonic() < begun + 60 * minutes and not any(each.broken for each in runners):
                end.wait(period_s)
                faults.one()
        except Broken as broken:
            wrong.append(str(broken))
        finally:
            end.set()
            for thread in threads[:-1]:
                thread.join()
            over.set()
            threads[-1].join()
        wrong += [each.broken for each in runners if each.broken]
        items = project.sql("SELECT count(*) FROM import_batch_items")[0][0]
        wrong += accounts(project, runners) + targets(project, runners) + bounds(gauge, items) + leftovers(project)
        print_figures(project, runners, gauge, faults, seed=seed, minutes=(time.monotonic() - begun) / 60)
    for line in wrong:
        print(f"broken: {line}")
    return 1 if wrong else 0


def two_pipelines(project: FaultProject) -> FaultProject:
    """The project with a second pipeline and its target; both take their time, and refuse a file that they know."""
    project.sql(SECOND_TARGET)
    pipelines, hooks = project.root / "pipelines", project.root / "hooks"
    text = (pipelines / f"{NAME}.yaml").read_text().replace("source:\n", "source:\n  same_file: refuse\n", 1)
    hook = (hooks / f"{NAME}.py").read_text() + SLOW
    for name in (NAME, GUESTS):
        (pipelines / f"{name}.yaml").write_text(text.replace("public.members", f"public.{name}"))
        (hooks / f"{name}.py").write_text(hook)
    return project


def print_figures(
    project: FaultProject, runners: tuple[Runner, ...], gauge: Gauge, faults: Faults, *, seed: int, minutes: float
) -> None:
    """Nothing; the table is on stdout."""
    version = project.sql("SHOW server_version")[0][0]
    last = gauge.sizes_mb()
    figures: dict[str, Any] = {
        "minutes": f"{minutes:.1f} (seed {seed}, PostgreSQL {version})",
        "files": sum(runner.files for runner in runners),
        "records": f"{sum(runner.records for runner in runners):,}",
        "faults": f"{faults.happened.total()}: " + ", ".join(f"{n} {k}" for k, n in sorted(faults.happened.items())),
        "commands repeated": sum(runner.repeated for runner in runners),
        "batches taken over or resumed": project.sql("SELECT sum(retry_count) FROM import_batches")[0][0],
        "longest way back to work": f"{faults.longest_recovery_s:.1f} s",
        "memory of a runner": f"at most {max(gauge.rss_mb):.0f} MB, median x {gauge.growth_of_rss():.2f}",
        "connections": f"at most {max(gauge.connections)}",
        **{f"table {name}": f"{size:.1f} MB" for name, size in sorted(last.items())},
    }
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value}")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--period", type=float, default=PERIOD_S, help="seconds between two faults")
    words = parser.parse_args()
    print(f"seed {words.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ri-soak-") as folder, running_fault_server() as server:
        return soak(server, Path(folder, "project"), minutes=words.minutes, period_s=words.period, seed=words.seed)


if __name__ == "__main__":
    sys.exit(main())
