"""The elements of a JSON array, each with its end: by its structure, and where that is broken by what separates them.

The separator (`,\\n  `) is worth following as long as it was always the same and never stood inside
an element: then its next place is the next border, whatever a damaged element has lost. The
first is guessed from the blanks before the first element. Compact arrays of records that hold
arrays of objects have no such separator; there a broken structure ends the run.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ri_declarative.errors import StoppedError
from ri_declarative.sources.damage import Place
from ri_declarative.sources.json_document import Window, past_blanks
from ri_declarative.sources.json_structure import Stop, Structure
from ri_declarative.sources.json_values import KEPT_OF_LONG_RECORD

# A bracket that closes the array although elements follow: it is too many.
_STRAY_CLOSE = re.compile(rb"\][ \t\r\n]*+(?:,[ \t\r\n]*+)?+\{")


class Element(NamedTuple):
    """One element as it stands in the document."""

    text: bytes  # of one that is too long only the beginning
    step: int  # from `window.at` to the next element, or to the bracket that should close the array
    is_last: bool
    long_from: Place | None = None  # of one that is too long: where it began; `window.at` has moved on


class Elements:
    """The elements after the opening bracket at which a window stands."""

    def __init__(self, window: Window, *, depth: int, cap: int) -> None:
        """`depth`: objects around the array. `cap`: bytes beyond which an element is not kept."""
        self._window = window
        self._depth = depth
        self._cap = cap
        data, opened = window.data, window.at
        self.is_empty = window.mark() == "]"
        blanks = data[opened : window.at] if window.data is data else b""
        self._between: bytes | None = b"," + blanks
        self._is_seen = b"\n" in blanks  # a compact first element says nothing
        self._fault = 0  # distance from `window.at` to where the structure broke

    @property
    def border(self) -> bytes | None:
        """The separator and the brace after it: where it stands next, an element may end. None when there is none."""
        return None if self._between is None else self._between + b"{"

    def take(self) -> Element:
        """The element at `window.at`, which stays there. StoppedError when nobody can tell its end."""
        window = self._window
        length = self._length()
        if isinstance(length, Element):
            return length
        following = None if isinstance(length, Stop) else self._following(length)
        if isinstance(length, Stop) or following is None:
            return self._up_to_border(is_cut=length is Stop.MORE)
        element = Element(window.data[window.at : window.at + length], *following)
        self._learn(element)
        return element

    def _length(self) -> int | Stop | Element:
        """Bytes of the element by its structure; `Stop.MORE` when the document ends before."""
        window = self._window
        if window.data[window.at : window.at + 1] in (b",", b"]"):
            return 0
        structure, resume = Structure(), window.at
        while (end := structure.scan(window.data, resume, ended=window.ended)) is Stop.MORE:
            resume = structure.reached - window.at
            if len(window.data) - window.at > self._cap:
                return self._too_long(structure)
            if window.more() is None:
                break
        self._fault = structure.reached - window.at
        return end if isinstance(end, Stop) else end - window.at

    def _following(self, length: int) -> tuple[int, bool] | None:
        """Distance to what follows, and whether that ends the array; None when nothing can stand there."""
        self._fault = comma = self._past_blanks(length)
        mark = self._mark(comma)
        if mark in (b"]", b""):
            return None if self._is_stray(comma) else (comma, True)
        if mark != b",":
            return None
        self._fault = after = self._past_blanks(comma + 1)
        mark = self._mark(after)
        if mark == b"]" and self._is_stray(after):
            return None
        if mark in (b"{", b",", b"]", b"") or self._is_value(after):
            return after, not mark
        return None

    def _is_value(self, distance: int) -> bool:
        """Whether a value that is no object stands there whole; else a bracket before was too many."""
        window = self._window
        structure, resume = Structure(), window.at + distance
        while (end := structure.scan(window.data, resume, ended=window.ended)) is Stop.MORE:
            resume = structure.reached - window.at
            if len(window.data) - window.at > self._cap or window.more() is None:
                return True  # it is judged when it is its turn
        return not isinstance(end, Stop) and self._mark(self._past_blanks(end - window.at)) in (b",", b"]", b"")

    def _is_stray(self, distance: int) -> bool:
        place = self._past_blanks(distance + 1)
        if self._mark(place) == b",":
            self._past_blanks(place + 1)
        return _STRAY_CLOSE.match(self._window.data, self._window.at + distance) is not None

    def _learn(self, element: Element) -> None:
        """Take note of the separator after a whole element, or that it cannot be relied on."""
        window = self._window
        between = window.data[window.at + len(element.text) : window.at + element.step]
        if self.border is None or element.is_last or self._mark(element.step) != b"{":
            return
        if self.border in element.text or (self._is_seen and between != self._between):
            self._between = None
        else:
            self._between, self._is_seen = between, True

    def _up_to_border(self, *, is_cut: bool) -> Element:
        """The damaged element up to the next separator, or up to the end of the array when there is none."""
        window, border = self._window, self.border
        if border is None or not self._is_seen:
            raise self._lost(is_cut=is_cut)
        searched = 1
        while (found := window.data.find(border, window.at + searched)) < 0:
            searched = max(1, len(window.data) - window.at - len(border))
            if len(window.data) - window.at > self._cap or window.more() is None:
                return self._up_to_end(is_cut=is_cut)
        step = found + len(border) - 1 - window.at
        return Element(window.data[window.at : found], step, is_last=False)

    def _up_to_end(self, *, is_cut: bool) -> Element:
        """The last element, when the document ends as it must: the array's bracket, then those around it."""
        rest = self._window.data[self._window.at :].rstrip()
        for closing in (*([b"}"] * self._depth), b"]"):
            if is_cut or not self._window.ended or not rest.endswith(closing):
                raise self._lost(is_cut=is_cut)
            rest = rest[:-1].rstrip()
        step = self._window.data.index(b"]", self._window.at + len(rest)) - self._window.at
        return Element(rest, step, is_last=True)

    def _too_long(self, structure: Structure) -> Element:
        """Past an element beyond the cap in constant memory."""
        window, began = self._window, self._window.place(self._window.at)
        kept = window.data[window.at : window.at + KEPT_OF_LONG_RECORD]
        if self._is_seen and self.border is not None and 0 < window.data.find(self.border, window.at):
            return self._up_to_border(is_cut=False)
        window.at = structure.reached
        window.pass_value(structure)
        following = self._following(0)
        if following is None:
            raise self._lost(is_cut=False)
        return Element(kept, *following, long_from=began)

    def _lost(self, *, is_cut: bool) -> StoppedError:
        window = self._window
        line, column = window.place(window.at)
        window.at += self._fault
        if is_cut:
            window.at = len(window.data)
            return window.broken(
                f"the file ends in the middle of the record that begins at line {line}, column {column}"
            )
        return window.broken("a quote, a comma or a bracket is missing or too many; no record after it can be told")

    def _past_blanks(self, distance: int) -> int:
        """The distance from `window.at` to the first mark that is no blank, reading on where needed."""
        window = self._window
        while (place := past_blanks(window.data, window.at + distance)) == len(window.data):
            if window.more() is None:
                return len(window.data)
        return place - window.at

    def _mark(self, distance: int) -> bytes:
        place = self._window.at + distance
        return self._window.data[place : place + 1]
