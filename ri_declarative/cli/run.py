"""`ri run`: files in, one batch for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ri_declarative.cli import completing, exits, failures, options, output, prints, progress, shapes, texts
from ri_declarative.cli.options import Manner
from ri_declarative.cli.session import opened
from ri_declarative.cli.signals import StopFlag
from ri_declarative.errors import DatabaseError, RiError, SourceError, StoppedError, UsageError
from ri_declarative.records import BatchStatus, BatchSummary

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager
    from ri_declarative.manager.matching import FolderPlan

EPILOG = """\b
Examples:
  ri run customer_data customers.csv
  ri run customer_data monday.csv tuesday.csv      two batches
  zcat customers.csv.gz | ri run customer_data -
  ri run customer_data customers.csv --json | jq .failed
  ri run customer_data customers.csv --new-batch   not what an interrupted run has left
  ri run --all inbox                               each file with the pipeline that it matches"""

# Of errors that are not the pipeline's: every other one would meet them, too.
_OF_ALL = frozenset({"db.connection", "db.world", "duplicate-batch-type", "processor-class", "processor-import"})
_OF_ONE = frozenset({"db.passing", "db.pipeline"})  # told as a DatabaseError when nothing had begun yet


@click.command("run", epilog=EPILOG, short_help="Import files with a pipeline.")
@click.argument("pipeline", metavar="[PIPELINE]", required=False, shell_complete=completing.names)
@click.argument("files", metavar="[FILE...]", nargs=-1, shell_complete=completing.files)
@click.option(
    "--all",
    "folder",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Import each file of DIR with the pipeline whose source.match it fits, in the order that `requires` asks for.",
)
@click.option("--new-batch", is_flag=True, help="Begin anew, though a run of the same content was interrupted.")
@options.wait
@options.give_up_after
@options.database
@options.json
@options.quiet
@options.diagnostics
def command(
    pipeline: str | None,
    files: tuple[str, ...],
    folder: Path | None,
    new_batch: bool,
    wait: bool,
    give_up_after: float,
    database: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Import FILEs with PIPELINE: the stem of a file in pipelines/, or the batch type of a processor class.

    `-` is stdin. Several files are several batches, imported in the order given; a file that
    cannot be read does not keep the next one from being imported. The exit code is the worst.

    An interrupted run of the same content is gone on with where it stopped. While another run works on
    it, this one exits with 3, or waits with --wait.

    With --all, folders in DIR and hidden files are passed over, and files that no pipeline takes are named.
    A pipeline that requires one whose import did not complete is refused; the others go on.
    """
    manner = Manner(as_json, quiet, database is not None, wait, give_up_after)
    if folder is not None:
        _refuse_words(pipeline)
        plan = _planned(folder)
        with opened(database) as manager, StopFlag() as stop:
            return _import_folder(manager, plan, stop, manner, new_batch=new_batch)
    name = _checked(pipeline, files)
    with opened(database) as manager, StopFlag() as stop:
        return import_files(manager, name, files, stop, manner, new_batch=new_batch).exit_code


def _refuse_words(pipeline: str | None) -> None:
    if pipeline is not None:
        raise UsageError("usage", "give PIPELINE and FILEs, or --all DIR, not both", hint="see: ri run --help")


def _checked(pipeline: str | None, files: Sequence[str]) -> str:
    """The pipeline's name, if the words are complete."""
    if pipeline is None or not files:
        missing = "PIPELINE" if pipeline is None else "FILE..."
        raise UsageError("usage", f"missing argument '{missing}'", hint="see: ri run --help")
    if files.count("-") > 1:
        raise UsageError("usage", "stdin (-) can be read only once")
    return pipeline


class Ends(IntEnum):
    """How far the fate of a file reaches."""

    FILE = 0
    PIPELINE = 1  # the pipeline's other files would meet it, too
    COMMAND = 2  # so would all others


class Fate(NamedTuple):
    """What became of files."""

    exit_code: int = exits.ALL_GOOD  # the worst
    completed: bool = True  # each is a completed batch
    ends: Ends = Ends.FILE

    def then(self, other: Fate) -> Fate:
        """Of these files and of those."""
        return Fate(
            max(self.exit_code, other.exit_code), self.completed and other.completed, max(self.ends, other.ends)
        )


def import_files(
    manager: BatchManager,
    pipeline: str,
    files: Sequence[str | Path],
    stop: StopFlag,
    manner: Manner,
    *,
    new_batch: bool = False,
) -> Fate:
    """Import the files in order, as far as that makes sense; each is told of when it is done."""
    fate = Fate()
    for number, file in enumerate(files):
        if fate.ends is not Ends.FILE or stop():
            _left(files[number:])
            return fate.then(Fate(stop.exit_code or 0, False, Ends.COMMAND if stop() else fate.ends))
        fate = fate.then(_import_one(manager, pipeline, str(file), stop, manner, new_batch=new_batch))
    return fate


