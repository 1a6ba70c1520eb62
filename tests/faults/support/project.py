"""A project with one pipeline, `members`, its look-up, schema and hook, and a database of its own.

    project = make_project(tmp_path, fault_database, Shape(hooks="pure", writes="sets"))
    project.file("members.csv", records(300))                  remembers what is in it, for oracle.py
    said = project.ri("run", "members", "members.csv", "--wait")        a finished command: said.code, .out, .err
    process = project.start("run", "members", "members.csv")            a running one (Popen, text pipes)
    project.repair()                    fix.csv with the failed records, mended: ri reprocess last --from fix.csv
    project.items()                                             for create_batch: the records as mappings

`Shape` says who writes: `sets` (set-based), `walk` (row by row), `process_item` (a hook that uses ctx.execute),
`by_hand` (a processor class, batch type `members`; it has no pipeline, so its records come by create_batch).
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
from support.command_line import killed_after
from support.embedded import eventually

from faults.support import texts
from faults.support.records import FIELDS, Cells, csv_of, repaired
from faults.support.server import Database

REPOSITORY = Path(__file__).parents[3]
RI = (sys.executable, "-m", "ri_declarative.cli")
NAME = "members"
PATIENCE_S = 120.0  # for one command


class Said(NamedTuple):
    """What came out of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shape:
    """What distinguishes one project of the suite from another."""

    writes: str = "sets"  # sets | walk | process_item | by_hand
    chunk_size: int = 50
    lease: str = "1s"
    pipeline: str = ""  # more lines for pipelines/members.yaml
    settings: str = ""  # more lines for ri.yaml

    @property
    def is_written_by_hooks(self) -> bool:
        """Whether the target is written by statements of a hook or of a class."""
        return self.writes in ("process_item", "by_hand")


@dataclass
class FaultProject:
    """The folder, the database, and what is in its files."""

    root: Path
    database: Database
    shape: Shape
    files: dict[str, list[Cells]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)  # of all files there have been, by SHA-256
    said: list[Said] = field(default_factory=list)  # by all commands, for the invariants
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def file(self, name: str, rows: Sequence[Cells]) -> Path:
        """The path of a new or changed file with these records."""
        self.files[name] = list(rows)
        text = csv_of(rows)
        self.contents[hashlib.sha256(text.encode()).hexdigest()] = text
        path = self.root / name
        path.write_text(text, encoding="utf-8")
        return path

    def items(self, name: str = "members.csv") -> list[dict[str, Any]]:
        """The records of a file as create_batch takes them: cells without a value are left out."""
        return [{field: cell for field, cell in cells.items() if cell} for cells in self.files[name]]

    def ri(self, *words: str, **environment: str) -> Said:
        """A finished command, remembered in `said`."""
        return self.ended(self.start(*words, **environment))

    def python(self, program: str, *words: str, **environment: str) -> Said:
        """A finished Python program, to which MANAGER, a BatchManager on the project, is known."""
        return self.ended(self.start_python(program, *words, **environment))

    def repair(self, batch: str = "last", *, name: str = "fix.csv") -> int:
        """How many failed records of a batch stand in the file, each mended as `repaired` does it; 0: no file."""
        path = self.root / name
        path.unlink(missing_ok=True)
        self.ri("errors", batch, "--csv", name)
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        mended = [row | repaired({field: row[field] for field in FIELDS}) for row in rows]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(mended)
        return len(mended)

    def start(
        self, *words: str, prefix: Sequence[str] = (), stdin: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.Popen[str]:
        """A running `ri`, killed after PATIENCE_S; let `ended` wait for it."""
        return self.start_process([*prefix, *RI, *words], stdin=stdin, **environment)

    def start_python(self, program: str, *words: str, **environment: str) -> subprocess.Popen[str]:
        """The same for a Python program."""
        return self.start_process([sys.executable, "-c", self.program(program), *words], **environment)

    def program(self, program: str) -> str:
        """The text that knows MANAGER."""
        return f"{_MANAGER}{program}"

    def start_process(
        self, command: Sequence[str], *, stdin: int = subprocess.DEVNULL, **environment: str
    ) -> subprocess.Popen[str]:
        """The same for any command."""
        process = subprocess.Popen(
            command,
            cwd=self.root,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment(), **environment},
        )
        self.started.append(process)
        return killed_after(PATIENCE_S, process)

    def end_all(self) -> None:
        """Nothing; no command runs any more. After a test: one that failed may have left some."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()

    def ended(self, process: subprocess.Popen[str]) -> Said:
        """What a process said until its end, remembered."""
        out, err = process.communicate()
        said = Said(process.returncode, out, err)
        self.said.append(said)
        return said

    def environment(self) -> dict[str, str]:
        """The test's environment, this database, and temporary files where they can be counted."""
        paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
        return {
            **os.environ,
            "PYTHONPATH": paths,
            "RI_DATABASE_URL": self.database.url,
            "TMPDIR": str(self.root / "tmp"),
        }

    def wait_for_leases(self) -> None:
        """Nothing; every batch that was being worked on by a runner that was killed may be taken over."""
        living = "SELECT 1 FROM import_batches WHERE status = 'processing' AND lease_expires_at > clock_timestamp()"
        assert eventually(lambda: not self.sql(living))

    def sql(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run SQL as the superuser; the rows, if there are any."""
        return self.database.sql(statement, parameters)


_MANAGER = """\
from ri_declarative import BatchManager
import sys
MANAGER = BatchManager()
"""


def make_project(root: Path, database: Database, shape: Shape | None = None) -> FaultProject:
    """A new project of this shape in `root`; its tables are made in the database."""
    shape = shape or Shape()
    (root / "tmp").mkdir(parents=True)
    settings = f"lease: {shape.lease}\n{shape.settings}"
    if shape.writes == "by_hand":
        settings += "processors: [myapp]\n"
        _write(root / "myapp/__init__.py", "")
        _write(root / "myapp/members.py", texts.PROCESSOR.replace("{chunk_size}", str(shape.chunk_size)))
    else:
        _write(root / "pipelines/members.yaml", f"{texts.PIPELINE}chunk_size: {shape.chunk_size}\n{shape.pipeline}")
        _write(root / "hooks/members.py", texts.PROCESS_ITEM if shape.writes == "process_item" else texts.PURE)
    _write(root / "ri.yaml", settings)
    make_tables(database, shape)
    return FaultProject(root, database, shape)


def make_tables(database: Database, shape: Shape) -> None:
    """Nothing; the target, what it refers to and its audit are there and belong to the importing role."""
    by_default = shape.writes == "sets"
    ddl = texts.TABLES.replace("{audit_id}", texts.AUDIT_BY_DEFAULT if by_default else "")
    with contextlib.closing(psycopg2.connect(database.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(ddl if by_default else ddl + texts.AUDIT_BY_TRIGGER)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
