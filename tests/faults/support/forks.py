"""Commands that start at once, forked from an interpreter that has imported all of `ri`: 0.1 s instead of 0.7 s.

    with running_forks() as forks:
        said = forks.ri(project, "run", "members", "members.csv", "--wait")
        said = forks.traced(project, "MainThread.1=sendto:signal=SIGKILL:when=3", words)       see traced.py

What is killed at hundreds of points is a process of its own all the same, with descriptors and threads of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ri_declarative
from faults.support import traced
from faults.support.project import PATIENCE_S, REPOSITORY, FaultProject, Said

IMPORTED_LATE = ("sqlalchemy.dialects.postgresql.psycopg2", "rich.progress", "csv")


@dataclass(frozen=True)
class Forks:
    """The interpreter, which waits for orders."""

    process: subprocess.Popen[str]

    def ri(self, project: FaultProject, *words: str) -> Said:
        """A finished `ri`, remembered by the project."""
        return self._run(project, ["ri", *words])

    def python(self, project: FaultProject, program: str, *words: str) -> Said:
        """A finished Python program, to which MANAGER is known."""
        return self._run(project, ["ri", "-c", project.program(program), *words])

    def traced(self, project: FaultProject, what: str, words: Sequence[str]) -> Said:
        """The same, of `ri` or `-c PROGRAM`, with strace on it."""
        return self._run(project, ["traced", what, str(project.root / "strace"), "--", *words])

    def _run(self, project: FaultProject, words: Sequence[str]) -> Said:
        out, err = project.root.with_suffix(".out"), project.root.with_suffix(".err")
        order = {"words": words, "cwd": str(project.root), "env": project.environment(), "out": str(out)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**order, "err": str(err)}) + "\n")
        self.process.stdin.flush()
        said = Said(int(self.process.stdout.readline()), out.read_text(), err.read_text())
        project.said.append(said)
        return said


@contextlib.contextmanager
def running_forks() -> Iterator[Forks]:
    """Within: it waits; afterwards it is gone."""
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.support.forks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,  # the terminal's Ctrl-C is for the tests
    )
    try:
        yield Forks(process)
    finally:
        process.communicate(timeout=PATIENCE_S)


# ── the interpreter ──────────────────────────────────────────────────────────────────────────


def _serve(orders: IO[str]) -> None:
    """Nothing, when the orders have ended; in a child, after its work."""
    for name in (*_all_of_ri(), *IMPORTED_LATE):
        importlib.import_module(name)
    while line := orders.readline():
        child = os.fork()
        if child == 0:
            _work(json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _all_of_ri() -> list[str]:
    packages = pkgutil.walk_packages(ri_declarative.__path__, "ri_declarative.")
    return [package.name for package in packages if not package.name.endswith("__main__")]


def _work(order: dict[str, Any]) -> None:
    """Nothing; raises SystemExit. As if the shell had started us."""
    signal.alarm(int(PATIENCE_S))
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    for number, path, flags in ((0, "/dev/null", os.O_RDONLY), (1, order["out"], WRITE), (2, order["err"], WRITE)):
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = Path("/dev/stdin").open()  # noqa: SIM115 - the buffer of the old one holds our orders
    program, *words = order["words"]
    if program == "traced":
        traced.main(words)
    else:
        traced.run(words)


WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

if __name__ == "__main__":
    _serve(sys.stdin)
