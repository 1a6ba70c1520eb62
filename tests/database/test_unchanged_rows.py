"""Rows that are told by reading them to stay as they are leave what the set-based statement leaves."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from direct_runs import Case, Result, listed, numbered
from support.workbench import Workbench

from ri_declarative.compiler import processor
from ri_declarative.database.unchanged import Unchanged

PLAIN = "CREATE TABLE t (k int PRIMARY KEY, v text)"
KV = "k: k, v: v"


class Looked(NamedTuple):
    """A chunk, or what it left to be staged: how many rows it has, and how many were told to stay as they are."""

    rows: int
    same: int


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Looked]:
    """All times that rows were read to be compared."""
    found: list[Looked] = []
    find = Unchanged.find

    def watched(unchanged: Unchanged, cursor: Any, rows: Any) -> Any:
        same = find(unchanged, cursor, rows)
        found.append(Looked(len(rows.numbers), len(same)))
        return same

    monkeypatch.setattr(Unchanged, "find", watched)
    return found


def second(bench: Workbench, case: Case, content: str, *, compared: bool, size: int = 5, between: str = "") -> Result:
    """What a second file leaves behind, after that of the case and some SQL."""
    case.run(bench, size)
    if between:
        bench.sql(f"SET search_path = shop, public; {between}")
    with pytest.MonkeyPatch.context() as patch:
        if not compared:
            patch.setattr(processor, "can_be_compared", lambda plan: False)
        batch = bench.run("p", content, ending=case.ending)
    return Result(case.rows(bench), [case.told(item) for item in bench.items(batch)], batch.counts)


def in_both_ways(bench: Workbench, case: Case, content: str, *, size: int = 5, between: str = "") -> Result:
    """The same, which is what comes without a comparison."""
    plain = second(bench, case, content, compared=False, size=size, between=between)
    told = second(bench, case, content, compared=True, size=size, between=between)
    assert told.items == plain.items
    assert told.rows == plain.rows
    assert told.counts == plain.counts
    return told


# ── what is told ─────────────────────────────────────────────────────────────────────────────────


def test_rows_that_stay_as_they_are_are_not_staged(workbench: Workbench, looks: list[Looked]) -> None:
    result = in_both_ways(workbench, Case(PLAIN, KV, numbered(13)), numbered(13))
    assert result.counts.unchanged == 13
    assert looks == [(5, 5), (5, 5), (3, 3)]


def test_only_those_that_differ_or_are_new_are_staged(workbench: Workbench, looks: list[Looked]) -> None:
    changed = numbered(17, {2: "2,other", 9: "9,"})
    result = in_both_ways(workbench, Case(PLAIN, KV, numbered(13)), changed)
    assert (result.counts.unchanged, result.counts.updated, result.counts.inserted) == (11, 2, 4)
    assert looks == [(5, 4), (5, 4), (5, 3), (2, 0)]


def test_an_empty_table_is_not_read(workbench: Workbench, looks: list[Looked]) -> None:
    Case(PLAIN, KV, numbered(13)).run(workbench, 5)
    assert looks == []


def test_items_name_the_row_that_stays(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), k int UNIQUE NOT NULL, v text)"
    result = second(workbench, Case(ddl, KV, numbered(7)), numbered(7), compared=True)
    ids = dict(workbench.sql("SELECT k, id::text FROM shop.t"))
    assert [item.target_id for item in result.items] == [ids[k] for k in range(1, 8)]
    assert sum(looked.same for looked in looks) == 7


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("text", ["", "a", "\\N", "a\tb", "\\", "x y", "NULL", '"', "ß𝄞", "{a,b}", "'", "%s", "a''b"]),
        ("varchar(9)", ["", "a", "b ", " c", "'", "d"]),
        ("char(5)", ["", "a", "ab   ", "abc", "d"]),
        ("int", ["", "7", "007", "+7", "-0", "12"]),
        ("bigint", ["9223372036854775807", "", "-5"]),
        ("numeric", ["", "1", "1.0", "1.10", "-0.50", "100", "1e3", "0", "0.00"]),
        ("numeric(9,2)", ["", "1", "1.5", "1.50", "100.00", "0"]),
        ("boolean", ["true", "false", "", "true"]),
        ("date", ["2026-01-02", "", "1999-12-31"]),
        ("timestamp", ["2026-01-02T03:04:05", "2026-01-02T03:04:05.120", "2026-01-02", "", "2026-01-02T03:04:00"]),
        ("timestamptz", ["2026-01-02T03:04:05Z", "2026-07-02T03:04:05+02:00", "2026-01-02T03:04:05.5", ""]),
        ("uuid", ["6F1C5A1E-0000-4000-8000-000000000000", "", "6f1c5a1e-0000-4000-8000-000000000001"]),
        ("double precision", ["1", "1.5", "", "1e300"]),
        ("jsonb", ['{"a": 1}', "", "[1,2]", "null", '"x"']),
        ("json", ['{"a": 1}', "", "[1,2]"]),
    ],
)
@pytest.mark.parametrize("settings", [(), ("datestyle = german", "timezone = 'Asia/Tokyo'", "extra_float_digits = 0")])
def test_values_of_all_types_are_the_same_in_both_ways(
    workbench: Workbench, column: str, cells: Sequence[str], settings: Sequence[str]
) -> None:
    for setting in settings:
        workbench.sql(f"ALTER ROLE CURRENT_USER SET {setting}")
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    ddl = f"CREATE TABLE t (k int PRIMARY KEY, v {column})"
    first = listed(((str(k), cell) for k, cell in enumerate(quoted)), "k,v")
    turned = listed(((str(k), cell) for k, cell in enumerate([*quoted[1:], quoted[0]])), "k,v")
    try:
        again = in_both_ways(workbench, Case(ddl, KV, first), first)
        assert again.counts.unchanged == again.counts.completed
        in_both_ways(workbench, Case(ddl, KV, first), turned)
    finally:
        workbench.sql("ALTER ROLE CURRENT_USER RESET ALL")


@pytest.mark.parametrize("kept", ["\\N", "", "a\tb", "x\ny", "a\\b"])
def test_a_row_is_not_mistaken_for_one_that_looks_like_it(workbench: Workbench, kept: str) -> None:
    case = Case("CREATE TABLE t (k int PRIMARY KEY, v text, w text)", "k: k, v: v, w: w", "k,v,w\n1,a,b\n2,,c\n3,a,\n")
    literal = kept.replace("'", "''")
    between = f"UPDATE t SET v = E'{literal.encode('unicode_escape').decode()}' WHERE k = 2"
    result = in_both_ways(workbench, case, case.content.decode() if isinstance(case.content, bytes) else case.content,
                          between=between)  # fmt: skip
    assert (result.counts.unchanged, result.counts.updated) == (2, 1)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────


def test_keys_of_several_columns_with_odd_texts(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = "CREATE TABLE t (a text, b int, v text, UNIQUE (a, b), id serial PRIMARY KEY)"
    keys = ['"x, ""y"""', "{}", "NULL", "a\\b", "'", "ü", '"{""a"",b}"', "x y"]
    rows = [(key, str(b), f"v{b}") for key in keys for b in (1, 2)]
    content = listed(rows, "a,b,v")
    case = Case(ddl, "a: a, b: b, v: v", content, key="[a, b]", show="t.a, t.b, t.v", target_ids=False)
    plain = [row for row in rows if "\\" not in row[0]]
    result = in_both_ways(workbench, case, content)
    assert result.counts.unchanged == 16
    case = Case(ddl, case.columns, listed(plain, "a,b,v"), key="[a, b]", show=case.show, target_ids=False)
    looks.clear()
    in_both_ways(workbench, case, listed(plain, "a,b,v"))
    assert sum(looked.same for looked in looks) == len(plain)


