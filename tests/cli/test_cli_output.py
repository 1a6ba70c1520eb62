from __future__ import annotations

import io
import json
import sys

import pytest

from ri_declarative.cli import output


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202egpj.exe", "user\\u202egpj.exe"),
        ("name-\udcff.csv", "name-\\xff.csv"),
        ("line\u2028break", "line\\u2028break"),
        ("nul\x00", "nul\\x00"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(cell: str, shown: str) -> None:
    assert output.printable(cell) == shown


@pytest.mark.parametrize("cell", ["[red]", "Zoë Müller", "山田", "kh\u200cab", "50 %", "a\\tb", ""])
def test_harmless_text_stays_as_it_is(cell: str) -> None:
    assert output.printable(cell) == cell


def test_json_is_one_line_of_ascii_and_keeps_lone_surrogates() -> None:
    text = output.json_text({"name": "Zoë\n\ud800\x9b"})
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == {"name": "Zoë\n\ud800\x9b"}


def test_a_piped_table_is_tab_separated_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 500
    output.table(("line", "message"), [("7", long), ("8", "tab\there")], numbers=("line",), texts=())
    assert capsys.readouterr().out == f"line\tmessage\n7\t{long}\n8\ttab\\there\n"


def test_a_table_on_a_terminal_prints_markup_of_cells_verbatim(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    output.table(("field", "value"), [("[bold]x[/bold]", ":smile: \x1b[31m")], numbers=(), texts=())
    assert "[bold]x[/bold]  :smile: \\x1b[31m" in screen.getvalue()


def test_colours_are_used_on_a_terminal_only_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.styled("x", fg="red") == "x"
    monkeypatch.setattr(sys, "stdout", _Terminal())
    assert output.styled("x", fg="red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.styled("x", fg="red") == "x"


def test_a_result_that_nobody_reads_is_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", _Broken())
    output.deliver("summary")
    assert capsys.readouterr().err == ""


def test_a_closed_stderr_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", _Broken())
    output.note("progress")