def _left(files: Sequence[str | Path]) -> None:
    output.note(f"not imported: {', '.join(output.printable(str(file)) for file in files)}")


def _import_one(
    manager: BatchManager, pipeline: str, file: str, stop: StopFlag, manner: Manner, *, new_batch: bool
) -> Fate:
    try:
        with watched(file, stop, manner) as watchers:
            summary = manager.run_pipeline(pipeline, file, new_batch=new_batch, wait=manner.wait, **watchers)
    except SourceError as error:
        return Fate(failures.report(error, as_json=manner.as_json), False)
    except RiError as error:
        code = stopped_code(failures.report(error, as_json=manner.as_json), stop)
        return Fate(code, False, Ends.COMMAND if _is_of_all(error) else Ends.PIPELINE)
    finished(summary, manager.database_label, manner)
    ends = Ends.COMMAND if exits.ends_the_command(summary) else Ends.FILE
    return Fate(exits.of_batch(summary, stop.exit_code), summary.status == BatchStatus.COMPLETED, ends)


def _is_of_all(error: RiError) -> bool:
    return error.code in _OF_ALL or (isinstance(error, DatabaseError) and error.code not in _OF_ONE)


# ── a folder ─────────────────────────────────────────────────────────────────────────────────


def _planned(folder: Path) -> FolderPlan:
    from ri_declarative.manager.matching import plan_folder
    from ri_declarative.spec.project import find_project

    plan = plan_folder(find_project(), folder)
    if plan.unmatched:
        output.note(f"no pipeline takes: {', '.join(map(output.printable, plan.unmatched))}")
    return plan


def _import_folder(manager: BatchManager, plan: FolderPlan, stop: StopFlag, manner: Manner, *, new_batch: bool) -> int:
    fate = Fate()
    incomplete: set[str] = set()
    for pipeline, requires, files in plan.matched:
        if fate.ends is Ends.COMMAND:
            _left(files)
            continue
        missing = next((name for name in requires if name in incomplete), None)
        if missing is not None:
            one = _refused(pipeline, missing, files, manner)
        else:
            one = import_files(manager, pipeline, files, stop, manner, new_batch=new_batch)
        if not one.completed:
            incomplete.add(pipeline)
        fate = fate.then(one)
    return fate.exit_code


def _refused(pipeline: str, missing: str, files: Sequence[Path], manner: Manner) -> Fate:
    """Sooner and stricter than the books, in which an older batch of the required pipeline may be complete."""
    message = f"{pipeline} requires {missing}, which was not completed just now"
    error = UsageError("requires", message, hint=f"then: ri run {pipeline} FILE")
    code = failures.report(error, as_json=manner.as_json)
    _left(files)
    return Fate(code, False, Ends.PIPELINE)


# ── also of `ri resume` and `ri reprocess` ───────────────────────────────────────────────────


@contextlib.contextmanager
def watched(name: str, stop: StopFlag, manner: Manner) -> Iterator[dict[str, Any]]:
    """How a run is watched, as words for the manager's verbs; when it breaks off, a note says what stays."""
    batch_ids: list[str] = []
    try:
        with progress.shown(name, quiet=manner.quiet) as on_progress, prints.to_stderr():
            yield {
                "on_progress": on_progress,
                "should_stop": stop,
                "on_batch": batch_ids.append,
                "give_up_after_s": manner.give_up_after_s,
            }
    except (StoppedError, KeyboardInterrupt) as stopped:
        told = isinstance(stopped, StoppedError) and "ri " in (stopped.hint or "")  # what to do, and of which batch
        for batch_id in batch_ids if not told else ():
            short = texts.short(batch_id)
            output.note(f"batch {short} keeps what was committed; to finish it: ri resume {short}")
        raise


def stopped_code(exit_code: int, stop: StopFlag) -> int:
    """The exit code of an error; a signal that came before says more."""
    return stop.exit_code if exit_code == exits.STOPPED_BY_WORLD and stop.exit_code else exit_code


def finished(summary: BatchSummary, database: str, manner: Manner) -> None:
    """Print what came out of a batch; a broken stdout does not undo it."""
    if manner.as_json:
        output.deliver(output.json_text(shapes.run(summary, database)))
    elif not manner.quiet:
        advised = manner.named_database and (summary.failed_items or summary.stop_reason)
        reminder = "\n(these commands need the same --database)" if advised else ""
        output.deliver(texts.of_run(summary, database) + reminder)
