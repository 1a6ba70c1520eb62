"""Rows that the target has already, told by reading them by their keys: nothing is staged, and nothing is written.

The server gives the texts of the row that has a record's key. When they are the record's own canonical texts, the
row is what the record would make of it; when they differ, nothing is known, and the record goes the usual way.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composed, Identifier, Literal

from ri_declarative.database.copy import NULL, Cells
from ri_declarative.database.key_index import has_key_index
from ri_declarative.database.plan import RunFact, TargetColumn, UpsertPlan
from ri_declarative.database.reading import go_by_the_index, reading
from ri_declarative.database.row_cells import RowCells
from ri_declarative.database.staged import StagedRows

_MOST_COLUMNS = 90  # a function takes 100 arguments
_INEXACT = ("float4", "float8")  # extra_float_digits may print two values alike
# The text of a value as the mapper writes it. Where a setting prints it otherwise, the row is not recognised.
_TEXTS = {
    "numeric": "CAST(pg_catalog.trim_scale({}) AS text)",
    "timestamp": "pg_catalog.replace(CAST({} AS text), ' ', 'T')",
    "timestamptz": "pg_catalog.replace(CAST({} AT TIME ZONE 'UTC' AS text), ' ', 'T') || '+00:00'",
}


def can_be_compared(plan: UpsertPlan) -> bool:
    """Whether equal texts mean that the row stays as it is. Only for plans that `is_direct`."""
    return len(plan.columns) <= _MOST_COLUMNS and not any(c.column.type_name in _INEXACT for c in plan.columns)


class Unchanged:
    """Reads the rows of one run's target; only for plans that `can_be_compared`."""

    def __init__(self, plan: UpsertPlan, cells: RowCells) -> None:
        self._plan = plan
        self._cells = cells
        self._compared = [c for c in plan.columns if c.on_update != "keep" and not isinstance(c.source, RunFact)]

    def encode(self, rows: StagedRows) -> None:
        """Make what will be compared, where nothing has to be asked of the database for it."""
        if rows.numbers and not self._plan.lookups:
            rows.compared = self._own_lines(rows, [])

    def find(self, cursor: Cursor, rows: StagedRows) -> dict[int, str]:
        """The place of each row that stays as it is, with its target id."""
        found: dict[int, str] = {}
        with reading(cursor):
            ours = rows.compared or self._asked_lines(cursor, rows)
            if ours is not None:
                found = self._compare(cursor, rows, ours)
        return found

    def _compare(self, cursor: Cursor, rows: StagedRows, ours: list[str]) -> dict[int, str]:
        cursor.execute(SQL("SET CONSTRAINTS ALL IMMEDIATE; {}").format(has_key_index(self._plan)))
        [(has_index,)] = cursor.fetchall()
        if not has_index:  # the set-based statement says so
            return {}
        go_by_the_index(cursor)
        cursor.execute(self._statement(rows))
        theirs = cursor.fetchall()
        if len(theirs) != len(ours):  # the index has just gone, and a key is there twice
            return {}
        pairs = enumerate(zip(theirs, ours, strict=True))
        return {place: target_id for place, ((target_id, line), own) in pairs if line == own}

    def _asked_lines(self, cursor: Cursor, rows: StagedRows) -> list[str] | None:
        looked_up = self._cells.look_up(cursor, rows)
        return None if looked_up is None else self._own_lines(rows, looked_up)

    def _own_lines(self, rows: StagedRows, looked_up: Sequence[Cells]) -> list[str] | None:
        """What the statement gives of rows that stay as they are; None: that cannot be told from their texts."""
        if self._cells.has_key_twice(rows) or any(self._cells.some_lack(c, rows) for c in self._plan.columns):
            return None
        return _lines([self._own(c, rows, looked_up) for c in self._compared])

    def _own(self, target: TargetColumn, rows: StagedRows, looked_up: Sequence[Cells]) -> Cells:
        cells = self._cells.of(target, rows, looked_up)
        if target.column.type_name != "numeric" or not any("." in cell for cell in cells if cell):
            return cells
        return [cell.rstrip("0").rstrip(".") if cell and "." in cell else cell for cell in cells]

    def _statement(self, rows: StagedRows) -> Composed:
        """Per row, in their order: the target id and the texts of the row with its key; NULL where there is none."""
        keys = self._cells.key_match(rows)
        values = [Identifier("t", c.column.name) for c in self._compared]
        shown = [SQL(_TEXTS.get(c.column.type_name, "CAST({} AS text)")) for c in self._compared]
        texts = [
            SQL("COALESCE({}, {})").format(text.format(value), Literal(NULL))
            for text, value in zip(shown, values, strict=True)
        ]
        return SQL(
            "SELECT CAST({identity} AS text), pg_catalog.concat_ws(E'\\t', pg_catalog.num_nulls({values}), {texts})\n"
            "FROM ROWS FROM ({arrays}) WITH ORDINALITY AS s ({names}, n)\n"
            "LEFT JOIN {target} AS t ON {matches} ORDER BY s.n"
        ).format(
            identity=Identifier("t", self._plan.identity[0]),
            values=SQL(", ").join(values),
            texts=SQL(", ").join(texts),
            arrays=keys.arrays,
            names=keys.names,
            target=Identifier(self._plan.relation.schema, self._plan.relation.name),
            matches=keys.matches,
        )


def _lines(columns: Sequence[Cells]) -> list[str] | None:
    """The number of NULLs and the texts of each row, as the statement gives them; None: they could be misread."""
    text = "".join("".join(filter(None, column)) for column in columns)
    if "\t" in text or "\\" in text:
        return None
    nulls = sum(column.count(None) for column in columns)
    if not nulls:
        return ["0\t" + "\t".join(row) for row in zip(*columns, strict=True)]
    shown = [[NULL if cell is None else cell for cell in column] for column in columns]
    return [f"{row.count(NULL)}\t" + "\t".join(row) for row in zip(*shown, strict=True)]
