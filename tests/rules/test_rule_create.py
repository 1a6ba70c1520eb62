"""DESIGN section 3: `create: true`, target.columns left out, and `value` constants."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.rules import actions
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, SourceError

SCHEMA = """
    schema:
      required: [id, name]
      properties:
        id: {type: integer}
        name: {type: string}
        price: {type: number}
        active: {type: boolean}
        since: {type: string, format: date}
        seen: {type: string, format: date-time}
        uid: {type: string, format: uuid}
        tags: {type: array}
        extra: {type: [object, 'null']}
        mixed: {type: [string, integer]}
        free: {}
"""
COLUMNS = """
    SELECT column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""


def columns(bench: Workbench, table: str, schema: str = "public") -> dict[str, tuple[str, bool]]:
    """Column → its type, and whether it may be NULL."""
    return {name: (type_, nullable == "YES") for name, type_, nullable in bench.sql(COLUMNS, (schema, table))}


def primary_key(bench: Workbench, table: str) -> list[str]:
    rows = bench.sql(
        "SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
        "WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY k.place",
        (table,),
    )
    return [name for (name,) in rows]


def test_the_table_is_made_from_the_mapping(workbench: Workbench) -> None:
    workbench.pipeline("p", "target: {table: made, create: true, key: id}\n" + SCHEMA.replace("\n    ", "\n"))
    batch = workbench.run("p", "id,name,price\n1,a,0.10\n")
    assert batch.completed_items == 1
    assert columns(workbench, "made") == {
        "id": ("bigint", False),
        "name": ("text", False),
        "price": ("numeric", True),
        "active": ("boolean", True),
        "since": ("date", True),
        "seen": ("timestamp with time zone", True),
        "uid": ("uuid", True),
        "tags": ("jsonb", True),
        "extra": ("jsonb", True),
        "mixed": ("jsonb", True),
        "free": ("text", True),
    }
    assert primary_key(workbench, "made") == ["id"]
    assert workbench.sql("SELECT id, name, price FROM made") == [(1, "a", Decimal("0.10"))]


def test_every_kind_of_value_fits_the_table_that_was_made(workbench: Workbench) -> None:
    workbench.pipeline("p", "target: {table: made, create: true, key: id}\n" + SCHEMA.replace("\n    ", "\n"))
    record = (
        '{"id": 1, "name": "a", "price": 0.1, "active": true, "since": "2026-01-02", "seen": "2026-01-02T03:04:05Z", '
        '"uid": "123e4567-e89b-12d3-a456-426614174000", "tags": ["x"], "extra": null, "mixed": "m", "free": "f"}\n'
    )
    batch = workbench.run("p", record, ending="jsonl")
    assert workbench.failures(batch) == []
    assert workbench.sql("SELECT price, tags, extra, mixed FROM made") == [(Decimal("0.1"), ["x"], None, "m")]


def test_the_second_run_uses_the_table(workbench: Workbench) -> None:
    workbench.pipeline(
        "p",
        "target: {table: made, create: true, key: [b, a], columns: {a: a, b: b, v: v}}\n"
        "schema: {properties: {a: {type: integer}, b: {type: string}, v: {type: string}}}",
    )
    workbench.run("p", "a,b,v\n1,x,old\n2,y,old\n")
    workbench.sql("ALTER TABLE made ADD own text DEFAULT 'kept'")
    assert actions(workbench, workbench.run("p", "a,b,v\n1,x,old\n2,y,new\n")) == ["unchanged", "updated"]
    assert sorted(primary_key(workbench, "made")) == ["a", "b"]
    assert workbench.sql("TABLE made ORDER BY a") == [(1, "x", "old", "kept"), (2, "y", "new", "kept")]


