"""`DD.MM.YYYY` → `%d.%m.%Y`: the directives that somebody means who writes a date's pattern as other tools do."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Letters of Excel, Java, Oracle and German Excel. M and m: months or minutes, by what stands before.
_RUN = re.compile(r"([A-Za-z])\1*")
_DIRECTIVES: Mapping[str, str] = {"d": "%d", "t": "%d", "y": "%Y", "j": "%Y", "h": "%H", "s": "%S"}
_MONTHS: Mapping[int, str] = {1: "%m", 2: "%m", 3: "%b", 4: "%B"}


def directives_meant(pattern: str) -> str | None:
    """The pattern in strptime's directives, None when it is not clear.

    >>> directives_meant("DD.MM.YYYY"), directives_meant("yyyy-MM-dd HH:mm:ss"), directives_meant("DD-MON-YY")
    ('%d.%m.%Y', '%Y-%m-%d %H:%M:%S', None)
    """
    if "%" in pattern:
        return None
    said: list[str] = []

    def directive(run: re.Match[str]) -> str:
        letter, length = run[1].lower(), len(run[0])
        if letter == "m":
            is_minute = length <= 2 and said[-1:] == ["%H"]
            found = "%M" if is_minute else _MONTHS.get(length, "")
        elif letter in "yj" and length == 2:
            found = "%y"
        else:
            found = _DIRECTIVES.get(letter, "")
        said.append(found)
        return found

    written = _RUN.sub(directive, pattern)
    return written if len(said) > 1 and all(said) and len(set(said)) == len(said) else None
