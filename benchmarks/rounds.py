"""Ways to do the same work, timed in turns: what else the machine does meets all of them alike."""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor

SCHEMA = "ri_bench"  # made for a run and dropped after it, the bookkeeping tables in it


def seconds_of(ways: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, list[float]]:
    """By way, what each round of it took; a way says itself how long the part took that counts."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    return taken


def tell(taken: Mapping[str, list[float]], *, records: int, as_json: bool) -> None:
    """Print a line for each way: median, rate, and how many times the first one's rate; or one JSON object of all.

    The ratio is the median of the rounds' own ratios, which a busy machine disturbs least.
    """
    first = next(iter(taken.values()))
    ways = {}
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        ratio = statistics.median(base / own for base, own in zip(first, seconds, strict=True))
        ways[name] = {"seconds": seconds, "median_s": median, "rate": records / median, "ratio": ratio}
        if not as_json:
            spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
            print(f"{name:36} {median:6.2f} s ({spread})  {records / median:8,.0f}/s  {ratio:4.2f}×")
    if as_json:
        print(json.dumps({"records": records, "ways": ways}))


def arguments(description: str | None, *, records: int, rounds: int) -> argparse.Namespace:
    """dsn, records, rounds, json."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("dsn")
    parser.add_argument("--records", type=int, default=records)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextlib.contextmanager
def project() -> Iterator[Path]:
    """Within: a folder of a project whose books are in SCHEMA."""
    with tempfile.TemporaryDirectory(prefix="ri-bench-") as folder:
        Path(folder, "ri.yaml").write_text(f"bookkeeping_schema: {SCHEMA}\n")
        yield Path(folder)


@contextlib.contextmanager
def committed(dsn: str) -> Iterator[Cursor]:
    """Within: a cursor whose statements are committed at the end."""
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        yield cursor


def empty_schema(dsn: str) -> None:
    """Nothing; SCHEMA is there and holds nothing."""
    with committed(dsn) as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")


def drop_schema(dsn: str) -> None:
    """Nothing; nothing of a run is left."""
    with committed(dsn) as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
