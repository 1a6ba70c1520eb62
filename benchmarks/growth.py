"""What grows with use, and what must not: the cost of a record in full tables, dead rows, bytes per item.

    make bench-growth                                   10 million items, a target of 3 million rows
    python benchmarks/growth.py --items 100000 --rows 30000 --records 2000 --rounds 1

The same first load goes in turns into an empty database, one with as many items in the books, and one with as many rows
in the target; then one file ten times. The books are filled inside the database (books.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import books
import imports
import machine
import report
from processes import WrongResult
from results import Ratio, Sample, Samples, median_s, rate, verdicts
from server import FOLDER, running_server
from shop import HERE, Shop, open_shop

RUNS = 10  # of the same file
A_BATCH = 1_000_000  # items
TARGETS = (Ratio("full books", "empty", 1.1), Ratio("full target", "empty", 1.1))
SIZES = """
SELECT relname, n_live_tup, n_dead_tup, pg_table_size(relid), pg_indexes_size(relid)
FROM pg_stat_user_tables WHERE relname IN ('customers', 'import_batches', 'import_batch_items') ORDER BY relname
"""
FILL_TARGET = """
INSERT INTO customers (email, first_name, last_name, phone, country, city, signup_date, balance, points, active)
SELECT 'filler.' || md5(CAST(n AS text)) || '@example.com', 'Ada', 'Lovelace', '+49 30 ' || n, 'DE', 'Berlin',
       DATE '2020-01-01' + n %% 2000, n %% 100000 / 100.0, n %% 1000, n %% 2 = 0
