"""JSON documents: the same values as an independent reader, and the errors of whole files."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from source_reading import codes, json_source, read_json

from ri_declarative.errors import SourceError, StoppedError

TEXTS = [
    "",
    "x",
    "},{",
    "},\n{",
    '"',
    "\\",
    '\\"',
    "[{",
    "]}",
    ":",
    ",",
    "\u2028",
    "é東🗼",
    "\0",
    "\x1f",
    "a\nb",
    "NaN",
]
NUMBERS = [0, -1, 12345678901234567890123, Decimal("0.10"), Decimal("-1E+400"), Decimal("1E-7"), 2**63]


def a_value(rng: random.Random, depth: int = 0):
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind < 3:
        return rng.choice(TEXTS)
    if kind < 5:
        return rng.choice(NUMBERS)
    if kind == 5:
        return rng.choice([None, True, False])
    if kind == 6:
        return [a_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return an_object(rng, depth + 1)


def an_object(rng: random.Random, depth: int = 0) -> dict:
    return {rng.choice(TEXTS) + str(n): a_value(rng, depth) for n in range(rng.randrange(6))}


class Writer:
    """JSON text with blanks and escapes as they come, or with the same separator everywhere."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.tidy = rng.random() < 0.5
        self.between = rng.choice([",", ", ", ",\n", ",\r\n  ", "\n,", " ,\n\t"])

    def blank(self) -> str:
        return "" if self.tidy else self.rng.choice(["", "", "", " ", "\n", "\r\n", "\t  "])

    def text(self, value) -> str:
        if isinstance(value, dict):
            members = (f"{self.text(key)}{self.blank()}:{self.text(item)}" for key, item in value.items())
            return self.padded("{" + self.blank() + ",".join(members) + "}")
        if isinstance(value, list):
            return self.padded("[" + self.blank() + ",".join(map(self.text, value)) + "]")
        if isinstance(value, Decimal):
            return self.padded(str(value))
        return self.padded(json.dumps(value, ensure_ascii=self.rng.random() < 0.5))

    def padded(self, text: str) -> str:
        return self.blank() + text + self.blank()

    def array(self, elements) -> str:
        between = self.between if self.tidy else ","
        return "[" + self.blank() + between.join(map(self.text, elements)) + "]" + self.blank()


@pytest.mark.parametrize("path", [(), ("data", "a.b")], ids=["array", "path"])
def test_random_documents_are_read_as_an_independent_reader_reads_them(path):
    for seed in range(150):
        rng = random.Random(seed)
        writer = Writer(rng)
        document = writer.array([an_object(rng) for _ in range(rng.randrange(30))])
        for key in reversed(path):
            before, after = (f"{writer.text(name)}:{writer.text(a_value(rng))}" for name in ("before", "after"))
            document = f"{writer.blank()}{{{before},{writer.text(key)}:{document},{after}}}{writer.blank()}"
        expected = json.loads(document, parse_float=Decimal)
        for key in path:
            expected = expected[key]
        records = read_json(document.encode(), path, block_bytes=rng.choice([1, 7, 100, 10_000]))
        assert [r.source_data for r in records] == expected, f"seed {seed}"
        assert [r.index for r in records] == list(range(len(expected))), f"seed {seed}"
        assert not any(r.problems for r in records), f"seed {seed}"


@pytest.mark.parametrize("block_bytes", [1, 5, 64, 4096])
@pytest.mark.parametrize("between", [b",\n\n", b"\n,\n", b",", b" , \r\n "])
def test_each_record_has_the_line_where_it_begins(block_bytes, between):
    data = b"\xef\xbb\xbf[\n" + between.join([b'{"a":\n1}', b'{"b": "x,\\n{"}', b'{"c":[\n{}\n,{}]}'] * 3) + b"]\n"
    begins = [i for i in range(len(data)) if data.startswith((b'{"a"', b'{"b"', b'{"c"'), i)]
    records = read_json(data, block_bytes=block_bytes)
    assert [r.line for r in records] == [data[:i].count(b"\n") + 1 for i in begins]


@pytest.mark.parametrize("document", [b"[]", b" [ ]\n", b"\xef\xbb\xbf[\n]"])
def test_an_empty_array_has_no_records(document):
    assert read_json(document) == []
    assert read_json(b'{"a": {"b": [ ] , "c": 1}}', ("a", "b")) == []


def test_the_source_knows_what_it_reads():
    with json_source(b'[{"a":1}]') as source:
        assert (source.textual, source.info.format, source.info.encoding, source.info.header) == (
            False,
            "json",
            "utf-8",
            None,
        )
        list(source)
        assert source.bytes_read == 9
        assert len(source.sha256 or "") == 64


