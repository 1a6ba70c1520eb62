"""The result depends on the pipeline and the file alone: not on time zones, locales, settings or search paths."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import event
from support.postgres import Server
from support.workbench import Workbench

from ri_declarative.manager import BatchManager
from ri_declarative.records import BatchSummary

_TABLE = r"""
    CREATE TABLE t (
        at timestamptz PRIMARY KEY, local timestamp, day date, clock time, zoned timetz, took interval, f float8,
        r real, b bytea, amount numeric, w text, flag boolean, j jsonb, a float8[], CHECK (w ~ '^\w+( \w+)*$'));
    INSERT INTO t (at, w) VALUES ('2026-03-04 05:06:07+00', 'old');
"""
_PIPELINE = """
    source: {fields: {day: {date: "%d/%m/%Y"}, local: {date: "%d.%m.%Y %H:%M"}, amount: {decimal: ","}}}
    target:
      table: public.t
      key: at
      columns: {at: at, local: local, day: day, clock: clock, zoned: zoned, took: took, f: f, r: r, b: b,
                amount: amount, w: w, flag: flag, j: j, a: a}
      on_conflict: ignore
      on_duplicate: first
    chunk_size: 3
"""
_HEADER = "at;local;day;clock;zoned;took;f;r;b;amount;w;flag;j;a"
_ROWS = [
    r"2026-03-04T05:06:07Z;01.02.2026 03:04;03/04/2026;01:02:03;01:02:03+02:00;P1D;0.1;0.1;\xff00;1,5;exists;yes;{};[]",
    r"2026-03-29T02:30:00+01:00;29.03.2026 02:30;29/03/2026;02:30;02:30:00Z;PT1H;0.1;0.1;\x5c;0,10;gap;no;[1.10];[0.1]",
    r"2026-03-29T01:30:00Z;29.03.2026 02:30;29/03/2026;02:30;02:30:00Z;PT1H;0.1;0.1;\x5c;0,10;same moment;no;[];[]",
    r"2026-10-25T02:30:00Z;25.10.2026 02:30;25/10/2026;23:59:59;00:00:00-11:00;P1Y2M;1e-300;1e-30;;9,99;été;t;[];[2]",
    r"2026-01-01T00:00:00Z;01.01.2026 00:00;04/03/2026;00:00;00:00:00Z;P1D;123456789.123456789;1;\x;1,0;no!;f;[];[3]",
    r"0001-01-01T00:00:00Z;31.12.9999 23:59;31/12/9999;12:00;12:00:00Z;P3W;3;3;\x00;-1,25;first;f;null;[4.5]",
    r"2026-05-05T00:00:00+09:00;now;today;noon;00:00:00Z;P1D;NaN;1;\x;1,0;words;f;[];[3]",
]
_READ = (
    "SET datestyle = ISO; SET timezone = UTC; SET intervalstyle = postgres; SET bytea_output = hex; "
    "SET extra_float_digits = 1; "
)
_RUN = """
import sys
from pathlib import Path
from ri_declarative.manager import BatchManager
with BatchManager(sys.argv[1], project=Path(sys.argv[2])) as manager:
    manager.run_pipeline("p", Path(sys.argv[2]) / "data/p.csv")
"""


def _bench(workbench: Workbench) -> Workbench:
    workbench.sql(_TABLE)
    workbench.pipeline("p", _PIPELINE.replace("source: {", "source: {delimiter: ';', "))
    workbench.file("data/p.csv", "\n".join([_HEADER, *_ROWS]) + "\n")
    return workbench


def _run(bench: Workbench) -> BatchSummary:
    with bench.manager() as manager:
        return manager.run_pipeline("p", bench.root / "data/p.csv")


_ITEMS = """
    SELECT item_index, status, action, source_data::text, target_id, error_message, problems::text, key_hash
    FROM public.import_batch_items ORDER BY item_index
