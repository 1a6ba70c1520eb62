"""What the mapping must know of a column's type. The compiler fills it from the catalogue."""

from __future__ import annotations

from typing import Literal, NamedTuple

Category = Literal[
    "text",
    "integer",
    "numeric",
    "float",
    "boolean",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "timetz",
    "interval",
    "uuid",
    "json",
    "bytea",
    "array",
    "enum",
    "parts",
    "other",
]


class ColumnType(NamedTuple):
    """A column's type, domains resolved to their base type."""

    category: Category
    length: int | None = None  # varchar(n), char(n): characters
    precision: int | None = None  # numeric(p,s); of times: digits of the second's fraction
    scale: int | None = None
    low: int | None = None  # integers: the range
    high: int | None = None
    labels: tuple[str, ...] = ()  # enum
    element: ColumnType | None = None  # array
    name: str = ""  # as PostgreSQL prints it, for messages
