"""Strict ISO 8601 texts: canonical text comes out, or None. Never the clock, the locale or the time zone.

Accepted is what has one meaning (RFC 3339 and its everyday relatives); week dates, ordinal dates,
24:00, second 60 and fractions finer than a microsecond, which would be rounded, are not.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0{0,12})?)?"
# PostgreSQL itself writes +00 and takes offsets below 16 hours.
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[T ]({_CLOCK})({_ZONE})?")
_TIME = re.compile(rf"({_CLOCK})({_ZONE})?")
_DURATION = re.compile(
    r"P(?=[-0-9T])(?:-?[0-9]{1,9}Y)?(?:-?[0-9]{1,9}M)?(?:-?[0-9]{1,9}W)?(?:-?[0-9]{1,9}D)?"
    r"(?:T(?=[-0-9])(?:-?[0-9]{1,9}H)?(?:-?[0-9]{1,9}M)?(?:-?[0-9]{1,9}(?:\.[0-9]{1,6})?S)?)?"
)
_HOURS_MINUTES_SECONDS = re.compile(r"-?[0-9]{1,9}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")
_LONGEST = 64  # longer texts are not looked at and never kept in a cache


def iso_date(text: str) -> str | None:
    """`YYYY-MM-DD` of the years 0001 to 9999, or None.

    >>> iso_date("2026-02-28"), iso_date("2026-02-30")
    ('2026-02-28', None)
    """
    return _known_date(text) if len(text) == 10 else None


@lru_cache(maxsize=16_384)  # dates repeat: 40 ns instead of 400 ns; 16,384 days are 44 years
def _known_date(text: str) -> str | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        date.fromisoformat(text)
    except ValueError:
        return None
    return text


def iso_timestamp(text: str) -> str | None:
    """`YYYY-MM-DDTHH:MM:SS[.ffffff][+HH:MM]`, or None. A date alone means its midnight.

    >>> iso_timestamp("2026-01-02 03:04:05.5Z")
    '2026-01-02T03:04:05.500000+00:00'
    """
    if len(text) > _LONGEST:
        return None
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return f"{text}T00:00:00" if iso_date(text) else None
    day, clock, zone = found.groups()
    if iso_date(day) is None:
        return None
    return f"{day}T{_clock(clock)}{_zone(zone)}"


def iso_time(text: str) -> str | None:
    """`HH:MM:SS[.ffffff][+HH:MM]`, or None.

    >>> iso_time("09:30")
    '09:30:00'
    """
    found = _TIME.fullmatch(text) if len(text) <= _LONGEST else None
    return f"{_clock(found[1])}{_zone(found[2])}" if found else None


def iso_interval(text: str) -> str | None:
    """An ISO 8601 duration (`P1DT2H`) or `HH:MM:SS` as it is written, or None.

    >>> iso_interval("P1DT2H"), iso_interval("2 days")
    ('P1DT2H', None)
    """
    if len(text) <= 128 and (_DURATION.fullmatch(text) or _HOURS_MINUTES_SECONDS.fullmatch(text)):
        return text
    return None


def has_zone(canonical: str) -> bool:
    """Whether a canonical timestamp or time ends in an offset.

    >>> has_zone("2026-01-02T03:04:05+00:00"), has_zone("03:04:05")
    (True, False)
    """
    return canonical[-6:-5] in ("+", "-") and canonical[-3] == ":"


def _clock(text: str) -> str:
    if len(text) == 5:
        return text + ":00"
    if len(text) == 8:
        return text
    fraction = text[9:15].ljust(6, "0")
    return f"{text[:8]}.{fraction}" if fraction != "000000" else text[:8]


def _zone(text: str | None) -> str:
    if text is None:
        return ""
    if text in ("Z", "-00:00"):
        return "+00:00"
    hours, minutes = text[:3], text[3:].lstrip(":") or "00"
    return f"{hours}:{minutes}" if (hours, minutes) != ("-00", "00") else "+00:00"
