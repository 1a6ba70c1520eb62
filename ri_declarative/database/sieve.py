"""Rows that the database would refuse, found before the others are copied into the target.

Of new rows, of which the chunk before had some that were refused as predicted: the values that the predictions ask
for travel as arrays, without staging. Where a refusal could not be the whole truth, nothing is told.
"""

from __future__ import annotations

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composable, Composed, Identifier

from ri_declarative.database.arrays import unnested
from ri_declarative.database.casts import cast_to
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.predictions import Predictions
from ri_declarative.database.row_cells import RowCells
from ri_declarative.database.sqlstate import Fault, fault_of
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.upsert import RunFacts
from ri_declarative.records import Problem


class Sieve:
    """Asks for the refusals of one run's rows; only for plans that `is_direct`."""

    def __init__(self, plan: UpsertPlan, facts: RunFacts) -> None:
        self._plan = plan
        self._cells = RowCells(plan, facts)
        self._predictions = Predictions(plan)
        self._needed = self._predictions.columns
        self._target = Identifier(plan.relation.schema, plan.relation.name)

    @property
    def is_useful(self) -> bool:
        """Whether the table has such rules."""
        return bool(self._needed)

    def find(self, cursor: Cursor, rows: StagedRows) -> dict[int, Problem] | None:
        """The place of each row that will be refused, and why; None: that cannot be told."""
        statement = self._statement(cursor, rows)
        if statement is None:
            return None
        cursor.execute("SAVEPOINT ri_sieve")
        found: dict[int, Problem] | None = None
        try:
            cursor.execute(statement)
            found = {n - 1: self._predictions.refusals[number].problem for n, number in cursor.fetchall()}
            if found and self._exist(cursor, rows.at(list(found))):
                found = None  # a row may stay as it is, which is not refused
        except psycopg2.Error as error:  # a value that cannot be read, a rule that divides by zero
            if fault_of(error.pgcode) not in (Fault.RECORD, Fault.OURS, Fault.PIPELINE):
                raise
        cursor.execute("ROLLBACK TO SAVEPOINT ri_sieve; RELEASE SAVEPOINT ri_sieve")
        return found

    def _exist(self, cursor: Cursor, rows: StagedRows) -> bool:
        """Whether there is a row with the key of one of them."""
        keys = [self._plan.by_name[name] for name in self._plan.key]
        matches = [
            SQL("{} = {}").format(Identifier("t", c.column.name), cast_to(Identifier("s", f"k{k}"), c.column))
            for k, c in enumerate(keys)
        ]
        statement = SQL("SELECT EXISTS (SELECT FROM ROWS FROM ({}) AS s ({}) JOIN {} AS t ON {})").format(
            SQL(", ").join(unnested(self._cells.of(c, rows)) for c in keys),
            SQL(", ").join(Identifier(f"k{k}") for k in range(len(keys))),
            self._target,
            SQL(" AND ").join(matches),
        )
        cursor.execute(statement)
        [(exists,)] = cursor.fetchall()
        return bool(exists)

    def _statement(self, cursor: Cursor, rows: StagedRows) -> Composed | None:
        """Gives number and refusal of those rows that are refused."""
        looked_up = self._cells.look_up(cursor, rows)
        if looked_up is None:
            return None
        arrays: list[Composable] = []
        names: list[Composable] = []
        values: list[Composable] = []
        for k, column in enumerate(self._plan.columns):
            cells, name = self._cells.of(column, rows, looked_up), f"v{k}"
            if column.column.name in self._needed or None in cells:
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
