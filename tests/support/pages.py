"""Pages of docs/ as stories: their files are written and their consoles are run, in the order of the page.

A block is a file when its first line is a comment with a path (`# hooks/orders.py`, `-- tables.sql`); a block of
data, which has no comments, is the file that the line before it ends with: "`orders.csv`:".
"""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from typing import NamedTuple

from support.command_line import REPOSITORY, CommandLine, Said

# Each is a project of its own, whose tables and pipelines it brings along.
STORIES = ("adopting.md", "good-practice.md", "hooks.md", "python-api.md", "reliability.md", "troubleshooting.md")
BAD = "# bad\n"  # begins a block that shows how not to do it

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH_IN_COMMENT = re.compile(r"(?:#|--) (?P<path>[\w./-]+\.\w+)\n")
_PATH_BEFORE = re.compile(r"`(?P<path>[\w./-]+)`:\s*$")
_DATA = ("csv", "json")
_NEEDS_A_SHELL = re.compile(r"[|<>$&;*]|psql")
# What differs from machine to machine, and from batch to batch.
_UNSTABLE = re.compile(r"in [\d.]+ m?s|\([\d,]+/s\)|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"
                       r"|database \S+")  # fmt: skip


class Block(NamedTuple):
    """A fenced block: a file of the page's project, a console, or neither."""

    language: str
    text: str
    path: str | None


def text_of(page: str) -> str:
    """What stands on a page of docs/."""
    return (REPOSITORY / "docs" / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page in order."""
    text = text_of(page)
    for found in _BLOCK.finditer(text):
        language, content = found["language"], found["text"]
        before = _PATH_BEFORE.search(text[: found.start()]) if language in _DATA else None
        path = before or _PATH_IN_COMMENT.match(content)
        yield Block(language, content, path["path"] if path else None)


def commands(console: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console with the lines shown below it."""
    for part in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command.strip(), [line for line in shown if line.strip() not in ("", "…")]


def missing_line(shown: list[str], said: Said) -> str | None:
    """The first line of `shown` that was not printed, or not in this order; None when all were."""
    printed = iter([_stable(line) for line in (said.err + said.out).splitlines()])
    return next((line for line in shown if _stable(line) not in printed), None)


def _stable(line: str) -> str:
    return _UNSTABLE.sub("…", line.strip())


def run(command: str, command_line: CommandLine) -> Said:
    """What a command of a page says; `ri` in this process, everything else in a shell."""
    if not command.startswith("ri ") or _NEEDS_A_SHELL.search(command):
        return command_line.shell(re.sub(r"^python ", f"{shlex.quote(sys.executable)} -B ", command))
    path = list(sys.path)
    importlib.invalidate_caches()  # the page has written modules meanwhile
    try:
        return command_line.ri(*shlex.split(command)[1:])
    finally:  # the next page has packages of the same names
        sys.path[:] = path
        for name in [name for name in sys.modules if (command_line.root / name.partition(".")[0]).is_dir()]:
            del sys.modules[name]
