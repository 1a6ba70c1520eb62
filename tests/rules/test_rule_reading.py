"""DESIGN section 3, "Reading a cell": headers, clean, null_values, date, decimal, and the schema's types."""

from __future__ import annotations

import pytest
from support.rules import read_into
from support.workbench import Workbench

from ri_declarative.errors import SourceError

TEXTS = "CREATE TABLE t (k int PRIMARY KEY, v text, w text)"
TARGET = "target: {table: t, key: k, columns: {k: k, v: v, w: w}}\n"


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql(TEXTS)
    return workbench


# ── headers ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", ["k,E-mail,w", "k,email,w", "w,email,k", "k, E-mail ,w"])
def test_a_field_is_found_under_each_of_its_headers_in_any_order(bench: Workbench, header: str) -> None:
    bench.pipeline("p", "source: {fields: {v: {from: [E-mail, email]}}}\n" + TARGET)
    cells = {"k": "1", "w": "x"}
    row = ",".join(cells.get(name.strip(), "a@b.de") for name in header.split(","))
    bench.run("p", f"{header}\n{row}\n")
    assert bench.sql("SELECT * FROM t") == [(1, "a@b.de", "x")]


def test_source_data_keeps_the_file_s_own_headers_and_texts(bench: Workbench) -> None:
    bench.pipeline("p", "source: {fields: {v: {from: E-mail, clean: [trim, lower]}}}\n" + TARGET)
    batch = bench.run("p", "k,E-mail,w\n1, A@B.de ,\n")
    [item] = bench.items(batch)
    assert item.source_data == {"k": "1", "E-mail": " A@B.de ", "w": ""}


def test_two_headers_of_one_field_are_refused_before_anything_is_read(bench: Workbench) -> None:
    bench.pipeline("p", "source: {fields: {v: {from: [E-mail, email]}}}\n" + TARGET)
    with pytest.raises(SourceError, match='"E-mail" and "email" mean the same field "v"'):
        bench.run("p", "k,E-mail,email,w\n1,a,b,c\n")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_an_unknown_header_is_refused_and_the_nearest_word_is_named(bench: Workbench) -> None:
    bench.pipeline("p", "source: {fields: {v: {from: [E-mail]}}}\n" + TARGET)
    with pytest.raises(SourceError, match=r'unknown header "E-mial".*did you mean "E-mail"'):
        bench.run("p", "k,E-mial,w\n1,a,b\n")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_an_ignored_unknown_field_stays_in_source_data(bench: Workbench) -> None:
    bench.pipeline("p", "source: {unknown_fields: ignore, fields: {v: {}}}\n" + TARGET)
    batch = bench.run("p", "k,v,w,extra\n1,a,b,kept\n")
    [item] = bench.items(batch)
    assert item.source_data == {"k": "1", "v": "a", "w": "b", "extra": "kept"}
    assert batch.completed_items == 1


def test_an_unknown_key_of_a_json_record_fails_that_record_alone(bench: Workbench) -> None:
    bench.pipeline("p", TARGET + "schema: {properties: {k: {type: integer}, v: {}, w: {}}}\n")
    batch = bench.run("p", '{"k": 1, "v": "a"}\n{"k": 2, "vv": "a"}\n', ending="jsonl")
    assert bench.failures(batch) == [(2, "source.unknown_field", "vv")]


@pytest.mark.parametrize(
    ("schema", "missing"), [("{required: [v], properties: {k: {}, v: {}, w: {}}}", "v"), ("{}", "k")]
)
def test_a_missing_header_of_a_required_or_key_field_is_refused_before_reading(
    bench: Workbench, schema: str, missing: str
) -> None:
    bench.pipeline("p", TARGET + f"schema: {schema}\n")
    header = ",".join(name for name in "kvw" if name != missing)
    with pytest.raises(SourceError, match=f'no header for the required field "{missing}"'):
        bench.run("p", f"{header}\n1,2\n")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_a_missing_header_of_another_field_means_no_value(bench: Workbench) -> None:
    bench.pipeline("p", TARGET)
    bench.run("p", "k,v\n1,a\n")
    assert bench.sql("SELECT * FROM t") == [(1, "a", None)]


