"""CSV and TSV: what a good record is, what a malformed one says, and that its neighbours live."""

from __future__ import annotations

import csv
import io
import random
import time
from hashlib import sha256

import pytest
from source_reading import codes, csv_source, read_csv

from ri_declarative.errors import SourceError
from ri_declarative.sources.damage import FIELD_CAP
from ri_declarative.sources.encodings import original_bytes


def test_records_are_cells_by_header_with_index_and_line():
    first, second = read_csv(b"name,city\nAda,London\nBo,\n")
    assert (first.index, first.line, first.source_data) == (0, 2, {"name": "Ada", "city": "London"})
    assert (second.index, second.line, second.source_data) == (1, 3, {"name": "Bo", "city": ""})
    assert first.problems == second.problems == ()


def test_headers_and_cells_are_kept_exactly_as_in_the_file():
    (record,) = read_csv(b' Name ,"E-mail, work"\n Ada , a@b \n')
    assert record.source_data == {" Name ": " Ada ", "E-mail, work": " a@b "}


def test_a_header_alone_has_no_records():
    assert read_csv(b"a,b\n") == []
    assert read_csv(b"a,b") == []


@pytest.mark.parametrize("data", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_without_a_header_is_refused_as_empty(data):
    with pytest.raises(SourceError) as caught:
        csv_source(data)
    assert caught.value.code == "source-empty"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"a,b,a\n", 'names 2 columns "a": 1, 3'),
        (b"a,,b, \n", "columns 2, 4 have no name"),
        (b'a,b"c\n', "quote inside an unquoted cell at line 1, column 4"),
        (b'\r\n\r\na,"b\n1,2\n', "quote opened at line 3, column 3 is not closed"),
        (b"a,b\x00\n", "column 2 has a NUL"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_with_its_column(header, said):
    with pytest.raises(SourceError) as caught:
        csv_source(header)
    assert caught.value.code == "source-header"
    assert said in caught.value.message


def test_an_undecodable_header_is_refused():
    with pytest.raises(SourceError, match="byte 0xE9 in the header at line 1, column 5") as caught:
        csv_source("id,\u00fc\u00e9\n".encode("latin-1").replace(b"\xfc", b"u"))
    assert caught.value.code == "source-encoding"


@pytest.mark.parametrize("data", [b"a;b;c\n1;2;3\n", b"a\tb\n1\t2\n", b"a|b\n1|2\n"])
def test_several_columns_read_as_one_are_refused_unless_the_delimiter_is_declared(data):
    with pytest.raises(SourceError) as caught:
        csv_source(data)
    assert caught.value.code == "source-delimiter"
    assert len(list(csv_source(data, delimiter=","))) == 1


def test_a_tsv_is_separated_by_tabs_and_any_delimiter_can_be_declared():
    assert [r.source_data for r in csv_source(b"a\tb\n1\t2\n", format="tsv")] == [{"a": "1", "b": "2"}]
    assert [r.source_data for r in csv_source(b"a^b\n1^2\n", delimiter="^")] == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "||"])
def test_an_impossible_delimiter_is_refused(delimiter):
    with pytest.raises(SourceError) as caught:
        csv_source(b"a,b\n", delimiter=delimiter)
    assert caught.value.code == "source-delimiter"


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 4096])
def test_line_ends_may_be_mixed_and_lines_inside_quotes_count(block_bytes):
    data = b'a,b\r\n1,x\r2,"y\r\nz\n\rw"\n\r\n\r3,"q"\n4,r'
    records = read_csv(data, block_bytes=block_bytes)
    assert [(r.line, r.source_data) for r in records] == [
        (2, {"a": "1", "b": "x"}),
        (3, {"a": "2", "b": "y\r\nz\n\rw"}),
        (9, {"a": "3", "b": "q"}),
        (10, {"a": "4", "b": "r"}),
    ]


def test_only_cr_lf_and_crlf_end_lines():
    exotic = "x\x0by\x0cz\x1c\x85\u2028\u2029"
    (record,) = read_csv(f"a,b\n{exotic},1\n".encode())
    assert record.source_data == {"a": exotic, "b": "1"}


def test_an_empty_line_is_no_record_also_in_one_column():
    assert [(r.line, r.source_data) for r in read_csv(b'a\n\n1\n\n""\n')] == [(3, {"a": "1"}), (5, {"a": ""})]


@pytest.mark.parametrize(("line", "found"), [(b"1", 1), (b"1,2,3,4", 4), (b" ", 1), (b'"x\ny",2', 2)])
def test_a_ragged_row_fails_alone_with_its_line_and_raw_text(line, found):
    before, ragged, after = read_csv(b"a,b,c\n1,2,3\n" + line + b"\r\n4,5,6\n")
    assert before.problems == after.problems == ()
    assert (after.index, after.source_data) == (2, {"a": "4", "b": "5", "c": "6"})
    assert (ragged.index, ragged.line, ragged.source_data) == (1, 3, line.decode())
    assert ragged.problems[0].code == "source.ragged"
    assert ragged.problems[0].message == f"expected 3 cells, found {found}"


