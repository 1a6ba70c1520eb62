"""Law 5 where rows judge one another: whoever comes first in the file is written first."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pytest
from law_oracle import Policy, Refused, Row, Rule, Table
from law_records import Sample, rendered
from law_runs import Case, compare, ends_of, run
from support.workbench import Workbench

POLICY_SAMPLE = [Policy(), Policy("update", "first"), Policy("ignore", "last"), Policy("error", "error")]
SIZES = (7, 60)
INTEGERS = "{properties: {k: {type: integer}, u: {type: integer}, v: {type: integer}}}"


def _ints(cells: Mapping[str, str | None]) -> Row:
    return {name: None if text is None else int(text) for name, text in cells.items()}


def _table(*rules: Rule, rows: Mapping[int, tuple[Any, Any]], row_of: Callable[..., Row] = _ints) -> Table:
    """A table of (k, u, v) with these rows in it: k → (u, v)."""
    found = {k: {"k": k, "u": u, "v": v} for k, (u, v) in rows.items()}
    return Table(lambda row: row["k"], row_of, rules=rules, rows=dict(found))


def _case(ddl: str, table: Callable[[], Table], **more: Any) -> Case:
    """(k, u, v), all integers unless `more` says otherwise."""
    facts: dict[str, Any] = {"columns": "{k: k, u: u, v: v}", "key": "k", "schema": INTEGERS}
    facts |= {"select": "SELECT k, u, v FROM t", "numbers": ("k", "u", "v"), "tells_fields": False}
    return Case(ddl="DROP TABLE IF EXISTS t CASCADE;" + ddl, table=table, **(facts | more))


def _unique(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    taken = any(row["u"] == new["u"] and other != key for other, row in rows.items())
    return ("db.unique", None) if taken and new["u"] is not None else None


def _excluded(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    return ("db.exclusion", None) if _unique(rows, key, new) else None


def _parent_first(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    missing = new["u"] is not None and new["u"] != key and new["u"] not in rows
    return ("db.foreign_key", None) if missing else None


def _at_most_three(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    others = sum(row["u"] == new["u"] for other, row in rows.items() if other != key)
    return ("db.raised", None) if others >= 3 and new["u"] is not None else None


_BEFORE = {1: (1, 1), 2: (2, 2), 3: (None, 3)}
_FILLED = "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, NULL, 3);"
_COUNTING = """
    CREATE OR REPLACE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT count(*) FROM t WHERE u = NEW.u) > 3 THEN RAISE 'too many of one kind'; END IF;
        RETURN NULL;
    END $$;
    CREATE TABLE t (k int PRIMARY KEY, u int, v int);
    CREATE CONSTRAINT TRIGGER judge AFTER INSERT OR UPDATE ON t %s FOR EACH ROW EXECUTE FUNCTION judge();
