"""Declared date and time patterns (`%d/%m/%Y`) → strict readers to ISO 8601.

Not `strptime`: that one depends on the locale, takes any run of blanks for a blank, takes other
scripts' digits, and fills in 1900, January and the first where the pattern is silent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

Shape = Literal["date", "timestamp", "time"]

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NUMBER = {name: n for n, name in enumerate(_MONTHS, 1)} | {name[:3]: n for n, name in enumerate(_MONTHS, 1)}


class _Directive(NamedTuple):
    part: str  # what it says; a pattern says everything once
    regex: str
    sample: str  # in the example of messages: 31 December 2026, 23:59:00
    needs: tuple[str, ...] = ()  # parts without which it has no meaning


_DIRECTIVES: Mapping[str, _Directive] = {
    "Y": _Directive("year", "[0-9]{4}", "2026"),
    "y": _Directive("year", "[0-9]{2}", "26"),
    "m": _Directive("month", "[0-9]{1,2}", "12"),
    "b": _Directive("month", f"(?i:{'|'.join(m[:3] for m in _MONTHS)})", "Dec"),
    "B": _Directive("month", f"(?i:{'|'.join(_MONTHS)})", "December"),
    "d": _Directive("day", "[0-9]{1,2}", "31"),
    "j": _Directive("yearday", "[0-9]{1,3}", "365"),
    "H": _Directive("hour", "[0-9]{1,2}", "23"),
    "I": _Directive("hour", "[0-9]{1,2}", "11", ("half",)),
    "p": _Directive("half", "(?i:AM|PM)", "PM", ("hour",)),
    "M": _Directive("minute", "[0-9]{1,2}", "59", ("hour",)),
    "S": _Directive("second", "[0-9]{1,2}", "00", ("minute",)),
    "f": _Directive("fraction", "[0-9]{1,6}", "000000", ("second",)),
    "z": _Directive("zone", "Z|[+-][0-9]{2}:?[0-9]{2}", "+01:00", ("hour",)),
}
_TOKEN = re.compile(r"%(.)|([^%]+)|(%)", re.DOTALL)
_LONGEST = 128


class DatePattern:
    """A declared pattern, ready to read.

    >>> pattern = DatePattern("%d/%m/%Y")
    >>> pattern.read("3/4/2026"), pattern.read("2026-04-03"), pattern.example
    ('2026-04-03', None, '31/12/2026')
    """

    def __init__(self, pattern: str) -> None:
        """Raises ValueError, fit for a person, when the pattern does not say one date or time."""
        tokens = _tokens(pattern)
        letters = [text for is_directive, text in tokens if is_directive]
        self._parts = {_DIRECTIVES[letter].part: letter for letter in letters}
        self.shape: Shape = _shape(pattern, letters, self._parts)
        self.zoned = "zone" in self._parts
        self.example = "".join(_DIRECTIVES[text].sample if is_directive else text for is_directive, text in tokens)
        self._regex = re.compile(_regex(tokens), re.ASCII)
        self._read = lru_cache(maxsize=16_384)(self._read_uncached)

    def read(self, text: str) -> str | None:
        """Canonical ISO text of the pattern's shape, or None when the text is not written so."""
        return self._read(text) if len(text) <= _LONGEST else None

    def matches(self, text: str) -> bool:
        """Whether the text is written so, even when no calendar or clock has it."""
        return len(text) <= _LONGEST and self._regex.fullmatch(text) is not None

    def _read_uncached(self, text: str) -> str | None:
        found = self._regex.fullmatch(text)
        if found is None:
            return None
        parts = found.groupdict()
        try:
            day = "" if self.shape == "time" else self._day(parts)
            clock = "" if self.shape == "date" else self._clock(parts)
        except (ValueError, OverflowError):  # Overflow: day 366 of the year 9999
            return None
        return f"{day}T{clock}" if day and clock else day or clock

    def _day(self, parts: Mapping[str, str]) -> str:
        year = int(parts["year"])
        if self._parts["year"] == "y":
            year += 1900 if year >= 69 else 2000  # POSIX, and Python's strptime
        if "yearday" in parts:
            found = date(year, 1, 1) + timedelta(days=int(parts["yearday"]) - 1)
            if found.year != year:
                raise ValueError("no such day of the year")
            return found.isoformat()
        month = _MONTH_NUMBER.get(parts["month"].lower()) or int(parts["month"])
        return date(year, month, int(parts["day"])).isoformat()

    def _clock(self, parts: Mapping[str, str]) -> str:
        hour, minute, second = (int(parts.get(part, 0)) for part in ("hour", "minute", "second"))
        if "half" in parts:
            if not 1 <= hour <= 12:
                raise ValueError("no such hour")
            hour = hour % 12 + (12 if parts["half"].upper() == "PM" else 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError("no such time")
        fraction = parts.get("fraction", "").ljust(6, "0")
        tail = f".{fraction}" if fraction != "000000" else ""
        return f"{hour:02}:{minute:02}:{second:02}{tail}{_zone(parts.get('zone'))}"


def date_pattern_mistake(pattern: str) -> str | None:
    """Why a pattern cannot be used, None when it can.

    >>> date_pattern_mistake("%d.%m.")
    '"%d.%m." names no year (%Y or %y)'
    """
    try:
        DatePattern(pattern)
    except ValueError as mistake:
        return str(mistake)
    return None


def _tokens(pattern: str) -> list[tuple[bool, str]]:
    """(is a directive, its letter or the literal text), with neighbouring literals joined."""
    tokens: list[tuple[bool, str]] = []
    for letter, literal, alone in _TOKEN.findall(pattern):
        if letter in _DIRECTIVES:
            tokens.append((True, letter))
        elif alone or (letter and letter != "%"):
            raise ValueError(f'unknown directive "%{letter}" in "{pattern}"')
        elif tokens and not tokens[-1][0]:
            tokens[-1] = (False, tokens[-1][1] + (literal or "%"))
        else:
            tokens.append((False, literal or "%"))
    return tokens


def _shape(pattern: str, letters: list[str], parts: Mapping[str, str]) -> Shape:
    where = f'"{pattern}"'
    if len(parts) != len(letters):
        twice = next(
            letter for letter in letters if parts[_DIRECTIVES[letter].part] != letter or letters.count(letter) > 1
        )
        raise ValueError(f"{where} says the {_DIRECTIVES[twice].part} twice")
    for letter in letters:
        for needed in _DIRECTIVES[letter].needs:
            if needed not in parts:
                raise ValueError(f"{where}: %{letter} needs the {_NAMES.get(needed, needed)} beside it")
    if not {"year", "month", "day", "yearday"} & parts.keys():
        if "hour" not in parts:
            raise ValueError(f"{where} names neither a date nor a time")
        return "time"
    _check_day(where, parts)
    return "timestamp" if "hour" in parts else "date"


def _check_day(where: str, parts: Mapping[str, str]) -> None:
    if "year" not in parts:
        raise ValueError(f"{where} names no year (%Y or %y)")
    if "yearday" in parts:
        if "month" in parts or "day" in parts:
            raise ValueError(f"{where} says the day twice: %j is the day of the year")
        return
    if "month" not in parts:
        raise ValueError(f"{where} names no month (%m, %b or %B)")
    if "day" not in parts:
        raise ValueError(f"{where} names no day (%d)")


_NAMES = {"half": "half of the day (%p)", "hour": "hour (%H or %I)", "minute": "minute (%M)", "second": "second (%S)"}


def _regex(tokens: list[tuple[bool, str]]) -> str:
    """One- and two-digit numbers are both taken, except beside other digits: 1112026 would have two readings."""
    pieces = []
    for place, (is_directive, text) in enumerate(tokens):
        if not is_directive:
            pieces.append(re.escape(text))
            continue
        part, regex, _, _ = _DIRECTIVES[text]
        neighbours = (*tokens[max(place - 1, 0) : place], *tokens[place + 1 : place + 2])
        if any(_is_numeric(token) for token in neighbours):
            regex = regex.replace("{1,2}", "{2}").replace("{1,3}", "{3}")
        pieces.append(f"(?P<{part}>{regex})")
    return "".join(pieces)


def _is_numeric(token: tuple[bool, str]) -> bool:
    is_directive, text = token
    return "[0-9]" in _DIRECTIVES[text].regex if is_directive else text[0].isdigit() or text[-1].isdigit()


def _zone(text: str | None) -> str:
    if text is None:
        return ""
    if text == "Z":
        return "+00:00"
    sign, hours, minutes = text[0], text[1:3], text[-2:]
    if int(hours) > 15 or int(minutes) > 59:
        raise ValueError("no such offset")
    return "+00:00" if hours == minutes == "00" else f"{sign}{hours}:{minutes}"
