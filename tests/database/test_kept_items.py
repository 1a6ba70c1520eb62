"""What items keep of a block of records is, byte by byte, what they keep of the same records one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import psycopg2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ri_declarative.blocks import OutcomeBlock, RecordBlock, columns_of, completed
from ri_declarative.database.items import ItemRows, KeptRecords, keep, source_texts
from ri_declarative.database.jsonb import all_to_jsonb, from_jsonb, objects_to_jsonb, printable
from ri_declarative.database.ownership import Claim, Ownership
from ri_declarative.records import Action, ItemStatus, Outcome, Problem, Record, item_id

BATCH = "123e4567-e89b-42d3-a456-426600000000"
OWNER = Ownership(BATCH, "token", "now", Claim(5))

ODD = [
    *(
        '"',
        "\\",
        "\\\\",
        '\\"',
        "\\N",
        "\\.",
        "/",
        "'",
        "\0",
        "\\u0000",
        "\\\\u0000",
        '"\\u0000"',
        "\b\f\n\r\t",
        "\r\n",
    ),
    *("\x01", "\x1f", "\x7f", "\x85", "\u2028\u2029", "\ud800", "\udfff\ud800", "\udcff", "é€", "𐐷😀"),
    *("", " ", "1E400000", "NaN", "null", "{}", '{"a":"x"}', "</script>", "\ufeff", "\ufffe\uffff"),
]
TEXTS = st.one_of(st.sampled_from(["x", "7", ""]), st.sampled_from([*ODD, "\ud83d\ude00"]), st.text(max_size=3))
NAMES = st.one_of(
    st.sampled_from(["a", "b", "two words", " a", "A", "ä", "𐐷", "field_0", "field_1", "__init__", "self", "class"]),
    st.sampled_from(['a"b', "a\\b", "a\tb", "a\nb", "", '"', "\\u0000", "\0", "\x7f", "\ud800", "None", "type"]),
    st.text(max_size=3),
)
HEADERS = st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple)
_MAKES_ONE_BY_ONE = re.compile("[\0\ud800-\udfff]|\\\\u0000")
_NO_FIELD_NAME = re.compile('["\\\\\0-\x1f\ud800-\udfff]')


class Table(NamedTuple):
    """Rows of texts below a header."""

    header: tuple[str, ...]
    rows: list[tuple[str, ...]]

    @property
    def objects(self) -> list[dict[str, str]]:
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]

    @property
    def columns(self) -> list[tuple[str, ...]]:
        return list(zip(*self.rows, strict=True))


@st.composite
def tables(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> Table:
    """At least one row."""
    header = draw(HEADERS)
    return Table(header, draw(st.lists(st.tuples(*[texts] * len(header)), min_size=1, max_size=5)))


# ── JSON texts ───────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=250, deadline=None)
@given(tables())
@example(Table(("field_1", "field_0"), [("x", "y")]))
@example(Table(("a", "b"), [("x", "\0"), ("\\u0000", "\ud800")]))
@example(Table(('a"b', "two words"), [("x", "y")]))
def test_columns_of_texts_become_the_json_that_their_objects_become(table: Table) -> None:
    """Or nothing, where they are to be made one by one."""
    texts, as_text = all_to_jsonb(table.objects)
    made = objects_to_jsonb(table.header, table.columns)
    if made is not None:
        assert (made, as_text) == (texts, frozenset())
        assert [json.loads(text) for text in made] == table.objects
    block = RecordBlock(0, range(2, 2 + len(table.rows)), table.header, table.rows)
    assert source_texts(block) == (texts, as_text)


@settings(max_examples=120, deadline=None)
@given(tables())
def test_only_what_jsonb_or_a_field_cannot_hold_is_made_one_by_one(table: Table) -> None:
    cells = [cell for row in table.rows for cell in row]
    odd = any(map(_MAKES_ONE_BY_ONE.search, cells)) or any(map(_NO_FIELD_NAME.search, table.header))
    assert (objects_to_jsonb(table.header, table.columns) is None) == odd


def test_headers_of_the_same_width_are_not_taken_for_each_other() -> None:
    headers = [("a", "b"), ("b", "a"), ("a", "a "), ("field_0", "field_1"), ("field_1", "field_0")]
    for header in [*headers, *headers]:
        assert objects_to_jsonb(header, [("1",), ("2",)]) == [f'{{"{header[0]}":"1","{header[1]}":"2"}}']


def test_a_wide_header_keeps_its_order() -> None:
    header = tuple(f"c{n}" for n in range(1600))
    [text] = objects_to_jsonb(header, [(str(n),) for n in range(1600)]) or []
    assert list(json.loads(text).items()) == [(name, name[1:]) for name in header]


def test_postgresql_takes_the_json_texts_and_gives_the_values_back(database: str) -> None:
    cells = [*ODD, *(f"x{one}y" for one in ODD)]
    taken = 0
    connection = psycopg2.connect(database)
    try:
        with connection, connection.cursor() as cursor:
            for cell in cells:
                for name in ("a", 'a"b', "two words", "ä𐐷"):
                    block = RecordBlock(0, [2], (name, "b"), [(cell, "\\")])
                    [text], as_text = source_texts(block)
                    cursor.execute("SELECT CAST(CAST(%s AS jsonb) AS text)", (text,))
                    [(stored,)] = cursor.fetchall()
                    assert from_jsonb(stored, kept_as_text=bool(as_text)) == {name: cell, "b": "\\"}
                    taken += not as_text
    finally:
        connection.close()
    assert taken > 4 * 40


# ── rows of items ────────────────────────────────────────────────────────────────────────────────

LINES = st.one_of(st.integers(2, 99).map(lambda n: range(n, n + 5)), st.just([2, 4, 5, 6, 9]))
IDS = st.one_of(st.none(), st.sampled_from(["7", "123e4567-e89b-42d3-a456-426614174000", "a\tb", "\\N", "é", "a\0b"]))
TARGETS = st.sampled_from(["public.t", 'shop."a\\b"', "shop.tä", None])
REFUSALS: list[tuple[Problem, ...]] = [
    (Problem("db.check", "v", 'says "no"\\', {"sqlstate": "23514"}),),
    (Problem("schema.type", 'a"b', "is\tno number"), Problem("schema.required", None, "\0\ud800")),
]


class Chunk(NamedTuple):
    """A block, its records as a list, and what becomes of them."""

    block: RecordBlock
    records: list[Record]
    outcomes: list[Outcome]
    target: str | None


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    table, start, lines = draw(tables()), draw(st.sampled_from([0, 3, 70_000])), draw(LINES)
    count = len(table.rows)
    block = RecordBlock(start, lines[:count], table.header, table.rows)
    records = [Record(start + n, lines[n], values) for n, values in enumerate(table.objects)]
    return Chunk(block, records, draw(ends_of(start, count)), draw(TARGETS))


@st.composite
def ends_of(draw: st.DrawFn, start: int, count: int) -> list[Outcome]:
    """Half of all chunks have nothing but completed records, as most of life's have."""
    may_fail = draw(st.booleans())
    ends = []
    for index in range(start, start + count):
        if may_fail and draw(st.booleans()):
            status, problems = (
                draw(st.sampled_from([ItemStatus.FAILED, ItemStatus.SKIPPED])),
                draw(st.sampled_from(REFUSALS)),
            )
            ends.append(Outcome(index, status, None, problems, draw(IDS)))
        else:
            more: Any = {}
            if may_fail:
                more = draw(st.sampled_from([{}, {"key_hash": "ff"}, {"data": {"a": '"'}}, {"metadata": {"m": "\\"}}]))
            ends.append(Outcome(index, ItemStatus.COMPLETED, draw(st.sampled_from(Action)), (), draw(IDS), **more))
    return ends


