"""Queries of hooks: text for the driver's own cursor, everything else for SQLAlchemy.

A hook asks one row at a time, ten thousand times: SQLAlchemy's way to a row takes as long as the server's answer.
The text is the same, so are the errors, and so is the refusal of COMMIT and its like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection, Dialect, Executable, TextClause, text
from sqlalchemy.exc import DBAPIError

from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.hook_transaction import refuse_ending

Parameters = Mapping[str, Any] | Sequence[Any]
Row = dict[str, Any]
_DRIVER_NAMES = re.compile(r"%\(\w+\)s")


def rows_of(connection: Connection, query: str | Executable, params: Parameters | None) -> list[Row]:
    """All rows; empty for a statement that gives none."""
    cursor = _executed(connection, query, params)
    if cursor is None:
        result = connection.execute(_statement(query), params or {})
        return [dict(row) for row in result.mappings()] if result.returns_rows else []
    if cursor.description is None:
        return []
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def first_of(connection: Connection, query: str | Executable, params: Parameters | None) -> Row | None:
    """The first row, None when there is none."""
    cursor = _executed(connection, query, params)
    if cursor is None:
        result = connection.execute(_statement(query), params or {})
        found = result.mappings().first() if result.returns_rows else None
        return None if found is None else dict(found)
    row = cursor.fetchone() if cursor.description is not None else None
    if row is None or cursor.description is None:
        return None
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def run_many(connection: Connection, query: str | Executable, params: Sequence[Parameters]) -> int:
    """Run a statement once for each of `params`; how many rows it changed."""
    if not params:
        return 0
    if isinstance(query, str) and not _is_named(query, params[0]):
        plain: list[Any] = [p if isinstance(p, Mapping) else tuple(p) for p in params]
        return int(connection.exec_driver_sql(query, plain).rowcount)
    named: list[Any] = list(params)
    return int(connection.execute(_statement(query), named).rowcount)


def _executed(connection: Connection, query: str | Executable, params: Parameters | None) -> Cursor | None:
    """The driver's cursor with the answer; None: the query is SQLAlchemy's."""
    if not isinstance(query, str) or params is None:
        return None
    statement, values = query, params if isinstance(params, Mapping) else tuple(params)
    if isinstance(params, Mapping) and _is_named(query, params):
        statement, names = _driver_text(query, connection.dialect)
        if not names or not names <= params.keys():  # SQLAlchemy says what is missing
            return None
    refuse_ending(statement)
    cursor = driver_cursor(connection)
    try:
        cursor.execute(statement, values)
    except psycopg2.Error as error:  # as SQLAlchemy raises it; its text shows no value
        raise DBAPIError.instance(statement, values, error, psycopg2.Error, hide_parameters=True) from error
    return cursor


@lru_cache(maxsize=256)
def _text(query: str) -> TextClause:
    return text(query)


@lru_cache(maxsize=256)
def _driver_text(query: str, dialect: Dialect) -> tuple[str, frozenset[str]]:
    """The query as the driver takes it, and the names of its parameters."""
    compiled = _text(query).compile(dialect=dialect)
    return str(compiled), frozenset(compiled.params)


def _statement(query: str | Executable) -> Executable:
    return _text(query) if isinstance(query, str) else query


def _is_named(query: str, params: Parameters) -> bool:
    """Whether the query's parameters are `:name`, SQLAlchemy's; `%s` and `%(name)s` are the driver's."""
    return isinstance(params, Mapping) and not _DRIVER_NAMES.search(query)
