"""Files to import: the same bytes for the same seed, on every machine. Knows neither databases nor pipelines.

Record n of a clean file is refused by nothing but rules that a table of a case has: every 20th has the country that
such a table leaves out, and 5 % have more points than it allows.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

SEED = 2026
FIELDS = "email first_name last_name phone country city signup_date balance points active"
COUNTRIES = "AT BE BR CH CZ DE DK ES FI FR GB GR IE IN IT JP NL PL SE US"
POINTS_ALLOWED = 950  # of 1,000
WIDE_FIELDS = 50

FIRST_NAMES = "Ada Alan Anita Barbara Claude Dana Edsger Frances Grace Hedy Jean Katherine Leslie Margaret Radia"
LAST_NAMES = "Allen Bartik Borg Conway Dijkstra Goldberg Hamilton Hopper Johnson Lamarr Lovelace Perlman Shannon"
CITIES = "Amsterdam;Barcelona;Bengaluru;Copenhagen;Dublin;Gothenburg;Marseille;New York;São Paulo;Zürich"
DOMAINS = "example.com example.net example.org mail.example.com"

WIDER = tuple(f"text_{n:02}" for n in range(len(FIELDS.split()), WIDE_FIELDS))  # the fields that `wide` adds

Record = dict[str, str]


def clean(count: int, *, seed: int = SEED) -> Iterator[Record]:
    """Records that every schema of the benchmark allows, each e-mail once, in no order."""
    draw = random.Random(seed)
    first_names, last_names, domains = FIRST_NAMES.split(), LAST_NAMES.split(), DOMAINS.split()
    countries, cities = COUNTRIES.split(), CITIES.split(";")
    for n in range(count):
        first, last = draw.choice(first_names), draw.choice(last_names)
        yield {
            "email": f"{first}.{last}.{n}@{draw.choice(domains)}".lower(),
            "first_name": first,
            "last_name": last,
            "phone": f"+49 30 {draw.randrange(10**7):07}",
            "country": countries[n % len(countries)],
            "city": draw.choice(cities),
            "signup_date": f"20{draw.randrange(10, 26)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
            "balance": f"{draw.randrange(10**6) / 100:.2f}",
            "points": str(points(n)),
            "active": draw.choice(("true", "false")),
        }


def points(n: int) -> int:
    """Those of record n: every number below 1,000 equally often."""
    return n * 7919 % 1000


def refused_country(count: int) -> int:
    """How many of the first `count` records have the country that a case leaves out: the last one."""
    return count // len(COUNTRIES.split())


def refused_points(count: int) -> int:
    """How many of the first `count` records have more points than a case allows."""
    return sum(points(n) >= POINTS_ALLOWED for n in range(count))


def with_bad(records: Iterable[Record], *, every: int) -> Iterator[Record]:
    """The records, one of `every` such that the schema refuses it, for one of four reasons in turn."""
    mistakes = ({"email": "nobody"}, {"last_name": ""}, {"points": "-1"}, {"country": "X"})
    for n, record in enumerate(records):
        yield {**record, **mistakes[n // every % len(mistakes)]} if n % every == every // 2 else record


def bad(count: int, *, every: int) -> int:
    """How many of `count` records `with_bad` makes bad."""
    return (count + every - 1 - every // 2) // every


def wide(count: int) -> Iterator[Record]:
    """Records of WIDE_FIELDS fields, a kilobyte each."""
    texts = [
        f"{number} {name} Road, {city}" for number, name in enumerate(LAST_NAMES.split()) for city in CITIES.split(";")
    ]
    for n, record in enumerate(clean(count)):
        yield {**record, **{name: texts[(n + k) % len(texts)] for k, name in enumerate(WIDER)}}


def write_csv(path: Path, records: Iterable[Record]) -> None:
    """Nothing; the file, with a header."""
    records = iter(records)
    first = next(records)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(first)
        writer.writerow(first.values())
        writer.writerows(record.values() for record in records)


def write_jsonl(path: Path, records: Iterable[Record]) -> None:
    """Nothing; the file, an object a line, numbers and truth values as such."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            typed = {
                **record,
                "balance": float(record["balance"]),
                "points": int(record["points"]),
                "active": record["active"] == "true",
            }
            file.write(json.dumps(typed, ensure_ascii=False, separators=(",", ":")) + "\n")