"""
CASES = {
    "second unique column": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int UNIQUE, v int);" + _FILLED, lambda: _table(_unique, rows=_BEFORE)
    ),
    "deferrable second unique column": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int UNIQUE DEFERRABLE INITIALLY DEFERRED, v int);" + _FILLED,
        lambda: _table(_unique, rows=_BEFORE),
    ),
    "unique index on an expression": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int, v int); CREATE UNIQUE INDEX ON t ((u * 10));" + _FILLED,
        lambda: _table(_unique, rows=_BEFORE),
    ),
    "exclusion constraint": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int, v int, EXCLUDE (u WITH =));" + _FILLED,
        lambda: _table(_excluded, rows=_BEFORE),
    ),
    "foreign key to the target itself": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int REFERENCES t, v int);" + _FILLED,
        lambda: _table(_parent_first, rows=_BEFORE),
    ),
    "deferred foreign key to the target itself": _case(
        "CREATE TABLE t (k int PRIMARY KEY, u int REFERENCES t INITIALLY DEFERRED, v int);" + _FILLED,
        lambda: _table(_parent_first, rows=_BEFORE),
    ),
    "constraint trigger": _case(_COUNTING % "" + _FILLED, lambda: _table(_at_most_three, rows=_BEFORE)),
    "deferred constraint trigger": _case(
        _COUNTING % "DEFERRABLE INITIALLY DEFERRED" + _FILLED, lambda: _table(_at_most_three, rows=_BEFORE)
    ),
}


def _random(rng: random.Random, count: int = 60) -> list[Sample]:
    return [
        Sample({"k": str(rng.randint(1, 20)), "u": rng.choice([None, *map(str, range(1, 20))]), "v": rng.choice("123")})
        for _ in range(count)
    ]


PAIRS = [(name, POLICY_SAMPLE[(n + more) % 4]) for n, name in enumerate(CASES) for more in (0, 1)]


@pytest.mark.parametrize(("name", "policy"), PAIRS, ids=str)
def test_rows_that_judge_one_another_are_written_in_file_order(workbench: Workbench, name: str, policy: Policy) -> None:
    seed = f"{name}-{policy}"
    compare(workbench, CASES[name], _random(random.Random(seed)), policy=policy, sizes=SIZES, seed=seed)


def _records(*rows: tuple[str, str | None]) -> list[Sample]:
    return [Sample({"k": k, "u": u, "v": "1"}) for k, u in rows]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("foreign key to the target itself", [("8", "9"), ("9", None), ("8", "9")], ["failed", "inserted", "inserted"]),
        ("second unique column", [("1", "2"), ("2", "1")], ["failed", "failed"]),
        ("second unique column", [("1", "9"), ("2", "1"), ("1", "2")], ["updated", "updated", "updated"]),
        ("deferrable second unique column", [("1", "2"), ("2", "1")], ["failed", "failed"]),
    ],
    ids=["child before parent", "swap", "swap over a third value", "deferrable swap"],
)
def test_known_orders(workbench: Workbench, name: str, rows: list, expected: list[str], size: int) -> None:
    workbench.sql(CASES[name].ddl)
    text = rendered(_records(*rows), "csv").text
    batch = run(workbench, CASES[name], text, format="csv", policy=Policy(), size=size)
    assert [end.action or end.status for end in ends_of(workbench, batch)] == expected


# ── look-ups ─────────────────────────────────────────────────────────────────────────────────


def _boss(rows: Mapping[Hashable, Row], new: Row) -> Row:
    """The look-up of `v` (a name) in the target itself, as it is when the record's turn comes."""
    if new["v"] is None:
        return new
    found = [key for key, row in rows.items() if row["u"] == new["v"]]
    if not found:
        raise Refused("lookup.missing", None)
    return {**new, "v": found[0]}


def _self_lookup() -> Case:
    def table() -> Table:
        made = _table(_unique, rows={1: ("ada", None)}, row_of=lambda cells: {**cells, "k": int(cells["k"] or 0)})
        made.resolve = _boss
        return made

    return _case(
        "CREATE TABLE t (k int PRIMARY KEY, u text UNIQUE, v int); INSERT INTO t VALUES (1, 'ada');",
        table,
        columns="{k: k, u: u, v: {lookup: t, match: {u: v}, take: k}}",
        schema="{}",
        numbers=("k",),
    )


@pytest.mark.parametrize("policy", [Policy(), Policy("ignore", "last")], ids=str)
def test_a_look_up_into_the_target_sees_the_records_before(workbench: Workbench, policy: Policy) -> None:
    seed = f"boss-{policy}"
    rng = random.Random(seed)
    names = ["ada", "bob", "cyd", "dan", "eve", "fay"]
    samples = [
        Sample({"k": str(rng.randint(1, 6)), "u": rng.choice(names), "v": rng.choice([None, *names])})
        for _ in range(60)
    ]
    compare(workbench, _self_lookup(), samples, policy=policy, sizes=SIZES, seed=seed)


def _coded(cells: Mapping[str, str | None]) -> Row:
    codes = {"a": 1, "b": 2, "c": 3, "d": 4}
    if cells["k"] not in codes:
        raise Refused("lookup.missing", None)
    return {**_ints({**cells, "k": "0"}), "k": codes[cells["k"]]}


@pytest.mark.parametrize("policy", POLICY_SAMPLE, ids=str)
def test_a_key_by_look_up_is_a_key(workbench: Workbench, policy: Policy) -> None:
    seed = f"coded-{policy}"
    rng = random.Random(seed)
    case = _case(
        "DROP TABLE IF EXISTS codes; CREATE TABLE codes (id int, code text UNIQUE); INSERT INTO codes VALUES "
        "(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'); CREATE TABLE t (k int PRIMARY KEY, u int, v int);" + _FILLED,
        lambda: _table(rows=_BEFORE, row_of=_coded),
        columns="{k: {lookup: codes, match: {code: k}, take: id}, u: u, v: v}",
        schema="{properties: {k: {type: string}, u: {type: integer}, v: {type: integer}}}",
        numbers=("u", "v"),
    )
    samples = [Sample({"k": rng.choice("abcdx"), "u": rng.choice("12"), "v": rng.choice("123")}) for _ in range(50)]
    compare(workbench, case, samples, policy=policy, sizes=SIZES, seed=seed, format="jsonl")
