"""What a key of the items table costs: 100,000 items by COPY into each candidate, interleaved, medians.

    python benchmarks/item_keys.py 'postgresql://…'

Makes and drops tables in a schema of its own, `ri_bench_item_keys`.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
import uuid

import psycopg2

RECORDS = 100_000
CHUNK = 5_000
ROUNDS = 5
SCHEMA = "ri_bench_item_keys"
COLUMNS = "batch_id uuid NOT NULL, item_index bigint NOT NULL, id uuid NOT NULL, source_data jsonb NOT NULL"
CANDIDATES = {
    "key (batch_id, item_index), id derived": (["PRIMARY KEY (batch_id, item_index)"], "derived"),
    "key id derived, no other": (["PRIMARY KEY (id)"], "derived"),
    "key id random, unique (batch_id, item_index)": (["PRIMARY KEY (id)", "UNIQUE (batch_id, item_index)"], "random"),
    "key id derived, unique (batch_id, item_index)": (["PRIMARY KEY (id)", "UNIQUE (batch_id, item_index)"], "derived"),
    "the first, and a foreign key to the batch": (
        ["PRIMARY KEY (batch_id, item_index)", f"FOREIGN KEY (batch_id) REFERENCES {SCHEMA}.batches"],
        "derived",
    ),
}
RECORD = '{"email":"user%d@example.com","first_name":"Ada","last_name":"Lovelace","balance":"12.50","country":"GB"}'


def chunks(batch: uuid.UUID, ids: str) -> list[str]:
    """COPY buffers of all items."""
    lines = [
        f"{batch}\t{n}\t{uuid.UUID(int=batch.int + n) if ids == 'derived' else uuid.uuid4()}\t{RECORD % n}\n"
        for n in range(RECORDS)
    ]
    return ["".join(lines[at : at + CHUNK]) for at in range(0, RECORDS, CHUNK)]


def load(connection: psycopg2.extensions.connection, constraints: list[str], ids: str) -> float:
    """Seconds for all chunks, a commit each, into a new table."""
    batch = uuid.UUID(int=uuid.uuid4().int >> 32 << 32)
    buffers = chunks(batch, ids)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        cursor.execute(f"CREATE TABLE {SCHEMA}.batches (id uuid PRIMARY KEY)")
        cursor.execute(f"INSERT INTO {SCHEMA}.batches VALUES (%s)", (str(batch),))
        cursor.execute(f"CREATE TABLE {SCHEMA}.items ({', '.join([COLUMNS, *constraints])})")
    begun = time.perf_counter()
    for buffer in buffers:
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {SCHEMA}.items FROM STDIN", io.StringIO(buffer))
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    connection = psycopg2.connect(sys.argv[1])
    seconds: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(ROUNDS):
        for name, (constraints, ids) in CANDIDATES.items():
            seconds[name].append(load(connection, constraints, ids))
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    base = statistics.median(next(iter(seconds.values())))
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:48} {median:6.2f} s  {median / base:4.2f}×")


if __name__ == "__main__":
    main()
