"""The loop that teams write: each record looked up, inserted or updated, its item booked, a line logged, committed.

    python benchmarks/plain_loop.py DSN FILE.csv      into public.customers, keyed by email

The items are stored before the first one is worked on, as a queue. Its own tables: `create_tables`.
"""

from __future__ import annotations

import contextlib
import csv
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

SCHEMA = "plain_loop"
Item = Mapping[str, str]


def create_tables(schema: str) -> str:
    """SQL of the loop's own tables."""
    return (
        f"CREATE TABLE {schema}.items (id uuid PRIMARY KEY, data jsonb NOT NULL, status text NOT NULL,"
        " processed_at timestamptz);"
        f"CREATE TABLE {schema}.logs (id bigserial PRIMARY KEY, item_id uuid, level text, message text,"
        " created_at timestamptz DEFAULT now());"
    )


class PlainLoop:
    """The loop over items that all have the same columns, `email` among them.

    `shows_processing`: the change to "processing" is committed by itself, so that others see it.
    """

    def __init__(
        self, connection: Connection, *, table: str, schema: str, columns: Sequence[str], shows_processing: bool = False
    ) -> None:
        self._connection = connection
        self._table, self._schema = table, schema
        self._shows_processing = shows_processing
        names, values = ", ".join(columns), ", ".join(f"%({name})s" for name in columns)
        changes = ", ".join(f"{name} = %({name})s" for name in columns if name != "email")
        self._insert = f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING id"
        self._update = f"UPDATE {table} SET {changes} WHERE email = %(email)s"

    def run(self, items: Sequence[Item]) -> None:
        """Nothing; every item is completed."""
        stored = [(str(uuid.uuid4()), item) for item in items]
        rows = [(identity, json.dumps(item), "pending") for identity, item in stored]
        with self._connection.cursor() as cursor:
            insert = f"INSERT INTO {self._schema}.items (id, data, status) VALUES %s"
            execute_values(cursor, insert, rows, page_size=1000)
            self._connection.commit()
            for identity, item in stored:
                cursor.execute(f"UPDATE {self._schema}.items SET status = 'processing' WHERE id = %s", (identity,))
                if self._shows_processing:
                    self._connection.commit()
                self._write(cursor, identity, item)
                self._connection.commit()

    def _write(self, cursor: Cursor, identity: str, item: Item) -> None:
        cursor.execute(f"SELECT id FROM {self._table} WHERE email = %(email)s", item)
        found = cursor.fetchone()
        if found is None:
            cursor.execute(self._insert, item)
            found = cursor.fetchone()
        else:
            cursor.execute(self._update, item)
        assert found is not None
        cursor.execute(
            f"INSERT INTO {self._schema}.logs (item_id, level, message) VALUES (%s, 'info', %s)",
            (identity, f"customer {found[0]} stored"),
        )
        cursor.execute(
            f"UPDATE {self._schema}.items SET status = 'completed', processed_at = now() WHERE id = %s", (identity,)
        )


def main() -> None:
    """Import the file."""
    dsn, file = sys.argv[1:]
    with Path(file).open(encoding="utf-8", newline="") as lines:
        items = list(csv.DictReader(lines))
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        PlainLoop(connection, table="public.customers", schema=SCHEMA, columns=list(items[0])).run(items)


if __name__ == "__main__":
    main()
