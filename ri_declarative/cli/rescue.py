"""`ri rescue`: batches whose runner is gone become stopped ones."""

from __future__ import annotations

import click

from ri_declarative.cli import exits, options, output, shapes, texts
from ri_declarative.cli.session import opened

EPILOG = """\b
Examples:
  ri rescue
  ri rescue --json | jq -r '.batches[].batch_id' | xargs -rn 1 ri resume"""


@click.command("rescue", epilog=EPILOG, short_help="Release batches whose runner is gone.")
@options.database
@options.json
@options.diagnostics
def command(database: str | None, as_json: bool) -> int:
    """Mark every batch as stopped whose runner has died, so that it can be resumed; list them.

    A runner owns its batch for as long as it renews its lease. Nothing is taken from one that lives.
    Every run does this first; here it is for an operator, or for a job that cleans up.
    """
    with opened(database) as manager:
        rescued = [manager.get_batch(batch_id) for batch_id in manager.rescue_batches()]
        if as_json:
            output.say_json(shapes.rescued(rescued, manager.database_label))
        elif not rescued:
            output.say("every batch in processing has a living runner")
        for batch in rescued if not as_json else ():
            short = texts.short(batch.batch_id)
            output.say(
                f"{short} {batch.batch_type}: {batch.counts.processed:,} records done; finish it: ri resume {short}"
            )
    return exits.ALL_GOOD
