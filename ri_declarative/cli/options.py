"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

GIVE_UP_AFTER_S = 60.0  # a copy of the engine's, which is heavy to import
VERBOSE = "ri_declarative.verbose"  # key in click's ctx.meta


class Manner(NamedTuple):
    """How a command that imports is to speak."""

    as_json: bool
    quiet: bool
    named_database: bool  # --database was given: the commands to type next need it, too
    wait: bool = False  # for another run of the same work
    give_up_after_s: float = GIVE_UP_AFTER_S


def _remember_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[VERBOSE] = True


def is_verbose() -> bool:
    """Whether `-v` was given, before or after the command's name."""
    ctx = click.get_current_context(silent=True)
    return bool(ctx and ctx.meta.get(VERBOSE))


def diagnostics(function: Function) -> Function:
    """`-v` and `--debug`, accepted before and after the command's name; they reach no parameter."""
    verbose = click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=_remember_verbose, help="Log more, to stderr."
    )
    # main.py looks for --debug itself: it must count even when parsing fails
    debug = click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks (also: RI_DEBUG=1).")
    return verbose(debug(function))


def database(function: Function) -> Function:
    """`--database`."""
    return click.option(
        "--database",
        metavar="DSN",
        help='Database to use: a DSN, the name of a service, or "embedded". Default: RI_DATABASE_URL, '
        "DATABASE_URL, ri.yaml, PGHOST or PGSERVICE, else the embedded PostgreSQL.",
    )(function)


def wait(function: Function) -> Function:
    """`--wait`."""
    return click.option("--wait", is_flag=True, help="Wait for another run of the same work, instead of exit code 3.")(
        function
    )


def give_up_after(function: Function) -> Function:
    """`--give-up-after`."""
    return click.option(
        "--give-up-after",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        default=GIVE_UP_AFTER_S,
        show_default=True,
        help="How long to try to reach a database that has gone away.",
    )(function)


def json(function: Function) -> Function:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print versioned JSON to stdout.")(function)


def quiet(function: Function) -> Function:
    """`--quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors and exit code only.")(
        function
    )
