"""A JSON document as a window that moves over its bytes, and the way to the array that holds the records.

What lies beside the way is skipped by its structure alone (json_structure.py): it is not decoded,
so a `NaN` there harms nobody, and it takes no memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from ri_declarative.errors import SourceError, SourceFault
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.damage import Place
from ri_declarative.sources.json_structure import Stop, Structure
from ri_declarative.sources.json_values import RECORD_CAP
from ri_declarative.words import did_you_mean

_BLANK = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*"', re.DOTALL)
_LOOK_AHEAD_BYTES = 64 * 1024
_MOST_KEYS = 1000  # of those passed by are kept, to name the nearest
_KINDS = {"{": "an object", "[": "an array", '"': "a string", "t": "true", "f": "false", "n": "null"}
_KINDS |= dict.fromkeys("-0123456789", "a number")


class Window:
    """The bytes of a document from some place on. Offsets are places in `data`, which `more` moves."""

    def __init__(self, stream: ByteStream, *, skip: int) -> None:
        self.name = stream.name
        self.data = b""
        self.at = 0  # where reading stands
        self.ended = False
        self._stream = stream
        self._start = Place(1, 1)  # of data[0]
        self._skip = skip  # bytes of the byte-order mark

    def more(self) -> int | None:
        """Forget what is before `at` and add at least as much as is left. By how much offsets move; None at the end."""
        moved, kept = self.at, self.data[self.at :]
        self._start = self.place(self.at)
        blocks, size = [kept], 0
        while size <= len(kept) and not self.ended:
            block = self._stream.read()
            self.ended = not block
            blocks.append(block[self._skip :])
            size += len(block)
            self._skip = 0
        self.data, self.at = b"".join(blocks), 0
        return moved if size else None

    def mark(self) -> str:
        """The character at `at`, which moves past blanks; empty at the end of the document."""
        while True:
            self.at = past_blanks(self.data, self.at)
            if self.at < len(self.data):
                return chr(self.data[self.at])
            if self.more() is None:
                return ""

    def place(self, offset: int) -> Place:
        """Line and column of an offset."""
        before = self.data[:offset]
        breaks = before.count(b"\n")
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "surrogateescape")) + 1
        return Place(self._start.line + breaks, column if breaks else self._start.column + column - 1)

    def broken(self, what: str) -> SourceFault:
        """The error for a document that cannot be read on at `at`."""
        line, column = self.place(self.at)
        return SourceFault("source-json", f"{self.name}: line {line}, column {column}: {what}")

    def skip_value(self) -> None:
        """Past the value at `at`, whatever it holds and however long it is."""
        if self.mark():
            self.pass_value(Structure())

    def pass_value(self, structure: Structure) -> None:
        """Past the value on whose way `at` is. SourceFault when it is broken or cut off."""
        while isinstance(end := structure.scan(self.data, self.at, ended=self.ended), Stop):
            self.at = structure.reached
            if end is Stop.BROKEN:
                raise self.broken("a value, a quote, a comma or a bracket is missing or too many")
            if len(self.data) - self.at > RECORD_CAP:
                raise self.broken(f"the text that begins here has more than {RECORD_CAP} bytes")
            if self.more() is None:
                self.at = len(self.data)
                raise self.broken("the file ends in the middle of a value; it was cut off")
        self.at = end

    def take_key(self) -> str:
        """The key at `at`, moving past its colon."""
        if self.mark() != '"':
            raise self.broken(f"expected a key in quotes, found {self.seen()}")
        while (found := _STRING.match(self.data, self.at)) is None:
            if len(self.data) - self.at > RECORD_CAP or self.more() is None:
                raise self.broken("the quote opened here is not closed")
        try:
            key: str = msgspec.json.decode(found[0], type=str)
        except ValueError:
            raise self.broken("the key cannot be read") from None
        self.at = found.end()
        self.expect(":")
        return key

    def expect(self, *marks: str) -> str:
        """The character at `at`, which must be one of these, and past it."""
        found = self.mark()
        if found not in marks:
            raise self.broken(f"expected {' or '.join(marks)}, found {self.seen()}")
        self.at += 1
        return found

    def seen(self) -> str:
        """What stands at `at`, for a message."""
        found = self.mark()
        return _KINDS.get(found, f'"{found}"') if found else "the end of the file; it was cut off"


class Way:
    """From the beginning of a document into the array at `path`, and from there to the document's end."""

    def __init__(self, window: Window, path: Sequence[str]) -> None:
        self._window = window
        self._path = tuple(path)
        self.depth = len(self._path)  # objects around the array
        self._entered: list[Iterator[str]] = []  # the members still to come of every object on the way

    def enter(self) -> None:
        """Move past the bracket that opens the array.

        SourceError "source-records" when the path does not lead to one, SourceFault "source-json"
        when the document breaks before.
        """
        window = self._window
        for depth, key in enumerate(self._path):
            if window.mark() != "{":
                raise self._no_object(depth)
            window.at += 1
            self._entered.append(_members(window))
            self._pass_to(key, depth)
        if window.mark() != "[":
            raise self._no_array()
        window.at += 1

    def leave(self) -> None:
        """From after the array to the end of the document, which must be whole. SourceFault otherwise."""
        window = self._window
        window.expect("]")
        for key, members in zip(reversed(self._path), reversed(self._entered), strict=True):
            for found in members:
                if found == key:
                    raise window.broken(f'the key "{key}" stands twice, so it is unclear which array is meant')
                window.skip_value()
        if window.mark():
            raise window.broken("the document has ended here, but more follows")

    def _pass_to(self, key: str, depth: int) -> None:
        passed: list[str] = []
        for found in self._entered[-1]:
            if found == key:
                return
            if len(passed) < _MOST_KEYS:
                passed.append(found)
            self._window.skip_value()
        message = f'{self._named(depth)} has no key "{key}"{did_you_mean(key, passed)}'
        raise self._astray(message, hint=f"its keys: {' '.join(passed[:10])}" if passed else None)

    def _no_object(self, depth: int) -> SourceError:
        seen = self._window.seen()
        hint = "the records stand at the top: leave source.records out" if (depth, seen) == (0, "an array") else None
        return self._astray(f"{self._named(depth)} is {seen}, not an object", hint=hint)

    def _no_array(self) -> SourceError:
        window = self._window
        message = f"{self._named(len(self._path))} is {window.seen()}, not an array of records"
        if self._path:
            return self._astray(message)
        return SourceError("source-records", f"{window.name}: {message}", hint=_advice(window))

    def _astray(self, message: str, *, hint: str | None = None) -> SourceError:
        return SourceError("source-records", f"{self._window.name}: source.records leads nowhere: {message}", hint=hint)

    def _named(self, depth: int) -> str:
        return f'"{".".join(self._path[:depth])}"' if depth else "the document"


