"""Records and outcomes that are alike, as columns: each is made where somebody looks at it, which hardly anybody does.

A `RecordBlock` is a sequence of Records for whoever does not know it, and an `OutcomeBlock` one of Outcomes. Who
knows them takes their columns, which is several times as fast as one record after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, overload

from ri_declarative.records import Action, ItemStatus, Outcome, Problem, Record

Cells = Sequence[str]


class RecordBlock(Sequence[Record]):
    """Records that follow each other, without a fault, and have a text for each field of one header."""

    def __init__(self, start: int, lines: Sequence[int], header: tuple[str, ...], rows: Sequence[Cells]) -> None:
        """`start`: the first one's index; `lines`: where they begin; `rows`: their cells in the header's order."""
        self.indexes = range(start, start + len(rows))
        self.lines = lines
        self.header = header
        self.rows = rows

    @cached_property
    def columns(self) -> list[tuple[str, ...]]:
        """The cells of each field of the header. There is at least one record."""
        return list(zip(*self.rows, strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        return self._records[place]

    def between(self, start: int, end: int | None = None) -> RecordBlock:
        """Those at the places from `start` to before `end`, None: all that follow."""
        return RecordBlock(self.indexes[start:end].start, self.lines[start:end], self.header, self.rows[start:end])

    @cached_property
    def _records(self) -> list[Record]:
        # One after the other in one list: whoever looks at one looks at many, and is to meet the same ones again.
        header = self.header
        return [
            Record(index, line, dict(zip(header, row, strict=True)))
            for index, line, row in zip(self.indexes, self.lines, self.rows, strict=True)
        ]


def indexes_of(records: Sequence[Record]) -> Sequence[int]:
    """The place of each record in its source."""
    return records.indexes if isinstance(records, RecordBlock) else [record.index for record in records]


def lines_of(records: Sequence[Record]) -> Sequence[int | None]:
    """The line where each record begins."""
    return records.lines if isinstance(records, RecordBlock) else [record.line for record in records]


Piece = Record | RecordBlock  # what a source gives next


def one_by_one(pieces: Iterable[Piece]) -> Iterable[Record]:
    """The records of all pieces."""
    return chain.from_iterable(piece if isinstance(piece, RecordBlock) else (piece,) for piece in pieces)


def joined(pieces: Sequence[Piece]) -> Sequence[Record]:
    """The records of pieces of one source that follow each other: a block, when all of these are blocks."""
    blocks = [piece for piece in pieces if isinstance(piece, RecordBlock)]
    if not blocks or len(blocks) < len(pieces):
        return list(one_by_one(pieces))
    if len(blocks) == 1:
        return blocks[0]
    lines = list(chain.from_iterable(block.lines for block in blocks))
    rows = list(chain.from_iterable(block.rows for block in blocks))
    return RecordBlock(blocks[0].indexes.start, lines, blocks[0].header, rows)


class OutcomeColumns(NamedTuple):
    """Outcomes, field by field."""

    index: Sequence[int]  # type: ignore[assignment]
    status: Sequence[ItemStatus]
    action: Sequence[Action | None]
    problems: Sequence[tuple[Problem, ...]]
    target_id: Sequence[str | None]
    key_hash: Sequence[str | None]
    data: Sequence[Any]
    target_table: Sequence[str | None]
    metadata: Sequence[Any]
    stop: Sequence[bool]


class OutcomeBlock(Sequence[Outcome]):
    """Outcomes that are kept field by field."""

    def __init__(self, columns: OutcomeColumns) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns.index)

    @overload
    def __getitem__(self, place: int) -> Outcome: ...

    @overload
    def __getitem__(self, place: slice) -> OutcomeBlock: ...

    def __getitem__(self, place: int | slice) -> Outcome | OutcomeBlock:
        if isinstance(place, slice):
            return OutcomeBlock(OutcomeColumns._make(column[place] for column in self.columns))
        return Outcome._make(column[place] for column in self.columns)

    def __iter__(self) -> Iterator[Outcome]:
        return map(Outcome._make, zip(*self.columns, strict=True))


def completed(
    indexes: Sequence[int], actions: Sequence[Action | None], target_ids: Sequence[str | None]
) -> OutcomeBlock:
    """Outcomes of completed records, of which nothing is to be said but what was done to which row."""
    count = len(indexes)
    no_problems: list[tuple[Problem, ...]] = [()] * count
    nothing = [None] * count
    return OutcomeBlock(
        OutcomeColumns(
            indexes,
            [ItemStatus.COMPLETED] * count,
            actions,
            no_problems,
            target_ids,
            key_hash=nothing,
            data=nothing,
            target_table=nothing,
            metadata=nothing,
            stop=[False] * count,
        )
    )


def columns_of(outcomes: Sequence[Outcome]) -> OutcomeColumns:
    """At least one outcome, field by field."""
    return outcomes.columns if isinstance(outcomes, OutcomeBlock) else OutcomeColumns(*zip(*outcomes, strict=True))


def with_refused(
    indexes: Sequence[int],
    written: OutcomeBlock,
    places: Sequence[int],
    refused: Mapping[int, tuple[Problem, ...]],
) -> OutcomeBlock:
    """One outcome for each of the indexes: those that are `written` lie at `places`, the other ones are `refused`."""
    if not refused:
        return written
    count = len(indexes)
    status = [ItemStatus.FAILED] * count
    problems: list[tuple[Problem, ...]] = [()] * count
    for place, found in refused.items():
        problems[place] = found
    actions: list[Action | None] = [None] * count
    ids: list[str | None] = [None] * count
    columns = written.columns
    for place, action, target_id in zip(places, columns.action, columns.target_id, strict=True):
        status[place], actions[place], ids[place] = ItemStatus.COMPLETED, action, target_id
    return OutcomeBlock(completed(indexes, actions, ids).columns._replace(status=status, problems=problems))
