"""Look-ups asked for by themselves: for the few values that a chunk's records have, not for each record by a join."""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composed, Identifier, Literal

from ri_declarative.database.casts import cast_to
from ri_declarative.database.copy import Cells
from ri_declarative.database.plan import Lookup, UpsertPlan
from ri_declarative.database.staged import StagedRows

Key = tuple[str | None, ...]


def keys_of(lookup: Lookup, plan: UpsertPlan, rows: StagedRows) -> list[Key]:
    """What each row is looked up by, as texts."""
    cells = [rows.columns[plan.stage.index(staged.cell)] for _, staged in lookup.match]
    return list(zip(*cells, strict=True))


def look_up(cursor: Cursor, plan: UpsertPlan, rows: StagedRows) -> list[Cells] | None:
    """What each look-up of the plan takes, as texts, for each row; None: some row is to be refused for it."""
    taken: list[Cells] = []
    for lookup in plan.lookups:
        keys = keys_of(lookup, plan, rows)
        present = [key for key in set(keys) if None not in key]
        found: dict[Key, str | None] = {}
        if present:
            cursor.execute(_statement(lookup, list(zip(*present, strict=True))))
            found = {tuple(key): take for *key, take in cursor.fetchall()}
        if lookup.fails and len(found) < len(present):
            return None
        taken.append([found.get(key) for key in keys])
    return taken


def _statement(lookup: Lookup, columns: list[tuple[str | None, ...]]) -> Composed:
    names = [Identifier(f"m{k}") for k in range(len(columns))]
    arrays = [SQL("pg_catalog.unnest(CAST({} AS text[]))").format(Literal(list(column))) for column in columns]
    matches = [
        SQL("{} = {}").format(Identifier("l", column.name), cast_to(Identifier("s", f"m{k}"), column))
        for k, (column, _) in enumerate(lookup.match)
    ]
    return SQL(
        "SELECT {names}, CAST({take} AS text) FROM ROWS FROM ({arrays}) AS s ({names}) JOIN {table} AS l ON {on}"
    ).format(
        names=SQL(", ").join(names),
        take=Identifier("l", lookup.take.name),
        arrays=SQL(", ").join(arrays),
        table=Identifier(lookup.schema, lookup.table),
        on=SQL(" AND ").join(matches),
    )