@pytest.mark.parametrize(
    ("line", "column"), [('1,"a"b', 6), ('1,"a" ', 6), ('5" pipe,x', 2), ('1,x"', 4), ('1, "a"', 4)]
)
def test_a_stray_quote_fails_alone_with_its_column(line, column):
    before, bad, after = read_csv(f"a,b\n1,2\n{line}\n3,4\n".encode())
    assert before.problems == after.problems == ()
    assert codes(bad) == ["source.quote"]
    assert f"line 3, column {column};" in bad.problems[0].message
    assert bad.source_data == line


def test_an_unclosed_quote_fails_alone_and_names_the_line_where_it_opened():
    rows = "".join(f"{n},x\n" for n in range(500))
    records = read_csv(f'a,b\n1,"two\nlines"\n2,"open\n{rows}'.encode())
    assert codes(records[1]) == ["source.unclosed_quote"]
    assert "opened at line 4, column 3" in records[1].problems[0].message
    assert records[1].source_data == '2,"open'
    assert [r.source_data["a"] for r in records[2:]] == [str(n) for n in range(500)]
    assert records[2].line == 5


def test_an_unclosed_quote_before_quoted_records_of_several_lines_harms_none_of_them():
    records = read_csv(b'a,b\n1,"open\n2,"two\nlines"\n"3","x"\n')
    assert [codes(r) for r in records] == [["source.unclosed_quote"], [], []]
    assert records[1].source_data == {"a": "2", "b": "two\nlines"}


def test_a_last_line_cut_off_inside_a_quote_is_an_unclosed_quote():
    good, bad = read_csv(b'a,b\n1,2\n3,"fo')
    assert good.problems == ()
    assert (codes(bad), bad.source_data) == (["source.unclosed_quote"], '3,"fo')


def test_a_cell_beyond_the_cap_fails_alone():
    long = b"x" * (FIELD_CAP + 1)
    for cell in (long, b'"' + long + b'"'):
        records = read_csv(b"a,b\n1,2\n3," + cell + b"\n5,6\n")
        assert [codes(r) for r in records] == [[], ["source.too_long"], []]
    (full,) = read_csv(b"a,b\n1," + long[:-1] + b"\n")
    assert full.problems == ()


def test_a_line_beyond_the_cap_fails_alone_and_fills_no_memory(monkeypatch):
    monkeypatch.setattr("ri_declarative.sources.lines.KEPT_OF_LONG_LINE", 20)
    data = b"a,b\n1,2\n3," + b"x" * 1000 + b"\r\n" + b"5,6\n" * 50 + b"\xe9,7\n"
    source = csv_source(data, block_bytes=64)
    source._reader._window._line_cap = 100
    records = list(source)
    assert [codes(r) for r in records] == [[], ["source.too_long"], *[[]] * 50, ["source.encoding"]]
    assert len(records[1].source_data) == 20
    assert [r.line for r in records] == list(range(2, 55))
    assert records[-1].problems[0].details["byte_offset"] == str(data.index(b"\xe9"))


def test_a_nul_is_data_and_passes_on():
    first, second = read_csv(b"a,b\n1,x\x00y\n2,z\n")
    assert first.source_data == {"a": "1", "b": "x\x00y"}
    assert first.problems == second.problems == ()


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_is_never_glued_to_the_first_header(codec, quote):
    text = f"{quote}name{quote},b\n\u00e9\U0001f600,2\n"
    mark = "" if codec in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    for block_bytes in (1, 5, 4096):
        source = csv_source((mark + text).encode(codec), block_bytes=block_bytes)
        assert source.info.header == ("name", "b")
        assert [r.source_data for r in source] == [{"name": "\u00e9\U0001f600", "b": "2"}]
    assert csv_source((mark + text).encode(codec), encoding=codec).info.header == ("name", "b")


def test_utf_16_without_a_mark_is_read_when_declared():
    for codec in ("utf-16-le", "utf-16-be"):
        assert read_csv("a,b\n\u00e9,2\n".encode(codec), encoding=codec)[0].source_data == {"a": "\u00e9", "b": "2"}


def test_an_encoding_that_the_byte_order_mark_contradicts_is_refused():
    with pytest.raises(SourceError, match="begins with the byte-order mark of utf-8") as caught:
        csv_source(b"\xef\xbb\xbfa,b\n", encoding="cp1252")
    assert caught.value.code == "source-encoding"


@pytest.mark.parametrize("name", ["latin-99", "base64"])
def test_an_unknown_encoding_is_refused(name):
    with pytest.raises(SourceError, match="unknown encoding"):
        csv_source(b"a,b\n", encoding=name)


