"""CSV and TSV: RFC 4180 by the standard library's csv, with every malformed record on its own.

Decided here, where RFC 4180 is silent:
- An empty line is no record, also in a file of one column (csv writes an empty cell there as `""`).
- Quoted and unquoted empty cells are one thing: csv.reader does not tell them apart.
- A line ends with LF, CR or CRLF, in any mixture. Cells are not trimmed.
- A quote inside an unquoted cell is a fault, not data: it is the trace of a lost opening quote.
- A damaged record of several lines ends before the first line at which a whole record begins.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

from ri_declarative.blocks import Piece, RecordBlock
from ri_declarative.errors import SourceError
from ri_declarative.records import Problem, Record
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.damage import FIELD_CAP, Dialect, explain, is_well_formed, place_of
from ri_declarative.sources.encodings import bad_byte, choose_encoding, original_bytes
from ri_declarative.sources.header import read_header
from ri_declarative.sources.lines import LineWindow
from ri_declarative.sources.source import ReadOptions, SourceInfo

_DELIMITERS = {"csv": ",", "tsv": "\t"}
# A record that begins at a line is recognised when it ends within so many lines.
LOOK_AHEAD_LINES = 8
_BLANK = [""]  # the cells of an empty line, however many there should be
# Stepping back reads lines again. It is free for this many characters, and for 4 times what was
# read; beyond it (only files made to be slow get there) records may not span more than 8 lines.
FREE_REREADING = 64 * 1024 * 1024


class _Next(NamedTuple):
    """Where to read on: the number of the next record, and the 0-based line where it begins."""

    record: int
    line: int


class DelimitedReader:
    """Records of a CSV or TSV file, in order, once. SourceError when its header cannot be read."""

    textual = True

    def __init__(self, stream: ByteStream, options: ReadOptions) -> None:
        csv.field_size_limit(FIELD_CAP)  # the reader has no limit of its own, only the module has
        encoding = choose_encoding(stream.peek(), options.encoding, name=stream.name)
        delimiter = _checked_delimiter(options, name=stream.name)
        self._stream = stream
        self._window = LineWindow(stream, encoding)
        self._reread = 0
        self._odd_block = -1  # the block in which something else than a record of one line was met last
        declared = options.delimiter is not None
        self._header, self._body = read_header(self._window, delimiter, declared=declared, name=stream.name)
        self._window.keep_from = self._body
        self._dialect = Dialect(delimiter, len(self._header))
        self.info = SourceInfo(
            name=stream.name,
            path=stream.path,
            format=options.format,
            encoding=encoding.codec,
            size=stream.size,
            mtime=stream.mtime,
            header=self._header,
            delimiter=delimiter,
        )

    def __iter__(self) -> Iterator[Piece]:
        place: _Next | None = _Next(0, self._body)
        while place is not None:
            place = yield from self._plain(place)
            place = yield from self._until_damaged(place)

    def _plain(self, place: _Next) -> Generator[RecordBlock, None, _Next]:
        """Records of lines without quotes and bad bytes, block by block; where something else begins."""
        window, width, delimiter = self._window, self._dialect.width, self._dialect.delimiter
        index, number = place
        while window.blocks != self._odd_block and (lines := window.plain(number)):
            if max(map(len, lines)) > FIELD_CAP:
                self._odd_block = window.blocks
                break
            rows = [line.rstrip("\r\n").split(delimiter) for line in lines]
            end = len(rows)
            places: Sequence[int] = range(end)
            if set(map(len, rows)) != {width} or _BLANK in rows:
                odd = (k for k, row in enumerate(rows) if len(row) != width and row != _BLANK)
                end = next(odd, end)
                places = [k for k in range(end) if rows[k] != _BLANK]
                rows = [rows[k] for k in places]
                if end < len(lines):  # the block may hold thousands of them: it is not begun again for each
                    self._odd_block = window.blocks
            window.keep_from = number + end
            if rows:
                lines_of = (
                    range(number + 1, number + 1 + end) if len(places) == end else [number + 1 + k for k in places]
                )
                yield RecordBlock(index, lines_of, self._header, rows)
            index, number = index + len(rows), number + end
        return _Next(index, number)

    def _until_damaged(self, place: _Next) -> Generator[Record, None, _Next | None]:
        """Good records and the damaged one after them; where to read on, None at the end.

        Ends before it, too, where a block begins that needs no closer look.
        """
        window, header, width = self._window, self._header, self._dialect.width
        block = window.blocks
        index, base = place
        start = base
        row: list[str] | None = None
        reader = csv.reader(self._feed(base), delimiter=self._dialect.delimiter, strict=True)
        try:
            for row in reader:
                end = base + reader.line_num
                if len(row) == width and not (window.suspicious and self._is_damaged(row, start, end)):
                    yield Record(index, start + 1, dict(zip(header, row, strict=True)))
                    index += 1
                elif row:
                    break
                start = window.keep_from = end
                if window.blocks != block and not window.suspicious:
                    return _Next(index, end)
            else:
                return None
        except csv.Error:
            row = None
            end = base + reader.line_num
        record, end = self._damaged(index, start, end, row)
        yield record
        window.keep_from = end
        return _Next(index + 1, end)

    def _feed(self, line: int) -> Iterator[str]:
        if self._reread <= FREE_REREADING + 4 * self._window.chars_read:
            return self._window.feed(line)
        return self._window.feed_bounded(line, span=LOOK_AHEAD_LINES)

    def _is_damaged(self, row: Sequence[str], start: int, end: int) -> bool:
        """Whether a row with the right number of cells is wrong all the same."""
        window = self._window
        text = "".join(row)
        return (
            ('"' in text and not self._is_well_formed(start, end))
            or (window.bad_bytes and bad_byte(text) is not None)
            or window.was_cut(start, end)
        )

    def _is_well_formed(self, start: int, end: int) -> bool:
        return is_well_formed(self._window.text(start, end), self._dialect.delimiter)

    def _damaged(self, index: int, start: int, end: int, row: Sequence[str] | None) -> tuple[Record, int]:
        """The failed record, and the line after it. `row` is None when csv gave up."""
        whole = row is not None and len(row) == self._dialect.width and self._is_well_formed(start, end)
        if not whole:
            row = None
            end = self._next_whole_record(start, end)
        raw = self._window.text(start, end)
        problems = []
        if self._window.was_cut(start, end):
            problems.append(Problem("source.too_long", None, f"line {end} is too long; only its beginning is kept"))
        elif not whole:
            problems.append(explain(raw, self._dialect, first_line=start + 1))
        if bad_byte(raw) is not None:
            problems.append(self._bad_byte_problem(raw, start, row))
        return Record(index, start + 1, raw, tuple(problems)), end

    def _next_whole_record(self, start: int, end: int) -> int:
        """The first line between them at which a whole record begins, else `end`."""
        for line in range(start + 1, end):
            if self._begins_record(line):
                self._reread += sum(map(len, self._window.between(line, end)))
                return line
        return end

    def _begins_record(self, line: int) -> bool:
        lines = self._window.ahead(line, LOOK_AHEAD_LINES)
        reader = csv.reader(lines, delimiter=self._dialect.delimiter, strict=True)
        try:
            row = next(reader, [])
        except csv.Error:
            return False
        right = len(row) == self._dialect.width
        return right and ('"' not in "".join(row) or self._is_well_formed(line, line + reader.line_num))

    def _bad_byte_problem(self, raw: str, start: int, row: Sequence[str] | None) -> Problem:
        offset, byte = bad_byte(raw) or (0, "")
        place = place_of(raw, offset, first_line=start + 1)
        codec = self.info.encoding
        details = {"line": str(place.line), "column": str(place.column), "byte": byte}
        line_offset = self._window.byte_offset(place.line - 1)
        if line_offset is not None:
            before = self._window.text(place.line - 1, place.line)[: place.column - 1]
            details["byte_offset"] = str(line_offset + len(original_bytes(before, codec)))
        where = f"line {place.line}, column {place.column}"
        message = f"byte {byte} at {where} is not {codec}; declare source.encoding and run the file again"
        return Problem("source.encoding", self._field_with_bad_byte(row), message, details)

    def _field_with_bad_byte(self, row: Sequence[str] | None) -> str | None:
        cells = zip(self._header, row, strict=True) if row is not None else ()
        return next((name for name, cell in cells if bad_byte(cell) is not None), None)


def _checked_delimiter(options: ReadOptions, *, name: str) -> str:
    delimiter = options.delimiter or _DELIMITERS[options.format]
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise SourceError(
            "source-delimiter", f"{name}: source.delimiter must be one character, no quote and no line end"
        )
    return delimiter
