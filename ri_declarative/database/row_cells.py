"""The texts of the target's columns, for rows that go into it or are compared with it without being staged."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from ri_declarative.database.copy import Cells
from ri_declarative.database.looked_up import look_up
from ri_declarative.database.plan import Constant, LookedUp, Staged, TargetColumn, UpsertPlan
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.upsert import RunFacts
from ri_declarative.records import ITEM_PREFIX


class RowCells:
    """Of the rows of one run."""

    def __init__(self, plan: UpsertPlan, facts: RunFacts) -> None:
        self._plan = plan
        self._facts = facts
        self._places = {name: place for place, name in enumerate(plan.stage)}

    def of(self, target: TargetColumn, rows: StagedRows, looked_up: Sequence[Cells] = ()) -> Cells:
        """One text per row. `looked_up`: what `look_up` has given."""
        source = target.source
        if isinstance(source, LookedUp):
            return looked_up[source.lookup]
        if isinstance(source, Staged):
            return rows.columns[self._places[source.cell]]
        if isinstance(source, Constant):
            return [source.text] * len(rows.numbers)
        if source.name == "line":
            return [None if line is None else str(line) for line in rows.lines]
        if source.name == "item_id":
            return [f"{self._facts.batch_id[:ITEM_PREFIX]}{n:08x}" for n in rows.numbers]
        return [str(getattr(self._facts, source.name))] * len(rows.numbers)

    def look_up(self, cursor: Cursor, rows: StagedRows) -> list[Cells] | None:
        """What each look-up takes, for each row; None: some row is to be refused for it."""
        return look_up(cursor, self._plan, rows)

    def some_lack(self, target: TargetColumn, rows: StagedRows) -> bool:
        """Whether some records lack the column's field, which is something else than to have it empty."""
        source = target.source
        return isinstance(source, Staged) and source.mark is not None and any(rows.columns[self._places[source.mark]])