@pytest.mark.parametrize("block_bytes", [3, 4096])
def test_an_undecodable_byte_fails_its_record_with_line_column_and_offset(block_bytes):
    data = b"id,name\n1,\xc3\xa9\n2,Andr\xe9\n3,Zo\xc3\xab\n"
    before, bad, after = read_csv(data, block_bytes=block_bytes)
    assert before.source_data == {"id": "1", "name": "\u00e9"}
    assert after.source_data == {"id": "3", "name": "Zo\u00eb"}
    (problem,) = bad.problems
    assert (problem.code, problem.field) == ("source.encoding", "name")
    assert problem.message.startswith("byte 0xE9 at line 3, column 7 is not utf-8; declare source.encoding")
    assert problem.details["byte_offset"] == str(data.index(b"\xe9\n"))
    assert original_bytes(bad.source_data, "utf-8") == b"2,Andr\xe9"


def test_an_undecodable_byte_in_a_cell_of_several_lines_names_its_own_line_and_keeps_the_record_whole():
    records = read_csv(b'a,b\n1,"x\n3,4\n\xff"\n5,6\n')
    assert [codes(r) for r in records] == [["source.encoding"], []]
    assert "line 4, column 1" in records[0].problems[0].message
    assert records[0].source_data == '1,"x\n3,4\n\udcff"'


def test_bad_utf_16_fails_its_record_alone_and_can_be_rebuilt():
    good = "a,b\n1,2\n".encode("utf-16-le")
    bad = "3,x".encode("utf-16-le") + b"\x41\xd8" + "\n".encode("utf-16-le")
    records = read_csv(b"\xff\xfe" + good + bad + "5,6\n7,8".encode("utf-16-le") + b"\x39")
    assert [codes(r) for r in records] == [[], ["source.encoding"], [], ["source.encoding"]]
    assert original_bytes(records[1].source_data, "utf-16-le") + "\n".encode("utf-16-le") == bad
    assert original_bytes(records[3].source_data, "utf-16-le")[-1:] == b"\x39"


def test_a_bad_character_of_a_multibyte_encoding_swallows_no_line_end():
    records = read_csv(b"a,b\n1,\x81\n2,y\n", encoding="shift_jis")
    assert [codes(r) for r in records] == [["source.encoding"], []]


def test_hash_bytes_and_header_are_known_when_they_should_be():
    data = b"a,b\n1,2\n" * 1000
    source = csv_source(data, block_bytes=100)
    assert source.info.as_json()["header"] == ["a", "b"]
    assert source.sha256 is None
    next(iter(source))
    assert 0 < source.bytes_read < len(data)
    list(source)
    assert source.sha256 == sha256(data).hexdigest()
    assert source.bytes_read == len(data)


def test_random_files_read_as_the_csv_module_reads_them():
    for seed in range(150):
        rng = random.Random(seed)
        width = rng.randint(1, 6)
        line_end = rng.choice(["\n", "\r\n", "\r"])
        cells = ["", "x", "a,b", 'q"q', "two\nlines", "cr\rlf\r\n", "\u00e9\U0001f600", " ", "''", '"', "\u2028", "\0"]
        rows = [[rng.choice(cells) for _ in range(width)] for _ in range(rng.randint(0, 60))]
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if line_end != "\r\n" or rng.random() < 0.5 else csv.QUOTE_MINIMAL
        writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
        header = [f"h{n}" for n in range(width)]
        writer.writerows([header, *rows])
        records = read_csv(text.getvalue().encode(), block_bytes=rng.choice([5, 17, 100, 65536]))
        assert [r.problems for r in records] == [()] * len(rows), f"seed {seed}"
        assert [list(r.source_data.values()) for r in records] == rows, f"seed {seed}"
        assert [r.index for r in records] == list(range(len(rows)))
        assert [r.line for r in records] == _start_lines(rows, header, quoting, line_end), f"seed {seed}"


def _start_lines(rows, header, quoting, line_end):
    """By another way: count line breaks in what the csv module writes for the rows before."""
    lines, line = [], 1
    for row in [header, *rows]:
        lines.append(line)
        text = io.StringIO()
        csv.writer(text, lineterminator=line_end, quoting=quoting).writerow(row)
        line += text.getvalue().replace("\r\n", "\n").replace("\r", "\n").count("\n")
    return lines[1:]


def test_files_made_to_be_slow_are_read_in_linear_time():
    unclosed = b"a,b\n" + b'1,"x\n' * 40_000
    each_reopens = b"a,b\n" + b'x","y\n1,2\n' * 20_000
    far_apart = b"a,b\n" + (b'1,"x\n' + b"3,4\n" * 300) * 100
    started = time.process_time()
    assert sum(1 for _ in csv_source(unclosed)) >= 20_000
    assert sum(1 for r in csv_source(each_reopens) if not r.problems) == 20_000
    assert sum(1 for r in csv_source(far_apart) if not r.problems) == 30_000
    assert time.process_time() - started < 8  # takes 2; quadratic it takes minutes


def test_a_record_that_never_ends_fills_no_memory():
    source = csv_source(b"a,b\n" + b'x","y\n' * 20_000 + b"1,2\n", block_bytes=4096)
    source._reader._window._record_cap = 10_000
    records = list(source)
    assert records[-1].source_data == {"a": "1", "b": "2"}
    assert max(len(r.source_data) for r in records) < 20_000
    assert sum(r.source_data.count("x") for r in records[:-1]) == 20_000
