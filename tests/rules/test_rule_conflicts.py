"""DESIGN section 3: on_conflict (the row existed before this batch) and on_duplicate (same key again in one batch)."""

from __future__ import annotations

import pytest
from support.rules import actions
from support.workbench import Workbench

CHUNKS = pytest.mark.parametrize("chunk_size", [1, 2, 100])
SKIPPED, FAILED = "skipped: target.duplicate", "failed: target.duplicate"


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad'))")
    return workbench


def pipeline(bench: Workbench, words: str = "", *, chunk_size: int = 100) -> None:
    bench.pipeline(
        "p",
        f"target: {{table: t, key: k, columns: {{k: k, v: v}}{words and ', ' + words}}}\nchunk_size: {chunk_size}\n",
    )


def stored(bench: Workbench) -> list[tuple[object, ...]]:
    return bench.sql("SELECT k, v FROM t ORDER BY k")


# ── on_conflict ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["", "on_conflict: update"])
def test_on_conflict_update_updates_the_row_that_was_there(bench: Workbench, words: str) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'old')")
    pipeline(bench, words)
    assert actions(bench, bench.run("p", "k,v\n1,new\n2,new\n")) == ["updated", "inserted"]
    assert stored(bench) == [(1, "new"), (2, "new")]


@pytest.mark.parametrize(("policy", "end"), [("ignore", "skipped: target.exists"), ("error", "failed: target.exists")])
def test_on_conflict_ignore_skips_and_error_fails_and_the_row_stays(bench: Workbench, policy: str, end: str) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'old'), (3, 'same')")
    pipeline(bench, f"on_conflict: {policy}")
    assert actions(bench, bench.run("p", "k,v\n1,new\n2,new\n3,same\n")) == [end, "inserted", end]
    assert stored(bench) == [(1, "old"), (2, "new"), (3, "same")]


