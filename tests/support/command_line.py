"""The command line in a project with a database of its own: `ri` in this process, and in processes of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AnyStr, NamedTuple

from ri_declarative.cli.main import main
from support.workbench import Workbench

REPOSITORY = Path(__file__).resolve().parents[2]
RI = (sys.executable, "-m", "ri_declarative.cli")

PEOPLE = """\
source: {format: csv}
schema:
  required: [email, name]
  properties:
    email: {type: string, format: email}
    name: {type: string, minLength: 1}
target: {table: public.people, key: email}
"""
GOOD = "email,name\na@x.org,A\n"
ONE_OF_TWO = "email,name\na@x.org,A\nnot-an-address,B\n"
# Kills its own session on the row that asks for it, as an administrator or a failing server would.
FATAL = """
CREATE FUNCTION public.end_of_the_world() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.name = 'the end' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fatal BEFORE INSERT ON public.people FOR EACH ROW EXECUTE FUNCTION public.end_of_the_world()
"""


def killed_after(seconds: float, process: subprocess.Popen[AnyStr]) -> subprocess.Popen[AnyStr]:
    """The process, which does not outlive these seconds: a test that waits for it fails instead of hanging."""
    watch = threading.Timer(seconds, process.kill)
    watch.daemon = True
    watch.start()
    return process


class Said(NamedTuple):
    """What came out of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


@dataclass
class CommandLine:
    """A project, the current folder while a test runs, whose `ri` is told of a database by the environment."""

    bench: Workbench

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.bench.root

    def ri(self, *words: str) -> Said:
        """The command in this process: half a second sooner than in its own."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        return Said(code, out.getvalue(), err.getvalue())

    def start(self, *words: str, prefix: Sequence[str] = (), **options: Any) -> subprocess.Popen[str]:
        """The command in a process of its own, its stderr in a pipe."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return killed_after(60, subprocess.Popen([*prefix, *RI, *words], text=True, **streams))

    def shell(self, line: str, *, shell: Sequence[str] = ("bash", "-o", "pipefail", "-c"), **environment: str) -> Said:
        """A line of a shell in the project; `ri` is this checkout's."""
        environment = {**os.environ, "PATH": f"{self._bin()}{os.pathsep}{os.environ['PATH']}", **environment}
        done = subprocess.run(
            [*shell, line],
            capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def _bin(self) -> Path:
        """A folder with an `ri`, beside the project."""
        program = self.root.parent / "bin" / "ri"
        program.parent.mkdir(exist_ok=True)
        if not program.exists():
            program.write_text(f'#!/bin/sh\nexec {shlex.join(RI)} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        return program.parent

    def people(self) -> str:
        """The name of a pipeline, whose table is there, too."""
        self.bench.pipeline("people", PEOPLE)
        self.bench.sql("CREATE TABLE IF NOT EXISTS public.people (email text PRIMARY KEY, name text NOT NULL)")
        return "people"

    def failed_batch(self) -> str:
        """The id of a batch of `people` with one completed and one failed record."""
        self.bench.file("people.csv", ONE_OF_TWO)
        said = self.ri("run", self.people(), "people.csv", "--json")
        assert said.code == 1, said
        return str(said.json["batch_id"])
