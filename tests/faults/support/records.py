"""Seeded records of the suite's project, bad ones of chosen kinds among them, and the CSV that they come in.

Every e-mail address is planted: none of them may ever be seen in a log or an error text (invariants.py looks for
PLANTED_DOMAIN). A few keys come twice, some with other values, some with the same; a few names have a line end.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence

PLANTED_DOMAIN = "planted.example.org"
FIELDS = ("email", "name", "joined", "balance", "country")
COUNTRIES = ("DE", "FR", "JP", "US")
Cells = dict[str, str]

# Kinds of bad records → the cell that makes one so. Each is refused at another place.
BAD: dict[str, Cells] = {
    "parse": {"joined": "31/02/2024"},
    "schema": {"email": "not-an-address"},
    "lookup": {"country": "XX"},
    "check": {"balance": "5000000,00"},  # predicted from the catalogue
    "raise": {"name": "Refused"},  # a function of the database raises, which nobody can predict
}
THREE = ("schema", "lookup", "raise")


def records(count: int, *, seed: int = 5, bad: Sequence[str] = THREE, label: str = "m") -> list[Cells]:
    """`count` records; those of `bad` stand in equal distances. `label` keeps the keys of files apart."""
    rng = random.Random(f"{seed} {label}")
    made = [_record(rng, f"{label}{n}") for n in range(count)]
    for n in range(10, count, 23):  # a key that came before, in this chunk or in an earlier one
        earlier = made[rng.randrange(n)]
        made[n] = dict(earlier) if rng.random() < 0.3 else {**made[n], "email": earlier["email"]}
    for k, kind in enumerate(bad):
        n = (2 * k + 1) * count // (2 * len(bad))
        made[n] = {**_record(rng, f"{label}{n}"), **BAD[kind]}
    return made


def _record(rng: random.Random, name: str) -> Cells:
    return {
        "email": f"{name.upper() if rng.random() < 0.1 else name}@{PLANTED_DOMAIN}",
        "name": f"{name}\nthe younger" if rng.random() < 0.05 else f'{name}, "{rng.choice("abc")}"',
        "joined": f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/{rng.randint(1990, 2024)}"
        if rng.random() < 0.8
        else "",
        "balance": f"{rng.randint(0, 99999)},{rng.randint(0, 99):02}" if rng.random() < 0.8 else "",
        "country": rng.choice(COUNTRIES),
    }


def csv_of(rows: Sequence[Cells]) -> str:
    """The file of these records."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def repaired(cells: Cells) -> Cells:
    """A bad record with good cells where it was bad, and the same key where it had one.

    >>> repaired({"email": "a@b.org", "name": "Refused", "joined": "", "balance": "", "country": "XX"})["country"]
    'DE'
    """
    good = {"joined": "01/02/2024", "balance": "7,50", "name": "Accepted", "country": "DE"}
    changed = {name: good[name] for cell in BAD.values() for name in cell if name in good and cells[name] == cell[name]}
    if cells["email"] == "not-an-address":
        changed["email"] = f"repaired-{cells['name'].split(',')[0].split()[0]}@{PLANTED_DOMAIN}"
    return {**cells, **changed}