def test_a_key_twice_in_a_chunk_is_written_in_the_files_order(workbench: Workbench) -> None:
    case = Case(PLAIN, KV, numbered(8))
    twice = "k,v\n1,v1\n2,other\n2,v2\n3,v3\n4,v4\n5,v5\n5,other\n6,v6\n7,x\n7,v7\n"
    result = in_both_ways(workbench, case, twice)
    assert workbench.sql("SELECT k, v FROM shop.t WHERE k IN (2, 5, 7) ORDER BY k") == [
        (2, "v2"),
        (5, "other"),
        (7, "v7"),
    ]
    assert result.counts.completed == 10


def test_a_key_that_the_server_refuses_fails_its_record_only(workbench: Workbench) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad'))"
    result = in_both_ways(workbench, Case(ddl, KV, numbered(12)), numbered(12, {4: "99999999999,v", 5: "5,bad"}))
    assert (result.counts.failed, result.counts.unchanged) == (2, 10)


def test_a_table_whose_unique_index_is_gone_is_not_believed(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    Case(PLAIN, KV, numbered(10)).run(workbench, 5)
    find = Unchanged.find

    def without_index(unchanged: Unchanged, cursor: Any, rows: Any) -> Any:
        cursor.execute("ALTER TABLE shop.t DROP CONSTRAINT t_pkey; INSERT INTO shop.t VALUES (1, 'twice')")
        same = find(unchanged, cursor, rows)
        cursor.execute("DELETE FROM shop.t WHERE v = 'twice'; ALTER TABLE shop.t ADD PRIMARY KEY (k)")
        assert same == {}
        return same

    monkeypatch.setattr(Unchanged, "find", without_index)
    batch = workbench.run("p", numbered(5))
    assert batch.counts.unchanged == 5


# ── policies and sources of values ───────────────────────────────────────────────────────────────


def test_columns_that_are_kept_or_filled(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text, w text)"
    columns = "k: k, v: {field: v, on_update: keep}, w: {field: w, on_update: fill}"
    first = "k,v,w\n1,a,\n2,b,x\n3,c,y\n4,d,\n5,e,z\n6,f,z\n"
    again = "k,v,w\n1,other,new\n2,b,\n3,other,y\n4,d,\n5,e,other\n6,f,z\n"
    in_both_ways(workbench, Case(ddl, columns, first), again, size=3)
    assert sum(looked.same for looked in looks) >= 3


def test_what_tells_of_the_run_is_not_compared(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text, line int, origin text)"
    columns = "k: k, v: v, line: {run: line}, origin: {value: file}"
    content = numbered(8)
    moved = "k,v\n" + "".join(f"{k},v{k}\n" for k in reversed(range(1, 9)))
    result = in_both_ways(workbench, Case(ddl, columns, content), moved)
    assert result.counts.unchanged == 8
    assert workbench.sql("SELECT line FROM shop.t WHERE k = 1") == [(2,)]
    assert sum(looked.same for looked in looks) == 8


def test_records_that_lack_a_field_keep_what_is_there(workbench: Workbench) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text DEFAULT 'none')"
    lines = ['{"k": 1, "v": "a"}', '{"k": 2}', '{"k": 3, "v": null}', '{"k": 4, "v": "d"}', '{"k": 5, "v": "e"}']
    again = ['{"k": 1}', '{"k": 2, "v": "none"}', '{"k": 3}', '{"k": 4, "v": null}', '{"k": 5, "v": "e"}']
    case = Case(ddl, KV, "\n".join(lines) + "\n", ending="jsonl")
    in_both_ways(workbench, case, "\n".join(again) + "\n", size=2)
    in_both_ways(workbench, case, "\n".join(lines) + "\n", size=2)


