"""The real server agrees: canonical texts are taken as they are, refused ones would have been changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.column_types import Category, ColumnType
from ri_declarative.stages.iso import iso_time, iso_timestamp
from ri_declarative.stages.refusal import RefusedError


@pytest.fixture
def cursor(database: str) -> Iterator[Any]:
    connection = psycopg2.connect(database.replace("postgresql+psycopg2", "postgresql"))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'"
            )
            yield cursor
    finally:
        connection.close()


def one(cursor: Any, query: str, *values: Any) -> Any:
    cursor.execute(query, values)
    return cursor.fetchone()[0]


def numeric_column(precision: int, scale: int) -> ColumnType:
    return ColumnType("numeric", precision=precision, scale=scale, name=f"numeric({precision},{scale})")


def test_numeric_takes_exactly_what_postgresql_keeps_unchanged(cursor: Any) -> None:
    version = cursor.connection.server_version
    shapes = [(6, 2), (2, 2), (3, 0), *([(2, -3), (3, 5)] if version >= 150_000 else [])]
    digits = [
        "0",
        "0.0",
        "1",
        "0.99",
        "0.999",
        "999",
        "1000",
        "9999.99",
        "10000",
        "99000",
        "99500",
        "100000",
        "0.00999",
        "0.01",
    ]
    for precision, scale in shapes:
        make = canonical(numeric_column(precision, scale))
        for text in (sign + d for d in digits for sign in ("", "-")):
            try:
                taken = make(Decimal(text))
            except RefusedError:
                taken = None
            assert (taken is not None) == _is_kept(cursor, text, precision, scale), (text, precision, scale)
            assert taken is None or Decimal(taken) == Decimal(text)


def _is_kept(cursor: Any, text: str, precision: int, scale: int) -> bool:
    try:
        return bool(one(cursor, f"SELECT %s::numeric({precision},{scale}) = %s::numeric", text, text))
    except psycopg2.errors.NumericValueOutOfRange:
        return False


@pytest.mark.parametrize("number", ["1E131071", "1E-16383", "-9.99E131071", "1." + "1" * 16_383])
def test_the_widest_numbers_are_stored_exactly(cursor: Any, number: str) -> None:
    text = canonical(ColumnType("numeric"))(Decimal(number))
    assert one(cursor, "SELECT (%s::numeric)::text", text) == text


@pytest.mark.parametrize(
    "value", [["a", None, "NULL", 'q"\\', "", "{,}", " \n\t\v", "é"], [["a", "b"], ["c", None]], []]
)
def test_an_array_arrives_as_it_was(cursor: Any, value: list[Any]) -> None:
    text = canonical(ColumnType("array", element=ColumnType("text")))(value)
    assert one(cursor, "SELECT %s::text[]", text) == value


@pytest.mark.parametrize(
    ("category", "text", "expected"),
    [
        ("date", "0001-01-01", "0001-01-01"),
        ("date", "9999-12-31", "9999-12-31"),
        ("timestamp", "2026-03-29 02:30:00.5", "2026-03-29 02:30:00.5"),
        ("timestamptz", "2026-01-02", "2026-01-02 00:00:00+00"),
        ("timestamptz", "0001-01-01T00:00:00+15:59", "0001-12-31 08:01:00+00 BC"),
        ("timestamptz", "9999-12-31T23:59:59.999999-15:59", "10000-01-01 15:58:59.999999+00"),
        ("time", "23:59:59.000001", "23:59:59.000001"),
        ("timetz", "03:04", "03:04:00+00"),
        ("interval", "P1Y2M3W4DT5H6M7.5S", "1 year 2 mons 25 days 05:06:07.5"),
        ("interval", "P-1DT-2H", "-1 days -02:00:00"),
        ("interval", "-26:00:00", "-26:00:00"),
        ("uuid", "123E4567E89B12D3A456426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("bytea", "\\x00fF", "\\x00ff"),
    ],
)
def test_session_settings_have_no_say_in_what_is_stored(
    cursor: Any, category: Category, text: str, expected: str
) -> None:
    stored = canonical(ColumnType(category))(text)
    cursor.execute(f"CREATE TEMPORARY TABLE t (x {category})")
    cursor.execute("INSERT INTO t VALUES (%s)", (stored,))
    cursor.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'")
    assert one(cursor, "SELECT x::text FROM t") == expected


def test_a_timedelta_is_stored_exactly(cursor: Any) -> None:
    for value in (timedelta(days=-1, microseconds=1), timedelta(days=400, seconds=86_399), timedelta(0)):
        text = canonical(ColumnType("interval"))(value)
        assert (
            one(cursor, "SELECT extract(epoch FROM %s::interval)::text", text) == f"{value / timedelta(seconds=1):.6f}"
        )


def test_all_offsets_that_are_taken_are_known_to_postgresql(cursor: Any) -> None:
    for zone in ("+15:59", "-15:59", "+00", "-0530", "Z"):
        stamp, clock = iso_timestamp(f"2026-01-02T03:04:05{zone}"), iso_time(f"03:04:05{zone}")
        assert one(cursor, "SELECT %s::timestamptz IS NOT NULL AND %s::timetz IS NOT NULL", stamp, clock)


def test_json_numbers_are_stored_exactly(cursor: Any) -> None:
    value = {"big": 10**40, "tenth": Decimal("0.10"), "far": Decimal("1E-50")}
    text = canonical(ColumnType("json"))(value)
    stored = [one(cursor, "SELECT %s::jsonb ->> %s", text, key) for key in value]
    assert stored == [str(10**40), "0.10", format(Decimal("1E-50"), "f")]


def test_a_float_out_of_range_is_refused_by_both(cursor: Any) -> None:
    for name, text in (
        ("real", "1e39"),
        ("real", "1e-50"),
        ("double precision", "1e400"),
        ("double precision", "1e-400"),
    ):
        with pytest.raises(RefusedError):
            canonical(ColumnType("float", name=name))(Decimal(text))
        with pytest.raises(psycopg2.errors.NumericValueOutOfRange):
            cursor.execute(f"SELECT %s::{name}", (text,))
