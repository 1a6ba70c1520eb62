"""`ri errors`: the failed records that still need attention: to read, to repair, to dismiss."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from ri_declarative.cli import completing, exits, options, output, shapes, texts
from ri_declarative.cli.session import opened
from ri_declarative.errors import UsageError
from ri_declarative.records import Item

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager

EPILOG = """\b
Examples:
  ri errors last                            the first 20, with line, field, code, reason and record
  ri errors last --limit 0                  all of them
  ri errors last --json | jq '.items[].problems'
  ri errors last --csv fix.csv              the failed records (for Excel: --bom); repair them, then
  ri reprocess last --from fix.csv
  ri errors last --dismiss --reason "test data"
  ri errors last --dismiss --item 3f2a9c1e-0000-4000-8000-000000000007"""

_MARK = "\ufeff"
ON_TERMINAL = 20  # items shown when nobody said how many

_HEADERS = ("line", "field", "code", "message", "record")
_LAYOUT: dict[str, tuple[str, ...]] = {"numbers": ("line",), "texts": ("field", "code", "message", "record")}


@click.command("errors", epilog=EPILOG, short_help="Show the failed records, export or dismiss them.")
@click.argument("batch", shell_complete=completing.batches)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help="Items to show; 0: all. [default: 20 on a terminal, else all]",
)
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    shell_complete=completing.files,
    help="Write the failed records to FILE (-: stdout), ready to be repaired.",
)
@click.option("--bom", is_flag=True, help="With --csv: begin with a byte-order mark, by which Excel knows UTF-8.")
@click.option("--force", is_flag=True, help="With --csv: overwrite FILE.")
@click.option("--dismiss", is_flag=True, help="Mark the failed records as needing no attention.")
@click.option(
    "--item", "items", metavar="ID", multiple=True, help="With --dismiss: only this item; may be repeated. Ids: --json."
)
@click.option("--reason", metavar="TEXT", help="With --dismiss: why; kept with the items.")
@options.database
@options.json
@options.diagnostics
def command(
    batch: str,
    limit: int | None,
    csv_file: str | None,
    bom: bool,
    force: bool,
    dismiss: bool,
    items: tuple[str, ...],
    reason: str | None,
    database: str | None,
    as_json: bool,
) -> int:
    """Show the failed records of BATCH that are neither repaired nor dismissed.

    BATCH is an id, an unambiguous beginning of one, or `last`.
    """
    _check(csv_file, dismiss=dismiss, limit=limit, as_json=as_json)
    if not dismiss and (items or reason is not None):
        raise UsageError("usage", "--item and --reason belong to --dismiss")
    if csv_file is None and bom:
        raise UsageError("usage", "--bom belongs to --csv")
    with opened(database) as manager:
        batch_id = manager.resolve_batch(batch)
        if dismiss:
            _dismiss(manager, batch_id, items, reason=reason, as_json=as_json)
        elif csv_file is not None:
            _export(manager, batch_id, csv_file, bom=bom, force=force, as_json=as_json)
        elif as_json:
            _print_json(manager, batch_id, limit)
        else:
            _print_table(manager, batch_id, limit)
    return exits.ALL_GOOD


def _check(csv_file: str | None, *, dismiss: bool, limit: int | None, as_json: bool) -> None:
    if csv_file is not None and dismiss:
        raise UsageError("usage", "give --csv or --dismiss, not both")
    if csv_file == "-" and as_json:
        raise UsageError("usage", "--csv - and --json cannot share stdout; name a file after --csv")
    if limit is not None and (dismiss or csv_file is not None):
        raise UsageError("usage", "--limit does not go with --csv or --dismiss")


def _print_table(manager: BatchManager, batch_id: str, limit: int | None) -> None:
    terminal = output.on_terminal()
    shown = ON_TERMINAL if limit is None and terminal else limit or None
    items = iter(manager.needs_attention(batch_id, limit=shown + 1 if shown else None))
    wanted = itertools.islice(items, shown)
    first = next(wanted, None)
    if first is None:
        _nothing_needs_attention(manager, batch_id)
        return
    header = manager.get_batch_summary(batch_id).source_info.get("header") or ()
    chosen = (_in_file_order(item, header) for item in itertools.chain((first,), wanted))
    if terminal:
        output.table(_HEADERS, (row for item in chosen for row in _rows_to_look_at(item)), **_LAYOUT)
    else:
        output.table((*_HEADERS, "item"), (row for item in chosen for row in _rows(item)), **_LAYOUT)
    if shown and next(items, None) is not None:
        output.note(f"only the first {shown:,} are shown; all: ri errors {texts.short(batch_id)} --limit 0")


def _nothing_needs_attention(manager: BatchManager, batch_id: str) -> None:
    output.note(f"nothing needs attention in batch {texts.short(batch_id)}")
    for line in texts.taken_again(manager.failing_repeats(batch_id)):
        output.note(line)


def _in_file_order(item: Item, header: Sequence[str]) -> Item:
    """The item with its record's fields in the order of the file: the database keeps none."""
    record = item.source_data
    if isinstance(record, str):
        return item
    names = [*(name for name in header if name in record), *(name for name in record if name not in header)]
    return item._replace(source_data={name: record[name] for name in names})


