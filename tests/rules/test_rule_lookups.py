"""DESIGN section 3, "Look-ups": a join by unique columns; an absent cell gives NULL, a present one may be missing."""

from __future__ import annotations

import pytest
from support.rules import actions
from support.workbench import Workbench

from ri_declarative.errors import ConfigError

TABLES = """
CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE, name text);
INSERT INTO countries VALUES (1, 'DE', 'Germany'), (2, 'FR', NULL);
CREATE TABLE t (k int PRIMARY KEY, country_id int);
"""


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql(TABLES)
    return workbench


def pipeline(bench: Workbench, lookup: str, *, more: str = "") -> None:
    bench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, country_id: {{{lookup}}}}}}}\n{more}")


def stored(bench: Workbench) -> list[tuple[object, ...]]:
    return bench.sql("TABLE t ORDER BY k")


def test_a_lookup_takes_the_partner_s_column(bench: Workbench) -> None:
    pipeline(bench, "lookup: countries, match: {code: country}, take: id")
    bench.run("p", "k,country\n1,FR\n2,DE\n3,FR\n")
    assert stored(bench) == [(1, 2), (2, 1), (3, 2)]


@pytest.mark.parametrize("missing", ["", ", missing: fail"])
def test_a_present_value_without_a_partner_fails_its_record_alone(bench: Workbench, missing: str) -> None:
    pipeline(bench, f"lookup: countries, match: {{code: country}}, take: id{missing}")
    batch = bench.run("p", "k,country\n1,DE\n2,XX\n3,FR\n")
    assert bench.failures(batch) == [(3, "lookup.missing", "country")]
    assert bench.items(batch)[1].problems[0].message == '"XX" has no partner in countries.code'
    assert stored(bench) == [(1, 1), (3, 2)]


def test_missing_null_gives_null(bench: Workbench) -> None:
    pipeline(bench, "lookup: countries, match: {code: country}, take: id, missing: 'null'")
    bench.run("p", "k,country\n1,XX\n2,DE\n")
    assert stored(bench) == [(1, None), (2, 1)]


@pytest.mark.parametrize("missing", ["fail", "'null'"])
def test_an_absent_cell_gives_null(bench: Workbench, missing: str) -> None:
    bench.sql("INSERT INTO t VALUES (2, 1)")
    pipeline(bench, f"lookup: countries, match: {{code: country}}, take: id, missing: {missing}")
    assert actions(bench, bench.run("p", "k,country\n1,\n2,\n")) == ["inserted", "updated"]
    assert stored(bench) == [(1, None), (2, None)]


def test_an_absent_cell_of_a_lookup_keeps_the_row_s_value_with_on_missing_keep(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (2, 1)")
    pipeline(bench, "lookup: countries, match: {code: country}, take: id, on_missing: keep")
    assert actions(bench, bench.run("p", "k,country\n1,\n2,\n")) == ["inserted", "unchanged"]
    assert stored(bench) == [(1, None), (2, 1)]


def test_on_update_fill_fills_a_lookup_only_where_null(bench: Workbench) -> None:
    bench.sql("INSERT INTO t VALUES (1, 1), (2, NULL)")
    pipeline(bench, "lookup: countries, match: {code: country}, take: id, on_update: fill")
    assert actions(bench, bench.run("p", "k,country\n1,FR\n2,FR\n")) == ["unchanged", "updated"]
    assert stored(bench) == [(1, 1), (2, 2)]


def test_a_partner_whose_taken_column_is_null_gives_null_and_is_not_missing(bench: Workbench) -> None:
    bench.sql("ALTER TABLE t ALTER country_id TYPE text")
    pipeline(bench, "lookup: countries, match: {code: country}, take: name")
    batch = bench.run("p", "k,country\n1,FR\n2,DE\n")
    assert batch.failed_items == 0
    assert stored(bench) == [(1, None), (2, "Germany")]


def test_an_unchanged_partner_leaves_the_row_unchanged(bench: Workbench) -> None:
    pipeline(bench, "lookup: countries, match: {code: country}, take: id")
    bench.run("p", "k,country\n1,FR\n2,DE\n")
    bench.sql("UPDATE countries SET id = 9 WHERE code = 'DE'")
    assert actions(bench, bench.run("p", "k,country\n1,FR\n2,DE\n")) == ["unchanged", "updated"]
    assert stored(bench) == [(1, 2), (2, 9)]


def test_a_cell_is_read_as_the_type_of_the_column_that_it_is_matched_with(bench: Workbench) -> None:
    pipeline(bench, "lookup: countries, match: {id: country}, take: id")
    batch = bench.run("p", "k,country\n1,001\n2,x\n3,9\n")
    assert bench.failures(batch) == [(3, "field.integer", "country"), (4, "lookup.missing", "country")]
    assert stored(bench) == [(1, 1)]


def test_equality_is_that_of_the_matched_column(workbench: Workbench) -> None:
    workbench.sql("CREATE EXTENSION citext; CREATE TABLE countries (id int, code citext UNIQUE)")
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, country_id int); INSERT INTO countries VALUES (1, 'DE')")
    pipeline(workbench, "lookup: countries, match: {code: country}, take: id")
    workbench.run("p", "k,country\n1,de\n")
    assert stored(workbench) == [(1, 1)]


# ── several columns, several look-ups ────────────────────────────────────────────────────────────