def test_without_fields_and_schema_a_header_that_no_column_uses_passes_through(bench: Workbench) -> None:
    bench.pipeline("p", "target: {table: t, key: k, columns: {k: k}}")
    batch = bench.run("p", "k,other\n1,a\n")
    assert batch.completed_items == 1


# ── clean, then null_values, then the type ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cleaners", "cell", "stored"),
    [
        ("trim", "\t a  b ", "a  b"),
        ("collapse_spaces", "a \t b", "a b"),
        ("lower", "ÄB", "äb"),
        ("upper", "äb", "ÄB"),
        ("nfc", "e\u0301", "é"),
        ("digits", "+49 (30) 12", "493012"),
        ("trim, lower", " A ", "a"),
        ("trim", "  ", None),
    ],
)
def test_clean_applies_its_words_in_order_before_null_values(
    workbench: Workbench, cleaners: str, cell: str, stored: str | None
) -> None:
    assert read_into(workbench, "text", [cell], field=f"clean: [{cleaners}]") == [stored]


def test_clean_comes_before_the_type(workbench: Workbench) -> None:
    assert read_into(workbench, "int", [" 7 "], field="clean: [trim]") == ["7"]


def test_an_empty_cell_is_no_value_unless_null_values_say_otherwise(bench: Workbench) -> None:
    bench.pipeline("p", TARGET)
    bench.run("p", 'k,v,w\n1,,""\n2,-,NULL\n')
    assert bench.sql("SELECT v, w FROM t ORDER BY k") == [(None, None), ("-", "NULL")]


def test_own_null_values_replace_the_default(bench: Workbench) -> None:
    bench.pipeline("p", "source: {null_values: ['-', NULL]}\n".replace("NULL", '"NULL"') + TARGET)
    bench.run("p", "k,v,w\n1,,null\n2,-,NULL\n")
    assert bench.sql("SELECT v, w FROM t ORDER BY k") == [("", "null"), (None, None)]


def test_an_empty_cell_is_not_a_number_when_null_values_are_none(bench: Workbench) -> None:
    bench.sql("ALTER TABLE t ALTER v TYPE int USING v::int")
    bench.pipeline("p", "source: {null_values: []}\n" + TARGET)
    batch = bench.run("p", "k,v,w\n1,,a\n")
    assert bench.failures(batch) == [(2, "field.integer", "v")]


def test_no_value_makes_required_speak_and_not_the_type(bench: Workbench) -> None:
    bench.pipeline("p", TARGET + "schema: {required: [v], properties: {k: {}, v: {type: integer, minimum: 1}, w: {}}}")
    batch = bench.run("p", "k,v,w\n1,,a\n")
    assert bench.failures(batch) == [(2, "schema.required", "v")]


def test_null_values_do_not_apply_to_json(bench: Workbench) -> None:
    bench.pipeline("p", TARGET)
    bench.run("p", '{"k": 1, "v": "", "w": null}\n', ending="jsonl")
    assert bench.sql("SELECT v, w FROM t") == [("", None)]


