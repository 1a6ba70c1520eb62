"""The real `ri`, as a process of its own: what can be killed, raced and left alone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2

from ri_declarative.database.embedded import attach

RI = (sys.executable, "-m", "ri_declarative.cli")


def environment(**more: str) -> dict[str, str]:
    """The test's environment, in which `ri` is found from every folder."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **more}


def ri(project: Path, *words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """A finished `ri`, run in `project`; `more` are environment variables. It must not print a traceback."""
    done = subprocess.run(
        [*RI, *words], cwd=project, input=stdin, capture_output=True, text=True, env=environment(**more), check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@contextlib.contextmanager
def running_ri(project: Path, *words: str, prefix: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """Within: a running `ri` whose stdin is open; it is killed afterwards if it still runs."""
    process = subprocess.Popen(
        [*prefix, *RI, *words],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def feed(process: subprocess.Popen[str], records: str) -> None:
    """Nothing; the process has been given these records, and may wait for more."""
    assert process.stdin is not None
    process.stdin.write(records)
    process.stdin.flush()


FIRST_CHUNK = 12_000  # stdin is read in blocks of 256 kB: enough for a chunk of 5,000 to be written

PEOPLE = """\
source: {format: csv}
schema:
  required: [email]
  properties: {email: {type: string}, name: {type: string}}
target: {table: public.people, create: true, key: email}
"""


def write_people(project: Path) -> None:
    """Nothing; the project has a pipeline `people` that makes its own table."""
    (project / "pipelines").mkdir(exist_ok=True)
    (project / "pipelines/people.yaml").write_text(PEOPLE)


def people(name: str, count: int, *, header: str = "email,name\n") -> str:
    """A CSV of that many records for the pipeline `people`; `name` keeps their keys apart."""
    return header + "".join(f"{name}{n}@example.org,{name} {n}\n" for n in range(count))


def counted(project: Path, what: str) -> int:
    """The rows of a table of the embedded database, or of one with a WHERE behind it."""
    with attach(project) as server:
        connection = psycopg2.connect(server.dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {what}")
                row = cursor.fetchone()
                return int(row[0]) if row else 0
        finally:
            connection.close()


def is_at_work(project: Path, batches: int = 1) -> bool:
    """Whether so many batches have stored records and wait for more of them."""
    return counted(project, "import_batches WHERE status = 'processing' AND completed > 0") == batches
