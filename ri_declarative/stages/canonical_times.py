"""Dates, times and intervals → canonical ISO text for a column; what the column would drop is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from ri_declarative.stages.column_types import ColumnType
from ri_declarative.stages.iso import has_zone, iso_date, iso_interval, iso_time, iso_timestamp
from ri_declarative.stages.refusal import RefusedError, quoted

_FRACTION = re.compile(r"\.(\d+)")


def date_text(column: ColumnType) -> Callable[[Any], str]:
    """For date: an ISO date. A timestamp is refused, its time of day would be lost."""

    def canonical_date(value: Any) -> str:
        text = value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value
        found = iso_date(text) if isinstance(text, str) else None
        if found is None:
            raise RefusedError("field.date", f"expected a date like 2026-12-31 for {column.name}, got {quoted(value)}")
        return found

    return canonical_date


def timestamp_text(column: ColumnType) -> Callable[[Any], str]:
    """For timestamp (an offset is refused) and timestamptz (without an offset it is UTC); a date is its midnight."""
    zoned = column.category == "timestamptz"

    def canonical_timestamp(value: Any) -> str:
        text = value.isoformat() if isinstance(value, date) else value
        found = iso_timestamp(text) if isinstance(text, str) else None
        if found is None:
            example = "2026-12-31T23:59:00"
            raise RefusedError(
                "field.timestamp", f"expected a date and time like {example} for {column.name}, got {quoted(value)}"
            )
        return _with_zone(found, column, value, "field.timestamp", zoned=zoned)

    return canonical_timestamp


def time_text(column: ColumnType) -> Callable[[Any], str]:
    """For time (an offset is refused) and timetz (without an offset it is UTC)."""
    zoned = column.category == "timetz"

    def canonical_time(value: Any) -> str:
        text = value.isoformat() if isinstance(value, time) else value
        found = iso_time(text) if isinstance(text, str) else None
        if found is None:
            raise RefusedError("field.time", f"expected a time like 23:59:00 for {column.name}, got {quoted(value)}")
        return _with_zone(found, column, value, "field.time", zoned=zoned)

    return canonical_time


def interval_text(column: ColumnType) -> Callable[[Any], str]:
    """For interval: an ISO 8601 duration or HH:MM:SS."""

    def canonical_interval(value: Any) -> str:
        if isinstance(value, timedelta):
            return f"P{value.days}DT{value.seconds}.{value.microseconds:06}S"
        found = iso_interval(value) if isinstance(value, str) else None
        if found is None:
            raise RefusedError(
                "field.interval", f"expected a duration like P1DT2H or 26:00:00 for {column.name}, got {quoted(value)}"
            )
        return found

    return canonical_interval


def _with_zone(text: str, column: ColumnType, value: Any, code: str, *, zoned: bool) -> str:
    digits = column.precision
    if digits is not None and _fraction_digits(text) > digits:  # PostgreSQL would round in silence
        raise RefusedError(
            "field.scale", f"{column.name} takes at most {digits} digits of a second, got {quoted(value)}"
        )
    if not zoned and has_zone(text):
        raise RefusedError(code, f"{column.name} would drop the time zone of {quoted(value)}")
    return f"{text}+00:00" if zoned and not has_zone(text) else text


def _fraction_digits(text: str) -> int:
    found = _FRACTION.search(text)
    return len(found[1].rstrip("0")) if found else 0
