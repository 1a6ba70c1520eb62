"""The sample files in examples/data, the same bytes on every machine: `python examples/generate.py`.

Standard library only. Each file draws from its own seed, and only by `Random.random()`, the one method whose
sequence Python promises to keep. `customers()` knows the right values of every row, also of the 28 that are
written wrong: repair.py takes them from here, as a person would take them from the customer's papers.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from names import LATIN, PLACES

DATA = Path(__file__).resolve().parent / "data"
SEED = 20260501
HEADER = ("E-mail", "First name", "Last name", "Address", "Signed up", "Balance", "Country")
CUSTOMERS, TRANSACTIONS, PRODUCTS = 500, 2000, 300
EARLY_TRANSACTIONS = 12  # of customers whose first import fails: refused until those are repaired
RESENT_TRANSACTIONS = 6  # sent twice by the cash desk

T = TypeVar("T")
Cells = tuple[str, ...]


class Fault(NamedTuple):
    """One way to be wrong: the code that `ri` reports, the column, and what is written there instead."""

    code: str
    column: str
    written: tuple[str, ...]  # one row for each; for source.ragged the number of cells left


# {} is what would have been right.
FAULTS = (
    Fault("schema.format", "E-mail", ("{} at example.org", "n/a", "@example.org", "{}.", "{}@", "mailto {}")),
    Fault("schema.required", "Last name", ("", "", "", "  ")),
    Fault("field.date", "Signed up", ("31/02/2024", "12/13/2023", "2024-03-17", "00/05/2021", "1 May 2022")),
    Fault("schema.minimum", "Balance", ("-{}", "-0,01", "-99,90")),
    Fault("schema.enum", "Country", ("UK", "Germany", "XX")),
    Fault("field.number", "Balance", ("EUR {}", "12,5O", "n/a")),
    Fault("source.ragged", "", ("3", "6")),
    Fault("db.check", "Signed up", ("14/07/1016", "02/01/1970")),
)


class Customer(NamedTuple):
    """One row of customers.csv: its cells as they should be and as they are written."""

    right: Cells  # in the order of HEADER
    written: Cells
    code: str | None  # why the first import refuses it; None: it does not

    @property
    def email(self) -> str:
        """The address as the database keeps it."""
        return self.right[0].strip().lower()


def customers() -> list[Customer]:
    """All rows of customers.csv in the file's order, addresses unique; 28 of them written wrong."""
    rng = _rng("customers")
    rights = _right_rows(rng)
    broken = dict(zip(_bad_places(rng), _bad_ways(rng), strict=True))
    return [_customer(right, broken.get(index)) for index, right in enumerate(rights)]


def customers_csv() -> str:
    """The text of customers.csv."""
    return _csv_text(HEADER, (customer.written for customer in customers()))


def transactions_csv() -> str:
    """The text of transactions.csv: in order of time, a few sent twice, a few of customers that fail at first."""
    rng = _rng("transactions")
    good, bad = ([c.email for c in customers() if (c.code is None) is flag] for flag in (True, False))
    early = {150 * n + 77: _pick(rng, bad) for n in range(EARLY_TRANSACTIONS)}
    moment = datetime(2026, 4, 1, 8, tzinfo=timezone(timedelta(hours=2)))
    rows: list[Cells] = []
    for number in range(TRANSACTIONS - RESENT_TRANSACTIONS):
        moment += timedelta(seconds=_between(rng, 1, 2400))
        rows.append(_transaction(rng, number, early.get(number) or _pick(rng, good), moment))
    for n in range(RESENT_TRANSACTIONS):
        at = 300 * n + 101
        rows.insert(at + 1 + 17 * n, rows[at])
    return _csv_text(("Transaction", "Customer", "Booked at", "Amount", "Currency", "Reference"), rows)


def products_jsonl() -> str:
    """The text of products.jsonl: one object a line, with nested attributes."""
    rng = _rng("products")
    return "".join(json.dumps(_product(rng, n), ensure_ascii=False) + "\n" for n in range(PRODUCTS))


# -- customers ---------------------------------------------------------------------------------------------------


def _right_rows(rng: random.Random) -> list[Cells]:
    seen: set[str] = set()
    return [_right_row(rng, index, seen) for index in range(CUSTOMERS)]


