"""Columns of texts as arrays in a statement: one literal, whatever the number of texts."""

from __future__ import annotations

from psycopg2.sql import SQL, Composed, Literal

from ri_declarative.database.copy import Cells


def unnested(texts: Cells) -> Composed:
    """SQL of a function that gives one row per text."""
    return SQL("pg_catalog.unnest(CAST({} AS text[]))").format(Literal(array_literal(texts)))


def array_literal(texts: Cells) -> str:
    r"""The literal of a text array; psycopg2 makes one for each element, which takes ten times as long.

    >>> array_literal(["a", 'b"c', None])
    '{"a","b\\"c",NULL}'
    """
    if None not in texts:
        joined = '","'.join(texts)  # type: ignore[arg-type]
        if "\\" not in joined and joined.count('"') == 2 * (len(texts) - 1):
            return f'{{"{joined}"}}'
    return f"{{{','.join('NULL' if text is None else _quoted(text) for text in texts)}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
