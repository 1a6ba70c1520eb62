"""Projects with an embedded database for tests, and other processes that use it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg2

from ri_declarative.database.connect import choose_database, open_engine
from ri_declarative.database.embedded import home, stop
from ri_declarative.database.embedded.cluster import halt
from ri_declarative.database.embedded.home import cluster_of, find_home
from ri_declarative.database.migrations import migrate
from support.places import new_folder

# The tests' interpreter may be below /root: nobody may read it all the same, and is nobody in all else.
AS_NOBODY = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)


@contextlib.contextmanager
def temporary_project() -> Iterator[Path]:
    """Within: a folder that every user can enter; afterwards no server runs in it, and it is gone."""
    folder = new_folder("ri-project-")
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        stop_for_good(folder)
        # A watcher that ends just now may still write its lock.
        assert eventually(lambda: _removed(folder))


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextlib.contextmanager
def temporary_homes_elsewhere() -> Iterator[None]:
    """Within: projects that PostgreSQL's user cannot enter have their data in a temporary folder, not /var/lib/ri."""
    folder = Path("/tmp", f"ri-elsewhere-{os.getpid()}")  # made when it is needed
    before, home.ELSEWHERE = home.ELSEWHERE, folder
    try:
        yield
    finally:
        home.ELSEWHERE = before
        for made in folder.glob("*"):
            halt(cluster_of(made))
        shutil.rmtree(folder, ignore_errors=True)


def make_database(project: Path) -> None:
    """Nothing; the project has an embedded database with ri's tables, which does not run."""
    engine = open_engine(choose_database("embedded", root=project, configured=None), project)
    migrate(engine, "public")
    engine.dispose()
    stop(project)


def copy_database(data: Path, project: Path) -> None:
    """Nothing; the project's embedded database is a copy of the data folder."""
    (project / ".ri").mkdir()
    subprocess.run(["cp", "-a", data, project / ".ri"], check=True)


def stop_for_good(project: Path) -> None:
    """Nothing; the project's server is stopped, whoever uses it."""
    if find_home(project).is_dir():
        halt(cluster_of(find_home(project)))


@contextlib.contextmanager
def connected(dsn: str) -> Iterator[psycopg2.extensions.cursor]:
    """Within: a cursor whose statements are committed at once."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def eventually(condition: Callable[[], bool], *, within_s: float = 15.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


_ATTACH = """
import sys
from pathlib import Path
from ri_declarative.database.embedded import attach, status
from ri_declarative.errors import DatabaseError
root = Path(sys.argv[1])
try:
    attached = attach(root)
except DatabaseError as error:
    print(error.code, flush=True)
else:
    print(status(root).pid, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def attached_process(project: Path, *, prefix: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
    """Within: another process, at once, that attaches, prints the server's pid (or an error's code), and waits."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", _ATTACH, project],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    """What the process said first; waits for it."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