def past_blanks(data: bytes, offset: int) -> int:
    """The first offset from there on that is no white space; that of the end when there is none."""
    found = _BLANK.match(data, offset)
    assert found is not None  # it may match nothing
    return found.end()


def _members(window: Window) -> Iterator[str]:
    """The keys of the object that was entered. Who takes one moves past its value before the next."""
    if window.mark() == "}":
        window.at += 1
        return
    while True:
        yield window.take_key()
        if window.expect(",", "}") == "}":
            return


def _advice(window: Window) -> str | None:
    """What to declare when the document is an object."""
    if window.mark() != "{":
        return None
    if _is_json_lines(window):
        return "one object after the other is JSON Lines: declare source.format: jsonl"
    try:
        path = _path_to_array(window, depth=3)
    except SourceFault:
        path = None
    if path is None:
        return "the records must stand in an array; for a file of one record put [ and ] around it"
    spelt = f"[{', '.join(path)}]" if any("." in key for key in path) else ".".join(path)
    return f"say where the records are, perhaps source.records: {spelt}"


def _is_json_lines(window: Window) -> bool:
    """Whether a second object follows the one at `at`, as far as the first bytes show it."""
    while len(window.data) - window.at < _LOOK_AHEAD_BYTES and window.more() is not None:
        pass
    end = Structure().scan(window.data, window.at, ended=window.ended)
    return not isinstance(end, Stop) and window.data[past_blanks(window.data, end) :][:1] == b"{"


def _path_to_array(window: Window, *, depth: int) -> list[str] | None:
    """The keys to the first array in the object at `at`, at most `depth` of them."""
    window.at += 1
    for key in _members(window):
        mark = window.mark()
        if mark == "[":
            return [key]
        if mark != "{" or depth == 1:
            window.skip_value()
        elif (path := _path_to_array(window, depth=depth - 1)) is not None:
            return [key, *path]
    return None
