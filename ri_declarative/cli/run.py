"""`ri run`: files in, one batch for each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from ri_declarative.cli import completing, exits, failures, options, output, progress, shapes, texts
from ri_declarative.cli.options import Manner
from ri_declarative.cli.session import opened
from ri_declarative.cli.signals import StopFlag
from ri_declarative.errors import SourceError, StoppedError, UsageError
from ri_declarative.records import BatchSummary

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

EPILOG = """\b
Examples:
  ri run customer_data customers.csv
  ri run customer_data monday.csv tuesday.csv      two batches
  zcat customers.csv.gz | ri run customer_data -
  ri run customer_data customers.csv --json | jq .failed"""


@click.command("run", epilog=EPILOG, short_help="Import files with a pipeline.")
@click.argument("pipeline", shell_complete=completing.pipelines)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, shell_complete=completing.files)
@options.database
@options.json
@options.quiet
@options.diagnostics
def command(pipeline: str, files: tuple[str, ...], database: str | None, as_json: bool, quiet: bool) -> int:
    """Import FILEs with PIPELINE (the stem of a file in pipelines/).

    `-` is stdin. Several files are several batches, imported in the order given; a file that
    cannot be read does not keep the next one from being imported. The exit code is the worst.
    """
    if files.count("-") > 1:
        raise UsageError("usage", "stdin (-) can be read only once")
    with opened(database) as manager:
        return _import_all(manager, pipeline, files, Manner(as_json, quiet, database is not None))


def _import_all(manager: BatchManager, pipeline: str, files: tuple[str, ...], manner: Manner) -> int:
    worst = exits.ALL_GOOD
    with StopFlag() as stop:
        for file in files:
            if stop() and stop.exit_code:
                return stop.exit_code
            try:
                summary = _import_one(manager, pipeline, file, stop, quiet=manner.quiet)
            except SourceError as error:
                worst = max(worst, failures.report(error, as_json=manner.as_json))
                continue
            finished(summary, manager.database_label, manner)
            worst = max(worst, exits.of_batch(summary, stop.exit_code))
            if exits.ends_the_command(summary):
                break
    return worst


def _import_one(manager: BatchManager, pipeline: str, file: str, stop: StopFlag, *, quiet: bool) -> BatchSummary:
    with progress.shown(file, quiet=quiet) as on_progress, naming_the_batch() as on_batch:
        return manager.run_pipeline(pipeline, file, on_progress=on_progress, should_stop=stop, on_batch=on_batch)


@contextlib.contextmanager
def naming_the_batch() -> Iterator[Callable[[str], None]]:
    """A listener for `on_batch`; when the run breaks off, a note says which batch holds what is done."""
    batch_ids: list[str] = []
    try:
        yield batch_ids.append
    except (StoppedError, KeyboardInterrupt):
        for batch_id in batch_ids:
            output.note(f"batch {texts.short(batch_id)} keeps what was committed: ri status {texts.short(batch_id)}")
        raise


def finished(summary: BatchSummary, database: str, manner: Manner) -> None:
    """Print what came out of a batch; a broken stdout does not undo it."""
    if manner.as_json:
        output.deliver(output.json_text(shapes.run(summary, database)))
    elif not manner.quiet:
        advised = manner.named_database and (summary.failed_items or summary.stop_reason)
        reminder = "\n(these commands need the same --database)" if advised else ""
        output.deliver(texts.of_run(summary, database) + reminder)
