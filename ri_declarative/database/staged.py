"""A chunk's mapped records on their way into the database, and the bytes that COPY is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ri_declarative.database.copy import Cells, copy_text


@dataclass(frozen=True)
class StagedRows:
    """Mapped records: the canonical texts of each of the plan's staging columns."""

    numbers: list[int]  # ascending
    lines: list[int | None]
    columns: list[Cells]
    made: dict[str, Any] = field(default_factory=dict)  # what one way of writing them has made beforehand

    @cached_property
    def text(self) -> bytes:
        """As COPY takes them into the staging table."""
        facts: list[Cells] = [list(map(str, self.numbers)), [None if n is None else str(n) for n in self.lines]]
        return copy_text([*facts, *self.columns])

    def first(self, count: int) -> StagedRows:
        """Its first rows only."""
        return StagedRows(self.numbers[:count], self.lines[:count], [column[:count] for column in self.columns])
