"""The real `ri`, as a process of its own: what can be killed, raced and left alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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


CHUNK = 500  # records that a run of `people` commits at once

PEOPLE = f"""\
source: {{format: csv}}
schema:
  required: [email]
  properties: {{email: {{type: string}}, name: {{type: string}}}}
target: {{table: public.people, create: true, key: email}}
chunk_size: {CHUNK}
"""

# A lock, not a file that comes and goes: nobody polls, and no run waits for a test that is gone.
_HOOK = f"""\
import fcntl
from pathlib import Path

GATE = Path(__file__).parents[1] / "gate"


def transform_item(item, ctx):
    if item.index == {CHUNK}:
        with GATE.open() as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
    return item.data
"""


def write_people(project: Path, *, more: str = "") -> None:
    """Nothing; the project has a pipeline `people` that makes its own table. `more`: lines for its YAML."""
    (project / "pipelines").mkdir(exist_ok=True)
    (project / "pipelines/people.yaml").write_text(PEOPLE + more)


def people(name: str, count: int) -> str:
    """A CSV of that many records for the pipeline `people`; `name` keeps their keys apart."""
    return "email,name\n" + "".join(f"{name}{n}@example.org,{name} {n}\n" for n in range(count))


@contextlib.contextmanager
def held_at_work(project: Path) -> Iterator[Callable[[], None]]:
    """Within: a run of `people` waits after its first chunk, in a hook that is there from now on. Yields: lets it go.

    It waits outside of a transaction: nothing of the second chunk has been sent.
    """
    (project / "hooks").mkdir(exist_ok=True)
    (project / "hooks/people.py").write_text(_HOOK)
    with (project / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield gate.close


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
    """Whether so many batches have stored their first chunk; `held_at_work` keeps them there."""
    return counted(project, "import_batches WHERE status = 'processing' AND completed > 0") == batches
