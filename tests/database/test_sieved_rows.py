"""New rows from which those that will be refused are taken out leave what the set-based statement leaves."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from direct_runs import Case, Ways, in_both_ways, listed, numbered, ways
from support.workbench import Workbench

from ri_declarative.database.sieve import Sieve

__all__ = ["ways"]

CHECKED = "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad'))"
KV = "k: k, v: v"
BAD_ONES = {4: "4,bad", 9: "9,bad", 13: "13,bad", 17: "17,bad"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Of each chunk that was sieved: how many rows were refused; None: that could not be told."""
    found: list[int | None] = []
    find = Sieve.refusals

    def watched(sieve: Sieve, cursor: Any, rows: Any) -> Any:
        refused = find(sieve, cursor, rows)
        found.append(None if refused is None else len(refused))
        return refused

    monkeypatch.setattr(Sieve, "refusals", watched)
    return found


def test_what_a_check_refuses_is_taken_out_once_a_chunk_was_refused(
    workbench: Workbench, ways: Ways, told: list[int | None]
) -> None:
    result = in_both_ways(workbench, Case(CHECKED, KV, numbered(20, BAD_ONES)))
    assert (result.counts.inserted, result.counts.failed) == (16, 4)
    assert (ways, told) == ([False, True, True, True, True], [1, 1, 1, 1])


def test_a_chunk_without_refusals_is_followed_by_plain_copies(
    workbench: Workbench, ways: Ways, told: list[int | None]
) -> None:
    in_both_ways(workbench, Case(CHECKED, KV, numbered(20, {4: "4,bad"})))
    assert (ways, told) == ([False, True, True, True, True], [1, 0])


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE p (v text PRIMARY KEY); INSERT INTO p SELECT 'v' || n FROM generate_series(1, 99) n; "
        "CREATE TABLE t (k int PRIMARY KEY, v text REFERENCES p)",
        "CREATE TABLE t (k int PRIMARY KEY, v varchar(9), CHECK (k < 100 AND v <> 'bad'))",
        "CREATE TABLE t (id bigserial PRIMARY KEY, k int UNIQUE, v text CHECK (v <> 'bad'))",
        "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), k int UNIQUE, v text CHECK (v <> 'bad'))",
        "CREATE TABLE t (k int PRIMARY KEY, v text NOT NULL CHECK (v <> 'bad'))",
        "CREATE TABLE t (k int PRIMARY KEY, v text DEFAULT 'd' CHECK (v <> 'bad'))",
        "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (1 / length(replace(v, 'bad', '')) >= 0))",
        "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad'), CHECK (v ~ '^v' OR v = 'bad'))",
    ],
)
@pytest.mark.parametrize("lines", [BAD_ONES, BAD_ONES | {8: "8,", 16: "16,"}, BAD_ONES | {12: "11,v11", 18: "2,v2"}])
def test_all_kinds_of_rules(workbench: Workbench, ddl: str, lines: dict[int, str]) -> None:
    own_ids = "id " in ddl  # random ones, or drawn for nothing by the first chunk, which is copied in vain
    show = "t.k, t.v" if own_ids else "*"
    in_both_ways(workbench, Case(ddl, KV, numbered(24, lines), show=show, target_ids=not own_ids))


def test_numbers_that_the_table_makes_have_no_gaps(workbench: Workbench, told: list[int | None]) -> None:
    ddl = "CREATE TABLE t (id serial PRIMARY KEY, k int UNIQUE, v text CHECK (v <> 'bad'))"
    Case(ddl, KV, numbered(20, BAD_ONES)).run(workbench, 5)
    assert told == [1, 1, 1, 1]
    ids = [number for (number,) in workbench.sql("SELECT id FROM shop.t WHERE k > 5 ORDER BY k")]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_items_name_the_rows_that_they_became(workbench: Workbench, told: list[int | None]) -> None:
    ddl = "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), k int UNIQUE, v text CHECK (v <> 'bad'))"
    rows = [(str(k), "bad" if k in (5, 25, 10) else f"v{k}") for k in (9, 5, 8, 30, 7, 25, 1, 20, 3, 10, 15, 4, 6, 2)]
    batch, _ = Case(ddl, KV, listed(rows, "k,v")).run(workbench, 4)
    stored = dict(workbench.sql("SELECT k::text, id::text FROM shop.t"))
    assert told == [2, 1, 1, 0] or told == [1, 1, 1, 0]
    for (k, v), item in zip(rows, workbench.items(batch), strict=True):
        assert (item.status.value, item.target_id) == (("failed", None) if v == "bad" else ("completed", stored[k]))


