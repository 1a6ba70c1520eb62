"""Sorts a staged chunk out before it is written: same key twice, keys met before, records overtaken.

Equality is the column's (`1.0` and `1.00` on numeric, citext), so the server decides it over the
cast key. What is not to be written is deleted from staging and comes back with its problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composed, Identifier, Literal

from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.sqlstate import Fault, fault_of, primary_message, problem_code
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.upsert import STAGE, Upsert, numbers_array
from ri_declarative.records import Problem


class Removed(NamedTuple):
    """A staged row that is not written, and why."""

    problem: Problem
    skipped: bool
    key_hash: str | None = None


@dataclass
class SortedOut:
    """What is known about a chunk's keys before it is written."""

    removed: dict[int, Removed] = field(default_factory=dict)
    groups: list[list[int]] = field(default_factory=list)  # numbers with equal keys, two or more each, ascending
    hashes: dict[int, str] = field(default_factory=dict)  # number → key hash, for the items


class Met(NamedTuple):
    """An item of this lineage with the same key."""

    index: int  # type: ignore[assignment]
    line: int | None
    completed: bool


@dataclass(frozen=True)
class Lineage:
    """The batches whose records count as one file: a batch, what it reprocesses, and so on."""

    books: str  # schema of the bookkeeping tables
    batch_ids: tuple[str, ...]
    reprocessing: bool


