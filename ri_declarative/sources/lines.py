"""Text lines of a byte stream, with the last few kept so that a reader can step back.

A line ends with LF, CR or CRLF and keeps its end. Knows nothing of cells or records. The window
holds the lines of the record being read and of one block, never the file.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from io import StringIO
from itertools import count, islice

from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.encodings import Encoding, error_handler, original_bytes

# One line, and all lines of one record, in characters. A 256 MB line must not fill the memory.
LINE_CAP = 16 * 1024 * 1024
RECORD_CAP = 16 * 1024 * 1024
# What is kept of a line beyond the cap: enough to recognise it.
KEPT_OF_LONG_LINE = 64 * 1024

_LINE_END = re.compile("[\r\n]")


class RecordTooLong(csv.Error):
    """The record being read has more than RECORD_CAP characters, or more lines than allowed.

    A csv.Error, because it passes through csv.reader as one of its own.
    """


class LineWindow:
    """Numbered lines (0-based) of a stream. Set `keep_from` to the first line still needed."""

    def __init__(
        self,
        stream: ByteStream,
        encoding: Encoding,
        *,
        line_cap: int = LINE_CAP,
        record_cap: int = RECORD_CAP,
    ) -> None:
        self.keep_from = 0
        self.suspicious = False  # the window holds quotes, bad bytes or cut lines: look closer
        self.bad_bytes = False  # the window holds undecodable bytes
        self.chars_read = 0
        self.blocks = 0  # read so far
        self.codec = encoding.codec
        self._line_cap = line_cap
        self._record_cap = record_cap
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding.codec)(errors=error_handler(encoding.codec))
        self._mark_bytes = encoding.mark_bytes  # still to be thrown away
        self._fed_bytes = 0
        self._lines: list[str] = []
        self._first = 0  # number of _lines[0]
        self._tail = ""  # the unfinished last line
        self._ended = False
        self._cut: set[int] = set()  # numbers of lines beyond LINE_CAP, cut
        self._skipping = False  # the rest of a cut line is being thrown away
        self._mark: tuple[int, int | None] = (0, encoding.mark_bytes)  # a line and its byte offset in the file

    def feed(self, start: int) -> Iterator[str]:
        """Lines from number `start` on, to the end of the stream. RecordTooLong beyond the cap."""
        while True:
            # Not a slice: stepping back must cost the same wherever in the window it lands.
            yield from map(self._lines.__getitem__, range(start - self._first, len(self._lines)))
            start = self._first + len(self._lines)
            if not self._load():
                return

    def plain(self, start: int) -> list[str]:
        """The lines of the window from number `start` on, or of the next block, when each is a record of its own.

        Empty at the end, and where a closer look is needed.
        """
        if start == self._first + len(self._lines) and not self._load():
            return []
        return [] if self.suspicious else self._lines[start - self._first :]

    def feed_bounded(self, start: int, *, span: int) -> Iterator[str]:
        """Like `feed`, but RecordTooLong when more than `span` lines are asked for after `keep_from`."""
        for number in count(start):
            if number - self.keep_from >= span:
                raise RecordTooLong(f"more than {span} lines")
            while number >= self._first + len(self._lines):
                if not self._load():
                    return
            yield self._lines[number - self._first]

    def between(self, start: int, end: int) -> list[str]:
        """The lines from `start` to before `end`, as far as the window holds them."""
        return self._lines[start - self._first : end - self._first]

    def ahead(self, start: int, limit: int) -> Iterator[str]:
        """At most `limit` lines from `start` on; reads on where the window ends. Moves nothing."""
        return islice(self.feed(start), limit)

    def text(self, start: int, end: int) -> str:
        """The raw text of these lines without the last line end."""
        raw = "".join(self.between(start, end))
        for line_end in ("\r\n", "\n", "\r"):
            if raw.endswith(line_end):
                return raw[: -len(line_end)]
        return raw

    def was_cut(self, start: int, end: int) -> bool:
        """True when one of these lines was too long to be kept whole."""
        return bool(self._cut) and not self._cut.isdisjoint(range(start, end))

    def byte_offset(self, number: int) -> int | None:
        """Where in the file, in bytes, a line of the window begins; None after a cut line.

        Cheap when asked in rising order; lines before the last one asked for are forgotten.
        """
        line, offset = self._mark
        if offset is None or line > number or self.was_cut(line, number):
            return None
        offset += len(original_bytes("".join(self.between(line, number)), self.codec))
        self._mark = (number, offset)
        return offset

    def _load(self) -> bool:
        """Put the next block's lines into the window, drop what is not needed. False at the end."""
        if self._ended:
            return False
        kept = self.between(self.keep_from, self._first + len(self._lines))
        if sum(map(len, kept)) > self._record_cap:
            raise RecordTooLong(f"more than {self._record_cap} characters")
        self._mark = (self.keep_from, self._offset_of_kept(kept))
        text = self._next_text(self._first + len(self._lines))
        self.bad_bytes = _has_bad_bytes(text) or bool(kept and self.bad_bytes)
        self.suspicious = self.bad_bytes or '"' in text or bool(self._cut) or bool(kept and self.suspicious)
        self._first, self._lines = self.keep_from, kept + self._split(text)
        self._cut = {number for number in self._cut if number >= self._first}
        return True

    def _offset_of_kept(self, kept: list[str]) -> int | None:
        if self._cut or self._skipping:
            return None
        pending = self._decoder.getstate()[0]
        fed = self._fed_bytes or self._mark_bytes  # before the first block: lines begin after the mark
        return fed - len(pending) - len(original_bytes("".join(kept) + self._tail, self.codec))

    def _next_text(self, next_line: int) -> str:
        """The unfinished line and the next block, decoded. Cut when the line is longer than the cap."""
        raw = self._stream.read()
        self._ended = not raw
        self._fed_bytes += len(raw)
        if self._mark_bytes:
            raw, self._mark_bytes = raw[self._mark_bytes :], 0
        text = self._decoder.decode(raw, final=self._ended)
        self.chars_read += len(text)
        self.blocks += 1
        if not self._skipping:
            return self._tail + text
        line_end = _LINE_END.search(text)
        if line_end is None and not self._ended:
            return self._tail
        self._skipping = False
        self._cut.add(next_line)
        return self._tail + (text[line_end.start() :] if line_end else "")

    def _split(self, text: str) -> list[str]:
        """The complete lines of `text`; the rest becomes the tail. A CR at the end may be half of a CRLF."""
        self._tail = ""
        if self._skipping:
            self._tail = text
            return []
        # Splitting a long line again with every block would cost its square.
        whole = self._ended or "\n" in text or "\r" in text
        lines = StringIO(text, newline="").readlines() if whole else [text]
        if lines and not self._ended and not lines[-1].endswith("\n"):
            self._tail = lines.pop()
        if len(self._tail) > self._line_cap:
            self._tail, self._skipping = self._tail[:KEPT_OF_LONG_LINE], True
        return lines


def _has_bad_bytes(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()  # half the time of searching for surrogates
    except UnicodeEncodeError:
        return True
    return False
