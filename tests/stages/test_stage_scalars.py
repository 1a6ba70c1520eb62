"""Text → value: exact, or refused with the cell quoted."""

from __future__ import annotations

import decimal
import locale
import os
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.stages.refusal import RefusedError
from ri_declarative.stages.scalars import Kind, reader


def read(kind: Kind, text: str, *, date: str | None = None, decimal: str = ".") -> Any:
    read_cell = reader(kind, date=date, decimal=decimal)
    assert read_cell is not None
    return read_cell(text)


def refused(kind: Kind, text: str, *, date: str | None = None, decimal: str = ".") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        read(kind, text, date=date, decimal=decimal)
    return caught.value


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("007", 7), ("+1", 1), ("-5", -5), ("9" * 40, int("9" * 40))])
def test_an_integer_is_ascii_digits_with_a_sign(text: str, value: int) -> None:
    assert read("integer", text) == value


@pytest.mark.parametrize(
    "text", ["1.0", "1e3", "1_000", "0x1F", "١٢", "\uff11\uff12", " 1", "1\n", "", "-", "(12)", "1,000", "nan"]
)
def test_nothing_else_is_an_integer(text: str) -> None:
    assert refused("integer", text).code == "field.integer"


def test_an_integer_longer_than_python_reads_is_refused_not_raised() -> None:
    assert "5000 digits" in refused("integer", "9" * 5000).message


@pytest.mark.parametrize(
    "text", ["1", "-1.50", "+1", "1e5", ".5", "0.1", "1E-7", "00.10", "12345678901234567890.123456789"]
)
def test_a_number_keeps_every_digit(text: str) -> None:
    number = read("number", text)
    assert isinstance(number, Decimal)
    assert number.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    "text",
    [
        "9,99",
        "1.234,56",
        "1_000",
        "0x1F",
        "NaN",
        "Infinity",
        "-inf",
        "1e400000",
        "1e9999999999999",
        "٣",
        "(12)",
        "1.",
        "5 ",
        "$1",
    ],
)
def test_nothing_else_is_a_number(text: str) -> None:
    assert refused("number", text).code == "field.number"


def test_1e400_is_exact_although_no_float_holds_it() -> None:
    assert read("number", "1e400") == 10**400


def test_a_decimal_comma_is_the_only_sign_when_declared() -> None:
    assert read("number", "9,99", decimal=",") == Decimal("9.99")
    for text in ("9.99", "1.234,56", "1,2,3", "9,"):
        assert refused("number", text, decimal=",").code == "field.number"


@pytest.mark.parametrize(
    ("kind", "text", "decimal"),
    [
        *[("number", text, ".") for text in ("1,234.56", "1.234,56", "-1,234,567", "1 234.5", "1'234", "1\u202f234")],
        *[("number", text, ",") for text in ("1.234,56", "1.234", "1.234.567", "1 234,5")],
        *[("integer", text, ".") for text in ("1,234", "1.234.567", "12 500")],
    ],
)
def test_thousands_separators_are_named_as_what_they_are(kind: Kind, text: str, decimal: str) -> None:
    said = refused(kind, text, decimal=decimal).message
    assert said.endswith("; thousands separators are not supported yet: clean the export")


@pytest.mark.parametrize("text", ["12,34,567", "1,2345", "1.234.56", "1,234.567,8", ",123", "1234,567.0"])
def test_other_mistakes_are_not_taken_for_thousands_separators(text: str) -> None:
    assert "thousands" not in refused("number", text).message


def test_a_decimal_comma_without_declaration_names_the_cure() -> None:
    assert 'declare decimal: ","' in refused("number", "9,99").message


def test_a_number_does_not_depend_on_the_decimal_context() -> None:
    with decimal.localcontext(prec=3):
        assert read("number", "123456.789") == Decimal("123456.789")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_every_decimal_comes_back_exact(number: Decimal) -> None:
    assert read("number", str(number)).as_tuple() == number.as_tuple()
    assert read("number", str(number).replace(".", ","), decimal=",").as_tuple() == number.as_tuple()


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_refused_as_one(text: str) -> None:
    try:
        number = read("number", text)
    except RefusedError:
        return
    assert text.isascii()
    assert number.is_finite()


@pytest.mark.parametrize("text", ["true", "T", "Yes", "y", "1", "TRUE"])
def test_words_for_true(text: str) -> None:
    assert read("boolean", text) is True


@pytest.mark.parametrize("text", ["false", "F", "No", "n", "0"])
def test_words_for_false(text: str) -> None:
    assert read("boolean", text) is False


@pytest.mark.parametrize("text", ["on", "ja", "2", "", "wahr", "YE\u017f"])
def test_nothing_else_is_a_boolean(text: str) -> None:
    assert refused("boolean", text).code == "field.boolean"


