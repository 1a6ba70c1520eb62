"""What becomes of a chunk is said before the database is asked; items say what the target holds all the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
from direct_runs import Case, Ways, in_both_ways, listed, numbered, ways
from promised_runs import LOSE, PLACES, RAISE, Attempts, attempts, tiring
from support.interruptions import check_accounts, interrupted_after
from support.workbench import Workbench

from ri_declarative.records import Action, BatchSummary, Item, ItemStatus, StopReason

__all__ = ["attempts", "ways"]

KV = "k: k, v: v"
MADE = "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), k int UNIQUE NOT NULL, v text)"
MAPPED = "CREATE TABLE t (k int PRIMARY KEY, v text)"
SIZE = 5


def latest(bench: Workbench) -> BatchSummary:
    """The batch that was begun last."""
    [(batch_id,)] = bench.sql("SELECT id::text FROM import_batches ORDER BY created_at DESC LIMIT 1")
    with bench.manager() as manager:
        return manager.get_batch_summary(batch_id)


ROWS = "SELECT coalesce(j->>'id', j->>'k'), j->>'k', j->>'v' FROM (SELECT to_jsonb(t) AS j FROM shop.t AS t) AS every"


def told_truly(bench: Workbench, *batches: BatchSummary) -> list[Item]:
    """The items of batches that wrote one after the other; the first one's file has a line for each record.

    Each completed one names its own row, no two have inserted the same, and beside theirs the table holds nothing
    but old rows, whose `v` is 'old'.
    """
    rows = {target_id: (k, v) for target_id, k, v in bench.sql(ROWS)}
    written: dict[str, str] = {}
    items = [item for batch in batches for item in bench.items(batch)]
    for item in items:
        source: Any = item.source_data
        if item.status is ItemStatus.COMPLETED:
            assert item.target_id is not None
            assert item.action is not None
            assert (item.problems, item.target_table, rows[item.target_id][0]) == ((), "shop.t", source["k"])
            written[item.target_id] = source["v"]
        else:
            assert item.problems
            assert (item.action, item.target_table) == (None, None)
            assert item.target_id is None or rows[item.target_id][0] == source["k"]
    assert {target_id: v for target_id, (_, v) in rows.items() if v != "old"} == written
    inserted = [item.target_id for item in items if item.action is Action.INSERTED]
    assert len(inserted) == len(set(inserted))
    for batch in batches:
        check_accounts(bench, batch.batch_id)
    of_first = [(item.index, item.line) for item in bench.items(batches[0])]
    assert of_first == [(n, n + 2) for n in range(len(of_first))]
    return items


# ── promises that are kept ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ddl", [MADE, MAPPED])
def test_chunks_of_new_rows_keep_what_was_promised(workbench: Workbench, attempts: Attempts, ddl: str) -> None:
    batch, _ = Case(ddl, KV, numbered(28)).run(workbench, SIZE)
    assert [attempts.ends(first) for first in (0, 10, 15, 20, 25)] == [["none"], *[["kept"]] * 4]
    assert all(item.action is Action.INSERTED for item in told_truly(workbench, batch))


def test_nothing_is_promised_where_the_database_is_asked_for_ids(workbench: Workbench, attempts: Attempts) -> None:
    ddl = "CREATE TABLE t (id serial PRIMARY KEY, k int UNIQUE NOT NULL, v text)"
    batch, _ = Case(ddl, KV, numbered(28)).run(workbench, SIZE)
    assert not any(attempt.promised for attempt in attempts)
    assert len(told_truly(workbench, batch)) == 28


REFUSED_EARLY = {
    "one in the middle": {12: "x,v12"},
    "the first and the last of a chunk": {11: "x,v11", 15: "x,v15"},
    "all but one": dict.fromkeys([11, 12, 14, 15], "x,bad"),
    "for several reasons": {11: "1.5,v11", 12: ",v12", 13: "x,", 15: "true,v15"},
    "cells too many and a quote that is lost": {12: "12,v12,x", 14: '14,"v'},
}


@pytest.mark.parametrize("why", REFUSED_EARLY)
def test_what_is_refused_before_the_table_is_asked_stands_amid_promised_records(
    workbench: Workbench, attempts: Attempts, why: str
) -> None:
    refused = REFUSED_EARLY[why]
    in_both_ways(workbench, Case(MADE, KV, numbered(28, refused), show="t.k, t.v", target_ids=False))
    assert attempts.ends(10) == ["kept"]
    assert [item.index + 1 for item in told_truly(workbench, latest(workbench)) if item.problems] == list(refused)


def test_a_chunk_of_which_everything_is_refused_early_promises_nothing(
    workbench: Workbench, attempts: Attempts
) -> None:
    batch, _ = Case(MADE, KV, numbered(28, dict.fromkeys(range(11, 16), "x,bad"))).run(workbench, SIZE)
    assert attempts.ends(10) == ["none"]
    assert [item.index for item in told_truly(workbench, batch) if item.problems] == [10, 11, 12, 13, 14]


def test_rows_know_the_items_that_were_promised_for_them(workbench: Workbench, attempts: Attempts) -> None:
    ddl = MADE.replace("v text", "v text, item uuid, line int, batch uuid")
    columns = f"{KV}, item: {{run: item_id}}, line: {{run: line}}, batch: {{run: batch_id}}"
    batch, _ = Case(ddl, columns, numbered(28, {12: "x,bad", 23: "x,bad"})).run(workbench, SIZE)
    told_truly(workbench, batch)
    assert attempts.ends(10) == attempts.ends(20) == ["kept"]
    joined = (
        "SELECT count(*) FROM shop.t JOIN import_batch_items AS i ON t.item = i.id AND t.id::text = i.target_id "
        "AND t.line = i.source_line AND t.batch = i.batch_id AND t.k::text = i.source_data->>'k'"
    )
    assert workbench.sql(joined) == [(26,)]


@pytest.mark.parametrize("name", ["two words", "ä𐐷", 'a"b'])
def test_odd_texts_that_no_column_takes_are_kept_with_promised_items(
    workbench: Workbench, attempts: Attempts, name: str
) -> None:
    odd = {11: "\\", 12: "\0", 13: "a\\u0000b", 14: "é𐐷", 15: "\\N", 16: "\t", 18: "\u2028", 21: "\x7f"}
    header = 'k,v,"{}"'.format(name.replace('"', '""')) if '"' in name else f"k,v,{name}"
    content = listed([(str(k), f"v{k}", odd.get(k, "-")) for k in range(1, 29)], header)
    batch, _ = Case(MADE, KV, content, top="source: {unknown_fields: ignore}").run(workbench, SIZE)
    assert attempts.ends(10) == attempts.ends(15) == attempts.ends(20) == ["kept"]
    assert [item.source_data for item in told_truly(workbench, batch)] == [
        {"k": str(k), "v": f"v{k}", name: odd.get(k, "-")} for k in range(1, 29)
    ]


# ── promises that the table breaks ───────────────────────────────────────────────────────────────

PARENT = "CREATE TABLE p (v text PRIMARY KEY); INSERT INTO p SELECT 'v' || n FROM generate_series(1, 99) n; "
BREAKING = {
    "check": MADE.replace("v text", "v text CHECK (v <> 'bad one')"),
    "check that divides": MADE.replace("v text", "v text CHECK (1 / (length(v) - 7) < 9)"),
    "foreign key": PARENT + MADE.replace("v text", "v text REFERENCES p"),
    "foreign key at the end": PARENT + MADE.replace("v text", "v text REFERENCES p DEFERRABLE INITIALLY DEFERRED"),
}


@pytest.mark.parametrize("why", BREAKING)
def test_a_record_that_the_table_refuses_breaks_the_promise_for_its_chunk(
    workbench: Workbench, attempts: Attempts, why: str
) -> None:
    content = numbered(48, {14: "14,bad one", 15: "x,v15"})
    in_both_ways(workbench, Case(BREAKING[why], KV, content, show="t.k, t.v", target_ids=False))
    assert (attempts.ends(10), attempts.ends(40)) == (["broken"], ["kept"])
    assert [item.index for item in told_truly(workbench, latest(workbench)) if item.problems] == [13, 14]


@pytest.mark.parametrize("ddl", [MADE, MAPPED])
def test_a_key_that_exists_breaks_the_promise(workbench: Workbench, attempts: Attempts, ddl: str) -> None:
    ddl += "; INSERT INTO t (k, v) VALUES (13, 'old'), (29, 'old'), (30, 'v30')"
    batch, _ = Case(ddl, KV, numbered(48)).run(workbench, SIZE)
    assert (attempts.ends(10), attempts.ends(25), attempts.ends(40)) == (["broken"], ["broken"], ["kept"])
    others = [(item.index, item.action) for item in told_truly(workbench, batch) if item.action is not Action.INSERTED]
    assert others == [(12, Action.UPDATED), (28, Action.UPDATED), (29, Action.UNCHANGED)]


def test_a_key_that_comes_again_breaks_the_promise(workbench: Workbench, attempts: Attempts) -> None:
    content = numbered(48, {13: "12,within", 33: "2,across"})
    result = in_both_ways(workbench, Case(MADE, KV, content, show="t.k, t.v", target_ids=False))
    assert (attempts.ends(10), attempts.ends(30)) == (["broken"], ["broken"])
    told_truly(workbench, latest(workbench))
    assert (result.counts.updated, len(result.rows)) == (2, 46)


@pytest.mark.parametrize("policy", ["on_conflict: ignore", "on_conflict: error", "on_duplicate: first"])
def test_where_keys_are_compared_with_earlier_chunks_nothing_is_promised(
    workbench: Workbench, attempts: Attempts, policy: str
) -> None:
    ddl = f"{MADE}; INSERT INTO t (k, v) VALUES (13, 'old')"
    batch, _ = Case(ddl, KV, numbered(28, {23: "2,across"}), more=policy).run(workbench, SIZE)
    assert not any(attempt.promised for attempt in attempts)
    assert len(told_truly(workbench, batch)) == 28


def test_after_three_broken_promises_a_run_makes_none(workbench: Workbench, attempts: Attempts) -> None:
    ddl = f"{MADE}; INSERT INTO t (k, v) VALUES (13, 'old'), (28, 'old'), (43, 'old')"
    batch, _ = Case(ddl, KV, numbered(68)).run(workbench, SIZE)
    assert [attempts.ends(first) for first in (10, 25, 40)] == [["broken"]] * 3
    assert [attempts.ends(first) for first in (50, 55, 60, 65)] == [["none"]] * 4
    assert [item.action for item in told_truly(workbench, batch)].count(Action.UPDATED) == 3


# ── faults that pass ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "fault", "times"),
    [
        *((place, RAISE.format("40001"), 1) for place in PLACES),
        ("in the items", RAISE.format("40P01"), 2),
        ("in the table", RAISE.format("55P03"), 3),  # then each record answers for itself
        ("at the fence", RAISE.format("55P03"), 3),
        ("at the fence", LOSE, 1),
    ],
)
def test_another_attempt_makes_other_ids_which_are_those_of_its_items(
    workbench: Workbench, attempts: Attempts, place: str, fault: str, times: int
) -> None:
    content = numbered(28, {11: "x,v11"})
    batch, _ = Case(MADE + tiring(place, 13, times=times, fault=fault), KV, content).run(workbench, SIZE)
    first = "broken" if place == "in the table" else "kept"
    assert attempts.ends(10) == [first, *["broken"] * times]
    assert attempts.ends(20) == ["kept"]
    made = [target_id for attempt in attempts.of(10) for target_id in attempt.target_ids if target_id]
    assert len(set(made)) == len(made)
    items = told_truly(workbench, batch)
    assert [item.target_id for item in items[10:15]] == list(attempts.of(10)[-1].target_ids)
    assert [item.index for item in items if item.problems] == [10]


def test_a_chunk_that_breaks_its_promise_may_meet_a_passing_fault_too(workbench: Workbench, attempts: Attempts) -> None:
    ddl = f"{MADE}; INSERT INTO t (k, v) VALUES (12, 'old'){tiring('in the items', 13)}"
    batch, _ = Case(ddl, KV, numbered(28)).run(workbench, SIZE)
    assert attempts.ends(10) == ["broken", "broken"]
    assert [item.index for item in told_truly(workbench, batch) if item.action is Action.UPDATED] == [11]


# ── the first chunk ──────────────────────────────────────────────────────────────────────────────

FIRST = {
    "empty": ("", True),
    "emptied": ("; INSERT INTO t (k, v) VALUES (3, 'old'); TRUNCATE t", True),
    "rows deleted": ("; INSERT INTO t (k, v) VALUES (3, 'old'); DELETE FROM t", False),
    "other rows": ("; INSERT INTO t (k, v) VALUES (300, 'old')", False),
}


@pytest.mark.parametrize("why", FIRST)
def test_the_first_chunk_goes_by_copy_where_the_table_has_never_had_rows(
    workbench: Workbench, ways: Ways, why: str
) -> None:
    more, goes_so = FIRST[why]
    batch, _ = Case(MADE + more, KV, numbered(13)).run(workbench, SIZE)
    assert ways == [True] * (2 + goes_so)
    assert all(item.action is Action.INSERTED for item in told_truly(workbench, batch))


def test_the_first_chunk_into_partitions_goes_the_usual_way(
    workbench: Workbench, ways: Ways, attempts: Attempts
) -> None:
    ddl = (
        f"{MAPPED} PARTITION BY RANGE (k); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (12); "
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (12) TO (99)"
    )
    batch, _ = Case(ddl, KV, numbered(23, {14: "x,v14", 19: "100,v19"})).run(workbench, SIZE)
    assert (ways, attempts.ends(10), attempts.ends(15)) == ([True, True, False], ["kept"], ["broken"])
    assert [item.index for item in told_truly(workbench, batch) if item.problems] == [13, 18]


@pytest.mark.parametrize("why", ["check", "foreign key at the end"])
def test_the_first_chunk_may_be_refused_by_an_empty_table(workbench: Workbench, ways: Ways, why: str) -> None:
    content = numbered(13, {2: "2,bad one", 4: "3,v99"})
    in_both_ways(workbench, Case(BREAKING[why], KV, content, show="t.k, t.v", target_ids=False))
    assert ways == [False, True]
    items = told_truly(workbench, latest(workbench))
    assert [item.action for item in items[:4]] == [Action.INSERTED, None, Action.INSERTED, Action.UPDATED]


@pytest.mark.parametrize("place", PLACES)
def test_the_first_chunk_may_be_tried_again(workbench: Workbench, ways: Ways, attempts: Attempts, place: str) -> None:
    batch, _ = Case(MADE + tiring(place, 3), KV, numbered(13)).run(workbench, SIZE)
    assert attempts.ends(0) == ["none", "none"]
    assert False not in ways
    assert len(told_truly(workbench, batch)) == 13


def test_rows_that_a_hook_has_put_into_the_empty_table_are_met(workbench: Workbench, ways: Ways) -> None:
    workbench.file(
        "hooks/p.py", "def on_batch_start(ctx):\n    ctx.execute(\"INSERT INTO shop.t (k, v) VALUES (3, 'old')\")\n"
    )
    batch, _ = Case(MADE, KV, numbered(13)).run(workbench, SIZE)
    assert [item.index for item in told_truly(workbench, batch) if item.action is Action.UPDATED] == [2]
    assert ways == [True]


# ── hooks, limits, ends and repetitions ──────────────────────────────────────────────────────────

SKIPPING = {
    "transform_item": "def transform_item(item, ctx):\n    return None if item.data['k'] in (13, 27) else item.data\n",
    "validate_item": "def validate_item(item, ctx):\n    return item.data['k'] not in (13, 27)\n",
    "transform_chunk": (
        "def transform_chunk(items, ctx):\n    return [None if i.data['k'] in (13, 27) else i.data for i in items]\n"
    ),
}


@pytest.mark.parametrize("hook", SKIPPING)
def test_where_a_hook_has_a_say_nothing_is_promised(workbench: Workbench, attempts: Attempts, hook: str) -> None:
    workbench.file("hooks/p.py", SKIPPING[hook])
    batch, _ = Case(MADE, KV, numbered(28, {14: "x,v14"})).run(workbench, SIZE)
    assert not any(attempt.promised for attempt in attempts)
    status = ItemStatus.FAILED if hook == "validate_item" else ItemStatus.SKIPPED
    ends = [(item.index, item.status) for item in told_truly(workbench, batch) if item.problems]
    assert ends == [(12, status), (13, ItemStatus.FAILED), (26, status)]


BAD = MADE.replace("v text", "v text CONSTRAINT c CHECK (v <> 'bad')")


@pytest.mark.parametrize(("place", "bad"), [(11, "x,bad"), (13, "13,bad"), (15, "x,bad"), (15, "15,bad")])
def test_an_item_that_ends_the_batch_ends_a_promised_chunk(
    workbench: Workbench, attempts: Attempts, place: int, bad: str
) -> None:
    go_on = workbench.root / "go on"
    workbench.file(
        "hooks/p.py",
        f"import os\n\n\ndef on_item_error(item, error, ctx):\n    return os.path.exists({str(go_on)!r})\n",
    )
    batch, _ = Case(BAD, KV, numbered(28, {place: bad})).run(workbench, SIZE)
    assert batch.stop_reason is StopReason.ITEM_FAILED
    assert attempts.of(10)[0].promised is not None
    assert len(told_truly(workbench, batch)) == place
    go_on.touch()
    with workbench.manager() as manager:
        batch = manager.resume_batch(batch.batch_id)
    assert [item.index + 1 for item in told_truly(workbench, batch) if item.problems] == [place]
    assert batch.counts.processed == 28


def test_too_many_failures_end_the_batch_behind_a_promised_chunk(workbench: Workbench, attempts: Attempts) -> None:
    content = numbered(28, {12: "x,bad", 13: "x,bad", 22: "22,bad"})
    batch, _ = Case(BAD, KV, content, top="limits: {max_failed: 1}").run(workbench, SIZE)
    assert (batch.stop_reason, attempts.ends(10)) == (StopReason.MAX_FAILED, ["kept"])
    assert len(told_truly(workbench, batch)) == 15
    with workbench.manager() as manager:
        batch = manager.resume_batch(batch.batch_id, max_failed=99)
    assert [item.index for item in told_truly(workbench, batch) if item.problems] == [11, 12, 21]


def test_an_interrupted_batch_goes_on_and_promises_again(workbench: Workbench, attempts: Attempts) -> None:
    Case(BAD, KV, numbered(3)).run(workbench, SIZE)  # the pipeline and the table
    workbench.sql("TRUNCATE shop.t")
    file = workbench.file("data/long.csv", numbered(48, {23: "x,bad", 32: "32,bad"}))
    with workbench.manager() as manager:
        batch = manager.run_pipeline("p", file, **interrupted_after(3))
        assert len(told_truly(workbench, batch)) == 15
        attempts.clear()
        batch = manager.resume_batch(batch.batch_id)
    assert [attempts.ends(first) for first in (15, 25, 30)] == [["none"], ["kept"], ["broken"]]
    assert [item.index for item in told_truly(workbench, batch) if item.problems] == [22, 31]


def test_failed_ones_are_repeated_into_their_own_rows(workbench: Workbench) -> None:
    bad = {k: f"{k},bad" for k in (3, 12, 13, 14, 22, 27)}
    batch, _ = Case(BAD, KV, numbered(28, bad)).run(workbench, 2)
    workbench.sql("ALTER TABLE shop.t DROP CONSTRAINT c")
    with workbench.manager() as manager:
        again = manager.get_batch_summary(manager.reprocess_batch(batch.batch_id) or "")
    items = told_truly(workbench, batch, again)
    assert [(item.index + 1, item.action) for item in items[28:]] == [(k, Action.INSERTED) for k in bad]


def test_chunks_of_one_record(workbench: Workbench, attempts: Attempts) -> None:
    content = numbered(16, {4: "x,v4", 6: "6,bad", 10: "9,again"})
    in_both_ways(workbench, Case(BAD, KV, content, show="t.k, t.v", target_ids=False), size=1)
    told_truly(workbench, latest(workbench))
    ends = [attempts.ends(first) for first in range(2, 16)]
    assert (ends[0], ends[1], ends[3], ends[-1]) == (["kept"], ["none"], ["broken"], ["kept"])


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_items_tell_what_the_table_holds(workbench: Workbench, attempts: Attempts, seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randrange(30, 60)
    odd = ["x,v", "{k},bad", "2,again", "{k},v,x", '{k},"q"', "{other},again", ",", "17,v17"]
    changed = {
        k: dice.choice(odd).format(k=k, other=dice.randrange(1, count))
        for k in dice.sample(range(3, count), count // 8)
    }
    fault = tiring(dice.choice(list(PLACES)), dice.randrange(1, count), times=dice.choice([1, 2, 4]))
    old = f"; INSERT INTO t (k, v) VALUES ({dice.randrange(1, count)}, 'old')" if dice.random() < 0.5 else ""
    case = Case(BAD + old + fault, KV, numbered(count, changed), show="t.k, t.v", target_ids=False)
    in_both_ways(workbench, case, size=dice.choice([1, 3, 4, 7]))
    assert any(attempt.promised for attempt in attempts)
    told_truly(workbench, latest(workbench))
