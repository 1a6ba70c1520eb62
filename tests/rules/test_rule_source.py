"""DESIGN section 3, `source`: the format from the ending or declared, the encoding from the mark or declared."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from support.workbench import Workbench

from ri_declarative.errors import SourceError
from ri_declarative.records import BatchSummary

TARGET = "target: {table: t, key: k, columns: {k: k, v: v}}\n"


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    return workbench


def run_file(bench: Workbench, name: str, content: str | bytes, *, source: str = "") -> BatchSummary:
    bench.pipeline("p", (f"source: {{{source}}}\n" if source else "") + TARGET)
    path: Path = bench.file(f"data/{name}", content)
    with bench.manager() as manager:
        return manager.run_pipeline("p", path)


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a.csv", "k,v\n1,a\n", "csv"),
        ("A.CSV", "k,v\n1,a\n", "csv"),
        ("a.tsv", "k\tv\n1\ta\n", "tsv"),
        ("a.jsonl", '{"k": 1, "v": "a"}\n', "jsonl"),
        ("a.ndjson", '{"k": 1, "v": "a"}\n', "jsonl"),
    ],
)
def test_the_format_comes_from_the_file_s_ending(bench: Workbench, name: str, content: str, format_: str) -> None:
    batch = run_file(bench, name, content)
    assert batch.source_info["format"] == format_
    assert bench.sql("TABLE t") == [(1, "a")]


def test_a_declared_format_wins_over_the_ending(bench: Workbench) -> None:
    assert run_file(bench, "a.txt", "k\tv\n1\ta\n", source="format: tsv").completed_items == 1


def test_an_unknown_ending_without_a_declared_format_is_refused(bench: Workbench) -> None:
    with pytest.raises(SourceError, match=r"source: {format: csv}"):
        run_file(bench, "a.txt", "k,v\n1,a\n")


@pytest.mark.parametrize(
    ("content", "source", "encoding"),
    [
        ("k,v\n1,é\n".encode(), "", "utf-8"),
        (codecs.BOM_UTF8 + "k,v\n1,é\n".encode(), "", "utf-8"),
        (codecs.BOM_UTF8 + '"k","v"\n1,é\n'.encode(), "", "utf-8"),
        ("k,v\n1,é\n".encode("utf-16"), "", "utf-16-le"),
        (codecs.BOM_UTF16_BE + "k,v\n1,é\n".encode("utf-16-be"), "", "utf-16-be"),
        ("k,v\n1,é\n".encode("utf-16-le"), "encoding: utf-16", "utf-16-le"),
        ("k,v\n1,é\n".encode("latin-1"), "encoding: latin-1", "iso8859-1"),
        ("k,v\n1,é\n".encode("cp1252"), "encoding: windows-1252", "cp1252"),
    ],
)
def test_the_encoding_is_that_of_the_mark_or_declared_or_utf_8(
    bench: Workbench, content: bytes, source: str, encoding: str
) -> None:
    batch = run_file(bench, "a.csv", content, source=source)
    assert bench.sql("TABLE t") == [(1, "é")]
    assert batch.source_info["encoding"] == encoding


def test_an_encoding_is_never_guessed(bench: Workbench) -> None:
    batch = run_file(bench, "a.csv", "k,v\n1,a\n2,é\n3,c\n".encode("latin-1"))
    assert bench.failures(batch) == [(3, "source.encoding", "v")]
    assert bench.sql("TABLE t ORDER BY k") == [(1, "a"), (3, "c")]


def test_a_declared_delimiter_parts_the_cells(bench: Workbench) -> None:
    run_file(bench, "a.csv", 'k;v\n1;"a,b"\n', source="delimiter: ';'")
    assert bench.sql("TABLE t") == [(1, "a,b")]


def test_a_file_with_another_delimiter_is_refused_and_not_read_as_one_column(bench: Workbench) -> None:
    with pytest.raises(SourceError, match="are its cells separated by a semicolon"):
        run_file(bench, "a.csv", "k;v\n1;a\n")
    assert bench.sql("SELECT count(*) FROM import_batches") == [(0,)]
