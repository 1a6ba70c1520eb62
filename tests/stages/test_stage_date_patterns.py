"""Declared patterns: strict, closed, English."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ri_declarative.stages.date_patterns import DatePattern, date_pattern_mistake


@pytest.mark.parametrize("pattern", ["%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%Y-%j", "%d.%m.%Y", "%d%%%m%%%Y"])
@given(day=st.dates())
def test_a_date_written_by_the_pattern_is_read_back(pattern: str, day: date) -> None:
    written = day.strftime(pattern.replace("%Y", f"{day.year:04}"))  # glibc writes year 1 as "1"
    assert DatePattern(pattern).read(written) == day.isoformat()


@pytest.mark.parametrize("pattern", ["%d/%m/%Y %H:%M:%S.%f", "%Y%m%d%H%M%S%f", "%d/%m/%Y %I:%M:%S.%f %p"])
@given(moment=st.datetimes(min_value=datetime(1000, 1, 1)))
def test_a_timestamp_written_by_the_pattern_is_read_back(pattern: str, moment: datetime) -> None:
    assert DatePattern(pattern).read(moment.strftime(pattern)) == moment.isoformat()


@given(moment=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_a_zone_is_kept(moment: datetime) -> None:
    pattern = "%Y-%m-%d %H:%M:%S%z"
    assert DatePattern(pattern).read(moment.strftime(pattern)) == moment.replace(microsecond=0).isoformat()


@pytest.mark.parametrize(("text", "zone"), [("12:00Z", "+00:00"), ("12:00+0530", "+05:30"), ("12:00-05:00", "-05:00")])
def test_a_zone_has_three_spellings(text: str, zone: str) -> None:
    assert DatePattern("%H:%M%z").read(text) == f"12:00:00{zone}"


def test_numbers_may_lack_their_leading_zero() -> None:
    assert DatePattern("%d/%m/%Y").read("3/4/2026") == "2026-04-03"


def test_numbers_beside_numbers_may_not() -> None:
    pattern = DatePattern("%d%m%Y")
    assert pattern.read("01112026") == "2026-11-01"
    assert pattern.read("1112026") is None


@pytest.mark.parametrize(
    "text",
    [
        "03/04/26",
        "03/04/02026",
        " 03/04/2026",
        "03/04/2026 ",
        "03 /04/2026",
        "03/04/2026\n",
        "\u06603/04/2026",
        "31/04/2026",
        "00/01/2026",
    ],
)
def test_texts_that_strptime_may_take_are_refused(text: str) -> None:
    assert DatePattern("%d/%m/%Y").read(text) is None


def test_a_blank_in_the_pattern_is_one_blank() -> None:
    pattern = DatePattern("%d %m %Y")
    assert pattern.read("03 04 2026") == "2026-04-03"
    assert pattern.read("03  04 2026") is None
    assert pattern.read("03\t04 2026") is None


def test_two_digit_years_turn_at_69() -> None:
    pattern = DatePattern("%d.%m.%y")
    assert pattern.read("01.01.68") == "2068-01-01"
    assert pattern.read("01.01.69") == "1969-01-01"


def test_month_names_are_english_in_any_case() -> None:
    pattern = DatePattern("%d %b %Y")
    assert pattern.read("3 MAR 2026") == "2026-03-03"
    assert pattern.read("3 Mär 2026") is None
    assert pattern.read("3 March 2026") is None


def test_midnight_and_noon_in_half_days() -> None:
    pattern = DatePattern("%I:%M %p")
    assert [pattern.read(text) for text in ("12:00 AM", "12:00 PM", "00:30 AM", "13:00 PM")] == [
        "00:00:00",
        "12:00:00",
        None,
        None,
    ]


@pytest.mark.parametrize("text", ["24:00:00", "23:60:00", "23:59:60"])
def test_times_that_no_clock_shows_are_refused(text: str) -> None:
    assert DatePattern("%H:%M:%S").read(text) is None


def test_day_366_exists_in_leap_years_only() -> None:
    pattern = DatePattern("%Y-%j")
    assert pattern.read("2024-366") == "2024-12-31"
    assert pattern.read("2025-366") is None
    assert pattern.read("9999-366") is None
    assert pattern.read("2025-000") is None


@pytest.mark.parametrize(
    ("pattern", "mistake"),
    [
        ("%d/%m", "names no year"),
        ("%m/%Y", "names no day"),
        ("%d/%Y", "names no month"),
        ("%d/%m/%y %Y", "says the year twice"),
        ("%d/%d/%Y", "says the day twice"),
        ("%j/%m/%Y", "says the day twice"),
        ("%I:%M", "half of the day"),
        ("%d/%m/%Y %M", "needs the hour"),
        ("%x", "unknown directive"),
        ("%d/%m/%Y %", "unknown directive"),
        ("today", "neither a date nor a time"),
    ],
)
def test_a_pattern_that_would_leave_something_to_invent_is_a_mistake(pattern: str, mistake: str) -> None:
    assert mistake in (date_pattern_mistake(pattern) or "")


def test_a_hostile_text_takes_no_time() -> None:
    assert DatePattern("%d/%m/%Y %H:%M:%S.%f").read("1/" * 5_000_000) is None


def test_the_example_is_written_by_the_pattern() -> None:
    pattern = DatePattern("%d %b %Y, %I:%M %p")
    assert pattern.example == "31 Dec 2026, 11:59 PM"
    assert pattern.read(pattern.example) == "2026-12-31T23:59:00"


def test_the_memory_of_texts_is_bounded() -> None:
    pattern = DatePattern("%Y-%m-%d %H:%M:%S")
    start = datetime(2026, 1, 1)
    for second in range(20_000):
        pattern.read(str(start + timedelta(seconds=second)))
    assert pattern._read.cache_info().currsize <= 16_384