def test_lookup_run_and_value_columns_are_made_with_their_types(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE countries (id smallint, code text UNIQUE, rate numeric(5,2))")
    workbench.sql("INSERT INTO countries VALUES (1, 'DE', 1.5)")
    workbench.pipeline(
        "p",
        """
        schema: {properties: {k: {type: integer}, country: {type: string}}}
        target:
          table: made
          create: true
          key: k
          columns:
            k: k
            country_id: {lookup: countries, match: {code: country}, take: id}
            rate: {lookup: countries, match: {code: country}, take: rate}
            batch_id: {run: batch_id}
            item_id: {run: item_id}
            started_at: {run: started_at}
            source_name: {run: source_name}
            line: {run: line}
            origin: {value: crm}
            version: {value: 3}
            factor: {value: 0.10}
            checked: {value: true}
        """,
    )
    batch = workbench.run("p", "k,country\n1,DE\n")
    assert {name: type_ for name, (type_, _) in columns(workbench, "made").items()} == {
        "k": "bigint",
        "country_id": "smallint",
        "rate": "numeric",
        "batch_id": "uuid",
        "item_id": "uuid",
        "started_at": "timestamp with time zone",
        "source_name": "text",
        "line": "bigint",
        "origin": "text",
        "version": "bigint",
        "factor": "numeric",
        "checked": "boolean",
    }
    assert workbench.sql("SELECT country_id, rate::text, batch_id::text, line, factor::text FROM made") == [
        (1, "1.50", batch.batch_id, 2, "0.10")
    ]


def test_a_table_is_made_in_its_schema(workbench: Workbench) -> None:
    workbench.sql("CREATE SCHEMA sales")
    workbench.pipeline("p", "target: {table: sales.made, create: true, key: k, columns: {k: k}}")
    workbench.run("p", "k\na\n")
    assert workbench.sql("SELECT k FROM sales.made") == [("a",)]


def test_hostile_names_are_made_as_they_are_written(workbench: Workbench) -> None:
    name = 'x"; DROP TABLE y; -- %s {} :a'
    column = '"select" %s'
    workbench.pipeline("p", f"target: {{table: '{name}', create: true, key: '{column}', columns: {{'{column}': k}}}}")
    assert workbench.run("p", "k\na\n").completed_items == 1
    assert workbench.sql("SELECT count(*) FROM pg_class WHERE relname = %s", (name,)) == [(1,)]


def test_no_table_is_left_when_another_check_refuses(workbench: Workbench) -> None:
    workbench.pipeline(
        "p",
        "target: {table: made, create: true, key: k, columns: {k: k, v: v}}\n"
        "schema: {required: [v], properties: {k: {}, v: {}}}",
    )
    with pytest.raises(SourceError):
        workbench.run("p", "k\n1\n")
    assert columns(workbench, "made") == {}


def test_without_create_a_missing_table_is_refused(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE customers (k int PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: custmers, key: k, columns: {k: k}}")
    with pytest.raises(ConfigError, match='no table custmers; did you mean "customers"'):
        workbench.run("p", "k\n1\n")


# ── target.columns left out ──────────────────────────────────────────────────────────────────────


def test_without_columns_every_schema_property_goes_to_the_column_of_its_name(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (b text, a int PRIMARY KEY, other text DEFAULT 'kept')")
    workbench.pipeline("p", "target: {table: t, key: a}\nschema: {properties: {a: {type: integer}, b: {}}}")
    workbench.run("p", "b,a\nx,1\n")
    assert workbench.sql("SELECT a, b, other FROM t") == [(1, "x", "kept")]


def test_a_schema_property_without_a_column_is_refused(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (a int PRIMARY KEY, email text)")
    workbench.pipeline("p", "target: {table: t, key: a}\nschema: {properties: {a: {type: integer}, emial: {}}}")
    with pytest.raises(ConfigError, match=r'public\.t has no column "emial"; did you mean "email"'):
        workbench.run("p", "a,emial\n1,x\n")


# ── value ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("column_type", "value", "stored"),
    [
        ("text", "crm", "crm"),
        ("text", "'now'", "now"),
        ("text", "1.50", "1.50"),
        ("int", "7", "7"),
        ("int", "'7'", "7"),
        ("numeric", "0.10", "0.10"),
        ("numeric(6,2)", "1.5", "1.50"),
        ("boolean", "true", "true"),
        ("boolean", "'false'", "false"),
        ("date", "'2026-01-02'", "2026-01-02"),
        ("timestamptz", "'2026-01-02T03:04:05+02:00'", "2026-01-02 01:04:05+00"),
        ("uuid", "'123e4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"),
        ("jsonb", "crm", '"crm"'),
        ("char(3)", "ab", "ab"),
        ("inet", "'10.0.0.1'", "10.0.0.1/32"),
        ("text DEFAULT 'default'", "null", None),
        ("money", "1.5", "$1.50"),
    ],
)
def test_a_constant_is_stored_in_every_row(
    workbench: Workbench, column_type: str, value: str, stored: str | None
) -> None:
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v {column_type})")
    workbench.pipeline("p", f"target: {{table: t, key: k, columns: {{k: k, v: {{value: {value}}}}}}}")
    workbench.run("p", "k\n1\n2\n")
    assert workbench.sql("SET TIME ZONE 'UTC'; SELECT v::text FROM t") == [(stored,)] * 2
    assert actions(workbench, workbench.run("p", "k\n1\n")) == ["unchanged"]


@pytest.mark.parametrize(
    ("column_type", "value"),
    [
        ("date", "now"),
        ("int", "x"),
        ("int", "1.5"),
        ("smallint", "40000"),
        ("varchar(3)", "abcd"),
        ("numeric(6,2)", "1.555"),
        ("boolean", "1"),
        ("timestamp(0)", "'2026-01-02T03:04:05.5'"),
    ],
)
def test_a_constant_that_the_column_does_not_take_is_refused_with_its_place(
    workbench: Workbench, column_type: str, value: str
) -> None:
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, v {column_type})")
    workbench.pipeline("p", f"target:\n  table: t\n  key: k\n  columns:\n    k: k\n    v: {{value: {value}}}\n")
    with pytest.raises(ConfigError) as refused:
        workbench.run("p", "k\n1\n")
    [diagnostic] = refused.value.diagnostics
    assert (diagnostic.code, diagnostic.position.line) == ("invalid-value", 6)


def test_a_constant_that_only_the_database_can_judge_is_refused_before_anything_is_read(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v inet)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: {value: not an address}}}")
    with pytest.raises(ConfigError):
        workbench.run("p", "k\n1\n")
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]
