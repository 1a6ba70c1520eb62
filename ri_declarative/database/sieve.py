"""Rows that the database would refuse, found before the others are copied into the target.

Of new rows, of which the chunk before had some that were refused as predicted: the values that the predictions ask
for travel as arrays, without staging. Where a refusal could not be the whole truth, nothing is told.
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composable, Composed, Identifier

from ri_declarative.database.arrays import unnested
from ri_declarative.database.casts import cast_to
from ri_declarative.database.copy import Cells
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.predictions import Predictions
from ri_declarative.database.reading import go_by_the_index, reading
from ri_declarative.database.row_cells import RowCells
from ri_declarative.database.staged import StagedRows
from ri_declarative.records import Problem


class Sieve:
    """Asks for the refusals of one run's rows; only for plans that `is_direct`."""

    def __init__(self, plan: UpsertPlan, cells: RowCells) -> None:
        self._plan = plan
        self._cells = cells
        self._predictions = Predictions(plan)
        # The server may refuse what is in a JSON text before it looks at any rule.
        self._read = {c.column.name for c in plan.columns if c.column.type_name in ("json", "jsonb")}

    @property
    def is_useful(self) -> bool:
        """Whether the table has such rules."""
        return bool(self._predictions.columns)

    def refusals(self, cursor: Cursor, rows: StagedRows) -> dict[int, Problem] | None:
        """The place of each row that will be refused, and why; None: that cannot be told."""
        if self._cells.has_key_twice(rows):  # the second one may keep a value of the first one's row
            return None
        found: dict[int, Problem] | None = None
        with reading(cursor):
            looked_up = self._cells.look_up(cursor, rows)
            if looked_up is not None:
                cursor.execute(self._statement(rows, looked_up))
                told = {n - 1: self._predictions.refusals[number].problem for n, number in cursor.fetchall()}
                # A row that is there may stay as it is, which is not refused.
                found = None if told and self._exist(cursor, rows.at(list(told))) else told
        return found

    def _exist(self, cursor: Cursor, rows: StagedRows) -> bool:
        """Whether there is a row with the key of one of them."""
        go_by_the_index(cursor)
        keys, relation = self._cells.key_match(rows), self._plan.relation
        cursor.execute(
            SQL("SELECT EXISTS (SELECT FROM ROWS FROM ({}) AS s ({}) JOIN {} AS t ON {})").format(
                keys.arrays, keys.names, Identifier(relation.schema, relation.name), keys.matches
            )
        )
        [(exists,)] = cursor.fetchall()
        return bool(exists)

    def _statement(self, rows: StagedRows, looked_up: list[Cells]) -> Composed:
        """Gives number and refusal of those rows that are refused."""
        needed = self._predictions.columns | self._read
        arrays: list[Composable] = []
        names: list[Composable] = []
        values: list[Composable] = []
        for k, column in enumerate(self._plan.columns):
            cells, name = self._cells.of(column, rows, looked_up), f"v{k}"
            if column.column.name in needed or None in cells:
                arrays.append(unnested(cells))
                names.append(Identifier(name))
                values.append(SQL("{} AS {}").format(cast_to(Identifier("s", name), column.column), Identifier(name)))
            else:  # of which nobody asks more than whether it is NULL
                values.append(SQL("'' AS {}").format(Identifier(name)))
        for k in range(len(self._plan.columns)):  # look-ups have their partners, and fit
            values += [SQL("false AS {}").format(Identifier(f"{letter}{k}")) for letter in "xy"]
        return SQL(
            "SELECT q.n, {number}\n"
            "FROM (SELECT s.n, false AS same, false AS existing, {values}\n"
            "      FROM ROWS FROM ({arrays}) WITH ORDINALITY AS s ({names}, n) OFFSET 0) AS q{joins}\n"
            "WHERE {number} IS NOT NULL"
        ).format(
            number=self._predictions.number(),
            values=SQL(", ").join(values),
            arrays=SQL(", ").join(arrays),
            names=SQL(", ").join(names),
            joins=self._predictions.joins(),
        )
