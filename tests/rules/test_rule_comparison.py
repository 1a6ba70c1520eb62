"""DESIGN section 3, "Comparison": when a row is unchanged, what on_update does, when run columns are written."""

from __future__ import annotations

import pytest
from support.rules import actions, csv_of, require_xml
from support.workbench import Workbench


def run_over(bench: Workbench, column_type: str, stored: str, cell: str) -> str:
    """The action of a record with `cell` over a row with `stored`."""
    bench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v {column_type})")
    bench.sql("INSERT INTO t VALUES (1, %s)", (stored,))
    bench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    [action] = actions(bench, bench.run("p", csv_of(("k", "v"), [("1", cell)])))
    return action


@pytest.mark.parametrize(
    ("column_type", "stored", "cell"),
    [
        ("numeric", "1.00", "1.0"),
        ("numeric(8,2)", "1.50", "1.5"),
        ("double precision", "0.1", "0.10"),
        ("real", "0.1", "0.1"),
        ("money", "$1,234.50", "1234.5"),
        ("json", '{"a": 1,   "b": [1.0]}', '{"b":[1],"a":1}'),
        ("jsonb", '{"a": 1, "b": 2}', '{"b":2,"a":1}'),
        ("timestamptz", "2026-01-02 03:04:05+00", "2026-01-02T05:04:05+02:00"),
        ("timestamp", "2026-01-02 00:00:00", "2026-01-02"),
        ("interval", "1 day", "P1D"),
        ("char(5)", "ab", "ab"),
        ("int4range", "[1,11)", "[1,10]"),
        ("int[]", "{1,2}", "[1, 2]"),
        ("bytea", r"\xab", r"\xAB"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123E4567E89B12D3A456426614174000"),
        ("inet", "10.0.0.1", "10.0.0.1/32"),
        ("point", "(1,2)", "(1.0, 2.0)"),
        ("text", "now", "now"),
    ],
)
def test_a_row_that_says_the_same_in_other_words_is_unchanged(
    workbench: Workbench, column_type: str, stored: str, cell: str
) -> None:
    assert run_over(workbench, column_type, stored, cell) == "unchanged"


@pytest.mark.parametrize(
    ("column_type", "stored", "cell"),
    [
        ("text", "a", "A"),
        ("text", "a", "a "),
        ("varchar(5)", "a", "a "),
        ("json", '{"a": 1}', '{"a": "1"}'),
        ("point", "(1,2)", "(1,2.0000001)"),
        ("int[]", "{1,2}", "[2, 1]"),
        ("text", "a", ""),
    ],
)
def test_a_row_that_says_something_else_is_updated(
    workbench: Workbench, column_type: str, stored: str, cell: str
) -> None:
    assert run_over(workbench, column_type, stored, cell) == "updated"


def test_the_case_of_a_citext_value_is_a_change_though_its_keys_are_equal(workbench: Workbench) -> None:
    workbench.sql("CREATE EXTENSION citext")
    assert run_over(workbench, "citext", "a", "A") == "updated"


def test_a_citext_key_finds_its_row_in_any_case_and_takes_the_new_spelling(workbench: Workbench) -> None:
    workbench.sql("CREATE EXTENSION citext; CREATE TABLE t (k citext PRIMARY KEY, v text)")
    workbench.sql("INSERT INTO t VALUES ('a@b.de', 'x')")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    assert actions(workbench, workbench.run("p", "k,v\nA@B.de,x\n")) == ["updated"]
    assert workbench.sql("SELECT k::text FROM t") == [("A@B.de",)]


def test_an_xml_column_is_compared_as_text(workbench: Workbench) -> None:
    require_xml(workbench)
    assert run_over(workbench, "xml", "<a>1</a>", "<a>1</a>") == "unchanged"


def test_null_equals_null(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t VALUES (1, NULL)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    assert actions(workbench, workbench.run("p", "k,v\n1,\n")) == ["unchanged"]


def test_an_unchanged_row_is_not_rewritten_and_burns_no_sequence_value(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (id bigserial PRIMARY KEY, k int UNIQUE, v numeric)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    workbench.run("p", "k,v\n1,1.0\n2,2\n")
    seen = "SELECT xmin::text, ctid::text, id FROM t ORDER BY k"
    before = workbench.sql(seen)
    batch = workbench.run("p", "k,v\n1,1.00\n2,2\n")
    assert (batch.unchanged_items, batch.completed_items) == (2, 2)
    assert workbench.sql(seen) == before
    assert workbench.sql("SELECT last_value FROM t_id_seq") == [(2,)]


def test_a_record_is_validated_even_when_its_row_would_be_unchanged(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v int); INSERT INTO t VALUES (1, -5)")
    workbench.pipeline(
        "p",
        "target: {table: t, key: k, columns: {k: k, v: v}}\n"
        "schema: {properties: {k: {type: integer}, v: {type: integer, minimum: 0}}}",
    )
    assert actions(workbench, workbench.run("p", "k,v\n1,-5\n")) == ["failed: schema.minimum"]


# ── on_update ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("on_update", "stored", "cell", "after", "action"),
    [
        ("set", "old", "new", "new", "updated"),
        ("set", "old", "", None, "updated"),
        ("keep", "old", "new", "old", "unchanged"),
        ("keep", None, "new", None, "unchanged"),
        ("fill", "old", "new", "old", "unchanged"),
        ("fill", None, "new", "new", "updated"),
        ("fill", None, "", None, "unchanged"),
        ("fill", "old", "", "old", "unchanged"),
    ],
)
def test_on_update_says_what_an_existing_row_takes(
    workbench: Workbench, on_update: str, stored: str | None, cell: str, after: str | None, action: str
) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    workbench.sql("INSERT INTO t VALUES (1, %s)", (stored,))
    workbench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, v: {{field: v, on_update: {on_update}}}}}}}")
    assert actions(workbench, workbench.run("p", f"k,v\n1,{cell}\n2,{cell}\n")) == [action, "inserted"]
    assert workbench.sql("SELECT v FROM t ORDER BY k") == [(after,), (cell or None,)]


