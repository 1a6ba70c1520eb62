"""`ri db migrate`: ri's own tables in any database."""

from __future__ import annotations

import click

from ri_declarative.cli import exits, options, output
from ri_declarative.cli.session import opened, placed


@click.command(
    epilog="\b\nExamples:\n  ri db migrate --database postgresql://importer@db.example/shop\n"
    "  ri db migrate --check                     in a deployment: exit 1 when something is missing",
    short_help="Create ri's tables.",
)
@click.option("--check", is_flag=True, help="Change nothing; name what is missing, and exit 1 if anything is.")
@options.database
@options.json
@options.diagnostics
def migrate(check: bool, database: str | None, as_json: bool) -> int:
    """Create or update ri's own tables in the database that runs would use.

    The embedded database is migrated by itself; --check tells of it as it was found.
    """
    if check:
        return _check(database, as_json=as_json)
    with opened(database) as manager:
        applied, label = manager.migrate(), manager.database_label
    if as_json:
        _as_json(label, applied=applied, missing=[])
    elif applied:
        output.say(f"database {output.printable(label)}: applied {', '.join(applied)}")
    else:
        output.say(f"database {output.printable(label)}: nothing to do, ri's tables are up to date")
    return exits.ALL_GOOD


def _check(database: str | None, *, as_json: bool) -> int:
    from ri_declarative.manager.place import missing_migrations

    place = placed(database)
    missing, label = missing_migrations(place), place.choice.label
    if as_json:
        _as_json(label, applied=[], missing=missing)
    elif missing:
        remedy = "the next run applies them" if place.choice.embedded else "apply them: ri db migrate"
        output.say(f"database {output.printable(label)}: missing {', '.join(missing)} ({remedy})")
    else:
        output.say(f"database {output.printable(label)}: ri's tables are up to date")
    return exits.SOME_FAILED if missing else exits.ALL_GOOD


def _as_json(label: str, *, applied: list[str], missing: list[str]) -> None:
    facts = {"database": label, "applied": applied, "missing": missing}
    output.say_json({"schema": "ri.db/1", "action": "migrate", **facts})