@pytest.fixture
def rates(workbench: Workbench) -> Workbench:
    workbench.sql(
        """
        CREATE TABLE rates (currency text, day date, rate numeric, UNIQUE (day, currency));
        INSERT INTO rates VALUES ('EUR', '2026-01-01', 1.1), ('EUR', '2026-01-02', 1.2), ('JPY', '2026-01-01', 0.1);
        CREATE TABLE t (k int PRIMARY KEY, rate numeric);
        """
    )
    workbench.pipeline(
        "p",
        "target: {table: t, key: k, columns: "
        "{k: k, rate: {lookup: rates, match: {currency: currency, day: day}, take: rate}}}",
    )
    return workbench


def test_a_composite_match_joins_by_all_its_columns(rates: Workbench) -> None:
    batch = rates.run("p", "k,currency,day\n1,EUR,2026-01-02\n2,JPY,2026-01-02\n3,JPY,2026-01-01\n")
    assert rates.failures(batch) == [(3, "lookup.missing", "currency")]
    assert [(k, str(rate)) for k, rate in rates.sql("TABLE t ORDER BY k")] == [(1, "1.2"), (3, "0.1")]


@pytest.mark.parametrize("row", ["1,,2026-01-02", "1,EUR,", "1,,"])
def test_a_composite_match_with_an_absent_cell_gives_null(rates: Workbench, row: str) -> None:
    batch = rates.run("p", f"k,currency,day\n{row}\n")
    assert batch.failed_items == 0
    assert rates.sql("TABLE t") == [(1, None)]


def test_several_lookups_into_one_table_do_not_meet(bench: Workbench) -> None:
    bench.sql("CREATE TABLE trips (k int PRIMARY KEY, from_id int, to_id int)")
    bench.pipeline(
        "p",
        """
        target:
          table: trips
          key: k
          columns:
            k: k
            from_id: {lookup: countries, match: {code: start}, take: id}
            to_id: {lookup: countries, match: {code: goal}, take: id}
        """,
    )
    batch = bench.run("p", "k,start,goal\n1,DE,FR\n2,FR,FR\n3,DE,XX\n")
    assert bench.failures(batch) == [(4, "lookup.missing", "goal")]
    assert bench.sql("TABLE trips ORDER BY k") == [(1, 1, 2), (2, 2, 2)]


def test_one_field_may_feed_a_column_and_a_lookup(bench: Workbench) -> None:
    bench.sql("ALTER TABLE t ADD code text")
    bench.pipeline(
        "p",
        "target: {table: t, key: k, columns: "
        "{k: k, code: country, country_id: {lookup: countries, match: {code: country}, take: id}}}",
    )
    bench.run("p", "k,country\n1,FR\n")
    assert stored(bench) == [(1, 2, "FR")]


# ── the key through a look-up ────────────────────────────────────────────────────────────────────


@pytest.fixture
def keyed(bench: Workbench) -> Workbench:
    bench.sql("CREATE TABLE notes (country_id int PRIMARY KEY, note text)")
    bench.pipeline(
        "p",
        "target: {table: notes, key: country_id, columns: "
        "{note: note, country_id: {lookup: countries, match: {code: country}, take: id}}}",
    )
    return bench


def test_the_key_may_come_through_a_lookup(keyed: Workbench) -> None:
    keyed.run("p", "country,note\nDE,a\nFR,b\n")
    second = keyed.run("p", "country,note\nDE,a\nFR,c\nFR,d\n")
    assert actions(keyed, second) == ["unchanged", "updated", "updated"]
    assert keyed.sql("TABLE notes ORDER BY 1") == [(1, "a"), (2, "d")]


def test_a_key_through_a_lookup_needs_a_value_and_a_partner(keyed: Workbench) -> None:
    batch = keyed.run("p", "country,note\nXX,a\n,b\nDE,c\n")
    assert keyed.failures(batch) == [(2, "lookup.missing", "country"), (3, "target.key_missing", "country")]
    assert keyed.sql("TABLE notes") == [(1, "c")]


# ── checked before anything is read ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lookup", "code", "said"),
    [
        (
            "lookup: countries, match: {name: country}, take: id",
            "lookup-index",
            "UNIQUE INDEX ON public.countries (name)",
        ),
        ("lookup: countris, match: {code: country}, take: id", "unknown-table", 'did you mean "countries"'),
        ("lookup: countries, match: {cod: country}, take: id", "unknown-column", 'did you mean "code"'),
        ("lookup: countries, match: {code: country}, take: idd", "unknown-column", 'did you mean "id"'),
    ],
)
def test_a_lookup_that_cannot_work_is_refused_with_its_place(
    bench: Workbench, lookup: str, code: str, said: str
) -> None:
    pipeline(bench, lookup)
    with pytest.raises(ConfigError) as refused:
        bench.run("p", "k,country\n1,DE\n")
    assert [d.code for d in refused.value.diagnostics] == [code]
    assert said in str(refused.value)
    assert str(refused.value).startswith("pipelines/p.yaml:1:")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_a_missing_target_does_not_hide_what_is_wrong_with_its_lookups(bench: Workbench) -> None:
    target = "{table: nots, key: k, columns: {k: k, country_id: {lookup: countries, match: {name: c}, take: idd}}}"
    bench.pipeline("p", f"target: {target}")
    with pytest.raises(ConfigError) as refused:
        bench.run("p", "k,c\n1,DE\n")
    assert [d.code for d in refused.value.diagnostics] == ["unknown-table", "unknown-column"]