def test_a_row_that_is_there_may_break_a_rule_and_stays_as_it_is(workbench: Workbench, told: list[int | None]) -> None:
    ddl = (
        "CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t VALUES (13, 'bad'); "
        "ALTER TABLE t ADD CHECK (v <> 'bad') NOT VALID"
    )
    result = in_both_ways(workbench, Case(ddl, KV, numbered(20, BAD_ONES)))
    assert (result.counts.unchanged, result.counts.failed) == (1, 3)
    assert None in told


def test_look_ups_are_taken_before_rules_are_asked(workbench: Workbench) -> None:
    ddl = (
        "CREATE TABLE c (id int PRIMARY KEY, code text UNIQUE); INSERT INTO c VALUES (1, 'DE'), (2, 'FR'), (3, 'XX'); "
        "CREATE TABLE t (k int PRIMARY KEY, country_id int REFERENCES c CHECK (country_id < 3))"
    )
    columns = "k: k, country_id: {lookup: shop.c, match: {code: c}, take: id, missing: fail}"
    codes = ["DE", "FR", "XX", "DE", "FR", "XX", "FR", "UK", "DE", "XX", "FR", "DE", "DE", "XX", "FR"]
    case = Case(ddl, columns, listed(((str(k), code) for k, code in enumerate(codes)), "k,c"), show="t.k, t.country_id")
    assert in_both_ways(workbench, case, size=4).counts.failed == 5


KEPT = [
    ("k: k, v: {field: v, on_missing: keep}, w: w", "jsonl"),
    ("k: k, v: {field: v, on_update: fill}, w: w", "csv"),
    ("k: k, v: {field: v, on_update: keep}, w: w", "csv"),
]


@pytest.mark.parametrize(("columns", "ending"), KEPT)
def test_what_a_record_lacks_may_be_in_the_row_that_an_earlier_one_of_its_chunk_made(
    workbench: Workbench, columns: str, ending: str
) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text NOT NULL CHECK (v <> 'bad'), w text)"
    rows = [("1", "bad", "a"), *((str(k), f"v{k}", "a") for k in range(2, 6))]
    rows += [("50", "Ann", "x"), ("6", "v6", "a"), ("50", "", "y"), ("7", "bad", "z"), ("8", "v8", "a")]
    rows += [("60", "Bob", "x"), ("60", "bad", "y"), ("9", "v9", "a"), ("10", "v10", "a"), ("11", "bad", "a")]
    content = listed(rows, "k,v,w")
    if ending == "jsonl":
        members = ({"k": int(k), "w": w} | ({"v": v} if v else {}) for k, v, w in rows)
        content = "".join(f"{json.dumps(member)}\n" for member in members)
    in_both_ways(workbench, Case(ddl, columns, content, ending=ending))


def test_a_look_up_of_a_value_that_the_server_cannot_read_fails_its_record_only(workbench: Workbench) -> None:
    ddl = (
        "CREATE TABLE n (net inet UNIQUE, id int PRIMARY KEY); INSERT INTO n VALUES ('10.0.0.1', 1), ('10.0.0.2', 2); "
        "CREATE TABLE t (k int PRIMARY KEY, net_id int REFERENCES n CHECK (net_id <> 9)); "
        "INSERT INTO t VALUES (0, 1)"
    )
    columns = "k: k, net_id: {lookup: shop.n, match: {net: ip}, take: id, missing: fail}"
    ips = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.9", "10.0.0.2", "300.1.1.1", "10.0.0.1", "10.0.0.2", "x"]
    case = Case(ddl, columns, listed(((str(k), ip) for k, ip in enumerate(ips)), "k,ip"), show="t.k, t.net_id")
    assert in_both_ways(workbench, case, size=3).counts.failed == 3


@pytest.mark.parametrize("seed", range(12))
def test_any_file_leaves_the_same(workbench: Workbench, seed: int) -> None:
    dice = random.Random(seed)
    ddl = (
        "CREATE TABLE p (v text PRIMARY KEY); INSERT INTO p VALUES ('a'), ('é'), ('x y'); "
        "CREATE TABLE t (k int PRIMARY KEY, v text REFERENCES p, size numeric(6,2) CHECK (size < 90), "
        "ok boolean NOT NULL)"
    )
    rows = [
        (
            str(100 + dice.randrange(k + 1) if dice.random() < 0.1 else 100 + k),
            dice.choice(["a", "é", "x y", ""] + ["zz"] * (dice.random() < 0.15)),
            dice.choice(["1.5", "", "95"] if dice.random() < 0.2 else ["7", "8.25"]),
            dice.choice(["true", "false"] + [""] * (dice.random() < 0.1)),
        )
        for k in range(60)
    ]
    more = dice.choice(["", "", "keep", "fill"])
    ok = f"{{field: ok, on_update: {more}}}" if more else "ok"
    case = Case(ddl, f"k: k, v: v, size: size, ok: {ok}", listed(rows, "k,v,size,ok"))
    in_both_ways(workbench, case, size=dice.choice([3, 7, 20]))
