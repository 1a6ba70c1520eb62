"""Data → rows of canonical text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.records import Problem
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.map import CellRule, ColumnType, Mapped, Mapper, Row
from ri_declarative.stages.parse import Chunk
from ri_declarative.stages.refusal import RefusedError

TEXT = ColumnType("text", name="text")
VARCHAR3 = ColumnType("text", length=3, name="character varying(3)")
INTEGER = ColumnType("integer", low=-(2**31), high=2**31 - 1, name="integer")
NUMERIC = ColumnType("numeric", name="numeric")
DOUBLE = ColumnType("float", name="double precision")
REAL = ColumnType("float", name="real")
BOOLEAN = ColumnType("boolean", name="boolean")
DATE = ColumnType("date", name="date")
TIMESTAMP = ColumnType("timestamp", name="timestamp without time zone")
TIMESTAMPTZ = ColumnType("timestamptz", name="timestamp with time zone")
JSONB = ColumnType("json", name="jsonb")
MOOD = ColumnType("enum", labels=("happy", "sad"), name="mood")
SURROGATE = "\ud800"


def numeric(precision: int, scale: int) -> ColumnType:
    return ColumnType("numeric", precision=precision, scale=scale, name=f"numeric({precision},{scale})")


def array(element: ColumnType) -> ColumnType:
    return ColumnType("array", element=element, name=f"{element.name}[]")


def mapped(result: Mapped) -> tuple[list[Row | None], Chunk]:
    return result.rows, result.chunk


def code(column: ColumnType, value: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        canonical(column)(value)
    return caught.value.code


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (TEXT, " as is\t", " as is\t"),
        (TEXT, True, "true"),
        (TEXT, Decimal("1.50"), "1.50"),
        (TEXT, 0.1, "0.1"),
        (TEXT, [1, {"a": None}], '[1,{"a":null}]'),
        (TEXT, date(2026, 1, 2), "2026-01-02"),
        (VARCHAR3, "äöü", "äöü"),
        (INTEGER, 5, "5"),
        (INTEGER, Decimal("1E3"), "1000"),
        (INTEGER, "007", "7"),
        (INTEGER, 2.0, "2"),
        (NUMERIC, Decimal("0.1"), "0.1"),
        (NUMERIC, Decimal("1E+3"), "1000"),
        (NUMERIC, "1e-3", "0.001"),
        (NUMERIC, Decimal("-0"), "0"),
        (DOUBLE, Decimal("0.1"), "0.1"),
        (BOOLEAN, False, "false"),
        (BOOLEAN, "true", "true"),
        (DATE, "2026-01-02", "2026-01-02"),
        (TIMESTAMP, "2026-01-02 03:04", "2026-01-02T03:04:00"),
        (TIMESTAMP, "2026-01-02", "2026-01-02T00:00:00"),
        (TIMESTAMPTZ, "2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05+02:00"),
        (TIMESTAMPTZ, "2026-01-02T03:04:05", "2026-01-02T03:04:05+00:00"),
        (TIMESTAMPTZ, datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (ColumnType("time"), "03:04", "03:04:00"),
        (ColumnType("timetz"), "03:04", "03:04:00+00:00"),
        (ColumnType("interval"), "P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
        (ColumnType("interval"), "-26:00:00", "-26:00:00"),
        (ColumnType("interval"), timedelta(days=-1, seconds=5), "P-1DT5.000000S"),
        (ColumnType("uuid"), "123E4567E89B12D3A456426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        (ColumnType("uuid"), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (JSONB, "text", '"text"'),
        (JSONB, {"n": Decimal("0.10"), "big": 10**30}, '{"n":0.10,"big":1' + "0" * 30 + "}"),
        (JSONB, "a\\u0000", '"a\\\\u0000"'),
        (ColumnType("bytea"), "\\x00fF", "\\x00fF"),
        (ColumnType("bytea"), b"\0", "\\x00"),
        (array(TEXT), ["a", None, "NULL", 'q"\\', "", "{,}"], '{"a",NULL,"NULL","q\\"\\\\","","{,}"}'),
        (array(INTEGER), [[1, 2], [3, 4]], '{{"1","2"},{"3","4"}}'),
        (array(JSONB), [[1], {"a": 1}], '{"[1]","{\\"a\\":1}"}'),
        (array(TEXT), [], "{}"),
        (MOOD, "sad", "sad"),
        (ColumnType("other", name="inet"), "10.0.0.1", "10.0.0.1"),
        (
            ColumnType("other", name="tstzrange"),
            "[2026-01-01T00:00:00Z,2026-01-02)",
            "[2026-01-01T00:00:00Z,2026-01-02)",
        ),
        (ColumnType("other", name="numrange"), "[1e5,)", "[1e5,)"),
        (ColumnType("parts", name="int4range"), "empty", "empty"),
        (ColumnType("other", name="textrange"), "[now,zoo)", "[now,zoo)"),
    ],
)
def test_a_value_becomes_canonical_text(column: ColumnType, value: Any, text: str) -> None:
    assert canonical(column)(value) == text


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (TEXT, "a\0", "field.nul"),
        (TEXT, f"a{SURROGATE}", "field.encoding"),
        (TEXT, ["\0"], "field.nul"),
        (TEXT, [SURROGATE], "field.encoding"),
        (TEXT, float("nan"), "field.number"),
        pytest.param(TEXT, 10**5000, "field.range", id="text-huge"),
        (TEXT, {1: object()}, "field.json"),
        (VARCHAR3, "abc ", "field.length"),
        (INTEGER, 2**31, "field.range"),
        pytest.param(INTEGER, 10**5000, "field.range", id="integer-huge"),
        (INTEGER, Decimal("1E100000"), "field.range"),
        (INTEGER, Decimal("1.5"), "field.integer"),
        (INTEGER, Decimal("NaN"), "field.integer"),
        (INTEGER, True, "field.integer"),
        (INTEGER, "1_000", "field.integer"),
        (INTEGER, "0x1F", "field.integer"),
        (INTEGER, {}, "field.integer"),
        (NUMERIC, "NaN", "field.number"),
        (NUMERIC, "1_000", "field.number"),
        (NUMERIC, Decimal("Infinity"), "field.number"),
        (NUMERIC, Decimal("1E999999999"), "field.number"),
        (NUMERIC, Decimal("1E131072"), "field.range"),
        (NUMERIC, Decimal("1E-16384"), "field.scale"),
        (NUMERIC, True, "field.number"),
        (NUMERIC, [1], "field.number"),
        (DOUBLE, "infinity", "field.number"),
        (DOUBLE, Decimal("1E400"), "field.range"),
        (DOUBLE, Decimal("1E-400"), "field.range"),
        (REAL, Decimal("1E39"), "field.range"),
        (BOOLEAN, "yes", "field.boolean"),
        (BOOLEAN, 1, "field.boolean"),
        (DATE, "2026-01-02T00:00:00", "field.date"),
        (DATE, datetime(2026, 1, 2), "field.date"),
        (DATE, "now", "field.date"),
        (DATE, 20260102, "field.date"),
        (TIMESTAMP, "2026-01-02T03:04:05Z", "field.timestamp"),
        (TIMESTAMPTZ, "infinity", "field.timestamp"),
        (ColumnType("time"), "03:04Z", "field.time"),
        (ColumnType("time"), "allballs", "field.time"),
        (ColumnType("interval"), "2 days", "field.interval"),
        (ColumnType("interval"), "P", "field.interval"),
        (ColumnType("interval"), "1:30", "field.interval"),
        (ColumnType("uuid"), "{123e4567-e89b-12d3-a456-426614174000}", "field.uuid"),
        (JSONB, {"a": ["\0"]}, "field.nul"),
        (JSONB, {"a\0": 1}, "field.nul"),
        (JSONB, SURROGATE, "field.encoding"),
        (JSONB, [float("nan")], "field.json"),
        (JSONB, {"a": Decimal("Infinity")}, "field.json"),
        (ColumnType("bytea"), "\\x0", "field.bytea"),
        (array(TEXT), "{a,b}", "field.array"),
        (array(TEXT), [["a"], ["b", "c"]], "field.array"),
        (array(TEXT), [["a"], "b"], "field.array"),
        (array(TEXT), [[]], "field.array"),
        (array(INTEGER), ["x"], "field.integer"),
        (MOOD, "hapy", "field.enum"),
        (MOOD, 1, "field.enum"),
        (ColumnType("parts", name="daterange"), "[now,tomorrow)", "field.literal"),
        (ColumnType("parts", name="numrange"), "[1,NaN)", "field.literal"),
        (ColumnType("parts", name="int4range"), "[1_000,)", "field.literal"),
        (ColumnType("parts", name="int8multirange"), "{[0x1F,)}", "field.literal"),
    ],
)
def test_a_value_that_the_column_cannot_hold_exactly_is_refused(column: ColumnType, value: Any, expected: str) -> None:
    assert code(column, value) == expected


@pytest.mark.parametrize(
    ("precision", "scale", "number", "expected"),
    [
        (6, 2, "9999.99", "9999.99"),
        (6, 2, "-9999.99", "-9999.99"),
        (6, 2, "1.500", "1.5"),
        (6, 2, "1.234", "field.scale"),
        (6, 2, "10000", "field.range"),
        (2, 2, "0.99", "0.99"),
        (2, 2, "1", "field.range"),
        (3, 0, "1.0", "1"),
        (3, 0, "1.5", "field.scale"),
        (2, -3, "99000", "99000"),
        (2, -3, "-99000", "-99000"),
        (2, -3, "99500", "field.scale"),
        (2, -3, "100000", "field.range"),
        (2, -3, "0", "0"),
        (3, 5, "0.00999", "0.00999"),
        (3, 5, "0.01", "field.range"),
        (3, 5, "0.000001", "field.scale"),
        (3, 5, "0", "0"),
    ],
)
def test_precision_and_scale_are_those_of_postgresql_without_rounding(
    precision: int, scale: int, number: str, expected: str
) -> None:
    column = numeric(precision, scale)
    found = code(column, Decimal(number)) if expected.startswith("field.") else canonical(column)(Decimal(number))
    assert found == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_numeric_text_is_the_number_and_has_no_exponent(number: Decimal) -> None:
    text = canonical(NUMERIC)(number)
    assert Decimal(text) == number
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**5), max_value=10**5))
def test_what_fits_a_scale_is_equal_and_what_does_not_is_refused(number: Decimal) -> None:
    fits = number == round(number, 2) and abs(number) < 10**4
    try:
        text = canonical(numeric(6, 2))(number)
    except RefusedError:
        assert not fits
    else:
        assert fits
        assert Decimal(text) == number


def array_elements(literal: str) -> list[Any]:
    """A tiny reader of PostgreSQL's array output rules, the oracle."""
    stack: list[list[Any]] = [[]]
    for token in re.findall(r'\{|\}|NULL|"(?:[^"\\]|\\.)*"', literal, re.DOTALL):
        if token == "{":
            stack.append([])
        elif token == "}":
            stack[-2].append(stack.pop())
        else:
            stack[-1].append(None if token == "NULL" else re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL))
    (found,) = stack[0]
    return list(found)


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.none() | storable | st.sampled_from(["NULL", "null", '"', "\\", "{}", ",", " "])))
def test_an_array_is_read_back(values: list[str | None]) -> None:
    assert array_elements(canonical(array(TEXT))(values)) == values