class Duplicates:
    """Judges keys for one run."""

    def __init__(self, upsert: Upsert, lineage: Lineage) -> None:
        self._upsert = upsert
        self._plan: UpsertPlan = upsert.plan
        self._lineage = lineage
        self._items = Identifier(lineage.books, "import_batch_items")

    def sort_out(self, cursor: Cursor, rows: StagedRows) -> SortedOut:
        """Judge the staged rows; those that are not to be written are gone from staging."""
        found = SortedOut()
        lines = dict(zip(rows.numbers, rows.lines, strict=True))
        groups = [] if self._are_different(rows) else self._equal_keys(cursor, rows.numbers, found)
        if self._plan.compares_keys_across_chunks:
            self._compare_with_batch(cursor, groups, lines, found)
        if self._plan.on_duplicate == "last":
            found.groups = groups
            if self._lineage.reprocessing:
                self._skip_superseded(cursor, found)
                found.groups = [kept for g in groups if len(kept := [n for n in g if n not in found.removed]) > 1]
        if found.removed:
            cursor.execute(SQL("DELETE FROM {} WHERE n = ANY ({})").format(STAGE, numbers_array(found.removed)))
        return found

    # ── equal keys in this chunk ─────────────────────────────────────────────────────────────

    def _are_different(self, rows: StagedRows) -> bool:
        """Whether the texts alone say that no two rows have one key: then the server need not be asked."""
        return self._plan.key_is_exact and len(set(self._plan.keys_of(rows.columns))) == len(rows.numbers)

    def _equal_keys(self, cursor: Cursor, numbers: list[int], found: SortedOut) -> list[list[int]]:
        """Groups of two or more; a key that the server cannot read removes its row."""
        cursor.execute("SAVEPOINT ri_keys")
        try:
            groups = self._groups(cursor)
        except psycopg2.Error as error:
            if fault_of(error.pgcode) is not Fault.RECORD:
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT ri_keys")
            self._remove_unreadable(cursor, numbers, found)
            groups = self._groups(cursor, [n for n in numbers if n not in found.removed])
        cursor.execute("RELEASE SAVEPOINT ri_keys")
        return groups

    def _groups(self, cursor: Cursor, only: list[int] | None = None) -> list[list[int]]:
        """Equal keys among the rows numbered `only`, or among all that are staged."""
        keys = SQL(", ").join(self._upsert.key_names())
        chosen = SQL("") if only is None else SQL(" WHERE s.n = ANY ({})").format(numbers_array(only))
        cursor.execute(
            SQL(
                "SELECT pg_catalog.array_agg(k.n) FROM ({}) AS k WHERE ({}) IS NOT NULL "
                "GROUP BY {} HAVING pg_catalog.count(*) > 1"
            ).format(self._upsert.keys_statement() + chosen, SQL("ROW({})").format(keys), keys)
        )
        return sorted(sorted(numbers) for (numbers,) in cursor.fetchall())

    def _remove_unreadable(self, cursor: Cursor, numbers: list[int], found: SortedOut) -> None:
        """Halve until the rows are alone whose key the server cannot cast; they are few, or all."""
        cursor.execute("SAVEPOINT ri_key")
        try:
            self._groups(cursor, numbers)
            cursor.execute("RELEASE SAVEPOINT ri_key")
        except psycopg2.Error as error:
            if fault_of(error.pgcode) is not Fault.RECORD:
                raise
            cursor.execute("ROLLBACK TO SAVEPOINT ri_key")
            if len(numbers) > 1:
                middle = len(numbers) // 2
                self._remove_unreadable(cursor, numbers[:middle], found)
                self._remove_unreadable(cursor, numbers[middle:], found)
            else:
                state = str(error.pgcode)
                problem = Problem(problem_code(state), None, primary_message(error), {"sqlstate": state})
                found.removed[numbers[0]] = Removed(problem, skipped=False)

    # ── keys this batch has met before ───────────────────────────────────────────────────────

    def _compare_with_batch(
        self, cursor: Cursor, groups: list[list[int]], lines: Mapping[int, int | None], found: SortedOut
    ) -> None:
        found.hashes = self._hashes(cursor)
        met = self._met(cursor, found.hashes)
        if self._plan.on_conflict != "update":
            own = [n for n, items in met.items() if any(item.completed for item in items)]
            cursor.execute(SQL("UPDATE {} SET own = true WHERE n = ANY ({})").format(STAGE, numbers_array(own)))
        if self._plan.on_duplicate != "last":
            self._remove_later(groups, met, lines, found)

    def _hashes(self, cursor: Cursor) -> dict[int, str]:
        """128 bits that agree with the key's equality; the text's where the type has no hash of its own."""
        if self._plan.hashed_key:
            parts = [
                SQL("pg_catalog.hash_array_extended(ARRAY[k.{}], CAST({} AS int8))").format(name, Literal(seed))
                for name in self._upsert.key_names()
                for seed in (0, 1)
            ]
        else:
            parts = [
                SQL("pg_catalog.quote_literal(CAST(k.{} AS text))").format(name) for name in self._upsert.key_names()
            ]
        keys = SQL(", ").join(SQL("k.{}").format(name) for name in self._upsert.key_names())
        cursor.execute(
            SQL(
                "SELECT k.n, pg_catalog.md5(pg_catalog.concat_ws(',', {})) FROM ({}) AS k WHERE ROW({}) IS NOT NULL"
            ).format(SQL(", ").join(parts), self._upsert.keys_statement(), keys)
        )
        return dict(cursor.fetchall())

    def _met(self, cursor: Cursor, hashes: Mapping[int, str]) -> dict[int, list[Met]]:
        """Number → the items of this lineage with its key, in file order."""
        cursor.execute(
            SQL(
                "SELECT i.key_hash, i.item_index, i.source_line, i.status = 'completed' FROM {} AS i "
                "WHERE i.key_hash = ANY ({}) AND i.batch_id = ANY ({}) AND {} ORDER BY i.item_index"
            ).format(
                self._items,
                SQL("CAST({} AS text[])").format(Literal([*hashes.values()])),
                _uuids(self._lineage.batch_ids),
                self._is_newest(),
            )
        )
        items: dict[str, list[Met]] = {}
        for key_hash, *item in cursor.fetchall():
            items.setdefault(key_hash, []).append(Met(*item))
        return {n: items[key_hash] for n, key_hash in hashes.items() if key_hash in items}

    def _remove_later(
        self,
        groups: list[list[int]],
        met: dict[int, list[Met]],
        lines: Mapping[int, int | None],
        found: SortedOut,
    ) -> None:
        """`first` and `error`: only the first record with a key is written. Only it keeps the key's hash."""
        for n, items in met.items():
            other = next((item for item in items if item.index != n), None)
            if other is not None:
                found.removed[n] = self._later(other.index, other.line)
        for group in groups:
            first, *later = group
            for n in later:
                found.removed.setdefault(n, self._later(first, lines[first]))
        for n in found.removed:
            found.hashes.pop(n, None)

    def _later(self, index: int, line: int | None) -> Removed:
        first = f"line {line}" if line is not None else f"record {index}"
        keys = ", ".join(self._plan.key)
        problem = Problem("target.duplicate", None, f"has the same {keys} as {first}", {"first_index": str(index)})
        return Removed(problem, skipped=self._plan.on_duplicate == "first")

    def _is_newest(self) -> Composed:
        """What was repeated since, perhaps with another key, holds nothing any more."""
        return SQL("NOT EXISTS (SELECT FROM {} AS c WHERE c.parent_item_id = i.id)").format(self._items)

    # ── records overtaken by a later one of their lineage ────────────────────────────────────

    def _skip_superseded(self, cursor: Cursor, found: SortedOut) -> None:
        """Repairing line 7 never overwrites line 9, which came later and was completed."""
        cursor.execute(
            SQL(
                "SELECT f.n, pg_catalog.max(i.item_index), pg_catalog.max(i.source_line) FROM ({}) AS f JOIN {} AS i "
                "ON i.batch_id = ANY ({}) AND i.status = 'completed' AND i.target_id = f.target_id "
                "AND i.item_index > f.n AND {} GROUP BY f.n"
            ).format(self._upsert.found_statement(), self._items, _uuids(self._lineage.batch_ids), self._is_newest())
        )
        for n, index, line in cursor.fetchall():
            later = f"line {line}" if line is not None else f"record {index}"
            message = f"{later} has the same {', '.join(self._plan.key)}, comes later and is completed"
            found.removed[n] = Removed(
                Problem("target.superseded", None, message, {"by_index": str(index)}), skipped=True
            )


def _uuids(ids: tuple[str, ...]) -> Composed:
    return SQL("CAST({} AS uuid[])").format(Literal(list(ids)))
