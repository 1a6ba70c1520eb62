"""`ri abandon`: give up a batch that stopped early."""

from __future__ import annotations

import click

from ri_declarative.cli import completing, exits, options, output, shapes, texts
from ri_declarative.cli.session import opened

EPILOG = """\b
Examples:
  ri abandon 3f2a9c1e
  ri abandon last --reason "wrong file" """


@click.command("abandon", epilog=EPILOG, short_help="Give up a batch that stopped early.")
@click.argument("batch", shell_complete=completing.batches)
@click.option("--reason", metavar="TEXT", help="Why, kept with the batch.")
@options.database
@options.json
@options.diagnostics
def command(batch: str, reason: str | None, database: str | None, as_json: bool) -> int:
    """Give up BATCH: nobody resumes it, and it needs no attention any more. What it has committed stays.

    BATCH is an id, an unambiguous beginning of one, or `last`. What was kept of its standard input is
    removed. A batch that somebody works on is left alone: exit code 3.
    """
    with opened(database) as manager:
        summary = manager.abandon_batch(manager.resolve_batch(batch), reason=reason)
        if as_json:
            output.say_json(shapes.abandoned(summary, manager.database_label))
        else:
            done = texts.counted(summary.counts.processed, "record")
            output.say(f"batch {texts.short(summary.batch_id)} is given up; {done} stay as they are")
    return exits.ALL_GOOD
