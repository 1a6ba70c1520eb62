"""How a database's batches are doing, read from import_batches alone: its size is that of the runs, not of the files.

Knows no connection of its own: `Books` lends one, and says what the database refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from ri_declarative.database.queries import queries
from ri_declarative.errors import UsageError
from ri_declarative.records import BatchStatistics, NotableBatch, TypeStatistics

MOST_DAYS = 36_500


def read_statistics(connection: Connection, schema: str, *, days: int) -> BatchStatistics:
    """The statistics of the last `days` times 24 hours by the database's clock. Raises `UsageError` for no such window.

    Each query reads import_batches once: 0.1 s with 100,000 batches, so that no index is kept for it.
    """
    if not 1 <= days <= MOST_DAYS:
        raise UsageError("usage", f"days must be from 1 to {MOST_DAYS}, not {days}")
    [moment] = _rows(connection, schema, "moment", {"days": days})
    ended = _rows(connection, schema, "ended", {"since": moment["since"]})
    notable = _rows(connection, schema, "notable", {"since": moment["since"], "now": moment["now"]})
    return BatchStatistics(
        days=days,
        since=moment["since"],
        any_batches=moment["any_batches"],
        overall=_all_types(ended, reprocesses=False),
        types=tuple(_of_type(row) for row in ended if row["batch_type"] is not None and not row["reprocesses"]),
        reprocessing=_all_types(ended, reprocesses=True),
        stuck=_notable(notable, "stuck"),
        waiting=_notable(notable, "waiting"),
        failing=_notable(notable, "failing"),
    )


def _rows(connection: Connection, schema: str, query: str, parameters: Mapping[str, Any]) -> list[RowMapping]:
    sql = queries("statistics")[query].format(schema=f'"{schema}"')
    return list(connection.execute(text(sql), parameters).mappings())


def _all_types(rows: Iterable[RowMapping], *, reprocesses: bool) -> TypeStatistics:
    """The row without a type; there is none when no such batch ended."""
    found = [row for row in rows if row["batch_type"] is None and row["reprocesses"] == reprocesses]
    return _of_type(found[0]) if found else TypeStatistics(batch_type=None)


def _of_type(row: RowMapping) -> TypeStatistics:
    return TypeStatistics(**{field: row[field] for field in TypeStatistics._fields})


def _notable(rows: Iterable[RowMapping], kind: str) -> tuple[NotableBatch, ...]:
    return tuple(NotableBatch(**{f: row[f] for f in NotableBatch._fields}) for row in rows if row["kind"] == kind)