# ── date, decimal ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("column_type", "pattern", "cells"),
    [
        ("date", "%d/%m/%Y", {"31/12/2026": "2026-12-31", "03/04/2026": "2026-04-03", "2026-12-31": "field.date"}),
        ("date", "%d/%m/%Y", {"30/02/2026": "field.date", "31-12-2026": "field.date", "now": "field.date"}),
        ("date", "%d.%m.%y", {"01.02.26": "2026-02-01"}),
        ("timestamp", "%d/%m/%Y %H:%M", {"31/12/2026 23:59": "2026-12-31 23:59:00"}),
        ("timestamptz", "%Y-%m-%d %H:%M %z", {"2026-12-31 23:59 +0200": "2026-12-31 21:59:00+00"}),
        ("time", "%I:%M %p", {"09:30 PM": "21:30:00", "21:30": "field.time"}),
        ("text", "%d/%m/%Y", {"31/12/2026": "2026-12-31"}),
    ],
)
def test_a_date_is_read_by_its_declared_pattern_only(
    workbench: Workbench, column_type: str, pattern: str, cells: dict[str, str]
) -> None:
    read = read_into(workbench, column_type, list(cells), field=f'date: "{pattern}"')
    assert dict(zip(cells, read, strict=True)) == cells


def test_a_date_pattern_feeds_the_schema_s_format(bench: Workbench) -> None:
    bench.sql("ALTER TABLE t ALTER v TYPE date USING v::date")
    bench.pipeline(
        "p",
        'source: {fields: {v: {from: Signed up, date: "%d/%m/%Y"}}}\n' + TARGET + "schema: {properties: "
        "{k: {type: integer}, v: {type: string, format: date}, w: {type: string}}}\n",
    )
    batch = bench.run("p", "k,Signed up,w\n1,31/12/2026,a\n2,2026-31-12,a\n")
    assert [str(v) for (v,) in bench.sql("SELECT v FROM t")] == ["2026-12-31"]
    [_, failed] = bench.items(batch)
    assert failed.problems[0].message == 'expected a date like 31/12/2026, got "2026-31-12"'


def test_a_decimal_comma_is_read_where_it_is_declared(workbench: Workbench) -> None:
    cells = {"9,99": "9.99", "-0,1": "-0.1", "1234": "1234", "9.99": "field.number", "1.234,56": "field.number"}
    read = read_into(workbench, "numeric", list(cells), field='decimal: ","')
    assert dict(zip(cells, read, strict=True)) == cells


def test_a_decimal_comma_without_a_declaration_never_becomes_another_number(workbench: Workbench) -> None:
    assert read_into(workbench, "numeric", ["9,99"]) == ["field.number"]


# ── the schema drives the type ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("column_type", "schema", "cells"),
    [
        ("text", "type: integer", {"007": "7", "x": "field.integer"}),
        ("int", "type: string", {"007": "7", "x": "field.integer"}),
        ("text", "type: number", {"1.50": "1.50", "1e2": "100"}),
        ("text", "type: boolean", {"yes": "true", "0": "false"}),
        ("text", "type: [integer, 'null']", {"007": "7", "": None}),
        ("jsonb", "type: object", {'{"a": 1}': '{"a": 1}', "[1]": "schema.type"}),
        ("text", "type: string, format: date", {"2026-02-28": "2026-02-28", "2026-02-30": "schema.format"}),
        ("text", "enum: [DE, FR]", {"DE": "DE", "XX": "schema.enum"}),
        ("numeric", "type: number, minimum: 0", {"0.1": "0.1", "-1": "schema.minimum"}),
        ("text", "minLength: 2", {"ab": "ab", "a": "schema.minLength"}),
    ],
)
def test_the_schema_s_type_drives_how_a_cell_is_read(
    workbench: Workbench, column_type: str, schema: str, cells: dict[str, str | None]
) -> None:
    more = f"schema: {{properties: {{k: {{type: integer}}, v: {{{schema}}}}}}}"
    assert dict(zip(cells, read_into(workbench, column_type, list(cells), more=more), strict=True)) == cells


def test_all_problems_of_a_record_are_told_at_once(bench: Workbench) -> None:
    bench.sql("ALTER TABLE t ALTER v TYPE int USING v::int, ALTER w TYPE date USING w::date")
    bench.pipeline("p", TARGET)
    batch = bench.run("p", "k,v,w\n1,x,y\n")
    assert bench.failures(batch) == [(2, "field.integer", "v"), (2, "field.date", "w")]
