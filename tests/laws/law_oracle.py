"""The reference semantics as plain Python: records applied one at a time, in file order (DESIGN section 5).

Knows nothing of SQL, chunks or waves. A `Table` is a target with its rules; `apply_all` says what
every record's end must be and leaves the table as it must be.

Readings of DESIGN that are fixed here:
- `first` is the first record that passed validation and mapping, whatever the database then said of it.
- A record is asked whether it can be read, validated and mapped, then whether its key came before in this
  batch, then whether its row existed before, and only then what the table says of the row to be.
- "existed before this batch": a row that no record of this batch has completed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from law_records import EARLY, STAGES, Sample

Row = dict[str, Any]


class Refused(Exception):
    """Raised by a table's own functions: code and field of the problem."""


# (all rows by key, the key, the row to be) → (code, field) when the database refuses to write it
Rule = Callable[[Mapping[Hashable, Row], Hashable, Row], tuple[str, str | None] | None]


class Policy(NamedTuple):
    """What a pipeline says about rows that exist and keys that repeat."""

    on_conflict: str = "update"
    on_duplicate: str = "last"

    def __str__(self) -> str:
        return f"{self.on_conflict}-{self.on_duplicate}"


POLICIES = [Policy(c, d) for c in ("update", "ignore", "error") for d in ("last", "first", "error")]


class End(NamedTuple):
    """How one record ends."""

    status: str
    action: str | None
    problems: tuple[tuple[str, str | None], ...]
    line: int


@dataclass
class Table:
    """A target: what equality of keys means, how values are stored and compared, and who refuses."""

    key_of: Callable[[Row], Hashable]
    row_of: Callable[[Mapping[str, str | None]], Row]
    defaults: Mapping[str, Any] = field(default_factory=dict)  # on insert, for columns without a value
    same: Callable[[Row, Row], bool] = lambda old, new: old == new
    rules: Sequence[Rule] = ()
    resolve: Callable[[Mapping[Hashable, Row], Row], Row] = lambda rows, row: row  # look-ups into the target itself
    rows: dict[Hashable, Row] = field(default_factory=dict)


def apply_all(
    table: Table, samples: Sequence[Sample], lines: Sequence[int], *, policy: Policy, typed: bool
) -> list[End]:
    """The end of every record; `table` is changed. `typed`: the source is jsonl."""
    batch = _Batch(table, policy, typed)
    return [batch.apply(sample, line) for sample, line in zip(samples, lines, strict=True)]


@dataclass
class _Batch:
    table: Table
    policy: Policy
    typed: bool
    seen: set[Hashable] = field(default_factory=set)  # keys of records that passed validation and mapping
    own: set[Hashable] = field(default_factory=set)  # keys whose row a record of this batch has completed

    def apply(self, sample: Sample, line: int) -> End:
        try:
            return self._apply(sample, line)
        except Refused as refused:
            return End("failed", None, (refused.args,), line)

    def _apply(self, sample: Sample, line: int) -> End:
        if sample.refused in EARLY:
            return self._refused_by(sample.refused, line)
        new = self.table.row_of(sample.cells)
        key = self.table.key_of(new)
        if self.policy.on_duplicate != "last" and key in self.seen:
            skipped = self.policy.on_duplicate == "first"
            return End("skipped" if skipped else "failed", None, (("target.duplicate", None),), line)
        self.seen.add(key)
        new = self.table.resolve(self.table.rows, new)
        old = self.table.rows.get(key)
        if old is not None and key not in self.own and self.policy.on_conflict != "update":
            skipped = self.policy.on_conflict == "ignore"
            return End("skipped" if skipped else "failed", None, (("target.exists", None),), line)
        return self._write(sample, key, old, new, line)

    def _write(self, sample: Sample, key: Hashable, old: Row | None, new: Row, line: int) -> End:
        if old is None:
            new = {name: self.table.defaults.get(name) if value is None else value for name, value in new.items()}
        elif self.table.same(old, new):
            self.own.add(key)
            return End("completed", "unchanged", (), line)
        if sample.refused is not None:
            return self._refused_by(sample.refused, line)
        for rule in self.table.rules:
            if (refusal := rule(self.table.rows, key, new)) is not None:
                return End("failed", None, (refusal,), line)
        self.table.rows[key] = new
        self.own.add(key)
        return End("completed", "inserted" if old is None else "updated", (), line)

    def _refused_by(self, stage: str, line: int) -> End:
        in_text, in_json, name = STAGES[stage]
        return End("failed", None, ((in_json if self.typed else in_text, name),), line)


def counts_of(ends: Sequence[End]) -> dict[str, int]:
    """What the batch's counters must be."""
    words = ("completed", "failed", "skipped", "inserted", "updated", "unchanged")
    return {word: sum(word in (end.status, end.action) for end in ends) for word in words}
