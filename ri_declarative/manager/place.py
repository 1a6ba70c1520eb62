"""Which database a command means, and where its books are: known before anything is opened or started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from ri_declarative.database import embedded
from ri_declarative.database.connect import DatabaseChoice, choose_database, open_engine
from ri_declarative.database.migrations import all_migrations, missing
from ri_declarative.errors import UsageError
from ri_declarative.spec.project import Project, find_project


class Place(NamedTuple):
    """A database that is not open yet."""

    root: Path  # of the project; outside of one, the folder
    choice: DatabaseChoice
    books_schema: str

    @property
    def was_never_made(self) -> bool:
        """Of an embedded database. Opening would make it; whoever only looks does not."""
        return self.choice.embedded and embedded.status(self.root).version is None

    @contextlib.contextmanager
    def opened(self) -> Iterator[Engine]:
        """An engine for the block. Raises DatabaseError when the database cannot be used."""
        engine = open_engine(self.choice, self.root)
        try:
            yield engine
        finally:
            engine.dispose()


def find_place(database: str | None = None, folder: Path | None = None) -> Place:
    """The database that `database` names, or else the environment or ri.yaml, or else the embedded one.

    Raises UsageError "no-project" when it would be the embedded one of no project and no `folder`.
    """
    project: Project | None = None
    with contextlib.suppress(UsageError):
        project = find_project(folder)
    root = project.root if project else (folder or Path.cwd())
    configured = project.database() if project and not database else None
    choice = choose_database(database, root=root, configured=configured)
    if choice.embedded and project is None and folder is None:
        find_project()  # whatever folder we stand in is no place for a database
    return Place(root, choice, project.spec.bookkeeping_schema if project else "public")


def missing_migrations(place: Place) -> list[str]:
    """The names of the migrations that this database lacks. Nothing is changed, no embedded database is made."""
    if place.was_never_made:
        return [str(migration) for migration in all_migrations()]
    with place.opened() as engine, engine.connect() as connection:
        return missing(connection, place.books_schema)
