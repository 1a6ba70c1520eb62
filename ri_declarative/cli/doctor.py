"""`ri doctor`: whether an import could run here, and if not, what to do."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING

import click

from ri_declarative.cli import exits, options, output

if TYPE_CHECKING:
    from ri_declarative.manager.doctor import Check

EPILOG = """\b
Examples:
  ri doctor
  ri doctor --database service=crm
  ri doctor --json | jq '.checks[] | select(.status != "ok")'"""

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_INDENT = 4 + 2 + 13 + 2  # status, name
_LEAST_TEXT = 30


@click.command("doctor", epilog=EPILOG, short_help="Look whether everything is there that an import needs.")
@options.database
@options.json
@options.diagnostics
def command(database: str | None, as_json: bool) -> int:
    """Look whether everything is there that an import needs: software, project, database, disk.

    Each line is ok, warn (imports run, but look at it) or fail (they do not), with what to do.
    The exit code is 2 when something fails, else 0.
    """
    from ri_declarative.manager.doctor import CheckStatus, examine

    checks = []
    for check in examine(database):
        checks.append(check)
        if not as_json:
            _tell(check)
    failed = any(check.status is CheckStatus.FAIL for check in checks)
    if as_json:
        output.say_json({"schema": "ri.doctor/1", "ok": not failed, "checks": [check._asdict() for check in checks]})
    return exits.USAGE if failed else exits.ALL_GOOD


def _tell(check: Check) -> None:
    """The check on a line at once: the next one may wait for a server that does not answer."""
    status = output.styled(f"{check.status:<4}", fg=_COLOURS[check.status], bold=check.status != "ok")
    output.say(f"{status}  {check.name:<13}  {_folded(check.message)}")
    if check.hint is not None:
        output.say(" " * _INDENT + _folded(f"→ {check.hint}"))


def _folded(text: str) -> str:
    """Folded to what a terminal has left, whole when nobody looks."""
    text = output.printable(text)
    if not output.on_terminal():
        return text
    width = max(_LEAST_TEXT, shutil.get_terminal_size().columns - _INDENT)
    return f"\n{' ' * _INDENT}".join(textwrap.wrap(text, width, break_on_hyphens=False)) or text
