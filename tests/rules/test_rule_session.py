"""DESIGN section 3: only canonical text reaches the database; TZ, LC_*, DateStyle of client and server have no say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql
from support.workbench import Workbench

SETTINGS = {
    "DateStyle": "German, DMY",
    "TimeZone": "America/New_York",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "lc_monetary": "C",
    "default_transaction_isolation": "serializable",
    "search_path": "elsewhere, public",
}
COLUMNS = {
    "d": ("date", "03.04.2026"),
    "at": ("timestamptz", "2026-01-02T03:04:05"),
    "zoned": ("timestamptz", "2026-07-02T03:04:05+02:00"),
    "plain": ("timestamp", "2026-03-08T02:30:00"),
    "clock": ("timetz", "09:30"),
    "span": ("interval", "P-1DT-2H"),
    "amount": ("numeric", "1234.5"),
    "fee": ("money", "1234.5"),
    "ratio": ("double precision", "0.1234567890123456"),
    "raw": ("bytea", r"\x00ff"),
    "list": ("text[]", '"[null, ""NULL""]"'),
    "during": ("tstzrange", '"[2026-01-02T00:00:00Z,2026-01-03T00:00:00Z)"'),
}
READ = sql.SQL(
    "SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; "
    "SET bytea_output = 'hex'; SELECT {} FROM t"
).format(sql.SQL(", ").join(sql.SQL("CAST({} AS text)").format(sql.Identifier(name)) for name in COLUMNS))


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    columns = ", ".join(f"{name} {type_}" for name, (type_, _) in COLUMNS.items())
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, {columns}, batch_at timestamptz)")
    mapped = ", ".join(f"{name}: {name}" for name in COLUMNS)
    workbench.pipeline(
        "p",
        f'source: {{fields: {{d: {{date: "%d.%m.%Y"}}}}}}\n'
        f"target: {{table: t, key: k, columns: {{k: k, {mapped}, batch_at: {{run: started_at}}}}}}\n",
    )
    return workbench


@pytest.fixture
def odd_bench(bench: Workbench) -> Iterator[Workbench]:
    """The same, in a database with a taste of its own."""
    [(name,)] = bench.sql("SELECT current_database()")
    for setting, value in SETTINGS.items():
        words = sql.SQL(value) if setting == "search_path" else sql.Literal(value)
        bench.sql(sql.SQL("ALTER DATABASE {} SET {} = {}").format(sql.Identifier(name), sql.Identifier(setting), words))
    yield bench
    bench.sql(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(name)))


def imported(bench: Workbench) -> list[tuple[Any, ...]]:
    cells = ",".join(cell for _, cell in COLUMNS.values())
    content = f"k,{','.join(COLUMNS)}\n1,{cells}\n"
    batch = bench.run("p", content)
    assert bench.failures(batch) == []
    assert bench.sql("SELECT batch_at = started_at FROM t, import_batches") == [(True,)]
    assert bench.run("p", content).unchanged_items == 1
    return bench.sql(READ)


EXPECTED = [
    "2026-04-03",
    "2026-01-02 03:04:05+00",
    "2026-07-02 01:04:05+00",
    "2026-03-08 02:30:00",
    "09:30:00+00",
    "-1 days -02:00:00",
    "1234.5",
    "$1,234.50",
    "0.1234567890123456",
    r"\x00ff",
    '{NULL,"NULL"}',
    '["2026-01-02 00:00:00+00","2026-01-03 00:00:00+00")',
]


def test_what_is_stored_is_what_the_file_says(bench: Workbench) -> None:
    assert imported(bench) == [tuple(EXPECTED)]


def test_the_settings_of_the_database_have_no_say(odd_bench: Workbench) -> None:
    assert imported(odd_bench) == [tuple(EXPECTED)]


@pytest.mark.parametrize(
    "variables", [{"TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8"}, {"PGOPTIONS": "-c DateStyle=DMY"}]
)
def test_the_settings_of_the_client_have_no_say(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert imported(bench) == [tuple(EXPECTED)]


def test_a_chunk_runs_read_committed_and_on_the_session_s_own_search_path(odd_bench: Workbench) -> None:
    odd_bench.sql("ALTER TABLE t ADD seen text DEFAULT current_setting('transaction_isolation')")
    odd_bench.sql("ALTER TABLE t ADD path text DEFAULT current_setting('search_path')")
    imported(odd_bench)
    assert odd_bench.sql("SELECT seen, path FROM t") == [("read committed", "elsewhere, public, pg_temp")]
