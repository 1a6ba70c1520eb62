"""Tables on terminals of any width, by a real pseudo-terminal, and through a pipe."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

import pytest
from support.command_line import RI, CommandLine

LONG = "a-name-that-is-longer-than-any-column-of-a-table-could-be"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(words: str, *, columns: int) -> list[str]:
    """The lines that a terminal of this width shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm"}
    with subprocess.Popen(
        [*RI, *words.split()], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = _all_of(ours)
        assert process.wait(timeout=30) in (0, 2), shown
    os.close(ours)
    return ESCAPES.sub("", shown).replace("\r\n", "\n").rstrip("\n").split("\n")


def _all_of(terminal: int) -> str:
    """Everything written until the other side is closed."""
    parts: list[bytes] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and select.select([terminal], [], [], 30)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when nobody holds the other side any more
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    """A project with long names, and a batch that failed."""
    batch = command_line.failed_batch()
    command_line.bench.file(f"{LONG}.csv", f"email,name\n{LONG},A\n")
    assert command_line.ri("run", "people", f"{LONG}.csv").code == 1
    command_line.bench.pipeline(LONG.replace("-", "_"), "target: {}\n")
    assert batch
    return command_line


@pytest.mark.parametrize("columns", [60, 200])
@pytest.mark.parametrize("words", ["status", "list", "errors last", "doctor"])
def test_a_table_fits_the_terminal(project: CommandLine, words: str, columns: int) -> None:
    lines = on_terminal(words, columns=columns)
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("columns", [60, 200])
def test_nothing_of_a_batch_is_lost_on_any_width(project: CommandLine, columns: int) -> None:
    text = "".join(line.strip() for line in on_terminal("status", columns=columns))
    batches = project.ri("status", "--json").json["batches"]
    for batch in batches:
        assert batch["batch_id"][:8] in text
    assert "completed" in text
    assert "duration" in text
    if columns == 60:
        assert f"{LONG}.csv" in text.replace(" ", "")


def test_on_a_wide_terminal_a_batch_is_one_line(project: CommandLine) -> None:
    header, *rows = on_terminal("status", columns=200)
    assert header.split()[:3] == ["batch", "pipeline", "source"]
    assert len(rows) == 2
    assert f"{LONG}.csv" in rows[0]


@pytest.mark.parametrize("columns", ["60", "200"])
def test_piped_a_table_is_never_cut(project: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert f"\t{LONG}.csv\t" in project.shell("ri status | cat").out
    assert LONG.replace("-", "_") + "\t" in project.shell("ri list | cat").out
    message = project.shell("ri errors last | cat").out.splitlines()[1].split("\t")
    assert message[4] == f'{{"email": "{LONG}", "name": "A"}}'
