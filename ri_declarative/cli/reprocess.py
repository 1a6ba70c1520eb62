"""`ri reprocess`: the failed records of a batch once more, repaired or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ri_declarative.cli import completing, exits, failures, options, output, prints, shapes, texts
from ri_declarative.cli.options import Manner
from ri_declarative.cli.run import finished, stopped_code, watched
from ri_declarative.cli.session import opened
from ri_declarative.cli.signals import StopFlag
from ri_declarative.errors import StoppedError

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

EPILOG = """\b
Examples:
  ri reprocess last                         after the pipeline or the database was repaired
  ri errors last --csv fix.csv              the failed records; correct them in an editor, then
  ri reprocess last --from fix.csv          take the corrected values in
  ri reprocess 3f2a9c1e --all"""


@click.command("reprocess", epilog=EPILOG, short_help="Take the failed records of a batch again.")
@click.argument("batch", shell_complete=completing.batches)
@click.option("--all", "all_items", is_flag=True, help="Every record, the completed ones too, not only the failed.")
@click.option(
    "--from",
    "corrections",
    metavar="FIX.csv",
    type=click.Path(exists=True, dir_okay=False),
    help="Corrected records: a file that `ri errors BATCH --csv` wrote.",
)
@options.wait
@options.give_up_after
@options.database
@options.json
@options.quiet
@options.diagnostics
def command(
    batch: str,
    all_items: bool,
    corrections: str | None,
    wait: bool,
    give_up_after: float,
    database: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Take the failed records of BATCH again, in a new batch that is linked to it.

    BATCH is an id, an unambiguous beginning of one, or `last`. The original file is not needed.
    Records that were repaired or dismissed since are left alone. A reprocessing of BATCH that was
    interrupted is gone on with.
    """
    manner = Manner(as_json, quiet, database is not None, wait=wait, give_up_after_s=give_up_after)
    with opened(database) as manager:
        parent_id = manager.resolve_batch(batch)
        _tell_of_changed_pipeline(manager, parent_id)
        with StopFlag() as stop:
            try:
                with watched(batch, stop, manner) as watchers:
                    new_id = manager.reprocess_batch(
                        parent_id, not all_items, corrections=corrections, wait=wait, **watchers
                    )
            except StoppedError as error:
                return stopped_code(failures.report(error, as_json=as_json), stop)
        if new_id is None:
            return _nothing(manager, parent_id, manner)
        summary = manager.get_batch_summary(new_id, give_up_after_s=give_up_after)
        finished(summary, manager.database_label, manner)
        return exits.of_batch(summary, stop.exit_code)


def _tell_of_changed_pipeline(manager: BatchManager, batch_id: str) -> None:
    with prints.to_stderr():  # the class of a batch is imported to be looked at
        then, now = manager.fingerprints(batch_id)
    if then != now:
        was, is_now = (f[:12] if f else "unknown" for f in (then, now))
        output.note(f"the pipeline changed since batch {texts.short(batch_id)}: fingerprint {was} then, {is_now} now")


def _nothing(manager: BatchManager, parent_id: str, manner: Manner) -> int:
    if manner.as_json:
        summary = manager.get_batch_summary(parent_id)
        output.deliver(output.json_text(shapes.nothing_to_do(summary, manager.database_label)))
    elif not manner.quiet:
        output.deliver(f"nothing to reprocess in batch {texts.short(parent_id)}")
    return exits.ALL_GOOD
