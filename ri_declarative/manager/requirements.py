"""`requires:`: what must have been imported before."""

from __future__ import annotations

from collections.abc import Sequence

from ri_declarative.database.books import Books
from ri_declarative.errors import UsageError


def check_requirements(books: Books, batch_type: str, requires: Sequence[str]) -> None:
    """Raise UsageError saying which required batch type has never completed, or has an unfinished batch."""
    for required in requires:
        completed, unfinished = books.requirement(required)
        if unfinished is not None:
            raise UsageError(
                "requires",
                f"{batch_type} requires {required}, whose batch {unfinished} is unfinished",
                hint=f"finish it, or `ri errors {unfinished[:8]} --dismiss` it, then run {batch_type} again",
            )
        if not completed:
            raise UsageError(
                "requires",
                f"{batch_type} requires {required}, which has never completed here",
                hint=f"import {required} first: ri run {required} FILE",
            )
