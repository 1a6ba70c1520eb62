"""`ri db start`, `stop`, `status`, `url` and `reset`: the embedded server and its data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ri_declarative.cli import exits, options, output
from ri_declarative.errors import DatabaseError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ri_declarative.database.embedded import Status, Table

_TABLES_SHOWN = 10


@click.command(epilog="\b\nExample:\n  ri db start", short_help="Start the embedded PostgreSQL.")
@options.json
@options.diagnostics
def start(as_json: bool) -> int:
    """Start the embedded PostgreSQL and leave it running until `ri db stop`."""
    from ri_declarative.database import embedded

    embedded.start(_root())
    return _tell("start", _status(), as_json=as_json)


@click.command(epilog="\b\nExample:\n  ri db stop")
@options.json
@options.diagnostics
def stop(as_json: bool) -> int:
    """Stop the embedded PostgreSQL; its data stays."""
    from ri_declarative.database import embedded

    stopped = embedded.stop(_root())
    if not stopped and not as_json:
        output.note("it was not running")
    return _tell("stop", _status(), as_json=as_json)


@click.command(epilog="\b\nExample:\n  ri db status --json")
@options.json
@options.diagnostics
def status(as_json: bool) -> int:
    """Show whether the embedded PostgreSQL runs, and where."""
    return _tell("status", _status(), as_json=as_json)


@click.command(
    epilog='\b\nExample:\n  ri db start && psql "$(ri db url)"', short_help="Print the URL of the embedded PostgreSQL."
)
@options.json
@options.diagnostics
def url(as_json: bool) -> int:
    """Print the URL of the running embedded PostgreSQL, for psql and others.

    A server that another command has started stops when nobody has used it for 60 s; what `ri db start`
    has started runs until `ri db stop`. `ri db psql` starts it by itself.
    """
    found = _status()
    if not found.running or found.url is None:
        raise DatabaseError("embedded-stopped", "the embedded PostgreSQL is not running", hint="start it: ri db start")
    if as_json:
        return _tell("url", found, as_json=True)
    output.say(found.url)
    return exits.ALL_GOOD


@click.command(
    epilog="\b\nExample:\n  ri db dump before-reset.sql && ri db reset --yes",
    short_help="Remove the embedded database with all its data.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.json
@options.diagnostics
def reset(yes: bool, as_json: bool) -> int:
    """Remove the embedded database with all its data; the next command makes a new one.

    Says what is lost, and asks. Works on a damaged database and on one of another version of
    PostgreSQL, too. Refuses while another ri uses it.
    """
    from ri_declarative.database import embedded

    root, found = _root(), _status()
    if found.size_bytes is None:
        if not as_json:
            output.note("there is no embedded database yet: nothing to remove")
        return _told_of_reset(found, removed=False, as_json=as_json)
    embedded.refuse_if_used(root)
    _say_what_is_lost(found, embedded.contents(root))
    if not yes:
        _ask(as_json=as_json)
    return _told_of_reset(found, removed=embedded.remove(root), as_json=as_json)


def _say_what_is_lost(found: Status, tables: list[Table] | None) -> None:
    output.note(f"to be removed: {output.printable(str(found.data_dir))}, {_size(found.size_bytes)}, with all in it")
    if tables is None:
        output.note("  its tables cannot be listed: the database does not start")
    for table in (tables or ())[:_TABLES_SHOWN]:
        rows = f"about {table.rows:,} rows, " if table.rows else ""
        output.note(f"  {output.printable(table.name)}: {rows}{_size(table.size_bytes)}")
    if tables and len(tables) > _TABLES_SHOWN:
        output.note(f"  and {len(tables) - _TABLES_SHOWN} smaller tables")
    output.note(
        "the books of its batches go, too: what failed in them can then not be repaired; `ri db dump` keeps a copy"
    )


def _ask(*, as_json: bool) -> None:
    asked = not as_json and sys.stdin is not None and sys.stdin.isatty()
    if not asked or not click.confirm("Remove it?", err=True):
        why = "nothing was removed" if asked else "nobody is here to be asked; nothing was removed"
        raise UsageError("not-confirmed", why, hint="ri db reset --yes removes it without asking")


def _told_of_reset(found: Status, *, removed: bool, as_json: bool) -> int:
    if as_json:
        facts = {"removed": removed, "data_dir": str(found.data_dir), "size_bytes": found.size_bytes}
        output.say_json({"schema": "ri.db/1", "action": "reset", **facts})
    elif removed:
        output.say(f"removed {output.printable(str(found.data_dir))} ({_size(found.size_bytes)})")
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
    size = "" if found.size_bytes is None else f" ({_size(found.size_bytes)})"
    output.say(f"  data  {output.printable(str(found.data_dir))}{size}")
    return exits.ALL_GOOD


def _size(size_bytes: int | None) -> str:
    size = size_bytes or 0
    return f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{size / 1e3:,.0f} kB"


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