def _rows(item: Item) -> Iterator[tuple[str, ...]]:
    """A row for each problem, each complete: (line, field, code, message, record, item)."""
    line = "" if item.line is None else str(item.line)
    record = output.readable_json(item.source_data)
    for problem in item.problems:
        yield line, problem.field or "", problem.code, problem.message, record, item.item_id


def _rows_to_look_at(item: Item) -> Iterator[tuple[str, ...]]:
    """The same for an eye: line and record once, the record cut to a third of the screen, no id."""
    width = max(20, shutil.get_terminal_size().columns // 3)
    for number, (line, field, code, message, record, _) in enumerate(_rows(item)):
        cut = record if len(record) <= width else record[: width - 1] + "…"
        yield ("", field, code, message, "") if number else (line, field, code, message, cut)


def _print_json(manager: BatchManager, batch_id: str, limit: int | None) -> None:
    """`ri.errors/1` on one line, written item by item: there may be more than memory holds."""
    head = {"schema": "ri.errors/1", "database": manager.database_label, "batch_id": batch_id}
    output.say(output.json_text(head)[:-1] + ', "items": [', end="")
    for number, item in enumerate(manager.needs_attention(batch_id, limit=limit or None)):
        output.say((", " if number else "") + output.json_text(shapes.item(item)), end="")
    output.say("]}")


def _export(manager: BatchManager, batch_id: str, file: str, *, bom: bool, force: bool, as_json: bool) -> None:
    mark = _MARK if bom else ""
    if file == "-":
        with output.stdout_is_read():
            sys.stdout.write(mark)
            manager.export_failed(batch_id, sys.stdout)
            sys.stdout.flush()
        return
    with _new_file(Path(file), force=force) as stream:
        stream.write(mark)
        written = manager.export_failed(batch_id, stream)
    if as_json:
        output.say_json({"schema": "ri.export/1", "batch_id": batch_id, "file": file, "records": written})
    elif not written:
        _nothing_needs_attention(manager, batch_id)
    else:
        batch, name = texts.short(batch_id), output.printable(file)
        output.say(f"{written:,} failed records in {name} · repaired: ri reprocess {batch} --from {name}")


@contextlib.contextmanager
def _new_file(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A text file that appears under its name only when it is complete.

    An existing one may hold an hour of repair work: it is replaced only with `force`. What is no file but a device
    or a pipe (/dev/stdout, `>(gzip > fix.csv.gz)`) is written to, and never replaced.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            return
        if path.exists() and not force:
            raise UsageError("file-exists", f"{path} exists", hint="name another file, or overwrite it with --force")
        with _replacing(path.resolve()) as stream:  # of a link, what it leads to
            yield stream
    except OSError as error:
        raise UsageError("file-not-written", f"cannot write {path}: {error.strerror}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as stream:
            yield stream
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _dismiss(
    manager: BatchManager, batch_id: str, items: tuple[str, ...], *, reason: str | None, as_json: bool
) -> None:
    dismissed = manager.dismiss(batch_id, items, reason=reason)
    if as_json:
        output.say_json({"schema": "ri.dismiss/1", "batch_id": batch_id, "dismissed": dismissed})
    else:
        noun = "record needs" if dismissed == 1 else "records need"
        output.say(f"{dismissed:,} failed {noun} no attention any more in batch {texts.short(batch_id)}")