@settings(max_examples=120, deadline=None)
@given(chunks(), st.integers(0, 6))
def test_a_block_is_kept_as_the_list_of_its_records_is(chunk: Chunk, count: int) -> None:
    of_block, of_list = keep(OWNER, chunk.block), keep(OWNER, chunk.records)
    ends = columns_of(chunk.outcomes)
    assert of_block.rows_with(ends, chunk.target) == of_list.rows_with(ends, chunk.target)
    assert of_block.source_data == of_list.source_data
    assert (list(of_block.indexes), of_block.as_text) == (list(of_list.indexes), of_list.as_text)
    first, first_of_list = of_block.first(count), of_list.first(count)
    assert list(first.records) == chunk.records[:count]
    assert (list(first.indexes), first.source_data) == (list(first_of_list.indexes), first_of_list.source_data)
    if count:
        some = columns_of(chunk.outcomes[:count])
        assert first.rows_with(some, chunk.target) == first_of_list.rows_with(some, chunk.target)


@settings(max_examples=120, deadline=None)
@given(chunks())
def test_rows_made_for_a_promise_are_those_made_when_it_is_kept(chunk: Chunk) -> None:
    promised = OutcomeBlock(columns_of(chunk.outcomes))
    kept = keep(OWNER, chunk.block, promised, chunk.target)
    later = keep(OWNER, chunk.records).rows_with(columns_of(list(promised)), chunk.target)
    assert kept.rows == later
    assert kept.rows_with(promised.columns, chunk.target) is kept.rows


