"""A chunk's mapped records on their way into the database, and the bytes that COPY is given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ri_declarative.blocks import OutcomeBlock, completed
from ri_declarative.database.copy import Cells, copy_text
from ri_declarative.records import Action


class Encoded(NamedTuple):
    """Rows as COPY into the target takes them, and what becomes of their records in file order."""

    text: bytes
    outcomes: OutcomeBlock
    looked_up: list[Cells]  # what look-ups take for them
    order: Sequence[int]  # the place of each line of the text

    def without(self, refused: Collection[int]) -> Encoded:
        """All but the rows at these places."""
        lines = zip(self.order, self.text.split(b"\n"), strict=False)  # behind the last line end is nothing
        text = b"".join([b"%b\n" % line for place, line in lines if place not in refused])
        places = [place for place in range(len(self.order)) if place not in refused]
        columns = self.outcomes.columns
        indexes = [columns.index[place] for place in places]
        target_ids = [columns.target_id[place] for place in places]
        outcomes = completed(indexes, [Action.INSERTED] * len(places), target_ids)
        looked_up: list[Cells] = [[cells[place] for place in places] for cells in self.looked_up]
        new_place = {place: k for k, place in enumerate(places)}
        return Encoded(text, outcomes, looked_up, [new_place[place] for place in self.order if place in new_place])


@dataclass
class StagedRows:
    """Mapped records: the canonical texts of each of the plan's staging columns."""

    numbers: list[int]  # ascending
    lines: list[int | None]
    columns: list[Cells]
    encoded: Encoded | None = None  # made beforehand, for one attempt
    compared: list[str] | None = None  # made beforehand: the rows as unchanged.py reads those of the target

    @cached_property
    def text(self) -> bytes:
        """As COPY takes them into the staging table."""
        facts: list[Cells] = [list(map(str, self.numbers)), [None if n is None else str(n) for n in self.lines]]
        return copy_text([*facts, *self.columns])

    def at(self, places: Sequence[int]) -> StagedRows:
        """Those at these places only, without what was made beforehand."""
        columns: list[Cells] = [[column[place] for place in places] for column in self.columns]
        return StagedRows([self.numbers[place] for place in places], [self.lines[place] for place in places], columns)

    def first(self, count: int) -> StagedRows:
        """Its first rows only, without what was made beforehand."""
        return StagedRows(self.numbers[:count], self.lines[:count], [column[:count] for column in self.columns])
