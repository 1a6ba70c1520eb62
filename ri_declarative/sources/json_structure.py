r"""Where a JSON value ends, told by brackets, quotes, commas and colons alone.

Lenient about everything inside that does not move the end: `NaN`, `01`, a bad escape or a lost
value make a value that cannot be decoded, but its neighbours are found. Strict about the order of
the marks: a lost quote, bracket or comma is noticed where two things meet that cannot, at once and
not at the end of the file. Works on parts of a document and goes on where it stopped; depth costs
one byte a level.
"""

from __future__ import annotations

import re
from enum import Enum

# Possessive quantifiers on single classes only: on groups they match wrongly before Python 3.11.5
# (gh-106052). The groups need none: their parts begin with different bytes.
_WS = rb"[ \t\r\n]*+"
_STRING = rb'"(?:[^"\\]++|\\.)*"'
_ATOM = rb'(?:%s|[^"{}\[\],: \t\r\n][^"{}\[\],:]*+)%s' % (_STRING, _WS)

_BLANK = re.compile(_WS)
_ONE_ATOM = re.compile(_ATOM, re.DOTALL)
# Whole members up to their comma, then what stands before the next bracket. Group 1: a key's
# colon, group 2: the value after it.
_MEMBERS = re.compile(rb"(?:%s(?:%s)?:%s(?:%s)?,)*" % (_WS, _ATOM, _WS, _ATOM), re.DOTALL)
_LAST_MEMBER = re.compile(rb"%s(?:%s(?:(:)%s(%s)?)?)?" % (_WS, _ATOM, _WS, _ATOM), re.DOTALL)
_ITEMS = re.compile(rb"(?:%s%s,)*" % (_WS, _ATOM), re.DOTALL)
_LAST_ITEM = re.compile(rb"%s(%s)?" % (_WS, _ATOM), re.DOTALL)
_UNCLOSED = re.compile(rb'"(?:[^"\\]++|\\.)*\\?', re.DOTALL)

_QUOTE, _COMMA = b'",'
_OPEN_OBJECT, _OPEN_ARRAY = b"{["
_CLOSE = {_OPEN_OBJECT: ord("}"), _OPEN_ARRAY: ord("]")}


class Stop(Enum):
    """Why no end was found."""

    MORE = "more"  # the bytes end first; go on at `Structure.reached` when there are more
    BROKEN = "broken"  # two things meet that cannot: the end cannot be told


class Structure:
    """One value on its way to its end. `scan` again with more bytes after `Stop.MORE`."""

    def __init__(self) -> None:
        self.reached = 0  # offset from which to go on after MORE; after BROKEN that of the fault
        self._open = bytearray()  # the brackets that are open, outermost first
        self._after_value = False  # inside a bracket, after a value that was one itself

    def scan(self, data: bytes, start: int, *, ended: bool) -> int | Stop:
        """The offset after the value that begins, or is gone on with, at `start`. `ended`: no more bytes follow.

        >>> Structure().scan(b'{"a":[NaN]},{', 0, ended=False)
        11
        """
        self.reached = start
        if self._open:
            return self._until_closed(data)
        if data[start] in _CLOSE:
            self._enter(data[start], start)
            return self._until_closed(data)
        found = _ONE_ATOM.match(data, start)
        if found is None:
            return Stop.MORE if _is_unclosed(data, start) else Stop.BROKEN
        if found.end() == len(data) and not ended:
            return Stop.MORE
        return start + len(found[0].rstrip())

    def _until_closed(self, data: bytes) -> int | Stop:
        while self._open:
            if self._after_value and (stop := self._separate(data)):
                return stop
            if not self._open:
                break
            if not self._after_value and (stop := self._to_bracket(data)):
                return stop
        return self.reached

    def _separate(self, data: bytes) -> Stop | None:
        """Past the comma or the bracket that must follow a bracketed value."""
        self.reached = _BLANK.match(data, self.reached).end()  # type: ignore[union-attr]
        if self.reached == len(data):
            return Stop.MORE
        mark = data[self.reached]
        if mark == _COMMA:
            self.reached += 1
            self._after_value = False
        elif mark == _CLOSE[self._open[-1]]:
            self._leave(self.reached)
        else:
            return Stop.BROKEN
        return None

    def _to_bracket(self, data: bytes) -> Stop | None:
        """Over whole members and past the next bracket."""
        kind = self._open[-1]
        in_object = kind == _OPEN_OBJECT
        self.reached = (_MEMBERS if in_object else _ITEMS).match(data, self.reached).end()  # type: ignore[union-attr]
        found = (_LAST_MEMBER if in_object else _LAST_ITEM).match(data, self.reached)
        assert found is not None  # both may match nothing
        end = found.end()
        if end == len(data):
            return Stop.MORE
        mark = data[end]
        if mark == _CLOSE[kind]:
            self._leave(end)
        elif mark in _CLOSE and found.lastindex == (1 if in_object else None):
            self._enter(mark, end)
        elif _is_unclosed(data, end):
            return Stop.MORE
        else:
            self.reached = end
            return Stop.BROKEN
        return None

    def _enter(self, bracket: int, offset: int) -> None:
        self._open.append(bracket)
        self._after_value = False
        self.reached = offset + 1

    def _leave(self, offset: int) -> None:
        self._open.pop()
        self._after_value = True
        self.reached = offset + 1


def _is_unclosed(data: bytes, offset: int) -> bool:
    """Whether a string begins there whose end is not among the bytes."""
    found = _UNCLOSED.match(data, offset)
    return found is not None and found.end() == len(data)
