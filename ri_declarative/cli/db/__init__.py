"""`ri db`: the embedded PostgreSQL of a project, and the bookkeeping tables of any database."""

from __future__ import annotations

import click

from ri_declarative.cli import options
from ri_declarative.cli.db import server, tables, tools

EPILOG = """\b
Examples:
  ri db status
  ri db psql -- -c "select * from import_batch_summary"
  ri db dump before-the-experiment.sql
  ri db migrate --database postgresql://importer@db.example/shop
  ri db stop"""


@click.group("db", epilog=EPILOG, short_help="Start, stop, look at and copy the embedded PostgreSQL.")
@options.diagnostics
def command() -> None:
    """Start, stop, look at and copy the embedded PostgreSQL; create ri's tables in any database.

    The embedded server is used when no other database is configured. It keeps its data under
    .ri/ in the project, starts by itself and stops when nobody uses it.
    """


for _subcommand in (
    *(server.start, server.stop, server.status, server.url),
    *(tools.psql, tables.migrate, tools.dump, server.reset),
):
    command.add_command(_subcommand)
