"""The database that commands work with: opened by a manager, or only found. Prints its warnings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ri_declarative.cli.options import is_verbose
from ri_declarative.cli.output import note, printable

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager
    from ri_declarative.manager.place import Place


@contextlib.contextmanager
def opened(database: str | None) -> Iterator[BatchManager]:
    """A manager on the database asked for, with its warnings printed and the log on stderr."""
    from ri_declarative.cli.logs import to_stderr
    from ri_declarative.manager import BatchManager

    to_stderr(verbose=is_verbose())
    with BatchManager(database) as manager:
        _warn(manager.warnings)
        yield manager


def placed(database: str | None) -> Place:
    """The database asked for, not opened, with its warnings printed."""
    from ri_declarative.manager.place import find_place

    place = find_place(database)
    _warn(place.choice.warnings)
    return place


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        note(f"warning: {printable(warning)}")
