from __future__ import annotations

import io
import sys

import pytest

from ri_declarative.cli import progress
from ri_declarative.records import Counts, Progress


def at(elapsed_s: float, *, size: int | None = 1000) -> Progress:
    return Progress(
        Counts(completed=int(elapsed_s * 1000), failed=3), bytes_read=340, size_bytes=size, elapsed_s=elapsed_s
    )


def test_a_short_run_prints_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("customers.csv") as listen:
        for tenth in range(49):
            listen(at(tenth / 10))
    assert capsys.readouterr() == ("", "")


def test_a_long_run_prints_a_line_at_most_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("customers.csv") as listen:
        for tenth in range(1, 121):
            listen(at(tenth / 10))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "customers.csv: 5,003 records, 1,001/s, 3 failed, 34%, 9.7 s to go",
        "customers.csv: 10,003 records, 1,000/s, 3 failed, 34%, 19.4 s to go",
    ]


def test_without_a_known_size_neither_share_nor_time_is_guessed() -> None:
    assert progress.in_words(at(2.0, size=None)) == "2,003 records, 1,002/s, 3 failed"


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("customers.csv", quiet=True) as listen:
        listen(at(60))
    assert capsys.readouterr() == ("", "")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_bar_shows_rate_and_failures_and_prints_names_verbatim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.shown("[red]x\x1b[2J.csv") as listen:
        listen(at(1.0))
    assert "[red]x\\x1b[2J.csv" in screen.getvalue()
    assert "1,003 records, 1,003/s, 3 failed, 34%, 1.9 s to go" in screen.getvalue()


class _HangsUp(_Terminal):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_terminal_that_goes_away_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _HangsUp())
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown("customers.csv") as listen:
        listen(at(1.0))


def test_an_error_inside_passes_through_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(FileNotFoundError), progress.shown("customers.csv"):
        raise FileNotFoundError("gone")
