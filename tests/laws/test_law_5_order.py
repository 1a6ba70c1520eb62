"""Law 5: the result is that of records applied one at a time in file order, whatever the chunk size."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal

import pytest
from law_oracle import POLICIES, Policy, Row, Table
from law_records import FORMATS, random_samples
from law_runs import Case, compare
from support.workbench import Workbench

SIZES = (7, 40, 500)
_SCHEMA = "{properties: {k: {type: %s}, v: {type: integer, minimum: 0}, w: {type: string}, r: {type: integer}}}"
_DDL = """
    DROP TABLE IF EXISTS t, ref;
    CREATE TABLE ref (id int PRIMARY KEY);
    INSERT INTO ref VALUES (1), (2);
    CREATE TABLE t (k {type} PRIMARY KEY, v int CHECK (v < 900), w varchar(5) DEFAULT 'new',
                    r int REFERENCES ref, g int GENERATED ALWAYS AS (100 / (v - 13)) STORED, s serial);
    INSERT INTO t (k, v, w, r) VALUES ({first}, 1, 'a', 1), ({second}, 2, NULL, NULL), ({third}, 3, 'old', 2);
"""


def _number(text: str) -> Decimal:
    return Decimal(text)


def _int(text: str | None) -> int | None:
    return None if text is None else int(text)


class _Kind:
    """A type of key: spellings in the file, rows that are there before, and what equality means."""

    def __init__(self, sql: str, json: str, spellings: list[str], old: tuple[str, str, str]) -> None:
        self.sql, self.json, self.spellings, self.old = sql, json, spellings, old

    def stored(self, text: str) -> str:
        if self.sql == "int":
            return str(int(text))
        if self.sql == "numeric":
            return str(Decimal(text))
        return text.ljust(6) if self.sql == "char(6)" else text

    def key(self, stored: str) -> object:
        if self.sql == "numeric":
            return Decimal(stored)
        return stored.lower() if self.sql == "citext" else stored

    def same(self, old: Row, new: Row) -> bool:
        """citext: `ADA` and `ada` are one key, but not the same value."""
        numeric = self.sql == "numeric"
        return (self.key(old["k"]) == self.key(new["k"]) if numeric else old["k"] == new["k"]) and all(
            old[name] == new[name] for name in ("v", "w", "r")
        )

    def row(self, cells: Mapping[str, str | None]) -> Row:
        return {"k": self.stored(cells["k"] or ""), "v": _int(cells["v"]), "w": cells["w"], "r": _int(cells["r"])}

    def table(self) -> Table:
        table = Table(lambda row: self.key(row["k"]), self.row, {"w": "new"}, self.same)
        olds = zip(self.old, ((1, "a", 1), (2, None, None), (3, "old", 2)), strict=True)
        for key, (v, w, r) in olds:
            row = {"k": self.stored(key), "v": v, "w": w, "r": r}
            table.rows[self.key(row["k"])] = row
        return table

    def case(self) -> Case:
        first, second, third = (f"'{key}'" for key in self.old)
        return Case(
            ddl=_DDL.format(type=self.sql, first=first, second=second, third=third),
            columns="{k: k, v: v, w: w, r: r}",
            key="k",
            table=self.table,
            select="SELECT CASE WHEN pg_typeof(k) = 'bpchar'::regtype THEN rpad(k::text, 6) ELSE k::text END, v, w, r"
            " FROM t",
            schema=_SCHEMA % self.json,
            numbers=("v", "r", "k") if self.sql in ("int", "numeric") else ("v", "r"),
        )


def _many(spellings: list[str], more: int) -> list[str]:
    """Some keys that come again and again, and many that come now and then."""
    return spellings * 3 + [str(n) for n in range(100, 100 + more)]


KINDS = {
    "int": _Kind("int", "integer", _many(["1", "01", "+1", "2", "3"], 30), ("1", "2", "100")),
    "numeric": _Kind("numeric", "number", _many(["1", "1.0", "1.00", "01", "2.50", "2.5"], 30), ("1.0", "2.5", "100")),
    "text": _Kind("text", "string", _many(["a", "A", "a ", "ä", "'"], 30), ("a", "A", "100")),
    "citext": _Kind("citext", "string", _many(["ada", "Ada", "ADA", "Bob", "bob"], 30), ("Ada", "bob", "100")),
    "char": _Kind("char(6)", "string", _many(["ab", "ab ", "ab   ", "cd"], 30), ("ab", "cd", "100")),
}


# Every policy with two types of key, every type with three or four policies.
PAIRS = [(list(KINDS)[(2 * n + more) % 5], policy) for n, policy in enumerate(POLICIES) for more in (0, 1)]


@pytest.mark.parametrize(("kind", "policy"), PAIRS, ids=str)
def test_chunk_sizes_give_what_one_at_a_time_gives(workbench: Workbench, kind: str, policy: Policy) -> None:
    seed = f"{kind}-{policy}"
    turn = PAIRS.index((kind, policy))
    workbench.sql("CREATE EXTENSION IF NOT EXISTS citext")
    samples = random_samples(random.Random(seed), KINDS[kind].spellings, 110)
    compare(workbench, KINDS[kind].case(), samples, format=FORMATS[turn % 3], policy=policy, sizes=SIZES, seed=seed)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_chunks_of_one_record_give_the_same(workbench: Workbench, policy: Policy) -> None:
    seed = f"one-{policy}"
    samples = random_samples(random.Random(seed), KINDS["numeric"].spellings, 60)
    compare(workbench, KINDS["numeric"].case(), samples, format="csv", policy=policy, sizes=(1, 60), seed=seed)


@pytest.mark.parametrize("format", FORMATS)
def test_a_chunk_of_5000_gives_the_same(workbench: Workbench, format: str) -> None:  # noqa: A002
    seed = f"5000-{format}"
    spellings = [str(n) for n in range(2000)] + ["7"] * 60
    samples = random_samples(random.Random(seed), spellings, 2500, bad=0.02)
    compare(workbench, KINDS["int"].case(), samples, format=format, policy=Policy(), sizes=(5000,), seed=seed)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_more_than_eight_equal_keys_in_a_chunk_give_the_same(workbench: Workbench, policy: Policy) -> None:
    seed = f"many-{policy}"
    samples = random_samples(random.Random(seed), ["1", "1", "1", "2", "5"], 60)
    compare(workbench, KINDS["int"].case(), samples, format="csv", policy=policy, sizes=(8, 60), seed=seed)
