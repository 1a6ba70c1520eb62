"""What a hand-written processor gains over the loop that teams write: 10,000 items, half of their rows exist already.

    python benchmarks/handwritten.py 'postgresql://…' [--json]

All store their items first, then, for each: look its row up, insert or update it, log one line, book the
item. The loop commits each item with its two changes of status, or each of the changes, so that others see them;
the class is lifted into chunks of 500, each item in a savepoint. What a commit costs by itself is printed, too: it
is most of the loop's time on a disk that keeps its word. With --json: one object a line. Makes and drops a schema,
`ri_bench`.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import psycopg2
from plain_loop import PlainLoop, create_tables
from rounds import SCHEMA, arguments, committed, drop_schema, empty_schema, project, seconds_of, tell

from ri_declarative import BaseProcessor, BatchManager, ImportContext, ImportItem

RECORDS, ROUNDS = 10_000, 5
FEW = 1_000  # items that create_batch is timed for by itself
CUSTOMERS = f"{SCHEMA}.customers"


class BenchCustomersProcessor(BaseProcessor):
    """As docs/adopting.md writes one."""

    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        if not item.data.get("email"):
            ctx.warning("email is missing")
            return False
        return True

    def process_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, Any]:
        found = ctx.execute_one(f"SELECT id FROM {CUSTOMERS} WHERE email = :email", {"email": item.data["email"]})
        if found is None:
            found = ctx.execute_one(
                f"INSERT INTO {CUSTOMERS} (email, name, balance) VALUES (:email, :name, :balance) RETURNING id",
                item.data,
            )
        else:
            ctx.execute(f"UPDATE {CUSTOMERS} SET name = :name, balance = :balance WHERE email = :email", item.data)
        assert found is not None
        ctx.info(f"customer {found['id']} stored")
        return {"target_table": CUSTOMERS, "target_id": found["id"]}


def items(count: int) -> list[dict[str, Any]]:
    """Records; `prepare` has made rows for every second one."""
    return [{"email": f"user{n}@example.com", "name": f"Ada {n}", "balance": f"{n}.50"} for n in range(count)]


def prepare(dsn: str, records: int) -> None:
    """Nothing; the target with half of its rows, statistics up to date, and the loop's own tables."""
    empty_schema(dsn)
    with committed(dsn) as cursor:
        cursor.execute(
            f"CREATE TABLE {CUSTOMERS} (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE, name text,"
            " balance numeric, updated_at timestamptz DEFAULT now());" + create_tables(SCHEMA)
        )
        cursor.execute(
            f"INSERT INTO {CUSTOMERS} (email, name) "
            "SELECT 'user' || n || '@example.com', 'before' FROM generate_series(0, %s - 1, 2) n; ANALYZE",
            (records,),
        )


def by_the_loop(dsn: str, records: int, *, shows_processing: bool) -> float:
    """Seconds that the plain loop takes; `shows_processing`: it commits that change of status by itself."""
    prepare(dsn, records)
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        columns = ("email", "name", "balance")
        loop = PlainLoop(connection, table=CUSTOMERS, schema=SCHEMA, columns=columns, shows_processing=shows_processing)
        begun = time.perf_counter()
        loop.run(items(records))
        taken = time.perf_counter() - begun
    _check(dsn, f"SELECT count(*) FROM {SCHEMA}.items WHERE status = 'completed'", records)
    return taken


def by_the_class(dsn: str, records: int, folder: Path) -> float:
    """Seconds of create_batch and process_batch together."""
    prepare(dsn, records)
    with BatchManager(dsn, project=folder) as manager:
        manager.migrate()
        manager.registry.register("bench_customers", BenchCustomersProcessor)
        begun = time.perf_counter()
        summary = manager.process_batch(manager.create_batch("bench_customers", items(records)))
        taken = time.perf_counter() - begun
    assert summary.completed_items == records, summary
    _check(dsn, f"SELECT count(*) FROM {SCHEMA}.import_logs WHERE item_id IS NOT NULL", records)
    return taken


def creating(dsn: str, count: int, folder: Path) -> float:
    """Seconds of create_batch alone."""
    prepare(dsn, count)
    with BatchManager(dsn, project=folder) as manager:
        manager.migrate()
        manager.registry.register("bench_customers", BenchCustomersProcessor)
        begun = time.perf_counter()
        manager.create_batch("bench_customers", items(count))
        return time.perf_counter() - begun


def committing(dsn: str, count: int) -> float:
    """Seconds of that many commits of one row each, without the rows."""
    prepare(dsn, 0)
    taken = 0.0
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute(f"INSERT INTO {SCHEMA}.logs (level) VALUES ('info')")
            begun = time.perf_counter()
            connection.commit()
            taken += time.perf_counter() - begun
    return taken


def _check(dsn: str, query: str, expected: int) -> None:
    """Raises AssertionError when the work was not done."""
    for question, answer in ((query, expected), (f"SELECT count(*) FROM {CUSTOMERS} WHERE name LIKE 'Ada%'", expected)):
        with committed(dsn) as cursor:
            cursor.execute(question)
            assert cursor.fetchone() == (answer,), question


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, records=RECORDS, rounds=ROUNDS)
    dsn, records = given.dsn, given.records
    with project() as folder:
        ways = {
            "loop, a commit per item": lambda: by_the_loop(dsn, records, shows_processing=False),
            "loop, a commit per change of status": lambda: by_the_loop(dsn, records, shows_processing=True),
            "BaseProcessor": lambda: by_the_class(dsn, records, folder),
        }
        taken = seconds_of(ways, rounds=given.rounds)
        created = seconds_of({"create_batch": lambda: creating(dsn, FEW, folder)}, rounds=given.rounds)
        commits = seconds_of({"commit": lambda: committing(dsn, FEW)}, rounds=given.rounds)
    drop_schema(dsn)
    tell(taken, records=records, as_json=given.json)
    tell(created, records=FEW, as_json=given.json)
    tell(commits, records=FEW, as_json=given.json)


if __name__ == "__main__":
    main()
