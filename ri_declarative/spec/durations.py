"""Durations as a person writes them: `500ms`, `30s`, `2m`. Imports nothing of ours."""

from __future__ import annotations

import re

DURATION = r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m)"
EXPECTED = "expected a duration like 500ms, 30s or 2m"
_PER_MINUTE = {"ms": 60_000, "s": 60, "m": 1}


def seconds(text: str) -> float:
    """The duration in seconds. ValueError when the text is none; a bare number is none: of what?

    >>> seconds("500ms"), seconds("1.5s"), seconds("2m")
    (0.5, 1.5, 120.0)
    """
    if not re.fullmatch(DURATION, text):
        raise ValueError(EXPECTED)
    number = text.rstrip("ms")
    return float(number) * 60 / _PER_MINUTE[text[len(number) :]]
