"""Writes one chunk into the target inside the open transaction; gives one `Written` per row.

    stage      COPY into a temporary all-text table, dropped with the transaction
    sort out   same key twice, keys this batch has met before, keys a later record has completed
    write      wave by wave, the k-th occurrence of a key in wave k, one statement each
    walk       row by row on the server, when set-based writing is refused or would not be equal

Never commits. After an error that is not a record's own the transaction is broken and must be rolled back.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composable, Identifier, Literal

from ri_declarative.database.copy import copy_buffer
from ri_declarative.database.duplicates import Duplicates
from ri_declarative.database.plan import State, UpsertPlan
from ri_declarative.database.sqlstate import Fault, fault_of, problem_code, stopped_by
from ri_declarative.database.upsert import STAGE, Upsert, numbers_array
from ri_declarative.database.walk import Walk, Walked
from ri_declarative.records import Action, Problem

log = logging.getLogger("ri_declarative")

MAX_WAVES = 8
_ACTIONS = {State.INSERTED: Action.INSERTED, State.UPDATED: Action.UPDATED, State.SAME: Action.UNCHANGED}


class StagedRow(NamedTuple):
    """A mapped record: texts in the order of the plan's staging columns."""

    n: int
    line: int | None
    values: tuple[str | None, ...]


class Written(NamedTuple):
    """What became of a row: an action, or the problem that refused or skipped it."""

    n: int
    action: Action | None
    problem: Problem | None
    skipped: bool
    target_id: str | None
    key_hash: str | None


class ChunkWriter:
    """Writes the chunks of one run."""

    def __init__(self, upsert: Upsert, duplicates: Duplicates) -> None:
        self._upsert = upsert
        self._plan = upsert.plan
        self._duplicates = duplicates
        self._columns = SQL(", ").join(Identifier(name) for name in ("n", "line", *self._plan.stage))

    def write(self, cursor: Cursor, rows: Sequence[StagedRow], *, isolate: bool = False) -> list[Written]:
        """One `Written` per row, in the order of `rows`, which is ascending by `n`. `isolate`: walk at once."""
        if not rows:
            return []
        try:
            return self._write_staged(cursor, rows, isolate=isolate)
        except psycopg2.Error as error:
            place = f"writing {self._plan.relation.label} as role {cursor.connection.info.user}"
            raise stopped_by(error, place=place) from error

    def _write_staged(self, cursor: Cursor, rows: Sequence[StagedRow], *, isolate: bool) -> list[Written]:
        self._stage(cursor, rows)
        numbers = [row.n for row in rows]
        sorted_out = self._duplicates.sort_out(cursor, {row.n: row.line for row in rows})
        written = {
            n: Written(n, None, removed.problem, removed.skipped, None, removed.key_hash)
            for n, removed in sorted_out.removed.items()
        }
        remaining = [n for n in numbers if n not in written]
        if remaining:
            for result in self._write(cursor, remaining, sorted_out.groups, isolate=isolate):
                written[result.n] = result._replace(key_hash=sorted_out.hashes.get(result.n))
        return [written[n] for n in numbers]

    def _stage(self, cursor: Cursor, rows: Sequence[StagedRow]) -> None:
        create_stage(cursor, self._plan)
        buffer = copy_buffer([(str(r.n), None if r.line is None else str(r.line), *r.values) for r in rows])
        cursor.copy_expert(SQL("COPY {} ({}) FROM STDIN").format(STAGE, self._columns), buffer)

    def _write(self, cursor: Cursor, numbers: list[int], groups: list[list[int]], *, isolate: bool) -> list[Written]:
        waves = max(map(len, groups), default=1)
        mark_groups(cursor, groups)
        cursor.execute("SAVEPOINT ri_write")
        if self._plan.row_by_row is None and waves <= MAX_WAVES and not isolate:
            try:
                results = self._write_waves(cursor, waves, groups)
            except psycopg2.Error as error:
                self._judge(error)
                results = None
            if results is not None:
                cursor.execute("RELEASE SAVEPOINT ri_write")
                return results
            cursor.execute("ROLLBACK TO SAVEPOINT ri_write")
        return [self._walked(row) for row in Walk(self._upsert).run(cursor, numbers)]

    def _judge(self, error: psycopg2.Error) -> None:
        """Raise again what the walk cannot attribute to a record."""
        fault = fault_of(error.pgcode, row_security=self._plan.relation.row_security)
        if fault is Fault.OURS:
            log.error(
                "please report: SQLSTATE %s in a set-based write into %s", error.pgcode, self._plan.relation.label
            )
        if fault not in (Fault.RECORD, Fault.OURS):
            raise error

    def _write_waves(self, cursor: Cursor, waves: int, groups: list[list[int]]) -> list[Written] | None:
        """None when some row is neither same nor written: the walk tries it again."""
        results: list[Written] = []
        for wave in range(waves):
            cursor.execute(self._upsert.set_statement(wave))
            rows = cursor.fetchall()
            if any(state == State.LOST.value for _, state, _ in rows):
                return None
            done = [self._result(n, state, target_id) for n, state, target_id in rows]
            results += done
            if wave + 1 < waves:
                self._mark_own(cursor, groups, {row.n for row in done if row.action is not None})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return results

    def _mark_own(self, cursor: Cursor, groups: Iterable[list[int]], completed: set[int]) -> None:
        """Later rows of a key that this wave has made do not meet a row from before the batch."""
        if self._plan.on_conflict != "update":
            later = list(itertools.chain.from_iterable(g for g in groups if completed.intersection(g)))
            cursor.execute(SQL("UPDATE {} SET own = true WHERE n = ANY ({})").format(STAGE, numbers_array(later)))

    def _walked(self, row: Walked) -> Written:
        if row.state is not None:
            return self._result(row.n, row.state, row.target_id)
        assert row.sqlstate is not None
        columns = self._columns_blamed(row)
        named = {"constraint": row.constraint, "column": ", ".join(columns) or row.column, "table": row.table}
        details = {"sqlstate": row.sqlstate} | {key: value for key, value in named.items() if value}
        mapped = self._plan.by_name.get(columns[0]) if len(columns) == 1 else None
        field = mapped.field if mapped else None
        problem = Problem(problem_code(row.sqlstate), field, row.message or row.sqlstate, details)
        return Written(row.n, None, problem, False, None, None)

    def _columns_blamed(self, row: Walked) -> tuple[str, ...]:
        """The target's columns that the server means; none when it speaks of another table, like a trigger's."""
        relation = self._plan.relation
        if row.table and row.table != relation.name and relation.kind != "p":
            return ()
        return relation.columns_of(row.constraint or "") or ((row.column,) if row.column else ())

    def _result(self, n: int, state: str, target_id: str | None) -> Written:
        if state[0] == State.REFUSED.value:
            refusal = self._upsert.refusals[int(state[1:])]
            problem = Problem(refusal.code, refusal.field, refusal.message, refusal.details)
            return Written(n, None, problem, False, None, None)
        if state == State.EXISTS.value:
            return self._exists(n, target_id)
        if state == State.LOST.value:
            problem = Problem(
                "target.not_stored",
                None,
                f"{self._plan.relation.label} kept no row and raised no error: a trigger or a policy dropped it",
            )
            return Written(n, None, problem, False, None, None)
        return Written(n, _ACTIONS[State(state)], None, False, target_id, None)

    def _exists(self, n: int, target_id: str | None) -> Written:
        keys = ", ".join(self._plan.key)
        problem = Problem(
            "target.exists", None, f"{self._plan.relation.label} had a row with this {keys} before this batch"
        )
        return Written(n, None, problem, self._plan.on_conflict == "ignore", target_id, None)


