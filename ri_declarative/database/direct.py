"""New rows by COPY straight into the target, without staging: half the server's work for a chunk of new rows.

Tried where the chunk before was new from end to end. It writes what the set-based statement would insert,
or nothing: what the server refuses, a key that exists above all, is undone, and the chunk goes the usual way.
Texts go to the types' own input functions on both ways; types whose casts differ from them are not written so.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from operator import itemgetter

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Identifier, Literal

from ri_declarative.blocks import OutcomeBlock, completed
from ri_declarative.database.copy import Cells, copy_in, copy_text
from ri_declarative.database.key_index import has_key_index
from ri_declarative.database.plan import (
    EXACT_TYPES,
    NUMBERS,
    LookedUp,
    Staged,
    TargetColumn,
    UpsertPlan,
)
from ri_declarative.database.reading import TOLD_LATER
from ri_declarative.database.row_cells import RowCells
from ri_declarative.database.sqlstate import fault_of
from ri_declarative.database.staged import Encoded, StagedRows
from ri_declarative.records import Action

_TYPES = frozenset(
    (*EXACT_TYPES, "bpchar", "numeric", "float4", "float8", "bool", "date", "timestamp", "timestamptz", "json", "jsonb")
)
_RANDOM_UUID = "gen_random_uuid()"


def is_direct(plan: UpsertPlan) -> bool:
    """Whether COPY into the target does what the set-based statement does, for rows that are new."""
    relation = plan.relation
    odd = relation.row_security or relation.has_rules or relation.has_children or relation.write_trigger
    plain = relation.kind in "rp" and not odd
    return (
        plain
        and plan.row_by_row is None
        and not plan.compares_keys_across_chunks
        and all(_is_plain(c, plan) for c in plan.columns)
        and plan.key_is_exact
        and _identity_is_known(plan)
    )


def _is_plain(target: TargetColumn, plan: UpsertPlan) -> bool:
    column = target.column
    if column.domain or column.type_schema != "pg_catalog":
        return False
    if not isinstance(target.source, LookedUp):
        return column.type_name in _TYPES
    take = plan.lookups[target.source.lookup].take
    return column.type_name in EXACT_TYPES and (column.type_oid, column.typmod) == (take.type_oid, take.typmod)


def _identity_is_known(plan: UpsertPlan) -> bool:
    """Whether the target id is one column, which is mapped, or whose default can be asked for beforehand."""
    if len(plan.identity) != 1:
        return False
    column = plan.relation.columns[plan.identity[0]]
    if column.type_name not in EXACT_TYPES or column.domain:
        return False
    mapped = plan.by_name.get(column.name)
    if mapped is not None:
        return isinstance(mapped.source, Staged)
    # Ids are asked for before any row is there: another default may want to repeat its row's own (currval).
    others = [c for c in plan.relation.columns.values() if c.name not in plan.by_name and c is not column]
    alone = not column.default_shows_order or not any(c.default_shows_order for c in others)
    return alone and column.default_sql is not None and column.can_insert and not column.denied_sequence


class Direct:
    """Writes chunks of one run; only for plans that `is_direct`."""

    def __init__(self, plan: UpsertPlan, cells: RowCells) -> None:
        self._plan = plan
        self._cells = cells
        self._identity = plan.relation.columns[plan.identity[0]]
        self._makes_identity = self._identity.name not in plan.by_name
        names = [c.column.name for c in plan.columns] + [self._identity.name] * self._makes_identity
        is_random = self._identity.default_sql == _RANDOM_UUID and self._identity.type_name == "uuid"
        self._asks_for_ids = self._makes_identity and not is_random
        self._with_default = [c for c in plan.columns if c.column.default_sql]
        self._copy = SQL("COPY {} ({}) FROM STDIN").format(
            Identifier(plan.relation.schema, plan.relation.name), SQL(", ").join(map(Identifier, names))
        )

    def encode(self, rows: StagedRows) -> None:
        """Make what will be sent, where nothing has to be asked of the database, or the answer can be guessed."""
        if not rows.numbers or self._asks_for_ids or self.wants_defaults(rows):
            return
        looked_up = self._cells.guessed(rows)
        if looked_up is not None:
            rows.encoded = self._encoded(rows, self._own_ids(rows), looked_up)

    def write(self, cursor: Cursor, rows: StagedRows, refused: Collection[int] = ()) -> OutcomeBlock | None:
        """One outcome per row, or None when nothing was written. Raises what is no record's fault.

        `refused`: the places of rows that are left out.
        """
        if self.wants_defaults(rows):
            return None
        encoded, rows.encoded = rows.encoded, None  # another attempt makes other ids
        if refused:
            places = [place for place in range(len(rows.numbers)) if place not in refused]
            encoded, rows = encoded and encoded.without(refused), rows.at(places)
        cursor.execute("SAVEPOINT ri_direct")
        try:
            encoded = self._asked(cursor, rows, encoded)
            is_written = encoded is not None
            if encoded is not None:
                copy_in(cursor, self._copy, encoded.text)
                cursor.execute(SQL("SET CONSTRAINTS ALL IMMEDIATE; {}").format(has_key_index(self._plan)))
                [(is_written,)] = cursor.fetchall()  # without the index nobody has refused a key that exists
        except psycopg2.Error as error:
            if fault_of(error.pgcode) not in TOLD_LATER:
                raise
            is_written = False
        if not is_written or encoded is None:
            cursor.execute("ROLLBACK TO SAVEPOINT ri_direct; RELEASE SAVEPOINT ri_direct")
            return None
        cursor.execute("RELEASE SAVEPOINT ri_direct")
        return encoded.outcomes

    def _asked(self, cursor: Cursor, rows: StagedRows, guess: Encoded | None) -> Encoded | None:
        """What will be sent, with what the database says; None: some row is to be refused."""
        looked_up = self._cells.look_up(cursor, rows)
        if looked_up is None:
            return None
        if guess is not None and (not looked_up or guess.looked_up == looked_up):
            return guess
        ids = self._asked_ids(cursor, len(rows.numbers)) if self._asks_for_ids else self._own_ids(rows)
        return self._encoded(rows, ids, looked_up)

    def _encoded(self, rows: StagedRows, ids: Cells, looked_up: list[Cells]) -> Encoded:
        cells = [self._cells.of(c, rows, looked_up) for c in self._plan.columns]
        order = self._order(cells)
        if self._makes_identity:
            cells = [*cells, ids]
        if order is not None and len(order) > 1:
            in_order = itemgetter(*order)
            cells = [in_order(column) for column in cells]
        outcomes = completed(rows.numbers, [Action.INSERTED] * len(rows.numbers), ids)
        return Encoded(copy_text(cells), outcomes, looked_up, order or range(len(rows.numbers)))

    def wants_defaults(self, rows: StagedRows) -> bool:
        """Whether some row leaves a field to its column's default: COPY has one list of columns for all rows."""
        return any(self._cells.some_lack(c, rows) for c in self._with_default)

    def _order(self, cells: Sequence[Cells]) -> list[int] | None:
        """The places in the order in which the set-based statement inserts; None: as they are."""
        if self._plan.relation.shows_order:
            return None
        keys = [
            list(map(int, cells[k])) if c.column.type_name in NUMBERS else cells[k]  # type: ignore[arg-type]
            for k, c in enumerate(self._plan.columns)
            if c.column.name in self._plan.key
        ]
        of_place = keys[0] if len(keys) == 1 else list(zip(*keys, strict=True))
        return sorted(range(len(of_place)), key=of_place.__getitem__)  # type: ignore[arg-type]

    def _own_ids(self, rows: StagedRows) -> Cells:
        """The target id of each row, where the database need not be asked."""
        if self._makes_identity:
            return random_uuids(len(rows.numbers))
        return self._cells.of(self._plan.by_name[self._identity.name], rows)

    def _asked_ids(self, cursor: Cursor, count: int) -> Cells:
        """The values of the default, evaluated as often as the statement would."""
        cursor.execute(
            SQL("SELECT CAST(({}) AS text) FROM pg_catalog.generate_series(1, {})").format(
                SQL(str(self._identity.default_sql)), Literal(count)
            )
        )
        return [text for (text,) in cursor.fetchall()]


def random_uuids(count: int) -> list[str]:
    """Version 4 UUIDs, as gen_random_uuid() makes them; the server may open /dev/urandom for each."""
    digits = os.urandom(16 * count).hex()
    variants = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
    made = []
    for at in range(0, len(digits), 32):
        d = digits[at : at + 32]
        made.append(f"{d[:8]}-{d[8:12]}-4{d[13:16]}-{variants[d[16]]}{d[17:20]}-{d[20:]}")
    return made