COUNTRIES = "CREATE TABLE c (id int PRIMARY KEY, code text UNIQUE); INSERT INTO c VALUES (1, 'DE'), (2, 'FR'); "


@pytest.mark.parametrize("missing", ["fail", "'null'"])
def test_look_ups_are_taken_before_they_are_compared(workbench: Workbench, looks: list[Looked], missing: str) -> None:
    ddl = COUNTRIES + "CREATE TABLE t (k int PRIMARY KEY, country_id int REFERENCES c)"
    columns = f"k: k, country_id: {{lookup: shop.c, match: {{code: country}}, take: id, missing: {missing}}}"
    first = "k,country\n1,DE\n2,FR\n3,DE\n4,FR\n5,DE\n6,FR\n"
    case = Case(ddl, columns, first, show="t.k, t.country_id")
    assert in_both_ways(workbench, case, first, size=3).counts.unchanged == 6
    assert sum(looked.same for looked in looks) == 6
    in_both_ways(workbench, case, "k,country\n1,DE\n2,UK\n3,FR\n4,FR\n5,DE\n6,FR\n", size=3)


def test_rows_that_break_a_rule_which_was_made_later_stay_as_they_are(workbench: Workbench) -> None:
    between = "ALTER TABLE t ADD CONSTRAINT c CHECK (v <> 'v3') NOT VALID"
    result = in_both_ways(workbench, Case(PLAIN, KV, numbered(6)), numbered(6, {5: "5,x"}), between=between)
    assert (result.counts.unchanged, result.counts.updated) == (5, 1)


