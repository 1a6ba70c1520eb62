"""The failed records of a batch as the file that a person repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

from ri_declarative.database.jsonb import printable
from ri_declarative.records import BatchSummary, Item
from ri_declarative.sources.encodings import with_visible_bytes
from ri_declarative.sources.open import is_textual
from ri_declarative.sources.repair import DELIMITERS, FailedRow, to_cell, write_failed

# Characters of an unreadable record: enough to repair it by hand; a JSON element may have millions.
_SHOWN_OF_RAW = 10_000


def write_repairable(batch: BatchSummary, items: Callable[[], Iterable[Item]], stream: TextIO) -> int:
    """Write the items in the source's own columns, order and delimiter; how many. `items` is called twice."""
    header = dict.fromkeys(batch.source_info.get("header") or ())
    for item in items():
        if not isinstance(item.source_data, str) and not _has_no_columns(item.source_data):
            header |= dict.fromkeys(item.source_data)
    written = 0

    def rows() -> Iterator[FailedRow]:
        nonlocal written
        for item in items():
            written += 1
            yield _row(item, textual=is_textual(batch.source_info.get("format", "")))

    own = batch.source_info.get("delimiter")
    write_failed(stream, list(header), rows(), delimiter=own if own in DELIMITERS else ",")
    return written


def _row(item: Item, *, textual: bool) -> FailedRow:
    code = item.problems[0].code if item.problems else ""
    error = item.error_message or ""
    record = item.source_data
    if isinstance(record, str) or _has_no_columns(record):
        raw = record if isinstance(record, str) else to_cell(record)
        text = printable(with_visible_bytes(raw[:_SHOWN_OF_RAW]))
        cut = "…" if len(raw) > _SHOWN_OF_RAW else ""
        return FailedRow(None, item.item_id, code, f"{error}; the line reads: {text}{cut}")
    return FailedRow(_cells(record, textual=textual), item.item_id, code, error)


def _has_no_columns(record: Mapping[str, Any]) -> bool:
    """Whether a key is empty, as JSON allows: no header can be."""
    return "" in record


def _cells(record: Mapping[str, Any], *, textual: bool) -> Mapping[str, str]:
    return record if textual else {name: to_cell(value) for name, value in record.items()}