@pytest.mark.parametrize(
    ("data", "path", "code", "said"),
    [
        (b"", (), "source-empty", "the file is empty"),
        (b" \n ", (), "source-empty", "the file is empty"),
        (
            b'{"id":1}',
            (),
            "source-records",
            "the document is an object, not an array of records\n  the records must stand",
        ),
        (b'{"a":1,"rows":[{}]}', (), "source-records", "perhaps source.records: rows"),
        (b'{"a":{"x":1},"d":{"i":{"j":[1]}}}', (), "source-records", "perhaps source.records: d.i.j"),
        (b'{"d":{"a.b":[1]}}', (), "source-records", "perhaps source.records: [d, a.b]"),
        (b'{"a":[1]}\n{"a":[2]}\n', (), "source-records", "declare source.format: jsonl"),
        (b'"text"', (), "source-records", "the document is a string"),
        (b"12", (), "source-records", "the document is a number"),
        (
            b'[{"a":1}]',
            ("data",),
            "source-records",
            "the document is an array, not an object\n  the records stand at the top",
        ),
        (
            b'{"data":{"item":[]}}',
            ("data", "items"),
            "source-records",
            '"data" has no key "items"; did you mean "item"?',
        ),
        (b"{}", ("data",), "source-records", 'the document has no key "data"'),
        (b'{"data":{"items":{}}}', ("data", "items"), "source-records", '"data.items" is an object, not an array'),
        (b'{"data":null}', ("data", "items"), "source-records", '"data" is null, not an object'),
        (b'{"data":', ("data",), "source-records", "is the end of the file; it was cut off, not an array"),
        (b'{"data"', ("data",), "source-json", "line 1, column 8: expected :, found the end of the file"),
        (b'{"a":"x"y,"data":[]}', ("data",), "source-json", "line 1, column 9: expected , or }"),
        (b'{"a":[1}', ("data",), "source-json", "line 1, column 8: a value, a quote, a comma or a bracket"),
        (b'{"a":[1', ("data",), "source-json", "line 1, column 8: the file ends in the middle of a value"),
        (
            b'[\n {"a":1',
            (),
            "source-json",
            "line 2, column 8: the file ends in the middle of the record that begins at line 2, column 2",
        ),
        (b'[{"a":"x"y"}]', (), "source-json", "line 1, column 10: a quote, a comma or a bracket"),
        (b"[", (), "source-json", "expected ], found the end of the file"),
        ('[{"a":1}]'.encode("utf-16"), (), "source-encoding", "iconv"),
        ('[{"a":1}]'.encode("utf-16-le"), (), "source-encoding", "not utf-16 or utf-32"),
        ('[{"a":1}]'.encode("utf-32"), (), "source-encoding", "not utf-32"),
    ],
)
def test_a_document_without_a_first_record_is_refused_with_its_place(data, path, code, said):
    for block_bytes in (1, 6, 4096):
        with pytest.raises(SourceError) as caught:
            json_source(data, path, block_bytes=block_bytes)
        assert caught.value.code == code
        assert said in f"{caught.value.message}\n  {caught.value.hint}"


@pytest.mark.parametrize(
    ("data", "path", "records", "said"),
    [
        (b'[{"a":1}] x', (), 1, "line 1, column 11: the document has ended here, but more follows"),
        (b'[{"a":1}]\n[{"a":2}]', (), 1, "line 2, column 1: the document has ended here"),
        (b'[{"a":1}\n,{"a":2}\n', (), 2, "line 3, column 1: expected ], found the end of the file; it was cut off"),
        (b'[{"a":1},', (), 1, "column 10: expected ], found the end of the file"),
        (b'{"d":[{"a":1}],"d":[{"a":2}]}', ("d",), 1, 'column 20: the key "d" stands twice'),
        (b'{"d":[{"a":1}],"e":tru', ("d",), 1, "column 23: the file ends in the middle of a value; it was cut off"),
        (b'{"d":[{"a":1}]', ("d",), 1, "expected , or }, found the end of the file"),
        (b'{"d":[{"a":1}]}}', ("d",), 1, "the document has ended here"),
    ],
)
def test_a_document_that_breaks_after_records_stops_there_and_keeps_them(data, path, records, said):
    source = json_source(data, path)
    found = []
    with pytest.raises(StoppedError) as caught:
        found.extend(source)
    assert caught.value.code == "source-json"
    assert said in caught.value.message
    assert [r.problems for r in found] == [()] * records


def test_a_cut_file_never_looks_complete():
    rng = random.Random(7)
    for between in (",", ",\n", ",\n  "):
        rows = between.join(Writer(rng).text(an_object(rng)) for _ in range(40))
        whole = f'{{"v": 1, "d": {{"rows": [{rows}]}}}}'.encode()
        for end in rng.sample(range(len(whole) - 1), 50):
            with pytest.raises((SourceError, StoppedError)) as caught:
                read_json(whole[:end], ("d", "rows"), block_bytes=rng.choice([10, 1000]))
            assert caught.value.code in ("source-json", "source-records", "source-empty"), end
        assert len(read_json(whole, ("d", "rows"))) == 40


def test_what_is_beside_the_records_is_not_judged():
    data = (
        b'{"a": NaN, "b": ["\\ud800", {"c": 1, "c": 01}], "d": [{"x": 1}], "e": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    )
    assert codes(*read_json(data, ("d",))) == []