def _right_row(rng: random.Random, index: int, seen: set[str]) -> Cells:
    country = _pick(rng, list(PLACES))
    place = PLACES[country]
    (first, first_latin), (last, last_latin) = (
        _name(_pick(rng, names.split())) for names in (place.first_names, place.last_names)
    )
    email = _new_address(f"{first_latin}.{last_latin}", _pick(rng, ("com", "net", "org")), seen)
    address = place.street.format(number=_between(rng, 1, 180), town=_pick(rng, place.towns.split(" | ")))
    signed_up = date(1999, 1, 1) + timedelta(days=_between(rng, 0, 9900))
    balance = f"{_between(rng, 0, 5000)},{_between(rng, 0, 99):02}"
    return (
        email.title() if index % 40 == 3 else f" {email} " if index % 40 == 23 else email,
        first,
        last.replace(" ", "  "),
        address if index % 7 == 2 else address.replace("\n", ", "),
        "" if index % 50 == 11 else signed_up.strftime("%d/%m/%Y"),
        "" if index % 30 == 19 else balance,
        country.lower() if index % 60 == 31 else country,
    )


def _name(word: str) -> tuple[str, str]:
    """A name and its Latin letters for an e-mail address."""
    name, _, latin = word.partition("/")
    plain = unicodedata.normalize("NFKD", (latin or name).lower().translate(LATIN))
    return name.replace("_", " "), "".join(c for c in plain if c.isascii())


def _new_address(local: str, domain: str, seen: set[str]) -> str:
    tries = (f"{local}{n or ''}@example.{domain}" for n in range(CUSTOMERS))
    address = next(t for t in tries if t not in seen)
    seen.add(address)
    return address


def _bad_places(rng: random.Random) -> list[int]:
    """Where the bad rows stand: two neighbours, the last row, the others anywhere; only rows with all cells."""
    free = [n for n in range(CUSTOMERS - 1) if n % 50 != 11 and n % 30 != 19]
    places = {262, 263, CUSTOMERS - 1}
    while len(places) < sum(len(fault.written) for fault in FAULTS):
        places.add(_pick(rng, free))
    return sorted(places)


def _bad_ways(rng: random.Random) -> list[tuple[Fault, str]]:
    ways = [(fault, written) for fault in FAULTS for written in fault.written]
    return sorted(ways, key=lambda way: rng.random())


def _customer(right: Cells, broken: tuple[Fault, str] | None) -> Customer:
    if broken is None:
        return Customer(right, right, None)
    fault, written = broken
    if fault.code == "source.ragged":
        return Customer(right, right[: int(written)], fault.code)
    column = HEADER.index(fault.column)
    cell = written.format(right[column].strip())
    return Customer(right, (*right[:column], cell, *right[column + 1 :]), fault.code)


# -- transactions and products -----------------------------------------------------------------------------------


def _transaction(rng: random.Random, number: int, email: str, moment: datetime) -> Cells:
    sign = "-" if rng.random() < 0.08 else ""
    reason = _pick(rng, ("Order", "Commande", "Bestellung", "ご注文", "Objednávka", 'Gift card "Été"'))
    return (
        f"TX-2026-{number + 1:06}",
        email,
        moment.isoformat(),
        f"{sign}{_between(rng, 1, 900)}.{_between(rng, 0, 99):02}",
        _pick(rng, ("EUR", "EUR", "EUR", "USD", "GBP")),
        "" if number % 25 == 8 else f"{reason} {_between(rng, 10000, 99999)}, thank you",
    )


def _product(rng: random.Random, number: int) -> dict[str, Any]:
    kind = _pick(rng, ("Mug", "Tasse", "Théière", "急須", "Kubek", "Čajník"))
    colour = _pick(rng, ("white", "grün", "bleu nuit", "朱色"))
    product: dict[str, Any] = {
        "sku": f"{_between(rng, 100, 999):03}-{number:05}",
        "name": f"{kind} {colour}",
        "price": _between(rng, 199, 19999) / 100,
        "in_stock": _between(rng, 0, 400),
        "active": rng.random() < 0.9,
        "attributes": {
            "colour": colour,
            "size_cm": {"height": _between(rng, 6, 30), "width": _between(rng, 6, 20)},
            "tags": [tag for tag in ("new", "hand-made", "dishwasher", "gift") if rng.random() < 0.4],
        },
    }
    if number % 9 != 4:
        product["released_on"] = (date(2015, 1, 1) + timedelta(days=_between(rng, 0, 4000))).isoformat()
    return product


# -- drawing and writing -----------------------------------------------------------------------------------------


def _rng(name: str) -> random.Random:
    return random.Random(f"{SEED}-{name}")


def _pick(rng: random.Random, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]


def _between(rng: random.Random, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))


def _csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


FILES = {"customers.csv": customers_csv, "transactions.csv": transactions_csv, "products.jsonl": products_jsonl}


def main() -> None:
    """Write the files to examples/data, or to the folder given by --to."""
    parser = argparse.ArgumentParser(description="Write the sample files.")
    parser.add_argument("--to", type=Path, default=DATA, help="folder to write to (default: examples/data)")
    folder = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_bytes(text().encode())
        print(f"{folder / name}")


if __name__ == "__main__":
    main()