def create_stage(cursor: Cursor, plan: UpsertPlan) -> None:
    """The empty staging table of this transaction: all text, so that nothing is decided before the cast."""
    columns: list[Composable] = [
        SQL("n int8 NOT NULL"),
        SQL("line int8"),
        *(SQL("{} text").format(Identifier(name)) for name in plan.stage),
        SQL("wave int4 NOT NULL DEFAULT 0"),
        SQL("grp int8"),
        SQL("own boolean NOT NULL DEFAULT false"),
    ]
    cursor.execute(SQL("CREATE TEMPORARY TABLE ri_stage ({}) ON COMMIT DROP").format(SQL(", ").join(columns)))


def explain(cursor: Cursor, upsert: Upsert) -> list[str]:
    """The server's plan for the set-based statement, line by line; raises what the server refuses."""
    create_stage(cursor, upsert.plan)
    cursor.execute(SQL("EXPLAIN {}").format(upsert.set_statement(0)))
    return [line for (line,) in cursor.fetchall()]


def mark_groups(cursor: Cursor, groups: Sequence[Sequence[int]]) -> None:
    """Number the occurrences of each key: the k-th is written by wave k."""
    if groups:
        values = SQL(", ").join(
            SQL("({}, {}, {})").format(Literal(n), Literal(group[0]), Literal(wave))
            for group in groups
            for wave, n in enumerate(group)
        )
        cursor.execute(
            SQL(
                "UPDATE {} AS s SET grp = g.grp, wave = g.wave FROM (VALUES {}) AS g (n, grp, wave) WHERE s.n = g.n"
            ).format(STAGE, values)
        )
