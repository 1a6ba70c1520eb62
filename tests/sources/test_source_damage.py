"""Law 3 at the source: a damaged line changes only its own fate."""

from __future__ import annotations

import csv
import io
import random

import pytest
from source_reading import read_csv

RECORDS = 200
WIDTH = 5


def _rows(rng: random.Random, *, multiline: bool) -> list[list[str]]:
    words = ["x", "", "12.5", "a,b", 'say "hi"', "\u00e9t\u00e9", "long text here"]
    if multiline:
        words += ["two\nlines", "three\r\nlines\nhere"]
    return [[f"id{n}"] + [rng.choice(words) for _ in range(WIDTH - 1)] for n in range(RECORDS)]


def _line(row: list[str], quoting: int) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n", quoting=quoting).writerow(row)
    return text.getvalue().encode()


def _missing_delimiter(line: bytes, rng: random.Random) -> bytes:
    places = [i for i, char in enumerate(line) if char == ord(",")]
    place = rng.choice(places)
    return line[:place] + line[place + 1 :]


def _insert(what: bytes):
    def damage(line: bytes, rng: random.Random) -> bytes:
        place = rng.randint(0, len(line) - 2)
        return line[:place] + what + line[place:]

    return damage


def _lost_quote(line: bytes, rng: random.Random) -> bytes:
    places = [i for i, char in enumerate(line) if char == ord('"')]
    if not places:
        return _insert(b'"')(line, rng)
    place = rng.choice(places)
    return line[:place] + line[place + 1 :]


def _open_quote(line: bytes, rng: random.Random) -> bytes:
    place = rng.choice([0] + [i + 1 for i, char in enumerate(line) if char == ord(",")])
    return line[:place] + b'"' + line[place:]


def _cut_off(line: bytes, rng: random.Random) -> bytes:
    return line[: rng.randint(1, len(line) - 3)] + b"\r\n"


DAMAGES = {
    "missing delimiter": _missing_delimiter,
    "extra delimiter": _insert(b","),
    "stray quote": _insert(b'"'),
    "lost quote": _lost_quote,
    "open quote": _open_quote,
    "bad bytes": _insert(b"\xff\xfe"),
    "nul": _insert(b"\x00"),
    "cut off": _cut_off,
}


@pytest.mark.parametrize("multiline", [False, True])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_harms_no_neighbour(damage, quoting, multiline):
    for seed in range(15):
        rng = random.Random(f"{damage} {quoting} {multiline} {seed}")
        rows = _rows(rng, multiline=multiline)
        lines = [_line(row, quoting) for row in rows]
        hit = rng.randrange(RECORDS)
        lines[hit] = DAMAGES[damage](lines[hit], rng)
        records = read_csv(b"h0,h1,h2,h3,h4\r\n" + b"".join(lines), block_bytes=rng.choice([64, 1000, 262144]))
        survivors = [list(r.source_data.values()) for r in records if not r.problems]
        neighbours = rows[:hit] + rows[hit + 1 :]
        lost = [row for row in neighbours if row not in survivors]
        assert lost == [], f"seed {seed}, line {hit}: {lines[hit]!r}"
        assert len(survivors) <= RECORDS, f"seed {seed}"
        assert [r.index for r in records] == list(range(len(records)))


def test_many_damaged_lines_harm_no_neighbour():
    for seed in range(40):
        rng = random.Random(seed)
        rows = _rows(rng, multiline=False)
        lines = [_line(row, csv.QUOTE_MINIMAL) for row in rows]
        hits = set(rng.sample(range(0, RECORDS, 2), 30))
        for hit in hits:
            lines[hit] = rng.choice(list(DAMAGES.values()))(lines[hit], rng)
        records = read_csv(b"h0,h1,h2,h3,h4\r\n" + b"".join(lines))
        survivors = [list(r.source_data.values()) for r in records if not r.problems]
        lost = [row for n, row in enumerate(rows) if n not in hits and row not in survivors]
        assert lost == [], f"seed {seed}"
