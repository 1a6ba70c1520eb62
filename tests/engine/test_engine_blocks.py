"""Blocks of records and outcomes are the lists that they stand for, however they are cut, taken, joined and counted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ri_declarative.blocks import (
    OutcomeBlock,
    OutcomeColumns,
    Piece,
    RecordBlock,
    columns_of,
    completed,
    indexes_of,
    joined,
    lines_of,
    one_by_one,
)
from ri_declarative.engine.outcomes import checked, count
from ri_declarative.engine.resumed import Position, ReadDigest
from ri_declarative.errors import SourceError, SourceFault, StoppedError
from ri_declarative.records import Action, Counts, ItemStatus, Outcome, Problem, Record

HEADER = ("a", "b c")
DAMAGED = Problem("source.cells", None, "1 cell, expected 2")


# ── a block of records ───────────────────────────────────────────────────────────────────────────

CELLS = st.sampled_from(["", "x", "\0", "\\", '"', "\ud800", "𐐷"])
STARTS = st.sampled_from([0, 1, 5000])


class Pair(NamedTuple):
    """A block, and the records that it stands for."""

    block: RecordBlock
    records: list[Record]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Of one to six records, from anywhere in a source, with or without empty lines between them."""
    start = draw(STARTS)
    rows = draw(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
    gaps = draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    lines: Sequence[int] = [start + 1 + sum(gaps[:place]) for place in range(1, len(rows) + 1)]
    if set(gaps) == {1}:
        lines = range(lines[0], lines[0] + len(rows))
    records = [
        Record(start + place, line, dict(zip(HEADER, row, strict=True)))
        for place, (line, row) in enumerate(zip(lines, rows, strict=True))
    ]
    return Pair(RecordBlock(start, lines, HEADER, rows), records)


@settings(max_examples=120, deadline=None)
@given(pairs(), st.data())
def test_a_block_is_the_sequence_of_its_records(pair: Pair, data: st.DataObject) -> None:
    block, records = pair
    assert (len(block), list(block), list(reversed(block))) == (len(records), records, records[::-1])
    assert [block[place] for place in range(-len(records), len(records))] == records + records
    some = data.draw(st.slices(len(records)))
    assert list(block[some]) == records[some]
    for outside in (len(records), -len(records) - 1):
        with pytest.raises(IndexError):
            block[outside]
    assert records[-1] in block
    assert records[-1]._replace(index=-7) not in block
    assert block.index(records[-1]) == records.index(records[-1])


@given(pairs())
def test_a_block_says_field_by_field_what_its_records_say(pair: Pair) -> None:
    block, records = pair
    assert list(indexes_of(block)) == list(indexes_of(records)) == [record.index for record in records]
    assert list(lines_of(block)) == list(lines_of(records)) == [record.line for record in records]
    values = [[record.source_data[name] for record in records] for name in HEADER]  # type: ignore[index]
    assert [list(column) for column in block.columns] == values


@given(pairs())
def test_whoever_looks_at_a_record_twice_meets_the_same_one(pair: Pair) -> None:
    """A hook that keeps something with its record finds it there again."""
    block = pair.block
    for place, record in enumerate(block):
        assert block[place] is record
        assert block[place : place + 1][0] is record


@settings(max_examples=120, deadline=None)
@given(pairs(), st.integers(0, 7), st.one_of(st.none(), st.integers(0, 7)))
def test_a_part_of_a_block_is_a_block_of_that_part(pair: Pair, start: int, end: int | None) -> None:
    part = pair.block.between(start, end)
    expected = pair.records[start:end]
    assert isinstance(part, RecordBlock)
    assert list(part) == expected
    assert (list(part.indexes), list(part.lines)) == ([r.index for r in expected], [r.line for r in expected])


# ── any sequence of pieces, in chunks of any sizes ───────────────────────────────────────────────

# Blocks of so many records; 0: one record alone; -1: one that could not be read.
SHAPES = st.lists(st.one_of(st.integers(-1, 5), st.integers(1, 9)), max_size=8)
SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def pieces_of(shape: Sequence[int]) -> list[Piece]:
    """The pieces of a source with this shape, whose first record follows a header."""
    pieces: list[Piece] = []
    index = 0
    for size in shape:
        if size > 0:
            rows = [(str(n), f"v{n}") for n in range(index, index + size)]
            pieces.append(RecordBlock(index, range(index + 2, index + 2 + size), HEADER, rows))
        elif size == 0:
            pieces.append(Record(index, index + 2, {"a": str(index), "b c": '"quoted"'}))
        else:
            pieces.append(Record(index, index + 2, f"{index}", (DAMAGED,)))
        index += max(1, size)
    return pieces


def breaking_off(pieces: Sequence[Piece], fault: Exception) -> Iterator[Piece]:
    """The pieces, then the fault."""
    yield from pieces
    raise fault


def assert_is_a_chunk(chunk: Sequence[Record]) -> None:
    """What a chunk says as a whole is what its records say."""
    records = list(chunk)
    assert len(chunk) == len(records)
    assert list(indexes_of(chunk)) == [record.index for record in records]
    assert list(lines_of(chunk)) == [record.line for record in records]
    if isinstance(chunk, RecordBlock) and records:
        assert [list(column) for column in chunk.columns] == [
            [record.source_data[name] for record in records]  # type: ignore[index]
            for name in chunk.header
        ]


@settings(max_examples=250, deadline=None)
@given(SHAPES, SIZES)
@example([5, 5], [3])
@example([1, -1, 0, 9], [2, 1])
def test_pieces_in_chunks_of_any_sizes_are_their_records_in_order(shape: list[int], sizes: list[int]) -> None:
    pieces = pieces_of(shape)
    records = list(one_by_one(pieces))
    position, found = Position(pieces), list[Record]()
    for size in itertools.cycle(sizes):
        chunk = position.take(size)
        assert len(chunk) == min(size, len(records) - len(found))
        assert_is_a_chunk(chunk)
        found += chunk
        if not chunk:
            break
    assert found == records
    assert list(position.take(1)) == []


@settings(max_examples=250, deadline=None)
@given(SHAPES, SIZES)
@example([5], [3])
@example([3, 3], [3])
def test_what_a_source_gave_before_it_broke_off_comes_first(shape: list[int], sizes: list[int]) -> None:
    fault = SourceFault("source-changed", "p.csv: changed while it was read")
    pieces = pieces_of(shape)
    records = list(one_by_one(pieces))
    position, found = Position(breaking_off(pieces, fault)), list[Record]()
    taken = map(position.take, itertools.cycle(sizes))
    for size in itertools.cycle(sizes):
        if len(found) == len(records):
            break
        chunk = next(taken)
        assert len(chunk) == min(size, len(records) - len(found))
        assert_is_a_chunk(chunk)
        found += chunk
    assert found == records
    with pytest.raises(SourceFault) as raised:
        next(taken)
    assert raised.value is fault


def test_a_source_that_broke_off_in_a_chunk_says_so_each_time() -> None:
    fault = SourceFault("source-changed", "p.csv: changed while it was read")
    position = Position(breaking_off(pieces_of([2, 2]), fault))
    assert len(position.take(5)) == 4
    for _ in range(3):
        with pytest.raises(SourceFault):
            position.take(5)


@pytest.mark.parametrize("size", [1, 3, 4, 6])
def test_no_more_is_read_than_a_chunk_wants(size: int) -> None:
    read: list[Piece] = []
    position = Position(read.append(piece) or piece for piece in pieces_of([3, 3, 3]))  # type: ignore[func-returns-value]
    position.take(size)
    assert len(read) == (size + 2) // 3


def test_a_chunk_of_nothing_but_blocks_is_a_block() -> None:
    position = Position(pieces_of([4, 4, 0, 4]))
    chunks = [position.take(size) for size in (3, 4, 1, 1, 9)]
    assert [isinstance(chunk, RecordBlock) for chunk in chunks] == [True, True, True, False, True]
    assert [len(chunk) for chunk in chunks] == [3, 4, 1, 1, 4]


def test_records_beside_blocks_make_a_list_that_keeps_what_is_wrong_with_them() -> None:
    chunk = joined(pieces_of([2, -1, 2]))
    assert [(record.index, record.line, record.problems) for record in chunk] == [
        (0, 2, ()),
        (1, 3, ()),
        (2, 4, (DAMAGED,)),
        (3, 5, ()),
        (4, 6, ()),
    ]
    assert list(joined([])) == []


# ── the part that an earlier run has read ────────────────────────────────────────────────────────


@settings(max_examples=120, deadline=None)
@given(st.lists(pairs(), min_size=1, max_size=4), st.data())
def test_the_digest_does_not_depend_on_the_pieces(parts: list[Pair], data: st.DataObject) -> None:
    blocks, index = list[RecordBlock](), 0
    for block, _ in parts:  # as one source
        blocks.append(RecordBlock(index, range(index + 2, index + 2 + len(block)), HEADER, block.rows))
        index += len(block)
    records = list(one_by_one(blocks))
    passed = data.draw(st.integers(0, len(records)))
    in_blocks, alone = Position(blocks), Position(records)
    for position in (in_blocks, alone):
        position.move_to(passed, None, name="p.csv")
    assert in_blocks.digest.hex() == alone.digest.hex()
    assert (in_blocks.start, alone.start) == (passed, passed)
    assert list(in_blocks.take(99)) == list(alone.take(99)) == records[passed:]
    Position(records).move_to(passed, in_blocks.digest.hex(), name="p.csv")  # which it takes for the same source


def test_a_source_of_blocks_that_differs_or_ends_too_early_is_refused() -> None:
    with pytest.raises(SourceError, match="are others than those"):
        Position(pieces_of([3, 3])).move_to(4, ReadDigest(["{}"]).hex(), name="p.csv")
    with pytest.raises(SourceError, match="it ends after 6 records"):
        Position(pieces_of([3, 3])).move_to(7, None, name="p.csv")
    with pytest.raises(StoppedError, match="stopped before the first new record"):
        Position(pieces_of([3, 3])).move_to(4, None, name="p.csv", should_stop=lambda: True)


# ── a block of outcomes ──────────────────────────────────────────────────────────────────────────

REFUSED = (Problem("db.check", "v", '"bad" violates check constraint "c"'),)
ACTIONS = st.sampled_from(Action)


@st.composite
def outcomes_of(draw: st.DrawFn, *, start: int = 0) -> list[Outcome]:
    """One to eight outcomes of records that follow each other, of every kind that law 1 allows."""
    made = []
    for index in range(start, start + draw(st.integers(1, 8))):
        status = draw(st.sampled_from([ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.SKIPPED]))
        done = status is ItemStatus.COMPLETED
        target_id = draw(st.one_of(st.none(), st.just(f"id {index}")))
        action = draw(st.one_of(st.none(), ACTIONS)) if done else None
        more: Any = draw(st.sampled_from([{}, {"key_hash": "ff"}, {"data": {"a": 1}}, {"metadata": {"m": 1}}]))
        made.append(Outcome(index, status, action, () if done else REFUSED, target_id, **more))
    return made


def as_block(outcomes: Sequence[Outcome]) -> OutcomeBlock:
    return OutcomeBlock(columns_of(outcomes))


@settings(max_examples=120, deadline=None)
@given(outcomes_of(start=3), st.data())
def test_a_block_of_outcomes_is_the_sequence_of_them(outcomes: list[Outcome], data: st.DataObject) -> None:
    block = as_block(outcomes)
    assert (len(block), list(block), list(reversed(block))) == (len(outcomes), outcomes, outcomes[::-1])
    assert [block[place] for place in range(-len(outcomes), len(outcomes))] == outcomes + outcomes
    some = data.draw(st.slices(len(outcomes)))
    assert isinstance(block[some], OutcomeBlock)
    assert list(block[some]) == outcomes[some]
    assert [len(column) for column in block[some].columns] == [len(outcomes[some])] * len(Outcome._fields)
    with pytest.raises(IndexError):
        block[len(outcomes)]


@given(outcomes_of())
def test_outcomes_have_the_same_columns_as_block_and_as_list(outcomes: list[Outcome]) -> None:
    block = as_block(outcomes)
    assert columns_of(block) is block.columns  # what was made for a promise is found again by it
    assert columns_of(list(block)) == columns_of(outcomes) == OutcomeColumns(*zip(*outcomes, strict=True))
    assert OutcomeColumns._fields == Outcome._fields


@given(STARTS, st.lists(st.tuples(st.one_of(st.none(), ACTIONS), st.one_of(st.none(), st.just("7"))), max_size=6))
def test_completed_records_have_nothing_but_an_action_and_a_row(
    start: int, done: list[tuple[Action | None, str | None]]
) -> None:
    indexes = range(start, start + len(done))
    block = completed(indexes, [action for action, _ in done], [target_id for _, target_id in done])
    assert list(block) == [
        Outcome(index, ItemStatus.COMPLETED, action, (), target_id)
        for index, (action, target_id) in zip(indexes, done, strict=True)
    ]


# ── what is checked and counted ──────────────────────────────────────────────────────────────────


@settings(max_examples=120, deadline=None)
@given(outcomes_of(start=2))
def test_outcomes_are_checked_and_counted_alike_as_block_and_as_list(outcomes: list[Outcome]) -> None:
    indexes = range(2, 2 + len(outcomes))
    ends = checked(indexes, outcomes)
    assert ends == checked(list(indexes), as_block(outcomes)) == columns_of(outcomes)
    found = Counter(str(end) for outcome in outcomes for end in (outcome.status, outcome.action) if end)
    assert count(ends) == Counts(*(found[name] for name in Counts._fields))


def test_a_block_is_checked_without_being_copied() -> None:
    block = completed(range(3), [Action.INSERTED] * 3, ["a", "b", "c"])
    assert checked(range(3), block) is block.columns


GOOD = list(completed(range(4), [Action.INSERTED] * 4, ["a", "b", "c", "d"]))
STOPPING = [*GOOD[:2], Outcome(2, ItemStatus.FAILED, problems=REFUSED, stop=True)]
WRONG = {
    "none": [],
    "one too few": GOOD[:3],
    "one too many": [*GOOD, GOOD[3]._replace(index=4)],
    "the first one missing": GOOD[1:],
    "two in the wrong order": [GOOD[0], GOOD[2], GOOD[1], GOOD[3]],
    "one twice": [GOOD[0], GOOD[1], GOOD[1], GOOD[3]],
    "others": [outcome._replace(index=outcome.index + 1) for outcome in GOOD],
    "a stop before the last one": [STOPPING[2]._replace(index=0), GOOD[1]],
}


@pytest.mark.parametrize("why", WRONG)
def test_other_than_one_outcome_per_record_is_refused(why: str) -> None:
    wrong = WRONG[why]
    for outcomes in (wrong, as_block(wrong)) if wrong else (wrong, completed([], [], [])):
        with pytest.raises(AssertionError, match="one outcome per record, in order"):
            checked(range(4), outcomes)


def test_fewer_outcomes_are_right_where_the_last_one_ends_the_batch() -> None:
    for outcomes in (STOPPING, as_block(STOPPING)):
        ends = checked(range(4), outcomes)
        assert (list(ends.index), list(ends.stop)) == ([0, 1, 2], [False, False, True])
        assert count(ends) == Counts(completed=2, failed=1, inserted=2)


@pytest.mark.parametrize("status", [ItemStatus.FAILED, ItemStatus.SKIPPED])
def test_what_did_not_complete_must_say_why(status: ItemStatus) -> None:
    outcomes = [*GOOD[:2], Outcome(2, status), GOOD[3]]
    for given_ in (outcomes, as_block(outcomes)):
        with pytest.raises(AssertionError, match=f"record 2 is {status} without a problem"):
            checked(range(4), given_)
