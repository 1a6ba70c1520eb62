"""`ri db psql` and `ri db dump`: PostgreSQL's own programs on the right database."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click

from ri_declarative.cli import exits, options, output
from ri_declarative.cli.session import placed
from ri_declarative.errors import UsageError

PSQL_EPILOG = """\b
Examples:
  ri db psql
  ri db psql -- -c "select * from import_batch_summary"
  ri db psql -- -f copy.sql"""


@click.command(epilog=PSQL_EPILOG, short_help="Open psql on the database.")
@click.argument("arguments", metavar="[-- ARGS]", nargs=-1, type=click.UNPROCESSED)
@options.database
@options.diagnostics
def psql(arguments: tuple[str, ...], database: str | None) -> int:
    """Open psql on the database that runs would use; ARGS are psql's own.

    On the embedded database it is the psql that came with the server, on another one yours. The
    exit code is psql's.
    """
    from ri_declarative.database import tools

    place = placed(database)
    command = tools.psql(place.choice, place.root, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and psql would inherit that
    os.execve(command.program, command.words, command.environment)


@click.command(
    epilog="\b\nExamples:\n  ri db dump copy.sql\n  ri db dump - | gzip > copy.sql.gz\n"
    "  ri db psql -- -f copy.sql                 the way back, into an empty database",
    short_help="Write a copy of the embedded database.",
)
@click.argument("file", required=False)
@options.json
@options.diagnostics
def dump(file: str | None, as_json: bool) -> int:
    """Write a copy of the embedded database as SQL to FILE, which must not exist yet.

    Without FILE it is ri-DATE-TIME.sql in the current folder; - is stdout. Any PostgreSQL of the
    same or a newer version takes the copy.
    """
    from ri_declarative.database import tools
    from ri_declarative.spec.project import find_project

    if file == "-" and as_json:
        raise UsageError("usage", "- and --json cannot share stdout; name a file")
    path = Path(file or time.strftime("ri-%Y%m%d-%H%M%S.sql"))
    with output.stdout_is_read():
        size_bytes = tools.dump(find_project().root, path)
    if as_json:
        output.say_json({"schema": "ri.db/1", "action": "dump", "file": str(path), "size_bytes": size_bytes})
    elif path != tools.STDOUT:
        output.say(f"wrote {output.printable(str(path))} ({size_bytes / 1e6:,.1f} MB)")
    return exits.ALL_GOOD