@CHUNKS
@pytest.mark.parametrize("policy", ["ignore", "error"])
def test_a_row_that_this_batch_made_is_no_conflict(bench: Workbench, policy: str, chunk_size: int) -> None:
    bench.sql("INSERT INTO t VALUES (9, 'old')")
    pipeline(bench, f"on_conflict: {policy}", chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n1,a\n1,b\n9,c\n1,d\n9,e\n")
    word = "skipped" if policy == "ignore" else "failed"
    exists = f"{word}: target.exists"
    assert actions(bench, batch) == ["inserted", "updated", exists, "updated", exists]
    assert stored(bench) == [(1, "d"), (9, "old")]


def test_the_next_batch_meets_the_rows_of_this_one_as_conflicts(bench: Workbench) -> None:
    pipeline(bench, "on_conflict: ignore")
    bench.run("p", "k,v\n1,a\n")
    assert actions(bench, bench.run("p", "k,v\n1,b\n")) == ["skipped: target.exists"]


# ── on_duplicate ─────────────────────────────────────────────────────────────────────────────────


@CHUNKS
@pytest.mark.parametrize("words", ["", "on_duplicate: last"])
def test_on_duplicate_last_applies_the_records_in_file_order(bench: Workbench, words: str, chunk_size: int) -> None:
    pipeline(bench, words, chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n1,a\n2,x\n1,b\n1,b\n1,a\n")
    assert actions(bench, batch) == ["inserted", "inserted", "updated", "unchanged", "updated"]
    assert stored(bench) == [(1, "a"), (2, "x")]


@CHUNKS
def test_on_duplicate_last_keeps_the_one_before_when_the_last_is_refused(bench: Workbench, chunk_size: int) -> None:
    pipeline(bench, chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n1,a\n1,b\n1,bad\n")
    assert actions(bench, batch) == ["inserted", "updated", "failed: db.check"]
    assert stored(bench) == [(1, "b")]


def test_a_key_that_comes_more_often_than_there_are_waves_ends_the_same(bench: Workbench) -> None:
    pipeline(bench)
    batch = bench.run("p", "k,v\n" + "".join(f"{k},{n}\n" for n in range(12) for k in (1, 2)))
    assert actions(bench, batch) == ["inserted"] * 2 + ["updated"] * 22
    assert stored(bench) == [(1, "11"), (2, "11")]


@CHUNKS
@pytest.mark.parametrize(("policy", "end"), [("first", SKIPPED), ("error", FAILED)])
def test_on_duplicate_first_skips_and_error_fails_the_later_ones(
    bench: Workbench, policy: str, end: str, chunk_size: int
) -> None:
    pipeline(bench, f"on_duplicate: {policy}", chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n1,a\n2,x\n1,b\n1,a\n2,y\n")
    assert actions(bench, batch) == ["inserted", "inserted", end, end, end]
    assert stored(bench) == [(1, "a"), (2, "x")]


@CHUNKS
@pytest.mark.parametrize("policy", ["first", "error"])
def test_a_later_duplicate_names_the_line_of_the_first(bench: Workbench, policy: str, chunk_size: int) -> None:
    pipeline(bench, f"on_duplicate: {policy}", chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n2,x\n1,a\n1,b\n3,y\n1,c\n")
    said = [item.problems[0].message for item in bench.items(batch) if item.problems]
    assert said == ["has the same k as line 3"] * 2


@CHUNKS
def test_the_first_is_the_first_that_passed_validation_and_mapping(bench: Workbench, chunk_size: int) -> None:
    pipeline(bench, "on_duplicate: first", chunk_size=chunk_size)
    bench.sql("ALTER TABLE t ALTER v TYPE varchar(3)")
    batch = bench.run("p", "k,v\n1,too long\n1,a\n1,b\n")
    assert actions(bench, batch) == ["failed: field.length", "inserted", SKIPPED]
    assert stored(bench) == [(1, "a")]


@CHUNKS
def test_a_first_that_the_database_refused_is_the_first_all_the_same(bench: Workbench, chunk_size: int) -> None:
    pipeline(bench, "on_duplicate: first", chunk_size=chunk_size)
    assert actions(bench, bench.run("p", "k,v\n1,bad\n1,a\n")) == ["failed: db.check", SKIPPED]
    assert stored(bench) == []


@CHUNKS
@pytest.mark.parametrize("policy", ["last", "first"])
def test_a_duplicate_of_a_row_from_before_the_batch(bench: Workbench, policy: str, chunk_size: int) -> None:
    bench.sql("INSERT INTO t VALUES (1, 'old')")
    pipeline(bench, f"on_duplicate: {policy}", chunk_size=chunk_size)
    batch = bench.run("p", "k,v\n1,a\n1,b\n")
    ends = {"last": (["updated", "updated"], "b"), "first": (["updated", SKIPPED], "a")}
    assert (actions(bench, batch), stored(bench)[0][1]) == ends[policy]


EQUAL_KEYS = [
    ("numeric", ["1.0", "1.00", "2"]),
    ("citext", ["a@B.de", "A@b.DE", "c"]),
    ("timestamptz", ["2026-01-02T03:04:05Z", "2026-01-02T05:04:05+02:00", "2026-01-03"]),
    ("char(3)", ["ab", '"ab"', "b"]),
    ("double precision", ["0", "-0.0", "1"]),
    ("jsonb", ['"{""a"": 1}"', '"{""a"": 1.0}"', "[]"]),
    ("int4range", ['"[1,3)"', '"[1,2]"', '"[1,4)"']),
    ("interval", ["P1D", "PT24H", "P2D"]),
]


@pytest.mark.parametrize("chunk_size", [1, 100])
@pytest.mark.parametrize(("column_type", "keys"), EQUAL_KEYS)
def test_keys_are_equal_when_the_column_says_so(
    workbench: Workbench, column_type: str, keys: list[str], chunk_size: int
) -> None:
    workbench.sql("CREATE EXTENSION citext")
    workbench.sql(f"CREATE TABLE t (k {column_type} PRIMARY KEY, v text)")
    pipeline(workbench, "on_duplicate: first", chunk_size=chunk_size)
    batch = workbench.run("p", "k,v\n" + "".join(f"{key},{n}\n" for n, key in enumerate(keys)))
    assert actions(workbench, batch) == ["inserted", SKIPPED, "inserted"]


@CHUNKS
def test_a_composite_key_is_the_same_when_all_its_columns_are(workbench: Workbench, chunk_size: int) -> None:
    workbench.sql("CREATE TABLE t (a text, b text, v text, PRIMARY KEY (b, a))")
    workbench.pipeline(
        "p",
        "target: {table: t, key: [a, b], columns: {a: a, b: b, v: v}, on_duplicate: first}\n"
        f"chunk_size: {chunk_size}\n",
    )
    batch = workbench.run("p", 'a,b,v\nx,"y,z",1\n"x,y",z,2\ny,x,3\nx,"y,z",4\n')
    assert actions(workbench, batch) == ["inserted", "inserted", "inserted", SKIPPED]


def test_the_counters_of_the_batch_tell_the_ends_apart(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (3, 'same'), (4, 'old')")
    pipeline(bench, "on_duplicate: first", chunk_size=2)
    batch = bench.run("p", "k,v\n1,a\n1,b\n3,same\n4,new\n5,bad\n")
    assert (batch.inserted_items, batch.updated_items, batch.unchanged_items) == (1, 1, 1)
    assert (batch.completed_items, batch.failed_items, batch.skipped_items, batch.pending_items) == (3, 1, 1, 0)