@given(
    st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(storable, min_size=n, max_size=n), min_size=1, max_size=3))
)
def test_an_array_of_two_dimensions_is_read_back(values: list[list[str]]) -> None:
    assert array_elements(canonical(array(TEXT))(values)) == values


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | storable, lambda s: st.lists(s) | st.dictionaries(storable, s)
    )
)
def test_json_is_read_back(value: Any) -> None:
    assert msgspec.json.decode(canonical(JSONB)(value)) == value


def test_a_wrong_label_names_the_nearest() -> None:
    with pytest.raises(RefusedError, match='mood has no label "hapy"; did you mean "happy"'):
        canonical(MOOD)("hapy")


def test_a_row_has_its_cells_in_order_and_no_value_is_none() -> None:
    rules = [
        CellRule("b", TEXT),
        CellRule("a", INTEGER),
        CellRule("c", TEXT),
        CellRule("d", TEXT),
        CellRule("b", VARCHAR3),
    ]
    chunk = Chunk([{"a": 1, "b": "x", "c": None}], {})
    rows, after = mapped(Mapper(rules)(chunk))
    assert rows == [("x", "1", None, None, "x")]
    assert after is chunk


def test_an_absent_field_is_marked_and_an_explicit_null_is_not() -> None:
    rules = [CellRule("a", TEXT, mark_absent=True), CellRule("b", TEXT), CellRule("c", TEXT, mark_absent=True)]
    rows, _ = mapped(Mapper(rules)(Chunk([{"a": None, "b": "x"}, {"c": "y"}], {})))
    assert rows == [(None, None, "x", None, "t"), (None, "t", None, "y", None)]


