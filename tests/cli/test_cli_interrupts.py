"""Ctrl-C at any moment: within bounded time `ri` is gone, without a traceback of ours."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from support.command_line import REPOSITORY, CommandLine

DELAYS_S = (0.02, 0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 0.65, 0.8, 1.2)
PATIENCE_S = 20  # for a machine that is busy with other tests
OURS = str(REPOSITORY / "ri_declarative")


def interrupted_after(process: subprocess.Popen[str], delay_s: float) -> tuple[int, str]:
    """Exit code and stderr of the process, which gets a SIGINT after the delay, if it still lives."""
    alarm = threading.Timer(delay_s, process.send_signal, (signal.SIGINT,))
    begun = time.monotonic()
    alarm.start()
    try:
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        alarm.cancel()
        process.kill()
    assert time.monotonic() - begun < PATIENCE_S
    return process.returncode, err


@pytest.mark.parametrize("delay_s", DELAYS_S)
def test_a_run_that_is_interrupted_is_consistent(command_line: CommandLine, delay_s: float) -> None:
    command_line.people()
    rows = "".join(f"p{number}@x.org,P\n" for number in range(60_000))
    file: Path = command_line.bench.file("many.csv", f"email,name\n{rows}")
    code, err = interrupted_after(command_line.start("run", "people", str(file)), delay_s)
    assert code in (0, 130, -signal.SIGINT), err
    _no_traceback(err)
    stored = command_line.bench.sql("SELECT count(*) FROM public.people")[0][0]
    booked = command_line.bench.sql("SELECT coalesce(sum(completed), 0) FROM import_batches")[0][0]
    assert stored == booked


@pytest.mark.parametrize("words", [("--help",), ("status",), ("list",)], ids=" ".join)
def test_a_command_that_is_interrupted_is_gone(command_line: CommandLine, words: tuple[str, ...]) -> None:
    command_line.people()
    for delay_s in DELAYS_S:
        code, err = interrupted_after(command_line.start(*words), delay_s)
        assert code in (0, 130, -signal.SIGINT), err
        _no_traceback(err)


def _no_traceback(err: str) -> None:
    """None of ours: before Python has loaded our first line, it prints one of its own start."""
    inside = err.partition("Traceback")[2]
    assert OURS not in inside or "in main" not in inside, err