FROM generate_series(1, %(rows)s) AS n
"""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000_000, help="in the books; default: 10,000,000")
    parser.add_argument("--rows", type=int, default=3_000_000, help="in the target; default: 3,000,000")
    parser.add_argument("--records", type=int, default=100_000, help="of the file; default: 100,000")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the server's folder is made: {FOLDER}")
    parser.add_argument("--json", type=Path, default=HERE / "growth.json", metavar="FILE")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="the page whose table is filled in")
    return parser.parse_args()


def with_full_books(shop: Shop, items: int) -> Shop:
    """A database with so many items of old batches, 5 % of them failed."""
    shop = shop.with_database("full_books")
    shop.start_afresh()
    small = min(items, 1000)
    batch = shop.ri("run", "customers", imports.bad_csv(shop, small, every=20), "--json", code=1).json()["batch_id"]
    books.grow(shop.server, batch, times=min(items, A_BATCH) // small)
    if items > A_BATCH:
        books.repeat(shop.server, batch, batches=items // A_BATCH - 1)
    return shop


def with_full_target(shop: Shop, rows: int) -> Shop:
    """A database with so many rows in the target."""
    shop = shop.with_database("full_target")
    shop.start_afresh()
    shop.server.run(FILL_TARGET, {"rows": rows})
    return shop


def first_load(shop: Shop, count: int, *, remove: Callable[[Shop], None]) -> Sample:
    """New rows, after those of the last round were removed; what was there before stays."""
    remove(shop)
    shop.settle()
    before = shop.server.value("SELECT count(*) FROM customers")
    run = shop.ri("run", "customers", shop.csv(count), "--json")
    imports.expect(run.json()["inserted"], count, "rows inserted")
    imports.expect(shop.server.value("SELECT count(*) FROM customers"), before + count, "rows")
    return Sample(count, run.seconds, run.cpu_s, run.peak_mb)


def remove_all(shop: Shop) -> None:
    """Nothing; the target is empty."""
    shop.server.run("TRUNCATE customers")


def remove_imported(shop: Shop) -> None:
    """Nothing; the rows that were there before any import are left."""
    shop.server.run("DELETE FROM customers WHERE email NOT LIKE 'filler.%'")


class Size(NamedTuple):
    """A table after a run of the same file."""

    run: int
    table: str
    rows: int
    dead: int
    table_bytes: int
    index_bytes: int


def the_same_file(shop: Shop, count: int) -> list[Size]:
    """The tables after each of ten runs of one file; nobody but autovacuum tidies up."""
    shop = shop.with_database("same_file")
    shop.start_afresh()
    found = []
    for number in range(1, RUNS + 1):
        imports.imported(shop, shop.csv(count), count, action="inserted" if number == 1 else "unchanged")
        found += [Size(number, *row) for row in shop.server.run(SIZES)]
    return found


def bytes_per_item(sizes: Sequence[Size], records: int) -> float:
    """What the books hold for each record, index included, after the last run."""
    items = next(size for size in reversed(sizes) if size.table == "import_batch_items")
    return (items.table_bytes + items.index_bytes) / (items.run * records)


def measured(shop: Shop, given: argparse.Namespace) -> Samples:
    """A sample for each database and round."""
    empty = shop.with_database("empty")
    empty.start_afresh()
    ways = {
        "empty": (empty, remove_all),
        "full books": (with_full_books(shop, given.items), remove_all),
        "full target": (with_full_target(shop, given.rows), remove_imported),
    }
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for number in range(1, given.rounds + 1):
        for name, (where, remove) in ways.items():
            samples[name].append(first_load(where, given.records, remove=remove))
            print(f"round {number}/{given.rounds}  {name:12} {samples[name][-1].seconds:8.3f} s", file=sys.stderr)
    return samples


def in_words(samples: Samples, sizes: Sequence[Size], given: argparse.Namespace) -> str:
    """Two Markdown tables and a sentence."""
    ratios = {verdict.case: verdict for verdict in verdicts(TARGETS, samples)}
    what = {
        "empty": "empty database",
        "full books": f"{given.items:,} items in the books",
        "full target": f"{given.rows:,} rows in the target",
    }
    lines = [f"| first load of {given.records:,} records | median | records/s | ratio |", "|---|---:|---:|---|"]
    for name, own in samples.items():
        ratio = f"{ratios[name].value:.2f}" if name in ratios else ""
        lines.append(f"| {what[name]} | {median_s(own):.2f} s | {rate(own):,.0f} | {ratio} |")
    lines += ["", "| table | after run | dead rows | table | indexes |", "|---|---:|---:|---:|---:|"]
    for size in sizes:
        if size.run in (1, RUNS):
            megabytes = (f"{value / 1e6:,.1f} MB" for value in (size.table_bytes, size.index_bytes))
            lines.append(f"| `{size.table}` | {size.run} | {size.dead:,} | {' | '.join(megabytes)} |")
    kept = bytes_per_item(sizes, given.records)
    return "\n".join([*lines, "", f"Each record is kept in {kept:,.0f} bytes of `import_batch_items`, index included."])


def main() -> None:
    """Measure, and write down."""
    given = arguments()
    with running_server(given.folder) as server:
        shop = open_shop(server)
        samples = measured(shop, given)
        sizes = the_same_file(shop, given.records)
        facts = machine.facts(server)
        record_bytes = shop.csv(given.records).stat().st_size / given.records
    text = in_words(samples, sizes, given)
    print(f"{machine.in_words(facts)}\n\n{text}\nIn the file it has {record_bytes:.0f} bytes.")
    found = verdicts(TARGETS, samples)
    told = {
        "schema": "ri.growth/1",
        **facts,
        "items": given.items,
        "rows": given.rows,
        "samples": {name: [sample._asdict() for sample in own] for name, own in samples.items()},
        "targets": [{**verdict._asdict(), "met": verdict.met} for verdict in found],
        "same_file": [size._asdict() for size in sizes],
        "bytes_per_item": bytes_per_item(sizes, given.records),
        "bytes_per_record_in_file": record_bytes,
    }
    given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if given.docs:
        report.fill_in(given.docs, "growth", f"\nMeasured on {machine.in_words(facts)}.\n\n{text}\n")


if __name__ == "__main__":
    try:
        main()
    except WrongResult as error:
        sys.exit(f"{error}")
