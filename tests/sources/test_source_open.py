"""From a path to a source: formats, missing files, standard input, files that change."""

from __future__ import annotations

import os
from hashlib import sha256

import pytest

from ri_declarative.errors import SourceError, StoppedError
from ri_declarative.sources.open import ENDINGS, READERS, open_source


@pytest.mark.parametrize(
    ("name", "data", "format_", "textual"),
    [
        ("a.csv", b"a,b\n1,2\n", "csv", True),
        ("a.CSV", b"a,b\n1,2\n", "csv", True),
        ("a.tsv", b"a\tb\n1\t2\n", "tsv", True),
        ("a.tab", b"a\tb\n1\t2\n", "tsv", True),
        ("a.json", b'[{"a":"1","b":"2"}]\n', "json", False),
        ("a.jsonl", b'{"a":"1","b":"2"}\n', "jsonl", False),
        ("a.ndjson", b'{"a":"1","b":"2"}\n', "jsonl", False),
    ],
)
def test_the_ending_says_the_format(tmp_path, name, data, format_, textual):
    path = tmp_path / name
    path.write_bytes(data)
    os.utime(path, (0, 0))
    with open_source(path) as source:
        assert [r.source_data for r in source] == [{"a": "1", "b": "2"}]
        info = source.info
    assert (info.name, info.path, info.format, info.size) == (name, str(path), format_, len(data))
    assert (info.mtime, info.encoding) == ("1970-01-01T00:00:00+00:00", "utf-8")
    assert (source.textual, source.sha256) == (textual, sha256(data).hexdigest())


def test_every_ending_has_a_reader():
    assert set(ENDINGS.values()) == set(READERS)


def test_an_unknown_ending_names_the_known_ones(tmp_path):
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path / "a.cvs")
    assert caught.value.code == "source-format"
    assert 'did you mean ".csv"?' in str(caught.value)
    assert ".csv .tsv .tab .json .jsonl .ndjson" in str(caught.value)


def test_a_declared_format_wins_over_the_ending(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a,b\n1,2\n")
    with open_source(tmp_path / "a.txt", format="csv") as source:
        assert len(list(source)) == 1
    with pytest.raises(SourceError, match=r'unknown format "cvs"; did you mean "csv"'):
        open_source(tmp_path / "a.txt", format="cvs")


def test_a_missing_file_names_the_nearest_one(tmp_path):
    (tmp_path / "customers.csv").write_bytes(b"a\n")
    with pytest.raises(SourceError, match=r'no such file; did you mean "customers.csv"') as caught:
        open_source(tmp_path / "custmers.csv")
    assert caught.value.code == "source-missing"


def test_a_folder_is_unreadable(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(SourceError, match="is a folder") as caught:
        open_source(tmp_path / "a.csv")
    assert caught.value.code == "source-unreadable"


def test_a_refused_file_is_closed(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(SourceError):  # a file left open is a ResourceWarning, and so an error
        open_source(tmp_path / "a.csv")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_that_grows_while_it_is_read_stops_the_run(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"{}\n" * 200_000)
    with open_source(path) as source:
        records = iter(source)
        next(records)
        with path.open("ab") as file:
            file.write(b"{}\n")
        with pytest.raises(StoppedError, match="changed while it was read") as caught:
            list(records)
    assert caught.value.code == "source-changed"
    assert source.sha256 is None


def test_a_file_cut_while_it_is_read_never_looks_complete(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" * 200_000)
    with open_source(path) as source:
        records = iter(source)
        next(records)
        os.truncate(path, 400_000)
        with pytest.raises(StoppedError):
            list(records)