def test_what_never_looks_alike_is_soon_no_longer_read(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v jsonb)"
    content = listed(((str(k), '"{""a"":1}"') for k in range(30)), "k,v")
    result = in_both_ways(workbench, Case(ddl, KV, content), content, size=3)
    assert result.counts.unchanged == 30
    assert [looked.same for looked in looks] == [0, 0, 0]


def test_records_that_are_taken_again_are_not_compared(workbench: Workbench, looks: list[Looked]) -> None:
    ddl = f"{PLAIN}; ALTER TABLE t ADD CONSTRAINT c CHECK (v <> 'v3')"
    batch, _ = Case(ddl, KV, numbered(6)).run(workbench, 5)
    workbench.sql("ALTER TABLE shop.t DROP CONSTRAINT c; INSERT INTO shop.t VALUES (3, 'v3')")
    looks.clear()
    with workbench.manager() as manager:
        again = manager.get_batch_summary(manager.reprocess_batch(batch.batch_id))
    assert (again.counts.unchanged, looks) == (1, [])


@pytest.mark.parametrize("seed", range(12))
def test_any_second_file_leaves_the_same(workbench: Workbench, seed: int) -> None:
    dice = random.Random(seed)
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text, size numeric(6,2), at timestamp, ok boolean)"
    ddl += "; ALTER TABLE t ADD CHECK (size < 90)"

    def row(k: int) -> tuple[str, ...]:
        v = dice.choice(["a", "", "b\\", "\\N", "é", "x y"])
        size = dice.choice(["", "1.5", "1.50", "7", "95"] if dice.random() < 0.1 else ["1.5", "7", ""])
        at = dice.choice(["2026-01-02T03:04:05", "2026-01-02", "", "2026-01-02T03:04:05.70"])
        return str(k), v, size, at, dice.choice(["true", "false", ""])

    first = [row(k) for k in range(40)]
    share = dice.choice([0.02, 0.2, 0.6])
    again = [row(k) if dice.random() < share else old for k, old in enumerate(first)]
    again += [row(k) for k in range(40, 40 + dice.randrange(12))]
    again += [dice.choice(again) for _ in range(dice.randrange(3))]
    if dice.random() < 0.5:
        dice.shuffle(again)
    header = "k,v,size,at,ok"
    case = Case(ddl, "k: k, v: v, size: size, at: at, ok: ok", listed(first, header))
    in_both_ways(workbench, case, listed(again, header), size=dice.choice([1, 4, 7, 60]))
