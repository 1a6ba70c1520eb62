"""Errors for a person (stderr) and for a program (`ri.error/1` on stdout)."""

from __future__ import annotations

import sys
import traceback

import click

from ri_declarative.cli import output, shapes
from ri_declarative.cli.excerpts import with_excerpts
from ri_declarative.errors import ConfigError, RiError, StoppedError, UsageError


def report(error: RiError, *, as_json: bool = False) -> int:
    """The error's exit code, after telling of it."""
    output.note(_text(error))
    if as_json:
        output.deliver(output.json_text(as_object(error)))
    return error.exit_code


def _text(error: RiError) -> str:
    """What a person reads; of a wrong file each finding with its line and carets under the place."""
    if isinstance(error, ConfigError):
        return with_excerpts(error.diagnostics, sys.stderr)
    return printable_lines(str(error))


def as_object(error: RiError) -> dict[str, object]:
    """`ri.error/1`; a wrong file of the project also brings its `diagnostics`, each with its place."""
    described: dict[str, object] = {
        "schema": "ri.error/1",
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, ConfigError):
        described["diagnostics"] = [shapes.diagnostic(found) for found in error.diagnostics]
    return described


def report_unexpected(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Exit code 3, after one line (or the whole traceback) about an exception nobody foresaw.

    The text of the exception is shown, with cells it may quote: it goes to the terminal of the
    person who has the file, never into a log.
    """
    if debug:
        output.note("".join(traceback.format_exception(error)).rstrip())
    first_line = next(iter(str(error).splitlines()), "")
    message = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    hint = "run with --debug for the traceback"
    unexpected = StoppedError("internal", message, hint=None if debug else hint)
    output.note(output.printable(f"error[internal] {message}" + ("" if debug else f"; {hint}")))
    if as_json:
        output.deliver(output.json_text(as_object(unexpected)))
    return unexpected.exit_code


def from_click(error: click.ClickException) -> RiError:
    """Click's complaint in the wording and with the exit code of ours."""
    message = error.format_message().rstrip(".")
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see: {ctx.command_path} --help" if ctx else None
    return UsageError("usage", message[:1].lower() + message[1:], hint=hint)


def printable_lines(text: str) -> str:
    """Text of several lines, each safe for a terminal."""
    return "\n".join(output.printable(line) for line in text.split("\n"))