@pytest.mark.parametrize("text", ["2026-01-02", "0001-01-01", "9999-12-31", "2024-02-29"])
def test_a_date_is_iso_by_default(text: str) -> None:
    assert read("date", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2025-02-29",
        "0000-01-01",
        "20260102",
        "2026-W01-1",
        "03/04/2026",
        "now",
        "today",
        "infinity",
        "2026-1-2",
        "\uff12026-01-02",
    ],
)
def test_nothing_else_is_a_date(text: str) -> None:
    assert refused("date", text).code == "field.date"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        ("2026-01-02 03:04", "2026-01-02T03:04:00"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000+00:00"),
        ("2026-01-02T03:04:05.123456000+02:00", "2026-01-02T03:04:05.123456+02:00"),
        ("2026-01-02 03:04:05+00", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02 03:04:05-0530", "2026-01-02T03:04:05-05:30"),
        ("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02", "2026-01-02T00:00:00"),
        ("2026-03-29T02:30:00", "2026-03-29T02:30:00"),  # a gap of daylight saving time in Berlin
    ],
)
def test_a_timestamp_becomes_canonical(text: str, canonical: str) -> None:
    assert read("timestamp", text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T24:00:00",
        "2026-12-31T23:59:60Z",
        "2026-02-30T00:00",
        "2026-01-02T03:04:05.1234567",
        "2026-01-02T03:04:05+16:00",
        "now",
        "2026-01-02T3:04",
        "2026-01-02T03:04:05 UTC",
        "2026-01-02_03:04:05",
        "1735689600",
    ],
)
def test_a_timestamp_that_does_not_exist_or_would_be_rounded_is_refused(text: str) -> None:
    assert refused("timestamp", text).code == "field.timestamp"


def test_a_time_becomes_canonical_and_24_00_is_refused() -> None:
    assert read("time", "09:30") == "09:30:00"
    assert refused("time", "24:00").code == "field.time"


def test_a_date_is_read_by_its_pattern_only() -> None:
    assert read("date", "03/04/2026", date="%d/%m/%Y") == "2026-04-03"
    assert refused("date", "2026-04-03", date="%d/%m/%Y").message == 'expected a date like 31/12/2026, got "2026-04-03"'


def test_a_day_that_no_calendar_has_is_said_so() -> None:
    assert refused("date", "30/02/2026", date="%d/%m/%Y").message.endswith("there is no such day or time")


def test_a_text_with_a_date_pattern_becomes_what_the_pattern_says() -> None:
    assert read("text", "31.12.26", date="%d.%m.%y") == "2026-12-31"
    assert read("text", "31.12.26 23:59", date="%d.%m.%y %H:%M") == "2026-12-31T23:59:00"
    assert read("text", "11:59 pm", date="%I:%M %p") == "23:59:00"


def test_a_date_with_a_pattern_of_a_timestamp_takes_midnight_only() -> None:
    pattern = "%d/%m/%Y %H:%M:%S"
    assert read("date", "31/12/2026 00:00:00", date=pattern) == "2026-12-31"
    assert "without a time of day" in refused("date", "31/12/2026 00:00:01", date=pattern).message


def test_a_timestamp_with_a_pattern_of_a_date_is_its_midnight() -> None:
    assert read("timestamp", "31/12/2026", date="%d/%m/%Y") == "2026-12-31T00:00:00"


@pytest.mark.parametrize(
    ("kind", "pattern"), [("number", "%d/%m/%Y"), ("time", "%d/%m/%Y"), ("date", "%H:%M"), ("date", "%d%m%Y %H%z")]
)
def test_a_pattern_that_contradicts_the_kind_is_a_mistake_of_the_pipeline(kind: Kind, pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot fill a field"):
        reader(kind, date=pattern)


def test_a_text_with_a_decimal_comma_is_a_number() -> None:
    assert read("text", "1,5", decimal=",") == Decimal("1.5")


def test_json_text_keeps_big_integers_and_decimals_exact() -> None:
    value = read("json", '{"a": [123456789012345678901234567890, 0.10]}')
    assert value == {"a": [123456789012345678901234567890, Decimal("0.10")]}
    assert str(value["a"][1]) == "0.10"


@pytest.mark.parametrize(
    "text", ["{", "NaN", "[Infinity]", '{"a":1,"a":2}', "[1e999999999]", "[" * 100_000, "9" * 5000, "'a'", ""]
)
def test_what_is_not_exact_json_is_refused(text: str) -> None:
    assert refused("json", text).code == "field.json"


def test_a_long_cell_is_cut_in_the_message() -> None:
    assert len(refused("integer", "x" * 10_000).message) < 120


def test_a_cell_with_control_characters_is_shown_escaped() -> None:
    assert refused("integer", "1\0\u202e\ud800").message.endswith(r'"1\x00\u202e\ud800"')


def test_reading_does_not_depend_on_time_zone_and_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    def values() -> list[Any]:
        return [
            read("timestamp", "2026-03-29T02:30:00"),
            read("number", "1.5"),
            read("text", "3 March 2026 02:30", date="%d %B %Y %H:%M"),
            read("text", "1 Dec 69", date="%d %b %y"),
        ]

    before = values()
    saved, zone = locale.setlocale(locale.LC_ALL), os.environ.get("TZ")
    try:
        monkeypatch.setenv("TZ", "America/St_Johns")
        time.tzset()
        for name in ("de_DE.UTF-8", "tr_TR.UTF-8", "C.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            assert values() == before
    finally:
        locale.setlocale(locale.LC_ALL, saved)
        monkeypatch.setenv("TZ", zone) if zone else monkeypatch.delenv("TZ")
        time.tzset()
    assert before == ["2026-03-29T02:30:00", Decimal("1.5"), "2026-03-03T02:30:00", "1969-12-01"]
