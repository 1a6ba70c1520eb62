"""Lines without quotes are split without csv: the records are those of the careful reader, whatever the file holds."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from source_reading import csv_source, read_csv

from ri_declarative.records import Record
from ri_declarative.sources import delimited
from ri_declarative.sources.damage import FIELD_CAP
from ri_declarative.sources.delimited import DelimitedReader


def carefully(data: bytes, *, block_bytes: int, encoding: str | None = None) -> list[Record]:
    """What the reader gives that takes a closer look at every line."""

    def no_plain(reader: DelimitedReader, place: delimited._Next) -> Iterator[Record]:
        return place
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DelimitedReader, "_plain", no_plain)
        return read_csv(data, block_bytes=block_bytes, encoding=encoding)


def assert_alike(data: bytes, *, block_bytes: int, encoding: str | None = None) -> list[Record]:
    quickly = read_csv(data, block_bytes=block_bytes, encoding=encoding)
    assert quickly == carefully(data, block_bytes=block_bytes, encoding=encoding)
    return quickly


LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\n\r", b"\r\n\r\n"])
PARTS = st.sampled_from(
    [
        *(b"1", b"x", b",", b",", b",", b"", b" ", b'"', b'""', b'"a"', b'"a,b"', b'"a\nb"', b'"a\r\nb",2', b"\xff"),
        *(b"\xc3", b"\x00", b"\t", b"'", b"\\", b"\xc3\xa9", b"\xe2\x80\xa8", b"\x0b\x0c\x1c", b"\xc2\x85", b"1,2"),
        b"\xef\xbb\xbf",
    ]
)
PLAIN_LINES = st.sampled_from([b"1,2", b"a,b", b",", b"3,", b"1", b"1,2,3", b"", b" ", b"\\,'"])
LINES = st.one_of(PLAIN_LINES, PLAIN_LINES, st.lists(PARTS, max_size=6).map(b"".join))
BODIES = st.tuples(st.lists(st.tuples(LINES, LINE_ENDS).map(b"".join), max_size=30), LINES).map(
    lambda parts: b"".join(parts[0]) + parts[1]
)
BLOCKS = st.sampled_from([1, 2, 3, 5, 8, 13, 64, 4096])


@settings(max_examples=500, deadline=None)
@given(
    header=st.sampled_from([b"a,b\n", b"a\n", b"a,b,c\r\n", b'"a","b"\r', b"\xef\xbb\xbfa,b\n"]),
    body=BODIES,
    block_bytes=BLOCKS,
)
@example(header=b"a\n", body=b"1\n\n\r\n2\r3", block_bytes=3)
@example(header=b"a,b\n", body=b'1,2\n"x",y\n1\n3,4\n', block_bytes=4)
@example(header=b"a,b\n", body=b"1,2\r\r\n3,4", block_bytes=5)
def test_any_file_gives_the_records_of_the_careful_reader(header: bytes, body: bytes, block_bytes: int) -> None:
    assert_alike(header + body, block_bytes=block_bytes)


@settings(max_examples=100, deadline=None)
@given(
    body=st.lists(st.sampled_from(["1,2", "ä,€", '"q",1', "1", "", ",", "𐐷,x"]), max_size=20),
    codec=st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "latin-1", "utf-8", "cp1252"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    block_bytes=BLOCKS,
)
def test_other_encodings_give_the_records_of_the_careful_reader(
    body: list[str], codec: str, line_end: str, block_bytes: int
) -> None:
    data = line_end.join(["a,b", *body]).encode(codec, "replace")
    assert_alike(data, block_bytes=block_bytes, encoding=codec)


def test_bad_bytes_of_utf_16_are_found_among_plain_lines() -> None:
    lines = "".join(f"{n},x\n" for n in range(50)).encode("utf-16-le")
    data = codecs.BOM_UTF16_LE + "a,b\n".encode("utf-16-le") + lines + b"\x00\xd8,\x00x\x00\n\x00" + lines
    records = assert_alike(data, block_bytes=64)
    assert [record.line for record in records if record.problems] == [52]


@pytest.mark.parametrize("block_bytes", [1000, 100_000, 262_144])
@pytest.mark.parametrize("size", [FIELD_CAP - 1, FIELD_CAP, FIELD_CAP + 1, 2 * FIELD_CAP])
@pytest.mark.parametrize("width", [1, 2])
def test_long_cells_are_refused_by_the_same_measure(size: int, width: int, block_bytes: int) -> None:
    cell, other = b"x" * size, b",y" * (width - 1)
    header = b"a\n" if width == 1 else b"a,b\n"
    data = header + b"1" + other + b"\n" + cell + other + b"\r\n2" + other + b"\n" + cell + other
    records = assert_alike(data, block_bytes=block_bytes)
    assert [bool(record.problems) for record in records] == [False, size > FIELD_CAP] * 2


@pytest.mark.parametrize("delimiter", [" ", "\t", "|", "é", "'", "\\", "\x1c", "\x85", "0"])
def test_any_delimiter_splits_alike(delimiter: str) -> None:
    data = f"a{delimiter}b\n1{delimiter}2\n{delimiter}\n {delimiter}\x0b\n1\n{delimiter} {delimiter}\n".encode()
    quickly = list(csv_source(data, delimiter=delimiter, block_bytes=7))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DelimitedReader, "_plain", lambda reader, place: (yield from ()) or place)
        assert quickly == list(csv_source(data, delimiter=delimiter, block_bytes=7))
    assert len(quickly) == 5


def test_a_quote_in_one_block_does_not_change_how_others_are_read() -> None:
    blocks = [f"{n},{'q' if n % 40 else chr(34) + 'q' + chr(34)}\n" for n in range(400)]
    records = assert_alike(("a,b\n" + "".join(blocks)).encode(), block_bytes=50)
    assert [record.source_data for record in records] == [{"a": str(n), "b": "q"} for n in range(400)]


def test_a_file_of_nothing_but_ragged_lines_is_read_in_time_that_grows_with_its_length() -> None:
    took = []
    for count in (2_000, 16_000):
        begun = time.process_time()
        assert len(read_csv(b"a,b\n" + b"1\n" * count)) == count
        took.append(time.process_time() - begun)
    assert took[1] < 24 * took[0]  # eight times the lines; to look at all the rest again for each takes 64 times