@settings(max_examples=120, deadline=None)
@given(chunks(), st.data())
def test_rows_made_for_a_promise_are_made_anew_when_it_is_not_kept(chunk: Chunk, data: st.DataObject) -> None:
    """Also when what came is equal but for one record, or ends with it."""
    promised = OutcomeBlock(columns_of(chunk.outcomes))
    kept = keep(OWNER, chunk.block, promised, chunk.target)
    place = data.draw(st.integers(0, len(chunk.outcomes) - 1))
    came = list(promised)
    came[place] = Outcome(came[place].index, ItemStatus.FAILED, None, REFUSALS[0])
    plain = keep(OWNER, chunk.records)
    assert kept.rows_with(columns_of(came), chunk.target) == plain.rows_with(columns_of(came), chunk.target)
    until = came[: place + 1]
    first = kept.first(len(until))
    assert first.rows_with(columns_of(until), chunk.target) == (
        plain.first(len(until)).rows_with(columns_of(until), chunk.target)
    )


@settings(max_examples=120, deadline=None)
@given(chunks())
def test_rows_say_what_became_of_each_record(chunk: Chunk) -> None:
    kept = keep(OWNER, chunk.block)
    texts, as_text = all_to_jsonb([record.source_data for record in chunk.records])
    rows = read_rows(kept.rows_with(columns_of(chunk.outcomes), chunk.target))
    for place, (record, outcome, row) in enumerate(zip(chunk.records, chunk.outcomes, rows, strict=True)):
        failed = bool(outcome.problems)
        assert (row["batch_id"], row["id"]) == (BATCH, item_id(BATCH, record.index))
        assert (row["item_index"], row["source_line"]) == (str(record.index), str(record.line))
        assert row["source_data"] == texts[place]
        assert (row["status"], row.get("action")) == (outcome.status, outcome.action)
        assert row.get("target_id") == (None if outcome.target_id is None else printable(outcome.target_id))
        assert row.get("target_table") == (None if failed or chunk.target is None else chunk.target)
        assert (row.get("problems") is not None, row.get("error_message") is not None) == (failed, failed)
        told = [(p["code"], p["field"], p["message"]) for p in json.loads(row.get("problems") or "[]")]
        assert told == [(p.code, p.field, printable(p.message)) for p in outcome.problems]
        assert json.loads(row.get("processed_data") or "null") == outcome.data
        noted = {"source_data": "json_text"} if place in as_text else {}
        assert json.loads(row.get("metadata") or "{}") == {**noted, **(outcome.metadata or {})}
        assert row.get("key_hash") == outcome.key_hash


def test_columns_that_nobody_fills_are_not_sent() -> None:
    block = RecordBlock(0, range(2, 4), ("k",), [("1",), ("2",)])
    kept = keep(OWNER, block, completed(range(2), [Action.INSERTED] * 2, ["1", "2"]), "public.t")
    assert kept.rows is not None
    assert [rows.names for rows in kept.rows] == [
        "batch_id, id, item_index, source_line, source_data, status, action, target_table, target_id"
    ]


def test_what_repeats_another_item_or_carries_notes_is_no_block_and_keeps_them() -> None:
    records = [Record(0, 2, {"k": "1"}, (), item_id(BATCH, 9)), Record(1, 3, {"k": "2"}, metadata={"corrected": ["k"]})]
    ends = completed(range(2), [Action.INSERTED] * 2, ["1", "2"])
    rows = read_rows(keep(OWNER, records).rows_with(ends.columns, "public.t"))
    assert [row["parent_item_id"] for row in rows] == [item_id(BATCH, 9), None]
    assert [row["metadata"] for row in rows] == [None, '{"corrected":["k"]}']


@pytest.mark.parametrize("as_block", [True, False])
def test_of_items_that_are_stored_already_nothing_is_made(as_block: bool) -> None:
    owner = Ownership(BATCH, "token", "now", Claim(5), items_stored=True)
    block = RecordBlock(3, range(5, 7), ("k",), [("1",), ("2",)])
    records: Sequence[Record] = block if as_block else list(block)
    kept = keep(owner, records, completed(range(3, 5), [Action.INSERTED] * 2, ["1", "2"]), "public.t")
    assert (list(kept.indexes), kept.source_data, kept.beginnings, kept.rows) == ([3, 4], [], [], None)
    assert isinstance(kept, KeptRecords)


# ── reading what COPY is given ───────────────────────────────────────────────────────────────────


def read_rows(parts: Sequence[ItemRows]) -> list[Mapping[str, Any]]:
    """The rows as PostgreSQL reads them (manual, COPY, "Text Format"), in the records' order."""
    found: list[Mapping[str, Any]] = []
    for rows in parts:
        names = rows.names.split(", ")
        lines = rows.text.decode().removesuffix("\n").split("\n")
        found += [dict(zip(names, map(_unescaped, line.split("\t")), strict=True)) for line in lines]
    return sorted(found, key=lambda row: int(row["item_index"]))


def _unescaped(cell: str) -> str | None:
    signs = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    out, rest = [], iter(cell)
    for sign in rest:
        out.append(signs[next(rest)] if sign == "\\" and cell != "\\N" else sign)
    return None if cell == "\\N" else "".join(out)
