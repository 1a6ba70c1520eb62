"""`ri resume`: finish a batch that stopped early."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from ri_declarative.cli import completing, exits, failures, options
from ri_declarative.cli.options import Manner
from ri_declarative.cli.run import finished, stopped_code, watched
from ri_declarative.cli.session import opened
from ri_declarative.cli.signals import StopFlag
from ri_declarative.errors import StoppedError, UsageError
from ri_declarative.records import BatchStatus

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

EPILOG = """\b
Examples:
  ri resume                                 the newest batch that stopped early
  ri resume 3f2a9c1e
  ri resume 3f2a9c1e --file /mnt/new/customers.csv     the file lies elsewhere now, or has grown
  ri resume 3f2a9c1e --max-failed 50%       it was stopped by its limit"""


def _limit(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    if value is None:
        return None
    if not re.fullmatch(r"\d+|(\d{1,2}(\.\d+)?|100)%", value):
        raise click.BadParameter("expected a count of 0 or more, or a share from 0% to 100% like 20%")
    return int(value) if value.isdecimal() else value


@click.command("resume", epilog=EPILOG, short_help="Finish a batch that stopped early.")
@click.argument("batch", required=False, shell_complete=completing.batches)
@click.option("--file", metavar="FILE", shell_complete=completing.files, help="Its source, where that lies now.")
@click.option("--max-failed", metavar="N|N%", callback=_limit, help="Instead of limits.max_failed of the pipeline.")
@options.wait
@options.give_up_after
@options.database
@options.json
@options.quiet
@options.diagnostics
def command(
    batch: str | None,
    file: str | None,
    max_failed: int | str | None,
    wait: bool,
    give_up_after: float,
    database: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Finish BATCH, which was interrupted or stopped, from where it stopped.

    BATCH is an id, an unambiguous beginning of one, or `last`; without it, the newest batch that can be
    finished. What was read before must be the same in its file; what follows may have been repaired or
    added since. A batch that somebody works on is left alone: exit code 3.
    """
    manner = Manner(as_json, quiet, database is not None, wait, give_up_after)
    with opened(database) as manager, StopFlag() as stop:
        batch_id = _chosen(manager, batch)
        words: dict[str, Any] = {"file": file, "max_failed": max_failed, "wait": wait}
        try:
            with watched(file or batch_id[:8], stop, manner) as watchers:
                summary = manager.resume_batch(batch_id, **words, **watchers)
        except StoppedError as error:
            return stopped_code(failures.report(error, as_json=as_json), stop)
        finished(summary, manager.database_label, manner)
        return exits.of_batch(summary, stop.exit_code)


def _chosen(manager: BatchManager, batch: str | None) -> str:
    if batch is not None:
        return manager.resolve_batch(batch)
    manager.rescue_batches()
    found = manager.unfinished_batches()
    # One whose runner was killed a moment ago is nobody else's, but not free yet either: the verb says so, or waits.
    found += [b.batch_id for b in manager.list_batches() if b.status is BatchStatus.PROCESSING] if not found else []
    if not found:
        raise UsageError("nothing-to-resume", "no batch stopped early here", hint="ri status lists the newest ones")
    return found[0]
