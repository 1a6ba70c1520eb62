"""The plan of an upsert: where each target column's value comes from and how conflicts end.

Made by the compiler from a pipeline and the catalogue; plain data, no SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple

from ri_declarative.database.catalogue import Column, Relation
from ri_declarative.records import Problem

NUMBERS = ("int2", "int4", "int8")
# A canonical text of these is the text of the value that is stored, and equal just when the values are.
EXACT_TYPES = (*NUMBERS, "text", "varchar", "uuid")


class State(Enum):
    """What became of a staged row; the first letter travels from the server."""

    INSERTED = "i"
    UPDATED = "u"
    SAME = "s"
    EXISTS = "e"  # the row was there before this batch and on_conflict is not update
    REFUSED = "r"  # predicted; followed by the refusal's number
    LOST = "x"  # neither same nor written: a race, or a trigger that swallowed it


class Staged(NamedTuple):
    """A value that came with the record."""

    cell: str  # staging column
    mark: str | None  # staging column that is not NULL when the field was absent


class Constant(NamedTuple):
    """The same canonical text for every row."""

    text: str | None


class RunFact(NamedTuple):
    """batch_id, item_id, started_at, source_name or line."""

    name: str


class LookedUp(NamedTuple):
    """The value that look-up number `lookup` takes."""

    lookup: int


@dataclass(frozen=True)
class Lookup:
    """A join to a table by unique columns."""

    schema: str
    table: str
    match: tuple[tuple[Column, Staged], ...]
    take: Column
    fails: bool  # a present value without a partner refuses the record
    field: str  # for the problem
    label: str  # "countries.code"


@dataclass(frozen=True)
class TargetColumn:
    """One mapped column and where its value comes from."""

    column: Column
    source: Staged | Constant | RunFact | LookedUp
    field: str | None  # for problems
    on_update: str = "set"  # set | keep | fill
    keep_missing: bool = False


class Refusal(NamedTuple):
    """A refusal that can be told from the catalogue before the database says it."""

    code: str
    field: str | None
    message: str
    details: Mapping[str, str]

    @property
    def problem(self) -> Problem:
        """What the record's problem is then."""
        return Problem(self.code, self.field, self.message, self.details)


def may_update(on_conflict: str, on_duplicate: str) -> bool:
    """Whether a row that exists can ever be changed: one of an earlier batch, or one of this batch by `last`."""
    return on_conflict == "update" or on_duplicate == "last"


@dataclass(frozen=True)
class UpsertPlan:
    """All that decides the SQL; `row_by_row` names why set-based writing would not be equal, if so."""

    relation: Relation
    key: tuple[str, ...]
    columns: tuple[TargetColumn, ...]
    lookups: tuple[Lookup, ...]
    stage: tuple[str, ...]  # staging columns in the order the mapper gives them
    on_conflict: str
    on_duplicate: str
    row_by_row: str | None
    hashed_key: bool  # key columns' types have hashes that agree with their equality

    @property
    def compares_keys_across_chunks(self) -> bool:
        """Whether the batch must know which keys it has met before."""
        return self.on_duplicate != "last" or self.on_conflict != "update"

    @cached_property
    def key_is_exact(self) -> bool:
        """Whether records have equal keys just when the texts that were staged for them are equal."""
        columns = [self.by_name[name] for name in self.key]
        return all(
            isinstance(c.source, Staged) and c.column.type_name in EXACT_TYPES and not c.column.nondeterministic
            for c in columns
        )

    def keys_of(self, cells: Sequence[Sequence[str | None]]) -> Iterable[Any]:
        """The key of each row, as texts, of the staging columns' cells. Only where `key_is_exact`."""
        places = {name: place for place, name in enumerate(self.stage)}
        sources = [self.by_name[name].source for name in self.key]
        keys = [cells[places[source.cell]] for source in sources if isinstance(source, Staged)]
        return keys[0] if len(keys) == 1 else zip(*keys, strict=True)

    @cached_property
    def by_name(self) -> dict[str, TargetColumn]:
        """Column name → its mapping."""
        return {c.column.name: c for c in self.columns}

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that `target_id` is made of: the primary key, else the pipeline's key."""
        return self.relation.primary_key or self.key