def test_a_key_without_a_value_is_a_problem() -> None:
    rows, after = mapped(Mapper([CellRule("id", TEXT, required=True)])(Chunk([{"id": None}, {}, {"id": ""}], {})))
    assert rows == [None, None, ("",)]
    assert [(p.code, p.field) for position in (0, 1) for p in after.problems[position]] == [
        ("target.key_missing", "id")
    ] * 2


def test_all_problems_of_a_row_are_told_once_each_and_neighbours_are_untouched() -> None:
    rules = [
        CellRule("id", TEXT, required=True),
        CellRule("n", INTEGER),
        CellRule("n", INTEGER),
        CellRule("t", VARCHAR3),
    ]
    earlier = (Problem("schema.required", "id", "is required"),)
    before = Chunk([{"id": "1", "n": 1}, {"n": "x", "t": "abcd"}, None, {"id": "2"}], {2: earlier})
    rows, after = mapped(Mapper(rules)(before))
    assert rows == [("1", "1", "1", None), None, None, ("2", None, None, None)]
    assert [p.code for p in after.problems[1]] == ["target.key_missing", "field.integer", "field.length"]
    assert after.problems[2] == earlier
    assert after.data[1] is None
    assert before.data[1] is not None


def test_messages_name_the_type_and_quote_the_value() -> None:
    _, after = mapped(Mapper([CellRule("price", numeric(6, 2))])(Chunk([{"price": Decimal("1.234")}], {})))
    assert after.problems[0][0].message == "numeric(6,2) takes at most 2 digits after the decimal point, got 1.234"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_any_value_becomes_text_or_a_problem(value: Any) -> None:
    columns = [TEXT, VARCHAR3, INTEGER, NUMERIC, DOUBLE, BOOLEAN, DATE, TIMESTAMPTZ, JSONB, MOOD, array(INTEGER)]
    for column in columns:
        rows, after = mapped(Mapper([CellRule("x", column)])(Chunk([{"x": value}], {})))
        assert (rows[0] is None) == (0 in after.problems)
        if rows[0] is not None and rows[0][0] is not None:
            rows[0][0].encode()
            assert "\0" not in rows[0][0]


@pytest.mark.parametrize("digits", [131_073 + 1, 200_000])
def test_a_number_beyond_numeric_is_no_text_either(digits: int) -> None:
    assert code(TEXT, Decimal("1" * digits)) == "field.number"