"""


def _state(bench: Workbench) -> tuple[list, list]:
    """Table and items, read under settings of our own."""
    return bench.sql(_READ + "SELECT t::text FROM public.t ORDER BY at"), bench.sql(_READ + _ITEMS)


@pytest.fixture(scope="module")
def undisturbed(server: Server) -> tuple[list, list]:
    """What comes out where nobody has set anything."""
    with server.fresh_database() as dsn, tempfile.TemporaryDirectory() as folder:
        bench = _bench(Workbench(Path(folder), dsn))
        _run(bench)
        return _state(bench)


def test_the_expected_state_is_what_was_meant(undisturbed: tuple[list, list]) -> None:
    table, items = undisturbed
    assert [row[1] for row in items] == [
        *("skipped", "completed", "skipped", "completed", "failed", "completed", "failed"),
    ]
    assert len(table) == 4
    assert table[2][0] == (
        '("2026-03-29 01:30:00+00","2026-03-29 02:30:00",2026-03-29,02:30:00,02:30:00+00,01:00:00,0.1,0.1,'
        r'"\\x5c",0.10,gap,f,[1.10],{0.1})'
    )


_SETTINGS = {
    "datestyle": "'SQL, DMY'",
    "datestyle german": "'German'",
    "timezone": "'Asia/Tokyo'",
    "intervalstyle": "'iso_8601'",
    "extra_float_digits": "-15",
    "bytea_output": "'escape'",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "client_encoding": "'LATIN1'",
    "default_transaction_isolation": "'serializable'",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "plan_cache_mode": "'force_generic_plan'",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "lc_monetary": "'C'",
}


_WHERE = [(name, "DATABASE {}") for name in _SETTINGS] + [
    (name, "ROLE ri IN DATABASE {}") for name in ("datestyle", "timezone", "client_encoding")
]


@pytest.mark.parametrize(("name", "whose"), _WHERE)
def test_a_setting_has_no_say(workbench: Workbench, undisturbed: tuple[list, list], name: str, whose: str) -> None:
    bench = _bench(workbench)
    (database,) = bench.sql("SELECT current_database()")[0]
    bench.sql(f"ALTER {whose.format(database)} SET {name.split()[0]} = {_SETTINGS[name]}")
    _run(bench)
    assert _state(bench) == undisturbed


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PGTZ": "America/New_York"},
        {"LC_ALL": "C.UTF-8", "PGDATESTYLE": "German", "TZ": "America/St_Johns"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PGOPTIONS": "-c datestyle=SQL,DMY -c extra_float_digits=-15"},
        {"PGCLIENTENCODING": "LATIN1", "LANG": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"},
    ],
    ids=lambda environment: " ".join(environment),
)
def test_the_clients_environment_has_no_say(
    workbench: Workbench, undisturbed: tuple[list, list], environment: dict[str, str]
) -> None:
    bench = _bench(workbench)
    subprocess.run(
        [sys.executable, "-c", _RUN, bench.dsn, str(bench.root)], check=True, env={**os.environ, **environment}
    )
    assert _state(bench) == undisturbed


# ── search paths, shadows, overloads ─────────────────────────────────────────────────────────

_EVIL = """
    CREATE SCHEMA evil;
    CREATE TABLE evil.t (LIKE public.t INCLUDING ALL);
    CREATE TABLE evil.import_batches (LIKE public.import_batches);
    CREATE TABLE evil.import_batch_items (LIKE public.import_batch_items);
    CREATE TABLE evil.ri_stage (a int);
    CREATE TABLE evil.pg_class (a int);
    CREATE FUNCTION evil.md5(text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
    CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '1999-01-01' $$;
    CREATE FUNCTION evil.lpad(text, int, text) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
"""


def _evil_is_untouched(bench: Workbench) -> bool:
    tables = ("t", "import_batches", "import_batch_items", "ri_stage")
    return all(bench.sql(f"SELECT count(*) FROM evil.{name}") == [(0,)] for name in tables)


@pytest.mark.parametrize("path", ["evil, public", "evil, pg_catalog, public", "pg_temp, evil", "''"])
def test_a_hostile_search_path_diverts_nothing(workbench: Workbench, undisturbed: tuple[list, list], path: str) -> None:
    bench = _bench(workbench)
    bench.sql(_EVIL)
    (database,) = bench.sql("SELECT current_database()")[0]
    bench.sql(f"ALTER DATABASE {database} SET search_path = {path}")
    _run(bench)
    assert bench.sql("SET search_path = public; " + _ITEMS) == undisturbed[1]
    assert _state(bench) == undisturbed
    assert _evil_is_untouched(bench)


_OVERLOADS = {
    "functions for the hash of a key": """
        CREATE FUNCTION concat_ws(text, bigint, bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
        CREATE FUNCTION hash_array_extended(timestamptz[], int) RETURNS bigint LANGUAGE sql AS $$ SELECT 1::bigint $$;
    """,
    "operators": """
        CREATE FUNCTION never(timestamptz, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
        CREATE OPERATOR = (LEFTARG = timestamptz, RIGHTARG = text, FUNCTION = never);
    """,
    "other functions": """
        CREATE FUNCTION lpad(text, int, varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'evil' $$;
        CREATE FUNCTION jsonb_build_object(text, jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb '{}' $$;
        CREATE FUNCTION make_interval(double precision) RETURNS interval LANGUAGE sql AS $$ SELECT interval '0' $$;
        CREATE FUNCTION count(int) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$;
    """,
}


@pytest.mark.parametrize("name", _OVERLOADS)
def test_functions_of_the_users_schema_divert_nothing(
    workbench: Workbench, undisturbed: tuple[list, list], name: str
) -> None:
    bench = _bench(workbench)
    bench.sql(_OVERLOADS[name])
    _run(bench)
    assert _state(bench) == undisturbed


def test_users_triggers_keep_finding_their_functions(workbench: Workbench) -> None:
    """Also where the user has a function that is called like one that PostgreSQL has for any arguments."""
    workbench.sql(
        """
        CREATE FUNCTION concat_ws(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'pg_catalog' $$;
        CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
        CREATE FUNCTION double_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := twice(NEW.v); RETURN NEW; END';
        CREATE TABLE t (k int PRIMARY KEY, v int);
        CREATE TRIGGER double_it BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION double_it();
        """
    )
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v}}")
    assert workbench.run("p", "k,v\n1,4\n").inserted_items == 1
    assert workbench.sql("SELECT k, v FROM t") == [(1, 8)]


@pytest.mark.parametrize("written", ["public.t", "t"])
def test_a_temporary_table_shadows_nothing(workbench: Workbench, undisturbed: tuple[list, list], written: str) -> None:
    bench = _bench(workbench)
    path = bench.root / "pipelines/p.yaml"
    path.write_text(path.read_text().replace("public.t", written))
    engine = sqlalchemy.create_engine("postgresql+psycopg2" + bench.dsn.removeprefix("postgresql"))

    @event.listens_for(engine, "connect")
    def _shadow(connection, _) -> None:  # type: ignore[no-untyped-def]
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE t (LIKE public.t INCLUDING ALL)")
            cursor.execute("CREATE TEMPORARY TABLE import_batch_items (LIKE public.import_batch_items)")
            cursor.execute("CREATE TEMPORARY TABLE import_batches (LIKE public.import_batches)")
        connection.commit()

    try:
        with BatchManager(engine, project=bench.root) as manager:
            manager.run_pipeline("p", bench.root / "data/p.csv")
    finally:
        engine.dispose()
    assert _state(bench) == undisturbed
