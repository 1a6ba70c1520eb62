"""JSON Lines: one object per line, exact numbers, every malformed line on its own.

A blank line is no record. What a line may hold, and why one is refused: json_values.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ri_declarative.records import Record
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.json_values import (
    RECORD_CAP,
    UNREADABLE,
    Origin,
    decode,
    is_plain,
    open_json,
    raw_text,
    refusal,
    too_long,
    undecodable,
)
from ri_declarative.sources.source import ReadOptions


class JsonLinesReader:
    """Records of a JSON Lines file, in order, once. Values keep their JSON types."""

    textual = False

    def __init__(self, stream: ByteStream, options: ReadOptions, *, line_cap: int = RECORD_CAP) -> None:
        self.info, self._skip = open_json(stream, options, what="JSON Lines are")
        self._stream = stream
        self._line_cap = line_cap

    def __iter__(self) -> Iterator[Record]:
        index = 0
        for number, line in enumerate(self._lines(), 1):
            problem = None
            value: Any = None
            if len(line) > self._line_cap:
                problem = too_long("line", self._line_cap)
            else:
                try:
                    value = decode(line)
                except UNREADABLE as error:
                    if not line.strip():
                        continue
                    problem = undecodable(line, error, Origin(number, 1, "line"))
            if problem is None and not is_plain(line, value):
                problem = refusal(line, value)
            if problem is None:
                yield Record(index, number, value)
            else:
                yield Record(index, number, raw_text(line, self._line_cap), (problem,))
            index += 1

    def _lines(self) -> Iterator[bytes]:
        """Lines without LF; of one beyond the cap only its first `_line_cap` + 1 bytes."""
        tail, skip = b"", self._skip
        ended = False
        while not ended:
            block = self._stream.read()
            ended = not block
            block, skip = block[skip:], 0
            if len(tail) > self._line_cap and not ended:
                line_end = block.find(b"\n")
                if line_end < 0:
                    continue
                block = block[line_end:]
            lines = (tail + block).split(b"\n")
            tail = b"" if ended else lines.pop()[: self._line_cap + 1]
            yield from lines
