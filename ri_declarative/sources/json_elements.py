"""The elements of a JSON array, each with its end: by its structure, and where that is broken by what separates them.

The separator (`,\\n  `) is worth following as long as it was nearly always the same and never stood inside
an element: then its next place is the next border, whatever a damaged element has lost. The
first is guessed from the blanks before the first element. Compact arrays of records that hold
arrays of objects have no such separator; there a broken structure ends the run.
"""

from __future__ import annotations

from typing import NamedTuple

from ri_declarative.errors import SourceFault
from ri_declarative.sources.json_document import Window, past_blanks
from ri_declarative.sources.json_structure import Stop, Structure
from ri_declarative.sources.json_values import KEPT_OF_LONG_RECORD


class Element(NamedTuple):
    """One element as it stands in the document."""

    text: bytes  # of one that is too long only the beginning
    step: int  # from `window.at` to the next element, or to the bracket that should close the array
    is_last: bool
    is_too_long: bool = False  # then `window.at` has moved to its end


class Elements:
    """The elements after the opening bracket at which a window stands."""

    def __init__(self, window: Window, *, depth: int, cap: int) -> None:
        """`depth`: objects around the array. `cap`: bytes beyond which an element is not kept."""
        self._window = window
        self._depth = depth
        self._cap = cap
        data, opened = window.data, window.at
        self.is_empty = window.mark() in ("]", "")
        blanks = data[opened : window.at] if window.data is data else b""
        self._between: bytes | None = b"," + blanks
        self.same = int(b"\n" in blanks)  # how often it stood there; compact blanks say nothing
        self._others = 0  # how often something else did
        self._fault = 0  # distance from `window.at` to where the structure broke

    @property
    def border(self) -> bytes | None:
        """The separator and the brace after it: where it stands next, an element may end. None when there is none."""
        return None if self._between is None else self._between + b"{"

    def take(self) -> Element:
        """The element at `window.at`, which stays there. SourceFault when nobody can tell its end."""
        length = self._length()
        if isinstance(length, Element):
            return length
        following = None if isinstance(length, Stop) else self._following(length)
        if isinstance(length, Stop) or following is None:
            return self._up_to_border(is_cut=length is Stop.MORE)
        return Element(self._cut(0, length), *following)

    def learn(self, element: Element) -> None:
        """Take note of what follows an element that turned out to be whole; `window.at` stands at it."""
        if self.border is None or element.is_last or self._mark(element.step) != b"{":
            return
        between = self._cut(len(element.text), element.step)
        if self.border in element.text:
            self._between = None
        elif between == self._between:
            self.same += 1
        else:
            self._others += 1
            if self._others > self.same:  # it was a wrong guess, or an odd one
                self._between, self.same, self._others = between, 1, self._others - 1 + self.same

    def _length(self) -> int | Stop | Element:
        """Bytes of the element by its structure; `Stop.MORE` when the document ends before."""
        window = self._window
        if self._mark(0) in (b",", b"]"):
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
        if self._is_line_border(length, after):
            return after, not mark
        if mark == b"]" and self._is_stray(after):
            return None
        if mark in (b"{", b",", b"]", b"") or self._is_value(after):
            return after, not mark
        return None

    def _is_line_border(self, start: int, end: int) -> bool:
        """Whether between these distances stands the known separator, and only between records can it stand.

        With a line break and its own indentation it cannot be part of a record with a bracket too many.
        """
        border = self._trusted_border()
        return border is not None and b"\n" in border and self._cut(start, end) == border[:-1]

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
        """Whether the bracket that closes the array there is one too many: records follow, not the document's end."""
        after = self._past_blanks(distance + 1)
        mark = self._mark(after)
        if mark == b"," and self._depth:
            mark = self._mark(self._past_blanks(after + 1))
        if mark in ((b"}", b'"', b"") if self._depth else (b"[", b"")):
            return False
        border = self._trusted_border()
        return border is not None and self._window.data.find(border, self._window.at + distance) >= 0

    def _trusted_border(self) -> bytes | None:
        """The border, when nothing speaks against taking its next place for the end of a damaged element."""
        return self.border if self.same > self._others else None

    def _up_to_border(self, *, is_cut: bool) -> Element:
        """The damaged element up to the next separator, or up to the end of the array when there is none."""
        window, border = self._window, self._trusted_border()
        if border is None:
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
        window = self._window
        kept = window.data[window.at : window.at + KEPT_OF_LONG_RECORD]
        window.at = structure.reached
        window.pass_value(structure)
        following = self._following(0)
        if following is None:
            raise self._lost(is_cut=False)
        return Element(kept, *following, is_too_long=True)

    def _lost(self, *, is_cut: bool) -> SourceFault:
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
        return self._cut(distance, distance + 1)

    def _cut(self, start: int, end: int) -> bytes:
        """The bytes between two distances from `window.at`."""
        at = self._window.at
        return self._window.data[at + start : at + end]
