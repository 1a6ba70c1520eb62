"""Law 3 in JSON arrays: a damaged element changes only its own fate, or the run stops with its place."""

from __future__ import annotations

import json
import random

import pytest
from source_reading import codes, json_source, read_json

from ri_declarative.errors import RiError, SourceError, StoppedError
from ri_declarative.sources.encodings import original_bytes

SEPARATORS = {"lines": b",\n", "indented": b",\n  ", "comma first": b"\n, ", "compact": b", "}


@pytest.mark.parametrize(
    ("element", "code", "said"),
    [
        (b'{"a":NaN}', "source.json", "not JSON at line 2, column 8: invalid character"),
        (b'{"a":\n-Infinity}', "source.json", "not JSON at line 3, column 2: invalid character"),
        (b'{"a":01}', "source.json", "line 2, column 9: invalid number"),
        (b'{"a":1,}', "source.json", "line 2, column 10: trailing comma in object"),
        (b"{'a':'x'}", "source.json", "line 2, column 4"),
        (b'{"a":}', "source.json", "line 2, column 8"),
        (b'{"a":"x\ny"}', "source.json", "line 2, column 10: invalid character"),
        (b'{"a":"\\x"}', "source.json", "line 2, column 11: invalid escape character"),
        (b'{"a":"\\ud800"}', "source.json", "line 2, column 9: \\ud800 is half of a character (a lone surrogate)"),
        ('{"é":"\\ud83d\\ud83d"}'.encode(), "source.json", "line 2, column 9: \\ud83d is half"),
        (b'{"a":1e99999999999999999999}', "source.json", "line 2, column 3: a number's exponent is too large"),
        (b'{"a":' + b"1" * 5000 + b"}", "source.json", "line 2, column 3: integer value out of range"),
        (b"[" * 100_000 + b"]" * 100_000, "source.json", "line 2, column 3: the value is nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "source.json", "line 2, column 3: the value is nested too deeply"),
        (b"", "source.json", "line 2, column 4: there is no record, only a comma"),
        (b"[1]", "source.not_an_object", "expected an object, found an array"),
        (b"null", "source.not_an_object", "found null"),
        (b"1.5", "source.not_an_object", "found a number"),
        (b'"x},{"', "source.not_an_object", "found a string"),
        (b'{"a":1,"a":1}', "source.duplicate_key", 'the key "a" stands twice'),
        (b'{"o":[{"b":{"c":1,"\\u0063":2}}]}', "source.duplicate_key", 'the key "c" stands twice'),
        (b'{"a":"x\xe9"}', "source.encoding", "byte 0xE9 at line 2, column 10 is not utf-8"),
        (b'{"a":"\xed\xa0\x80"}', "source.encoding", "byte 0xED at line 2, column 9 is not utf-8"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_element_fails_alone_with_its_place_and_raw_text(element, code, said, place):
    good = [b'{"n":1,"o":[{"x":"},{"},{"x":2}]}'] * 2
    elements = [*good[:place], element, *good[place:]]
    data = b"[\n  " + b" ,  ".join(elements) + b"]"
    for block_bytes in (3, 64, 100_000) if len(data) < 1000 else (100_000,):
        records = read_json(data, block_bytes=block_bytes)
        assert [codes(r) for r in records] == [[code] if n == place else [] for n in range(3)]
        bad = records.pop(place)
        assert [r.source_data["n"] for r in records] == [1, 1]
        assert bad.index == place
        assert original_bytes(bad.source_data, "utf-8") == element
        if place == 0:
            assert said in bad.problems[0].message


def test_a_nul_passes_on():
    (record,) = read_json(b'[{"a":"x\\u0000"}]')
    assert (record.source_data, record.problems) == ({"a": "x\0"}, ())


def lost(what: bytes):
    def damage(element: bytes, rng: random.Random) -> bytes:
        places = [i for i in range(len(element)) if element[i : i + 1] == what]
        place = rng.choice(places)
        return element[:place] + element[place + 1 :]

    return damage


def extra(what: bytes):
    def damage(element: bytes, rng: random.Random) -> bytes:
        place = rng.randrange(len(element))
        return element[:place] + what + element[place:]

    return damage


def cut(element: bytes, rng: random.Random) -> bytes:
    return element[: rng.randrange(1, len(element))]


def garbage(element: bytes, rng: random.Random) -> bytes:
    return b"x" + bytes(rng.choice(b'x"{}[:,\\\xff\0 ') for _ in range(rng.randrange(1, 30)))


DAMAGES = {
    "lost quote": lost(b'"'),
    "lost brace": lost(b"{"),
    "lost closing brace": lost(b"}"),
    "lost bracket": lost(b"["),
    "lost closing bracket": lost(b"]"),
    "lost comma": lost(b","),
    "lost colon": lost(b":"),
    "extra quote": extra(b'"'),
    "extra brace": extra(b"{"),
    "extra closing brace": extra(b"}"),
    "extra bracket": extra(b"["),
    "extra closing bracket": extra(b"]"),
    "extra comma": extra(b","),
    "backslash": extra(b"\\"),
    "bad byte": extra(b"\xff"),
    "line break": extra(b"\n"),
    "cut": cut,
    "garbage": garbage,
}


def elements_of(rng: random.Random, count: int) -> list[bytes]:
    texts = ["x", "", "a:b", 'say "hi"', "été", "[", "}"]
    return [
        json.dumps({"n": n, "t": rng.choice(texts), "o": {"l": [1, rng.choice(texts)]}, "e": []}).encode()
        for n in range(count)
    ]


def array_of(elements: list[bytes], between: bytes) -> bytes:
    opened = between.replace(b",", b"") if b"\n" in between else b""
    return b'{"rows": [' + opened + between.join(elements) + b"]}\n"


def survivors(data: bytes, rng: random.Random) -> list[int]:
    records = read_json(data, ("rows",), block_bytes=rng.choice([50, 1000, 262_144]))
    assert [r.index for r in records] == list(range(len(records)))
    return [r.source_data["n"] for r in records if not r.problems and isinstance(r.source_data.get("n"), int)]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_damaged_element_harms_no_neighbour(separator, damage):
    for seed in range(25):
        rng = random.Random(f"{separator} {damage} {seed}")
        elements = elements_of(rng, 30)
        hit = rng.randrange(0 if separator in ("lines", "indented") else 6, 29)
        elements[hit] = DAMAGES[damage](elements[hit], rng)
        if separator == "compact":  # there nothing tells a lost opening brace from a closing one too many before it
            elements[hit] = b"{" + elements[hit].lstrip(b"{")
        found = survivors(array_of(elements, SEPARATORS[separator]), rng)
        expected = [n for n in range(30) if n != hit]
        assert [n for n in found if n != hit] == expected, f"seed {seed}, {hit}: {elements[hit]!r}"


@pytest.mark.parametrize("separator", ["lines", "indented"])
def test_many_damaged_elements_harm_no_neighbour(separator):
    for seed in range(60):
        rng = random.Random(seed)
        elements = elements_of(rng, 60)
        hits = set(rng.sample(range(59), 20))
        for hit in hits:
            elements[hit] = rng.choice(list(DAMAGES.values()))(elements[hit], rng)
        found = survivors(array_of(elements, SEPARATORS[separator]), rng)
        lost_ones = [n for n in range(60) if n not in hits and n not in found]
        assert lost_ones == [], f"seed {seed}"


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "garbage"])
def test_a_nested_object_never_becomes_a_record(damage):
    """Compact arrays in compact arrays: no separator tells the records, so a broken structure ends the run."""
    for seed in range(25):
        rng = random.Random(f"{damage} {seed}")
        elements = [
            json.dumps({"n": n, "rows": [{"n": -1, "t": "x"}] * 3, "e": {}}, separators=(",", ":")).encode()
            for n in range(20)
        ]
        hit = rng.randrange(20)
        elements[hit] = DAMAGES[damage](elements[hit], rng)
        found, error = read_until_broken(b"[" + b",".join(elements) + b"]")
        if error is None:
            assert [n for n in found if n not in (hit, None)] == [n for n in range(20) if n != hit], f"seed {seed}"
        else:
            assert error.code == "source-json"
            assert found in (list(range(hit)), list(range(hit - 1))), f"seed {seed}"


def read_until_broken(data: bytes) -> tuple[list[int | None], RiError | None]:
    found: list[int | None] = []
    try:
        found.extend(record.source_data.get("n") for record in json_source(data) if not record.problems)
    except (SourceError, StoppedError) as error:
        return found, error
    return found, None


def test_a_separator_that_varies_is_not_relied_on():
    data = b'[{"a":1}, {"a":2},\n{"a":3},{"a":"x"y"}, {"a":5}]'
    source = json_source(data)
    records = []
    with pytest.raises(StoppedError, match="line 2, column 17: a quote, a comma or a bracket is missing or too many"):
        records.extend(source)
    assert [r.source_data["a"] for r in records] == [1, 2, 3]


@pytest.mark.parametrize("block_bytes", [16, 64])
@pytest.mark.parametrize(
    "inside", [b'"' + b"x" * 500 + b'"', b"[" + b'{"b":1},\n' * 60 + b"{}]", b"[" + b"1," * 300 + b"1]"]
)
def test_an_element_beyond_the_cap_fails_alone(block_bytes, inside):
    long = b'{"a":' + inside + b"}"
    data = b",\n".join([b'[{"a":1}', long, b'{"a":2}', long + b"\n]"])
    records = read_json(data, block_bytes=block_bytes, record_cap=200)
    assert [codes(r) for r in records] == [[], ["source.too_long"], [], ["source.too_long"]]
    assert [r.line for r in records] == [1, 2, 3 + long.count(b"\n"), 4 + long.count(b"\n")]
    assert max(len(r.source_data) for r in records) <= 64 * 1024
