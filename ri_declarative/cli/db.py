"""`ri db`: the embedded PostgreSQL of a project, and the bookkeeping tables of any database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ri_declarative.cli import exits, options, output
from ri_declarative.cli.session import opened
from ri_declarative.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

    from ri_declarative.database.embedded import Status

EPILOG = """\b
Examples:
  ri db status
  psql "$(ri db url)"
  ri db migrate --database postgresql://importer@db.example/shop
  ri db stop"""


@click.group("db", epilog=EPILOG, short_help="Start, stop and look at the embedded PostgreSQL.")
@options.diagnostics
def command() -> None:
    """Start, stop and look at the embedded PostgreSQL; create ri's tables in any database.

    The embedded server is used when no other database is configured. It keeps its data under
    .ri/ in the project, starts by itself and stops when nobody uses it.
    """


@command.command(epilog="\b\nExample:\n  ri db start", short_help="Start the embedded PostgreSQL.")
@options.json
@options.diagnostics
def start(as_json: bool) -> int:
    """Start the embedded PostgreSQL and leave it running until `ri db stop`."""
    from ri_declarative.database import embedded

    embedded.start(_root())
    return _tell("start", _status(), as_json=as_json)


@command.command(epilog="\b\nExample:\n  ri db stop")
@options.json
@options.diagnostics
def stop(as_json: bool) -> int:
    """Stop the embedded PostgreSQL; its data stays."""
    from ri_declarative.database import embedded

    stopped = embedded.stop(_root())
    if not stopped and not as_json:
        output.note("it was not running")
    return _tell("stop", _status(), as_json=as_json)


@command.command(epilog="\b\nExample:\n  ri db status --json")
@options.json
@options.diagnostics
def status(as_json: bool) -> int:
    """Show whether the embedded PostgreSQL runs, and where."""
    return _tell("status", _status(), as_json=as_json)


@command.command(epilog='\b\nExample:\n  psql "$(ri db url)"', short_help="Print the URL of the embedded PostgreSQL.")
@options.json
@options.diagnostics
def url(as_json: bool) -> int:
    """Print the URL of the running embedded PostgreSQL, for psql and others."""
    found = _status()
    if not found.running or found.url is None:
        raise DatabaseError("embedded-stopped", "the embedded PostgreSQL is not running", hint="start it: ri db start")
    if as_json:
        return _tell("url", found, as_json=True)
    output.say(found.url)
    return exits.ALL_GOOD


@command.command(
    epilog="\b\nExample:\n  ri db migrate --database postgresql://importer@db.example/shop",
    short_help="Create ri's tables.",
)
@options.database
@options.json
@options.diagnostics
def migrate(database: str | None, as_json: bool) -> int:
    """Create or update ri's own tables in the database that runs would use."""
    with opened(database) as manager:
        applied, label = manager.migrate(), manager.database_label
    if as_json:
        output.say_json({"schema": "ri.db/1", "action": "migrate", "database": label, "applied": applied})
    elif applied:
        output.say(f"database {output.printable(label)}: applied {', '.join(applied)}")
    else:
        output.say(f"database {output.printable(label)}: nothing to do, ri's tables are up to date")
    return exits.ALL_GOOD


def _root() -> Path:
    from ri_declarative.spec.project import find_project

    return find_project().root


def _status() -> Status:
    from ri_declarative.database import embedded

    found = embedded.status(_root())
    # psql and other tools do not know SQLAlchemy's names of drivers
    return found._replace(url=found.url.replace("postgresql+psycopg2://", "postgresql://", 1) if found.url else None)


def _tell(action: str, found: Status, *, as_json: bool) -> int:
    if as_json:
        output.say_json({"schema": "ri.db/1", "action": action, **_facts(found)})
        return exits.ALL_GOOD
    output.say(f"embedded PostgreSQL {found.version or ''}".rstrip() + f": {_state(found)}")
    if found.running:
        output.say(f"  url   {output.printable(str(found.url))}")
    size = "" if found.size_bytes is None else f" ({found.size_bytes / 1e6:,.0f} MB)"
    output.say(f"  data  {output.printable(str(found.data_dir))}{size}")
    return exits.ALL_GOOD


def _state(found: Status) -> str:
    if not found.running:
        return "stopped" if found.version else "not made yet"
    return f"running, process {found.pid}, until {'ri db stop' if found.keep else 'nobody uses it'}"


def _facts(found: Status) -> dict[str, Any]:
    return {
        "running": found.running,
        "url": found.url,
        "version": found.version,
        "data_dir": str(found.data_dir),
        "pid": found.pid,
        "size_bytes": found.size_bytes,
        "keep": found.keep,
    }
