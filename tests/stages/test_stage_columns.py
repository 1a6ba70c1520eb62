"""Chunks read, judged and mapped column by column are those that are read, judged and mapped record by record."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ri_declarative.database.copy import NULL, copy_text
from ri_declarative.database.items import keep
from ri_declarative.database.jsonb import all_to_jsonb, from_jsonb, to_jsonb
from ri_declarative.database.ownership import Claim, Ownership
from ri_declarative.records import Problem, Record
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.columns import RecordsOfColumns
from ri_declarative.stages.map import CellRule, ColumnType, Mapper
from ri_declarative.stages.parse import Chunk, Columns, FieldRule, Parser
from ri_declarative.stages.refusal import RefusedError
from ri_declarative.stages.validate import Validator

RULES = (
    FieldRule("name", ("Name",)),
    FieldRule("note", ("note",), ("trim", "lower")),
    FieldRule("age", ("age",), kind="integer"),
    FieldRule("price", ("price",), ("trim",), kind="number"),
    FieldRule("comma", ("comma",), kind="number", decimal=","),
    FieldRule("ok", ("ok",), kind="boolean"),
    FieldRule("born", ("born",), kind="date"),
    FieldRule("when", ("when",), kind="timestamp", date="%d.%m.%Y %H:%M"),
    FieldRule("tags", ("tags",), kind="json"),
)
HEADERS = tuple(rule.sources[0] for rule in RULES)
CELLS = [
    *("", " ", "NULL", "x", "Ünï", "1", "-7", "007", "1.50", "1,5", "1e3", "9" * 50, "t", "No", "maybe"),
    *("2026-02-28", "2026-02-30", "28.02.2026 23:59", "null", "[1, 2]", '{"a": null}', "true", '"t"', "{", "1.0"),
    *("\0", "\ud800", "a\tb", "\\N", "y" * 150, "NaN", "Infinity", "١"),
]
GOOD = {
    "Name": ["", "x", "NULL", " "],
    "note": ["", " X ", " "],
    "age": ["1", "007", "", "+5"],
    "price": ["1.50", " 1e3 ", "", "-7"],
    "comma": ["1,5", "", "7"],
    "ok": ["t", "No", "1", ""],
    "born": ["2026-02-28", ""],
    "when": ["28.02.2026 23:59", ""],
    "tags": ["[1, 2]", '{"a": null}', "null", "true", "1", ""],
}


def parsed_both_ways(records: Sequence[Record], **options: Any) -> tuple[Chunk, Chunk]:
    """The chunk as it is read by columns and by records; twice by columns, as what was met is remembered."""
    given: dict[str, Any] = {"null_values": ("", "NULL"), "textual": True, "unknown_fields": "error", "open": False}
    fast, slow = (Parser(RULES, **(given | options)) for _ in range(2))
    slow._by_columns = False
    before = copy.deepcopy(records)
    first = fast(records)
    listed = [first.data[k] for k in range(len(records))]
    assert list(first.data) == listed
    second = fast(records)
    assert (listed, first.problems) == (list(second.data), second.problems)
    assert records == before
    return first, slow(records)


def as_told(chunk: Chunk) -> tuple[list[Any], list[Any]]:
    """What a chunk says, with the order of keys and problems, and apart from 1, 1.0 and True."""
    data = [None if one is None else [(k, type(v).__name__, str(v), v) for k, v in one.items()] for one in chunk.data]
    return data, list(chunk.problems.items())


def sources(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Record]]:
    """Chunks of records; most have the same keys, some others, some none."""
    alike = st.fixed_dictionaries({h: st.one_of(st.sampled_from(GOOD[h]), values) for h in HEADERS})
    good = st.fixed_dictionaries({h: st.sampled_from(GOOD[h]) for h in HEADERS})
    few = st.dictionaries(st.sampled_from([*HEADERS, "other"]), values, max_size=4)
    damaged = st.sampled_from(["raw", "raw,text"])
    one = st.one_of(good, good, good, alike, alike, few, damaged)
    problem = st.sampled_from([(), (), (), (), (Problem("source.ragged", None, "no"),)])
    return st.lists(st.tuples(one, problem), min_size=1, max_size=8).map(
        lambda found: [Record(n, n + 2, source, why) for n, (source, why) in enumerate(found)]
    )


@settings(max_examples=400, deadline=None)
@given(sources(st.sampled_from(CELLS)))
def test_texts_are_read_alike(records: list[Record]) -> None:
    fast, slow = parsed_both_ways(records)
    assert as_told(fast) == as_told(slow)


@settings(max_examples=200, deadline=None)
@given(sources(st.sampled_from([*CELLS, None, 5, True, 1.5, Decimal("1.0"), [], ["a"], {"a": 1}])))
def test_corrected_values_that_are_no_texts_are_read_alike(records: list[Record]) -> None:
    fast, slow = parsed_both_ways(records)
    assert as_told(fast) == as_told(slow)


@settings(max_examples=100, deadline=None)
@given(sources(st.sampled_from(["", "x", "1", "NULL"])), st.booleans())
def test_open_pipelines_read_alike(records: list[Record], ignores: bool) -> None:
    unknown = "ignore" if ignores else "error"
    fast, slow = parsed_both_ways(records, open=not ignores, unknown_fields=unknown)
    assert as_told(fast) == as_told(slow)


def test_a_null_that_a_json_cell_says_is_a_value() -> None:
    parser = Parser(RULES, null_values=("",), textual=True, unknown_fields="error", open=False)
    chunk = parser([Record(0, 2, {"tags": "null", "age": "1"}), Record(1, 3, {"tags": "", "age": "2"})])
    assert list(chunk.data) == [{"tags": None, "age": 1}, {"age": 2}]


def test_a_null_of_a_corrected_record_is_a_value() -> None:
    parser = Parser(RULES, null_values=("",), textual=True, unknown_fields="error", open=False)
    chunk = parser([Record(0, 2, {"Name": None}), Record(1, 3, {"Name": ""})])
    assert list(chunk.data) == [{"name": None}, {}]


def test_what_json_cells_hold_is_never_shared() -> None:
    parser = Parser(RULES, null_values=(), textual=True, unknown_fields="error", open=False)
    chunk = parser([Record(n, n, {"tags": "[]", "Name": "x"}) for n in range(3)])
    one, other, _ = chunk.data
    assert one is not None
    assert other is not None
    one["tags"].append(1)
    assert other["tags"] == []


def test_more_values_than_are_remembered_are_read_alike() -> None:
    records = [Record(n, n, {"age": str(n % 6000), "Name": "x"}) for n in range(9000)]
    fast, slow = parsed_both_ways(records)
    assert as_told(fast) == as_told(slow)


# ── validation ───────────────────────────────────────────────────────────────────────────────────

FIELD_SCHEMAS = [
    {},
    True,
    False,
    {"type": "string", "maxLength": 3},
    {"type": "integer", "minimum": 0},
    {"type": "number", "multipleOf": 0.1},
    {"type": ["integer", "null"]},
    {"type": "null"},
    {"enum": ["a", 1, None]},
    {"const": 1},
    {"const": True},
    {"format": "date"},
    {"format": "email"},
    {"pattern": "^[a-z]+$"},
    {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    {"type": "object", "required": ["a"], "additionalProperties": False, "properties": {"a": {}}},
    {"anyOf": [{"type": "string"}, {"minimum": 5}]},
    {"not": {"const": "a"}},
    {"$ref": "#/$defs/low"},
    {"if": {"type": "integer"}, "then": {"maximum": 3}},
]
VALUES = st.sampled_from(
    [
        *("a", "abcd", "", "2026-01-02", "2026-13-02", "a@b.de", "A", "\ud800", "\0", 0, 1, -1, 7, 10**30, True, False),
        *(Decimal("1.0"), Decimal("0.30"), Decimal("1E+2"), [], [1], [1, 1], ["a"], {"a": 1}, {"b": 1}, {}, None),
    ]
)
NAMES = ("a", "b", "c")


def chunk_of(records: Sequence[Mapping[str, Any]], *, by_columns: bool) -> Chunk:
    """A chunk as the parser makes it: by columns only where nobody has a null for a value."""
    if not by_columns:
        return Chunk([dict(record) for record in records], {})
    columns = {name: [record.get(name) for record in records] for name in NAMES}
    return Chunk(RecordsOfColumns(columns), {}, Columns(columns, gaps_in(columns)))


def gaps_in(columns: Mapping[str, Sequence[Any]]) -> frozenset[str]:
    """The fields that some records lack."""
    return frozenset(name for name, column in columns.items() if None in column)


@settings(max_examples=500, deadline=None)
@given(
    records=st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES), min_size=1, max_size=6),
    properties=st.dictionaries(st.sampled_from([*NAMES, "d"]), st.sampled_from(FIELD_SCHEMAS)),
    required=st.lists(st.sampled_from([*NAMES, "d"]), unique=True, max_size=2),
    more=st.sampled_from(
        [
            *({}, {}, {"type": "object"}, {"title": "t"}, {"type": "array"}, {"additionalProperties": False}),
            *({"minProperties": 2}, {"propertyNames": {"maxLength": 0}}, {"dependentRequired": {"a": ["b"]}}),
            *({"allOf": [{"required": ["c"]}]}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}),
        ]
    ),
)
def test_columns_are_judged_as_records_are(
    records: list[dict[str, Any]], properties: dict[str, Any], required: list[str], more: dict[str, Any]
) -> None:
    schema = {"$defs": {"low": {"maximum": 2}}} if "$ref" in str(properties) else {}
    schema |= {"properties": properties, "required": required} | more
    plain = [{name: value for name, value in record.items() if value is not None} for record in records]
    ordered = [{name: record[name] for name in NAMES if name in record} for record in plain]
    validator = Validator(schema)
    by_columns, by_records = (validator(chunk_of(ordered, by_columns=way)) for way in (True, False))
    assert as_told(by_columns) == as_told(by_records)


# ── mapping ──────────────────────────────────────────────────────────────────────────────────────

TYPES = [
    ColumnType("text", name="text"),
    ColumnType("text", length=3, name="character varying(3)"),
    ColumnType("integer", low=-(2**15), high=2**15 - 1, name="smallint"),
    ColumnType("numeric", precision=4, scale=1, name="numeric(4,1)"),
    ColumnType("float", name="real"),
    ColumnType("boolean", name="boolean"),
    ColumnType("date", name="date"),
    ColumnType("timestamptz", precision=0, name="timestamp(0) with time zone"),
    ColumnType("uuid", name="uuid"),
    ColumnType("json", name="jsonb"),
    ColumnType("enum", labels=("a", "true"), name="mood"),
    ColumnType("array", element=ColumnType("text", name="text"), name="text[]"),
    ColumnType("parts", name="int4range"),
    ColumnType("other", name="inet"),
]
MAPPED = st.sampled_from(
    [
        *(
            None,
            "",
            "a",
            "abc",
            "abcd",
            "true",
            "1",
            "2026-01-02",
            "2026-01-02T03:04:05.5Z",
            "\0",
            "\ud800",
            "now",
            "\\",
        ),
        *(0, 1, -5, 2**15, 10**30, True, False, Decimal("1.0"), Decimal("1.55"), Decimal("NaN"), 1.0, 0.1, math.inf),
        *([], ["a", None], [["a"], "b"], {"a": Decimal("1.10")}, "123e4567-e89b-12d3-a456-426614174000", b"x"),
    ]
)


def by_record(cells: Sequence[CellRule], chunk: Chunk) -> tuple[list[Any], dict[int, tuple[Problem, ...]]]:
    """The rows and problems of a chunk, each cell by itself: what the mapper is to give."""
    rows: list[Any] = []
    found = dict(chunk.problems)
    for position, record in enumerate(chunk.data):
        row: list[str | None] = []
        problems: list[Problem] = []
        for cell in cells if record is not None else ():
            assert record is not None
            value = record.get(cell.field)
            text = None
            try:
                text = None if value is None else canonical(cell.type)(value)
                if text is None and cell.required:
                    why = "the key needs a value, the record has none"
                    problems.append(Problem("target.key_missing", cell.field, why))
            except RefusedError as refused:
                problems.append(refused.problem(cell.field))
            row.append(text)
            if cell.mark_absent:
                row.append(None if cell.field in record else "t")
        if problems:
            found[position] = tuple(one for n, one in enumerate(problems) if one not in problems[:n])
        rows.append(None if record is None or problems else tuple(row))
    return rows, found


@settings(max_examples=500, deadline=None)
@given(
    chunks=st.lists(
        st.lists(st.one_of(st.dictionaries(st.sampled_from(NAMES), MAPPED), st.none()), min_size=1, max_size=6),
        min_size=1,
        max_size=3,
    ),
    cells=st.lists(
        st.builds(CellRule, st.sampled_from([*NAMES, "d"]), st.sampled_from(TYPES), st.booleans(), st.booleans()),
        min_size=1,
        max_size=4,
    ),
)
@example(chunks=[[{"a": True}, {"a": 1}], [{"a": 1}], [{"a": True}]], cells=[CellRule("a", TYPES[0])])
@example(chunks=[[{"a": 1}], [{"a": "1"}], [{"a": True}]], cells=[CellRule("a", TYPES[5])])
def test_columns_are_mapped_as_records_are(chunks: list[list[dict[str, Any] | None]], cells: list[CellRule]) -> None:
    mapper = Mapper(cells)
    for data in chunks:
        earlier = {place: (Problem("x", None, "before"),) for place, one in enumerate(data) if one is None}
        rows, problems = by_record(cells, Chunk(data, earlier))
        mapped = mapper(Chunk(list(data), dict(earlier)))
        assert (mapped.rows, list(mapped.chunk.problems.items())) == (rows, list(problems.items()))
        # The same as columns, where nobody has a null for a value.
        plain = [{k: v for k, v in (one or {}).items() if v is not None} for one in data]
        kept = dict(earlier)
        columns = {name: [record.get(name) for record in plain] for name in NAMES}
        whole = [None if place in kept else record for place, record in enumerate(plain)]
        rows, problems = by_record(cells, Chunk(whole, kept))
        made: Any = RecordsOfColumns(columns) if not kept else whole
        mapped = mapper(Chunk(made, dict(kept), Columns(columns, gaps_in(columns))))
        assert (mapped.rows, list(mapped.chunk.problems.items())) == (rows, list(problems.items()))


@given(
    st.lists(st.fixed_dictionaries({}, optional={name: st.sampled_from([0, "", "x"]) for name in NAMES}), min_size=1)
)
def test_records_of_columns_are_a_sequence_of_dicts(records: list[dict[str, Any]]) -> None:
    ordered = [{name: record[name] for name in NAMES if name in record} for record in records]
    made = RecordsOfColumns({name: [record.get(name) for record in ordered] for name in NAMES})
    assert (len(made), list(made), made[-1]) == (len(ordered), ordered, ordered[-1])
    assert [made[k] for k in range(len(made))] == ordered
    assert made[1:] == ordered[1:]
    assert [list(one) for one in made] == [list(one) for one in ordered]
    with pytest.raises(IndexError):
        made[len(ordered)]
    assert made[0] is not made[0]  # what somebody does to one changes no other


# ── what the items keep ──────────────────────────────────────────────────────────────────────────

KEPT = st.sampled_from(
    [
        *("", "x", "\\", "\\N", "\\.", "\t", "\n", "\r\n", '"', "'", "\0", "\\u0000", "\\\\u0000", "\ud800", "é€𐐷"),
        *("\u2028", "\x7f", "\x1f", "E", "1E400000", 'a"\\u0000'),
    ]
)
NUMBERS = st.sampled_from([None, True, 0, 10**30, Decimal("1.10"), Decimal("1E+200000"), Decimal("1E-20000")])
RECORDS = st.dictionaries(st.one_of(st.sampled_from(["a", "b"]), KEPT), st.one_of(KEPT, KEPT, KEPT), max_size=4)
MIXED = st.one_of(
    RECORDS,
    RECORDS,
    KEPT,
    st.dictionaries(st.sampled_from("ab"), st.one_of(NUMBERS, st.lists(NUMBERS, max_size=2), RECORDS), max_size=2),
    st.lists(NUMBERS, max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(RECORDS, max_size=6), st.lists(MIXED, max_size=5)))
def test_all_values_become_the_json_that_each_becomes_alone(values: list[Any]) -> None:
    texts, as_text = all_to_jsonb(values)
    alone = [to_jsonb(value) for value in values]
    assert texts == [text for text, _ in alone]
    assert as_text == {place for place, (_, kept) in enumerate(alone) if kept}
    for place, (value, text) in enumerate(zip(values, texts, strict=True)):
        if "10000000000" not in text:
            assert from_jsonb(text, kept_as_text=place in as_text) == value


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(RECORDS, st.one_of(st.none(), st.integers(1, 99))), min_size=1, max_size=5), st.integers(0, 6)
)
def test_kept_records_begin_rows_of_copy_with_the_escaped_json(
    records: list[tuple[dict[str, Any], int | None]], count: int
) -> None:
    batch = "123e4567-e89b-42d3-a456-426614174000"
    made = [Record(n + 250, line, source) for n, (source, line) in enumerate(records)]
    kept = keep(Ownership(batch, "token", "now", Claim(len(made))), made)
    for record, beginning, text in zip(made, kept.beginnings, kept.source_data, strict=True):
        own_batch, own_id, index, line, escaped = beginning.split("\t")
        assert (own_batch, own_id, index) == (batch, f"{batch[:28]}{record.index:08x}", str(record.index))
        assert line == (NULL if record.line is None else str(record.line))
        assert unescaped(escaped) == text == to_jsonb(record.source_data)[0]
    first = kept.first(count)
    assert first.beginnings == kept.beginnings[:count]
    assert (first.noted() or [None] * len(made))[: len(first.records)] == [
        {"source_data": "json_text"} if to_jsonb(r.source_data)[1] else ({} if first.noted() else None)
        for r in made[:count]
    ]


def unescaped(cell: str) -> str | None:
    """What COPY reads in a cell of its text format (PostgreSQL manual, COPY)."""
    if cell == "\\N":
        return None
    signs = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    out, rest = [], iter(cell)
    for sign in rest:
        out.append(signs[next(rest)] if sign == "\\" else sign)
    return "".join(out)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.lists(
                st.one_of(st.none(), st.text("ab\\Nt.\t\n\r é\x0b\u2028\x00", max_size=4)),
                min_size=width,
                max_size=width,
            ),
            max_size=5,
        )
    ),
    st.booleans(),
)
@example([["\\."]], False)
@example([["\\N"], [None], [""]], True)
def test_copy_reads_the_cells_that_were_written(rows: list[list[str | None]], begins: bool) -> None:
    if not rows:
        assert copy_text([[]]) == b""
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    beginnings = [f"{n}\t\\\\" for n in range(len(rows))] if begins else None
    text = copy_text(columns, beginnings=beginnings).decode()
    assert text.endswith("\n")
    read = [[unescaped(cell) for cell in line.split("\t")] for line in text[:-1].split("\n")]
    assert read == [([str(n), "\\"] if begins else []) + row for n, row in enumerate(rows)]


def test_the_encoder_of_lines_writes_no_line_end_inside_a_line() -> None:
    text = "".join(map(chr, [*range(0x80), 0x85, 0x2028, 0x2029, 0xE000, 0xFFFF, 0x10FFFF]))
    assert msgspec.json.Encoder().encode_lines([{"a": text}]).count(b"\n") == 1
