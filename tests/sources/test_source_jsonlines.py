"""JSON Lines: exact values, and a reason a person understands for every other line."""

from __future__ import annotations

import random
from decimal import Decimal

import msgspec
import pytest
from source_reading import codes, read_jsonl

from ri_declarative.errors import SourceError
from ri_declarative.sources.encodings import original_bytes


def test_values_keep_their_types_and_numbers_are_exact():
    line = b'{"i":12345678901234567890123,"d":0.10,"e":1e400,"t":"x","b":true,"n":null,"o":{"a":[1.5]}}\n'
    (record,) = read_jsonl(line)
    assert record.source_data == {
        "i": 12345678901234567890123,
        "d": Decimal("0.10"),
        "e": Decimal("1e400"),
        "t": "x",
        "b": True,
        "n": None,
        "o": {"a": [Decimal("1.5")]},
    }
    assert str(record.source_data["d"]) == "0.10"


@pytest.mark.parametrize("block_bytes", [1, 3, 8, 4096])
def test_blank_lines_are_no_records_but_count_as_lines(block_bytes):
    records = read_jsonl(b'\xef\xbb\xbf{"a":1}\r\n\n \r\n{"a":2}', block_bytes=block_bytes)
    assert [(r.index, r.line, r.source_data) for r in records] == [(0, 1, {"a": 1}), (1, 4, {"a": 2})]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b'{"a":', "source.json", "column 6: the line ends in the middle of a value"),
        (b'{"a":1}x', "source.json", "column 8: trailing characters"),
        ('{"é":x}'.encode(), "source.json", "column 6: invalid character"),
        (b'{"a":NaN}', "source.json", "column 6"),
        (b'{"a":Infinity}', "source.json", "column 6"),
        (b'{"a":"\\ud800"}', "source.json", "column 7: \\ud800 is half of a character (a lone surrogate)"),
        (b'{"a":"\\\\\\ude00"}', "source.json", "column 9: \\ude00 is half"),
        (b'{"a":"\\ud83d\\ud83d\\ude00"}', "source.json", "column 7: \\ud83d is half"),
        (b'{"a":1e99999999999999999999}', "source.json", "exponent is too large"),
        (b'{"a":' + b"1" * 5000 + b"}", "source.json", "out of range"),
        (b"[" * 100_000, "source.json", "nested too deeply"),
        (b"[1]", "source.not_an_object", "expected an object, found an array"),
        (b"null", "source.not_an_object", "found null"),
        (b"1.5", "source.not_an_object", "found a number"),
        (b'{"a":1,"a":1}', "source.duplicate_key", 'the key "a" stands twice'),
        (b'{"a":1,"\\u0061":2}', "source.duplicate_key", 'the key "a" stands twice'),
        (b'{"t":"12:30","o":[{"b":{"c":1,"c":2}}]}', "source.duplicate_key", 'the key "c" stands twice'),
        (b'{"a":"x\xe9"}', "source.encoding", "byte 0xE9 at line 2, column 8 is not utf-8"),
        (b'{"\xe9":1}', "source.encoding", "byte 0xE9 at line 2, column 3"),
    ],
)
def test_a_malformed_line_fails_alone_with_its_reason_and_raw_text(line, code, said):
    before, bad, after = read_jsonl(b'{"a":1}\n' + line + b'\n{"a":2}\n')
    assert before.problems == after.problems == ()
    assert (bad.index, bad.line, codes(bad)) == (1, 2, [code])
    assert said in bad.problems[0].message
    assert original_bytes(bad.source_data, "utf-8") == line


@pytest.mark.parametrize("value", ["12:30", '":', '\\":\\', "\\\\", "{[:,]}", "\u2028"])
def test_colons_and_quotes_inside_strings_are_no_duplicate_keys(value):
    written = {"a": value, "b": [{"a": value, value: {"a": 1}}], "c": {"b": value}}
    (record,) = read_jsonl(msgspec.json.encode(written))
    assert record.source_data == written


def test_a_nul_passes_on():
    (record,) = read_jsonl(b'{"a":"x\\u0000"}')
    assert (record.source_data, record.problems) == ({"a": "x\0"}, ())


@pytest.mark.parametrize("block_bytes", [16, 64])
def test_a_line_beyond_the_cap_fails_alone(block_bytes):
    long = b'{"a":1}' + b" " * 500 + b"garbage"
    records = read_jsonl(b'{"a":1}\n' + long + b'\n{"a":2}\n' + long, block_bytes=block_bytes, line_cap=100)
    assert [codes(r) for r in records] == [[], ["source.too_long"], [], ["source.too_long"]]
    assert max(len(r.source_data) for r in records) <= 101


@pytest.mark.parametrize(("data", "code"), [(b"", "source-empty"), ('{"a":1}'.encode("utf-16"), "source-encoding")])
def test_a_file_that_cannot_be_json_lines_is_refused(data, code):
    with pytest.raises(SourceError) as caught:
        read_jsonl(data)
    assert caught.value.code == code


def test_damaged_lines_harm_no_neighbour():
    for seed in range(100):
        rng = random.Random(seed)
        lines = [msgspec.json.encode({"n": n, "t": rng.choice(["x", "a:b", 'q"', "é"])}) for n in range(50)]
        hit = rng.randrange(50)
        place = rng.randrange(len(lines[hit]))
        lines[hit] = lines[hit][:place] + rng.choice([b"", b"\xff", b'"', b"{", b"\0", b"\r"]) + lines[hit][place + 1 :]
        records = read_jsonl(b"\n".join(lines), block_bytes=rng.choice([10, 100, 10_000]))
        assert len(records) == 50, f"seed {seed}"
        good = [r.source_data["n"] for r in records if r.index != hit]
        assert good == [n for n in range(50) if n != hit], f"seed {seed}"
