"""The line of a file under a finding, and carets under the place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ri_declarative.cli.excerpts import with_excerpts
from ri_declarative.errors import Diagnostic, Position, Severity


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pipelines").mkdir()
    monkeypatch.chdir(tmp_path / "pipelines")  # from a folder below the root, too
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


def shown(project: Path, text: str | bytes, line: int, column: int, *, file: str = "pipelines/p.yaml") -> list[str]:
    """What stands below the first line of a finding at this place of a file with this text."""
    (project / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    finding = Diagnostic(Position(file, line, column), "unknown-key", "no such key")
    head, *rest = with_excerpts([finding], io.StringIO()).split("\n")
    assert head == f"{file}:{line}:{column}: error[unknown-key] no such key"
    return rest


def test_the_word_at_the_place_is_underlined(project: Path) -> None:
    assert shown(project, "a: 1\nlimit: 2\n", 2, 1) == ["    2 | limit: 2", "      | ^^^^^"]


def test_a_quoted_word_is_underlined_with_its_quotes(project: Path) -> None:
    assert shown(project, 'k: ["a b", c]\n', 1, 5) == ['    1 | k: ["a b", c]', "      |     ^^^^^"]


def test_carets_stand_right_behind_wide_and_combining_letters(project: Path) -> None:
    assert shown(project, "名: {e\u0301: x}\n", 1, 9)[1] == "      | " + " " * 8 + "^"


def test_tabs_and_controls_take_the_place_they_are_shown_with(project: Path) -> None:
    assert shown(project, "a:\tb\n", 1, 4) == ["    1 | a: b", "      |    ^"]
    assert shown(project, "a: \u202eb\n", 1, 5) == ["    1 | a: \\u202eb", "      |          ^"]


def test_a_long_line_is_cut_around_the_place(project: Path) -> None:
    excerpt, carets = shown(project, "x" * 500 + " here " + "y" * 500, 1, 502)
    assert len(excerpt) < 140
    assert excerpt[carets.index("^") : carets.rindex("^") + 1] == "here"


def test_the_end_of_a_line_gets_one_caret(project: Path) -> None:
    assert shown(project, "a: [\n", 1, 5) == ["    1 | a: [", "      |     ^"]


@pytest.mark.parametrize(("text", "line"), [("a: 1\n", 9), (b"\xff\xfe", 1), ("", 2)])
def test_a_line_that_cannot_be_shown_is_left_out(project: Path, text: str | bytes, line: int) -> None:
    assert shown(project, text, line, 1) == []


def test_a_file_that_is_gone_is_no_reason_to_fail(project: Path) -> None:
    finding = Diagnostic(Position("pipelines/gone.yaml", 1, 1), "file-unreadable", "cannot be read")
    assert with_excerpts([finding], io.StringIO()) == ("pipelines/gone.yaml:1:1: error[file-unreadable] cannot be read")


@pytest.mark.parametrize(
    "line",
    ["database: host=db password=geheim", "databse: postgresql://me:geheim@db/x", "x: {Database: geheim}"],
)
def test_a_line_of_ri_yaml_that_may_hold_a_password_is_never_shown(project: Path, line: str) -> None:
    assert shown(project, line, 1, 1, file="ri.yaml") == []


def test_other_lines_of_ri_yaml_are_shown(project: Path) -> None:
    assert shown(project, "defualts: {}\n", 1, 1, file="ri.yaml") == ["    1 | defualts: {}", "      | ^^^^^^^^"]


def test_a_terminal_gets_colours_unless_it_wants_none(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pipelines" / "p.yaml").write_text("a: 1\n")
    finding = Diagnostic(Position("pipelines/p.yaml", 1, 1), "x", "y", Severity.WARNING)
    assert "\x1b[33m" in with_excerpts([finding], Terminal())
    assert "\x1b" not in with_excerpts([finding], io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in with_excerpts([finding], Terminal())
