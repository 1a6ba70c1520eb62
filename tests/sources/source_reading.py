"""Shared by the tests of this folder: bytes in, records out, with blocks as small as wanted."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ri_declarative.records import Record
from ri_declarative.sources.bytestream import BLOCK_BYTES, ByteStream
from ri_declarative.sources.delimited import DelimitedReader
from ri_declarative.sources.json_array import JsonReader
from ri_declarative.sources.jsonlines import JsonLinesReader
from ri_declarative.sources.open import FileSource, source_over
from ri_declarative.sources.source import ReadOptions


def csv_source(
    data: bytes,
    *,
    format: str = "csv",  # noqa: A002
    encoding: str | None = None,
    delimiter: str | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> FileSource:
    stream = ByteStream(io.BytesIO(data), "people.csv", block_bytes=block_bytes)
    return source_over(stream, lambda opened: DelimitedReader(opened, ReadOptions(format, encoding, delimiter)))


def read_csv(data: bytes, *, encoding: str | None = None, block_bytes: int = BLOCK_BYTES) -> list[Record]:
    return list(csv_source(data, encoding=encoding, block_bytes=block_bytes))


def read_jsonl(data: bytes, *, block_bytes: int = BLOCK_BYTES, line_cap: int = 16 * 1024 * 1024) -> list[Record]:
    stream = ByteStream(io.BytesIO(data), "people.jsonl", block_bytes=block_bytes)
    return list(JsonLinesReader(stream, ReadOptions("jsonl"), line_cap=line_cap))


def json_source(
    data: bytes,
    records: Sequence[str] = (),
    *,
    encoding: str | None = None,
    block_bytes: int = BLOCK_BYTES,
    record_cap: int = 16 * 1024 * 1024,
) -> FileSource:
    stream = ByteStream(io.BytesIO(data), "people.json", block_bytes=block_bytes)
    options = ReadOptions("json", encoding, records=tuple(records))
    return source_over(stream, lambda opened: JsonReader(opened, options, record_cap=record_cap))


def read_json(
    data: bytes, records: Sequence[str] = (), *, block_bytes: int = BLOCK_BYTES, record_cap: int = 16 * 1024 * 1024
) -> list[Record]:
    return list(json_source(data, records, block_bytes=block_bytes, record_cap=record_cap))


def codes(record: Record) -> list[str]:
    return [problem.code for problem in record.problems]
