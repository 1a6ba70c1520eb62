"""SQL of casts and comparisons that change nothing in silence."""

from __future__ import annotations

from psycopg2.sql import SQL, Composable, Composed, Identifier

from ri_declarative.database.catalogue import Column

# Types without an equality that means "the same value"; compared by another type instead.
_COMPARE_AS = {"json": "jsonb", "xml": "text", "citext": "text"} | dict.fromkeys(
    ("point", "line", "lseg", "box", "path", "polygon", "circle"), "text"
)


def cast_to(value: Composable, column: Column) -> Composed:
    """SQL of the value in the column's base type, without its length: `::varchar(3)` cuts in silence."""
    if column.type_name == "money":  # its text form depends on lc_monetary
        value = SQL("CAST({} AS numeric)").format(value)
    cast = SQL("CAST({} AS {})").format(value, Identifier(column.type_schema, column.type_name))
    if column.collation is None:
        return cast
    return SQL("({} COLLATE {})").format(cast, Identifier(*column.collation))


def comparable(value: Composable, column: Column) -> Composable:
    """SQL of the value as it is compared with another one of the column."""
    other = "text" if column.nondeterministic else _COMPARE_AS.get(column.type_name)
    if other is None:
        return value
    collation = SQL(' COLLATE "C"') if other == "text" else SQL("")
    return SQL("CAST({} AS {}){}").format(value, SQL(other), collation)