def test_a_kept_column_stays_when_another_changes(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text, made_by text); INSERT INTO t VALUES (1, 'a', 'hand')")
    workbench.pipeline(
        "p",
        "target: {table: t, key: k, columns: {k: k, v: v, made_by: {value: import, on_update: keep}}}",
    )
    workbench.run("p", "k,v\n1,b\n2,b\n")
    assert workbench.sql("TABLE t ORDER BY k") == [(1, "b", "hand"), (2, "b", "import")]


# ── run columns ──────────────────────────────────────────────────────────────────────────────────

RUN_TABLE = """CREATE TABLE t (k int PRIMARY KEY, v text,
    batch_id uuid, item_id uuid, started_at timestamptz, source_name text, line bigint)"""
FACTS = ("batch_id", "item_id", "started_at", "source_name", "line")
RUN_COLUMNS = ", ".join(f"{fact}: {{run: {fact}}}" for fact in FACTS)


def run_facts(bench: Workbench) -> list[tuple[object, ...]]:
    columns = "batch_id::text, item_id::text, started_at, source_name, line"
    return bench.sql(f"SELECT {columns} FROM t ORDER BY k")


def test_run_columns_hold_the_facts_of_the_run(workbench: Workbench) -> None:
    workbench.sql(RUN_TABLE)
    workbench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, v: v, {RUN_COLUMNS}}}}}")
    batch = workbench.run("p", 'k,v\n1,"a\nb"\n2,b\n')
    first, second = workbench.items(batch)
    started = batch.started_at
    assert run_facts(workbench) == [
        (batch.batch_id, first.item_id, started, "p.csv", 2),
        (batch.batch_id, second.item_id, started, "p.csv", 4),
    ]


def test_run_columns_take_no_part_in_the_comparison_and_are_written_with_another_change(workbench: Workbench) -> None:
    workbench.sql(RUN_TABLE)
    workbench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, v: v, {RUN_COLUMNS}}}}}")
    workbench.run("p", "k,v\n1,a\n2,a\n")
    before = run_facts(workbench)
    second = workbench.run("p", "k,v\n1,a\n2,b\n")
    after = run_facts(workbench)
    assert actions(workbench, second) == ["unchanged", "updated"]
    assert after[0] == before[0]
    assert after[1][0] == second.batch_id


def test_a_run_column_with_on_update_keep_names_the_run_that_made_the_row(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text, first_in uuid, last_in uuid)")
    workbench.pipeline(
        "p",
        "target: {table: t, key: k, columns: {k: k, v: v, first_in: {run: batch_id, on_update: keep}, "
        "last_in: {run: batch_id}}}",
    )
    first, second = (workbench.run("p", f"k,v\n1,{v}\n") for v in "ab")
    assert workbench.sql("SELECT first_in::text, last_in::text FROM t") == [(first.batch_id, second.batch_id)]


def test_a_run_column_with_on_update_fill_is_filled_with_another_change(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text, first_in uuid); INSERT INTO t VALUES (1, 'a'), (2, 'a')")
    workbench.pipeline(
        "p", "target: {table: t, key: k, columns: {k: k, v: v, first_in: {run: batch_id, on_update: fill}}}"
    )
    first = workbench.run("p", "k,v\n1,b\n2,a\n")
    workbench.run("p", "k,v\n1,c\n2,a\n")
    assert workbench.sql("SELECT first_in::text FROM t ORDER BY k") == [(first.batch_id,), (None,)]


def test_run_columns_may_be_texts(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, b text, i text, l varchar(5))")
    workbench.pipeline(
        "p",
        "target: {table: t, key: k, columns: {k: k, b: {run: batch_id}, i: {run: item_id}, l: {run: line}}}",
    )
    batch = workbench.run("p", "k\n1\n")
    assert workbench.sql("SELECT b, i, l FROM t") == [(batch.batch_id, workbench.items(batch)[0].item_id, "2")]
