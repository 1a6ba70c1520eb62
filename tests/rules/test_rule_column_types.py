"""DESIGN section 3: a field without a type is read as the target column's type; what does not fit is a problem."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.rules import read_into, read_json_into, require_xml
from support.workbench import Workbench

# type → {cell: what is stored, as text, or the code of the problem}
NUMBERS = {
    "smallint": {
        "7": "7",
        "-32768": "-32768",
        "+7": "7",
        "007": "7",
        "32768": "field.range",
        "1.0": "field.integer",
        " 7": "field.integer",
        "1_000": "field.integer",
        "0x1F": "field.integer",
        "٣": "field.integer",
        "": None,
    },
    "integer": {"2147483647": "2147483647", "2147483648": "field.range", "1e3": "field.integer"},
    "bigint": {"-9223372036854775808": "-9223372036854775808", "9223372036854775808": "field.range"},
    "numeric": {
        "0.1": "0.1",
        "-0.10": "-0.10",
        "1e5": "100000",
        "12345678901234567890.123456789": "12345678901234567890.123456789",
        "9,99": "field.number",
        "1_000": "field.number",
        "0x1F": "field.number",
        "NaN": "field.number",
        "infinity": "field.number",
        "(12)": "field.number",
        "1.234,56": "field.number",
        "٣": "field.number",
    },
    "numeric(6,2)": {
        "1234.5": "1234.50",
        "1234.500": "1234.50",
        "-9999.99": "-9999.99",
        "0.005": "field.scale",
        "9999.995": "field.scale",
        "10000": "field.range",
    },
    "numeric(5,-2)": {"12300": "12300", "12345": "field.scale", "10000000": "field.range"},
    "numeric(2,4)": {"0.0099": "0.0099", "0.01": "field.range", "0.00001": "field.scale"},
    "real": {"0.1": "0.1", "1e39": "field.range", "NaN": "field.number", "1e-60": "field.range"},
    "double precision": {"0.1": "0.1", "1e400": "field.range", "infinity": "field.number"},
    "money": {"1234.5": "$1,234.50", "0.005": "field.scale", "$1": "field.number"},
}
TIMES = {
    "date": {
        "2026-02-28": "2026-02-28",
        "0001-01-01": "0001-01-01",
        "9999-12-31": "9999-12-31",
        "2026-02-30": "field.date",
        "0000-01-01": "field.date",
        "03/04/2026": "field.date",
        "20260228": "field.date",
        "2026-02-28T10:00": "field.date",
        "now": "field.date",
        "today": "field.date",
        "infinity": "field.date",
    },
    "timestamp": {
        "2026-01-02T03:04:05.5": "2026-01-02 03:04:05.5",
        "2026-01-02 03:04": "2026-01-02 03:04:00",
        "2026-01-02": "2026-01-02 00:00:00",
        "2026-01-02T03:04:05+02:00": "field.timestamp",
        "2026-01-02T24:00:00": "field.timestamp",
        "2026-12-31T23:59:60": "field.timestamp",
        "now": "field.timestamp",
        "-infinity": "field.timestamp",
    },
    "timestamp(0)": {"2026-01-02T03:04:05.000": "2026-01-02 03:04:05", "2026-01-02T03:04:05.5": "field.scale"},
    "timestamptz": {
        "2026-01-02T03:04:05+02:00": "2026-01-02 01:04:05+00",
        "2026-01-02T03:04:05Z": "2026-01-02 03:04:05+00",
        "2026-01-02T03:04:05": "2026-01-02 03:04:05+00",
        "2026-01-02T03:04:05 CET": "field.timestamp",
        "tomorrow": "field.timestamp",
    },
    "timestamptz(2)": {
        "2026-01-02T03:04:05.12Z": "2026-01-02 03:04:05.12+00",
        "2026-01-02T03:04:05.123Z": "field.scale",
    },
    "time": {"09:30": "09:30:00", "09:30:01.25": "09:30:01.25", "24:00": "field.time", "9 pm": "field.time"},
    "time(3)": {"09:30:00.123": "09:30:00.123", "09:30:00.1234": "field.scale"},
    "timetz": {"09:30+02:00": "09:30:00+02", "09:30": "09:30:00+00", "now": "field.time"},
    "interval": {
        "P1DT2H": "1 day 02:00:00",
        "26:00:00": "26:00:00",
        "2 days": "field.interval",
        "infinity": "field.interval",
    },
    "interval(0)": {"PT1S": "00:00:01", "PT1.5S": "field.scale"},
    "interval day to hour": {"P1DT2H": "1 day 02:00:00", "P1DT2H30M": "field.scale"},
}
TEXTS = {
    "text": {"now": "now", "infinity": "infinity", "0x1F": "0x1F", "00123": "00123", " a ": " a ", "": None},
    "varchar(3)": {"äöü": "äöü", "abcd": "field.length", "abc ": "field.length"},
    "char(3)": {"ab": "ab", "abcd": "field.length", "abc ": "field.length"},
    "name": {"a" * 63: "a" * 63, "a" * 64: "field.length"},
    '"char"': {"a": "a", "ab": "field.length"},
    "boolean": {"true": "true", "Yes": "true", "0": "false", "F": "false", "on": "field.boolean", "2": "field.boolean"},
    "uuid": {
        "123E4567-e89b-12d3-a456-426614174000": "123e4567-e89b-12d3-a456-426614174000",
        "{123e4567-e89b-12d3-a456-426614174000}": "field.uuid",
        "123e4567": "field.uuid",
    },
    "bytea": {r"\x00ff": r"\x00ff", r"\x0": "field.bytea", "abc": "field.bytea"},
    "bit(3)": {"101": "101", "1010": "db.data", "10": "db.data"},
    "bit varying(3)": {"10": "10", "1010": "db.data"},
}
DOCUMENTS = {
    "json": {
        '{"b": 1,"a": 0.10}': '{"b":1,"a":0.10}',
        "{": "field.json",
        '{"a": NaN}': "field.json",
        "now": "field.json",
    },
    "jsonb": {
        "[0.10, 12345678901234567890]": "[0.10, 12345678901234567890]",
        '{"a": 1, "a": 2}': "field.json",
        '"\\u0000"': "field.nul",
        "null": None,
    },
    "int[]": {"[1, null]": "{1,NULL}", "[[1], [2]]": "{{1},{2}}", "{1,2}": "field.json", "[1, [2]]": "field.array"},
    "text[]": {'["a\\"b", "NULL", ""]': '{"a\\"b","NULL",""}', '"a"': "field.array"},
    "date[]": {'["2026-01-02"]': "{2026-01-02}", '["now"]': "field.date"},
    "varchar(2)[]": {'["ab"]': "{ab}", '["abc"]': "field.length"},
    "numeric(3,1)[]": {"[1.5]": "{1.5}", "[1.25]": "field.scale"},
    "timestamp(0)[]": {'["2026-01-02T03:04:05.5"]': "field.scale"},
    "inet": {"10.0.0.1": "10.0.0.1/32", "::1": "::1/128", "10.0.0.256": "db.data"},
    "int4range": {"[1,10]": "[1,11)", "empty": "empty", "[1": "db.data", "[0x1F,)": "field.literal"},
    "daterange": {"[2026-01-01,2026-02-01)": "[2026-01-01,2026-02-01)", "[now,)": "field.literal"},
    "tstzrange": {"[yesterday,)": "field.literal", "[,infinity]": "field.literal"},
    "datemultirange": {"{[today,)}": "field.literal"},
    "point": {"(1,2)": "(1,2)", "(1,": "db.data"},
}


@pytest.mark.parametrize(
    ("column_type", "cells"), [pair for group in (NUMBERS, TIMES, TEXTS, DOCUMENTS) for pair in group.items()]
)
def test_a_cell_is_read_as_its_column_s_type_or_refused(
    workbench: Workbench, column_type: str, cells: dict[str, str | None]
) -> None:
    assert dict(zip(cells, read_into(workbench, column_type, list(cells)), strict=True)) == cells


# definition → {cell: …}
OWN_TYPES = {
    "CREATE TYPE own AS ENUM ('new', 'NULL', 'it''s')": {"new": "new", "it's": "it's", "nwe": "field.enum"},
    "CREATE DOMAIN own AS int CHECK (VALUE > 0)": {"5": "5", "-5": "db.check", "0x1F": "field.integer"},
    "CREATE DOMAIN own AS varchar(3)": {"abc": "abc", "abcd": "field.length"},
    "CREATE DOMAIN own AS numeric(6,2)": {"1.50": "1.50", "1.555": "field.scale"},
    "CREATE DOMAIN own AS date": {"2026-01-02": "2026-01-02", "now": "field.date"},
    "CREATE DOMAIN base AS varchar(3); CREATE DOMAIN own AS base": {"abc": "abc", "abcd": "field.length"},
    "CREATE DOMAIN own AS int[]": {"[1]": "{1}", "{1}": "field.json"},
    "CREATE EXTENSION citext; CREATE DOMAIN own AS citext": {"Aa": "Aa"},
    "CREATE TYPE own AS RANGE (subtype = date)": {"[2026-01-01,)": "[2026-01-01,)", "[now,)": "field.literal"},
    "CREATE TYPE own AS (d date, n int)": {
        "(2026-01-01,1)": "(2026-01-01,1)",
        "(2026-02-30,1)": "db.data",
        "(now,1)": "field.literal",
    },
}


@pytest.mark.parametrize(("definition", "cells"), OWN_TYPES.items())
def test_types_of_the_database_s_own_are_read_as_what_they_are_made_of(
    workbench: Workbench, definition: str, cells: dict[str, str]
) -> None:
    workbench.sql(definition)
    assert dict(zip(cells, read_into(workbench, "own", list(cells)), strict=True)) == cells


@pytest.mark.parametrize(
    ("definition", "column_type", "cells"),
    [
        ("CREATE TYPE own AS ENUM ('a', 'b')", "own[]", {'["a"]': "{a}", '["c"]': "field.enum"}),
        ("CREATE DOMAIN own AS date", "own[]", {'["2026-01-02"]': "{2026-01-02}", '["now"]': "field.date"}),
        ("CREATE EXTENSION citext", "citext", {"Aa": "Aa", "": None}),
    ],
)
def test_arrays_of_own_types_are_read_element_by_element(
    workbench: Workbench, definition: str, column_type: str, cells: dict[str, str]
) -> None:
    workbench.sql(definition)
    assert dict(zip(cells, read_into(workbench, column_type, list(cells)), strict=True)) == cells


def test_an_xml_column_takes_documents_and_refuses_broken_ones(workbench: Workbench) -> None:
    require_xml(workbench)
    assert read_into(workbench, "xml", ["<a>1</a>", "<a>"]) == ["<a>1</a>", "db.data"]


JSON_VALUES = {
    "numeric": {"0.1": "0.1", "1.10": "1.10", "12345678901234567890": "12345678901234567890", "true": "field.number"},
    "integer": {"7": "7", "7.5": "field.integer", "true": "field.integer", "[]": "field.integer"},
    "boolean": {"true": "true", "1": "field.boolean"},
    "text": {'"0.10"': "0.10", "0.10": "0.10", "true": "true", '"\\u0000"': "field.nul"},
    "jsonb": {'"a"': '"a"', "[1.50]": "[1.50]", '{"a": {"b": null}}': '{"a": {"b": null}}'},
    "text[]": {'["a", "b"]': "{a,b}", '"a"': "field.array"},
    "date": {'"2026-02-28"': "2026-02-28", '"now"': "field.date", "20260228": "field.date"},
    "varchar(3)": {"12345": "field.length"},
}


@pytest.mark.parametrize(("column_type", "values"), JSON_VALUES.items())
def test_a_json_value_keeps_its_type_until_the_column_takes_or_refuses_it(
    workbench: Workbench, column_type: str, values: dict[str, str]
) -> None:
    assert dict(zip(values, read_json_into(workbench, column_type, list(values)), strict=True)) == values


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_decimal_never_passes_through_a_float(workbench: Workbench, ending: str) -> None:
    written = "0.1000000000000000055511151231257827021181583404541015625"
    read = read_into if ending == "csv" else read_json_into
    assert read(
        workbench, "numeric", [written, "0.1"], more="schema: {properties: {k: {type: integer}, v: {type: number}}}"
    ) == [
        written,
        "0.1",
    ]
    assert workbench.sql("SELECT v FROM one WHERE k = 1") == [(Decimal("0.1"),)]


def test_the_problem_quotes_the_cell_and_names_the_column_s_type(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v varchar(3), amount numeric(6,2))")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, v: v, amount: amount}}")
    batch = workbench.run("p", "k,v,amount\n1,abcd,1.555\n")
    [item] = workbench.items(batch)
    assert [problem.field for problem in item.problems] == ["v", "amount"]
    assert '"abcd"' in item.problems[0].message
    assert "character varying(3)" in item.problems[0].message
    assert "1.555" in item.problems[1].message
