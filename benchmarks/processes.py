"""Whole processes, timed: what a user waits for, with the start of the interpreter and the connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

RI = Path(sys.executable).with_name("ri")  # of this interpreter's environment, as users start it

LAST_WORDS = 2000  # characters that are shown of what a failed process said


class WrongResult(Exception):
    """A process did not do what it was to do: its time says nothing."""


class Run(NamedTuple):
    """A process that has ended."""

    seconds: float
    cpu_s: float  # of the process itself, not of the server
    peak_mb: float
    output: str

    def json(self) -> dict[str, Any]:
        """The object that it printed."""
        found: dict[str, Any] = json.loads(self.output)
        return found


def timed(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    stdin: Path = Path(os.devnull),
    code: int = 0,
) -> Run:
    """The run of a command, which must end with `code`.

    The peak is the kernel's (ru_maxrss). It counts the memory of whoever started the process, too, so that the
    benchmark itself must stay small.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, stdin.open("rb") as given:
        begun = time.perf_counter()
        try:
            process = subprocess.Popen(command, cwd=cwd, env=environment, stdin=given, stdout=output, stderr=errors)
        except OSError as error:
            raise WrongResult(f"{command[0]} cannot be started: {error}") from error
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text = output.read().decode()
        if process.returncode != code:
            said = f"{text}\n{errors.read().decode(errors='replace')}"[-LAST_WORDS:]
            raise WrongResult(f"{command} ended with {process.returncode}, expected {code}\n{said}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)
