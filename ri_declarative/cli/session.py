"""The manager that commands work with. The only place of the command line that loads it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ri_declarative.cli.options import is_verbose
from ri_declarative.cli.output import note, printable

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager


@contextlib.contextmanager
def opened(database: str | None) -> Iterator[BatchManager]:
    """A manager on the database asked for, with its warnings printed and the log on stderr."""
    from ri_declarative.cli.logs import to_stderr
    from ri_declarative.manager import BatchManager

    to_stderr(verbose=is_verbose())
    with BatchManager(database) as manager:
        for warning in manager.warnings:
            note(f"warning: {printable(warning)}")
        yield manager
