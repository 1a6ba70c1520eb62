"""JSON: the objects of one array, each on its own, in memory bounded by the biggest of them.

Where an element ends is guessed first, by the next place of the separator that stood between the
elements before; when the text up to there decodes, the guess is proven, because JSON is read from
left to right. Else the element's structure tells (json_elements.py). So reading is as fast as JSON
Lines, and a damaged element fails alone. Why not ijson: docs/decisions/0008-json-arrays.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from ri_declarative.errors import SourceError
from ri_declarative.records import Record
from ri_declarative.sources.bytestream import ByteStream
from ri_declarative.sources.json_document import Way, Window
from ri_declarative.sources.json_elements import Element, Elements
from ri_declarative.sources.json_values import (
    KEPT_OF_LONG_RECORD,
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

# How far a separator is looked for: bounds the search where there is none. Longer elements are taken by structure.
_GUESS_BYTES = 64 * 1024


class JsonReader:
    """Records of a JSON document, in order, once. Values keep their JSON types.

    SourceFault when the way to the array, or the first record, cannot be read.
    """

    textual = False

    def __init__(self, stream: ByteStream, options: ReadOptions, *, record_cap: int = RECORD_CAP) -> None:
        self.info, skip = open_json(stream, options, what="JSON documents are")
        self._stream = stream
        window = Window(stream, skip=skip)
        if not window.mark():
            raise SourceError("source-empty", f"{stream.name}: the file is empty")
        records = _records(window, Way(window, options.records), record_cap)
        first = next(records, None)  # so that a document without its array is refused before a batch is made
        self._records = chain(() if first is None else (first,), records)

    def __iter__(self) -> Iterator[Record]:
        return self._records


def _records(window: Window, way: Way, cap: int) -> Iterator[Record]:
    """Every element of the array; then the document must end as it began. SourceFault when it does not."""
    way.enter()
    elements = Elements(window, depth=way.depth, cap=cap)
    reach = min(cap, _GUESS_BYTES)
    index, line, is_last = 0, window.place(window.at).line, elements.is_empty
    while not is_last:
        data, at, border = window.data, window.at, elements.border
        while border is not None and (end := data.find(border, at, at + reach)) > 0:
            text = data[at:end]
            try:
                value = decode(text)
            except UNREADABLE:
                break
            yield _record(index, line, text, value)
            index += 1
            elements.same += 1
            end += len(border) - 1
            line += data.count(b"\n", at, end)
            at = end
        window.at = at
        element = elements.take()
        record = _judged(element, index, line, window=window, cap=cap)
        if not record.problems:
            elements.learn(element)
        yield record
        index += 1
        at, window.at = window.at, window.at + element.step
        line = window.place(window.at).line if element.is_too_long else line + window.data.count(b"\n", at, window.at)
        is_last = element.is_last
    way.leave()


def _record(index: int, line: int, text: bytes, value: Any) -> Record:
    """The record of a text that could be decoded."""
    problem = None if is_plain(text, value) else refusal(text, value)
    if problem is None:
        return Record(index, line, value)
    return Record(index, line, raw_text(text, RECORD_CAP), (problem,))


def _judged(element: Element, index: int, line: int, *, window: Window, cap: int) -> Record:
    """The record of an element that may be damaged. The window stands at it."""
    text = element.text
    if element.is_too_long or len(text) > cap:
        return Record(index, line, raw_text(text[:KEPT_OF_LONG_RECORD], RECORD_CAP), (too_long("record", cap),))
    try:
        value = decode(text)
    except UNREADABLE as error:
        problem = undecodable(text, error, Origin(*window.place(window.at), "record"))
        return Record(index, line, raw_text(text, cap), (problem,))
    return _record(index, line, text, value)
