"""Random records with a known fate of their own, and the same records as csv, tsv and jsonl.

A `Sample` says what its cells hold and which stage refuses it, if any; `rendered` writes a file
and tells the line on which each record begins.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

# What a sample is refused by → the codes that say so: (csv and tsv, jsonl), and the field.
STAGES: Mapping[str, tuple[str, str, str | None]] = {
    "source": ("source.ragged", "source.json", None),
    "parse": ("field.integer", "schema.type", "v"),
    "schema": ("schema.minimum", "schema.minimum", "v"),
    "map": ("field.length", "field.length", "w"),
    "keyless": ("target.key_missing", "target.key_missing", "k"),
    "check": ("db.check", "db.check", "v"),
    "parent": ("db.foreign_key", "db.foreign_key", "r"),
    "walked": ("db.data", "db.data", None),
}
EARLY = ("source", "parse", "schema", "map", "keyless")  # refused before the key is looked at
FORMATS = ("csv", "tsv", "jsonl")

_SPOILED: Mapping[str, dict[str, str | None]] = {
    "source": {},
    "parse": {"v": "abc"},
    "schema": {"v": "-5"},
    "map": {"w": "seven77"},
    "keyless": {"k": None},
    "check": {"v": "950"},
    "parent": {"r": "77"},
    "walked": {"v": "13"},
}


class Sample(NamedTuple):
    """One record: texts of its cells, None is no value. `refused` names the stage that refuses it."""

    cells: dict[str, str | None]
    refused: str | None = None


class Rendered(NamedTuple):
    """A file and where its records begin."""

    text: str
    lines: list[int]


def spoiled(cells: Mapping[str, str | None], stage: str | None) -> Sample:
    """The record made bad for one stage; None leaves it good."""
    return Sample({**cells, **(_SPOILED[stage] if stage else {})}, stage)


def random_samples(rng: random.Random, keys: Sequence[str], count: int, *, bad: float = 0.2) -> list[Sample]:
    """`count` records over these spellings of keys, about `bad` of them refused by some stage."""
    found = []
    for _ in range(count):
        cells = {
            "k": rng.choice(keys),
            "v": rng.choice(["1", "2", "3", "40", None]),
            "w": rng.choice(["a", "b", "a\nb", "é", '"', None]),
            "r": rng.choice(["1", "2", None]),
        }
        found.append(spoiled(cells, rng.choice(list(STAGES)) if rng.random() < bad else None))
    return found


def rendered(samples: Sequence[Sample], format: str, *, numbers: Sequence[str] = ()) -> Rendered:  # noqa: A002
    """The samples as a file; `numbers` are the columns that JSON writes without quotes."""
    if format == "jsonl":
        return _json_lines(samples, numbers)
    return _delimited(samples, "," if format == "csv" else "\t")


def _delimited(samples: Sequence[Sample], delimiter: str) -> Rendered:
    header = list(samples[0].cells)
    rows, lines, line = [delimiter.join(header)], [], 2
    for sample in samples:
        cells = [_quoted(sample.cells[name] or "", delimiter) for name in header]
        if sample.refused == "source":
            cells.append("one cell too many")
        rows.append(delimiter.join(cells))
        lines.append(line)
        line += 1 + rows[-1].count("\n")
    return Rendered("\n".join(rows) + "\n", lines)


def _quoted(cell: str, delimiter: str) -> str:
    if any(c in cell for c in ('"', "\n", "\r", delimiter)):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _json_lines(samples: Sequence[Sample], numbers: Sequence[str]) -> Rendered:
    rows = []
    for sample in samples:
        members = [f"{json.dumps(n)}: {_json(n, c, numbers)}" for n, c in sample.cells.items() if c is not None]
        rows.append("{" + ", ".join(members) + ("" if sample.refused == "source" else "}"))
    return Rendered("\n".join(rows) + "\n", list(range(1, len(rows) + 1)))


def _json(name: str, cell: str, numbers: Sequence[str]) -> str:
    if name not in numbers or not cell.lstrip("+-").replace(".", "", 1).isdigit():
        return json.dumps(cell)
    return str(Decimal(cell))  # JSON has neither leading zeros nor a plus
