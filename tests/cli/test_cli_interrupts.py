"""Ctrl-C at any moment: within bounded time `ri` is gone, without a traceback of ours."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from support.command_line import CommandLine

DELAYS_S = (0.01, 0.03, 0.06, 0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0)  # after Python itself has started
PATIENCE_S = 30  # for a machine that is busy with other tests
STARTED = """
import sys
print("started", flush=True)
from ri_declarative.cli.main import main
sys.exit(main())
"""


def interrupted_after(delay_s: float, *words: str) -> tuple[int, str]:
    """Exit code and stderr of `ri`, which gets a SIGINT after the delay, if it still lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
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


def test_a_run_that_is_interrupted_is_consistent(command_line: CommandLine) -> None:
    command_line.people()
    rows = "".join(f"p{number}@x.org,P\n" for number in range(30_000))
    command_line.bench.file("many.csv", f"email,name\n{rows}")
    for delay_s in DELAYS_S:
        code, err = interrupted_after(delay_s, "run", "people", "many.csv")
        _gone_in_peace(code, err)
        stored = command_line.bench.sql("SELECT count(*) FROM public.people")[0][0]
        booked = command_line.bench.sql("SELECT coalesce(sum(inserted), 0) FROM import_batches")[0][0]
        assert stored == booked


@pytest.mark.parametrize("words", [("--help",), ("list",)], ids=" ".join)
def test_a_command_that_is_interrupted_is_gone(command_line: CommandLine, words: tuple[str, ...]) -> None:
    command_line.people()
    for delay_s in DELAYS_S:
        _gone_in_peace(*interrupted_after(delay_s, *words))


def _gone_in_peace(code: int, err: str) -> None:
    """No traceback, unless Python was still looking for our first function."""
    if "Traceback" in err and code in (1, -signal.SIGINT):
        assert ", in main\n" not in err, err
        return
    assert "Traceback" not in err
    assert "internal" not in err
    assert code in (0, 130, -signal.SIGINT), err
