from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ri_declarative.cli.signals import Signalled, StopFlag


def test_the_first_signal_only_asks_for_a_stop(capfd: pytest.CaptureFixture[str]) -> None:
    with StopFlag() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        assert stop()
        assert stop.exit_code == 130
    assert capfd.readouterr().err == "\nstopping after this chunk; once more stops at once\n"


def test_sigterm_gives_143() -> None:
    with StopFlag() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.exit_code == 143


def test_the_second_signal_leaves_at_once_with_its_own_code() -> None:
    with StopFlag(), pytest.raises(Signalled) as raised:
        _kill_ourselves(signal.SIGINT, signal.SIGTERM)
    assert raised.value.exit_code == 143


def _kill_ourselves(*signals: signal.Signals) -> None:
    for signum in signals:
        os.kill(os.getpid(), signum)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with StopFlag():
        pass
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopFlag() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_third_signal_ends_a_process_that_hangs() -> None:
    program = (
        "import os, signal\nfrom ri_declarative.cli.signals import StopFlag\n"
        "with StopFlag():\n"
        "    for _ in range(3):\n"
        "        try:\n            os.kill(os.getpid(), signal.SIGTERM)\n"
        "        except KeyboardInterrupt:\n            pass\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert done.returncode == 143
