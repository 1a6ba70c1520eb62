"""Writes one chunk into the target inside the open transaction; gives one `Outcome` per row.

    stage      COPY into a temporary all-text table, dropped with the transaction
    sort out   same key twice, keys this batch has met before, keys a later record has completed
    write      wave by wave, the k-th occurrence of a key in wave k, one statement each
    walk       row by row on the server, when set-based writing is refused or would not be equal

Shorter ways come first where the chunk before makes them likely: COPY straight into the target for new rows
(direct.py), of which those that will be refused are taken out (sieve.py), and no staging at all for rows that stay as
they are (unchanged.py).

Never commits. After an error that is not a record's own the transaction is broken and must be rolled back.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence

import psycopg2
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composable, Identifier, Literal

from ri_declarative.blocks import OutcomeBlock, completed, with_refused
from ri_declarative.database.copy import copy_in
from ri_declarative.database.direct import Direct
from ri_declarative.database.duplicates import Duplicates
from ri_declarative.database.forecast import Forecast
from ri_declarative.database.key_index import has_key_index
from ri_declarative.database.plan import State, UpsertPlan
from ri_declarative.database.sieve import Sieve
from ri_declarative.database.sqlstate import Fault, fault_of, problem_code, stopped_by
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.unchanged import Unchanged
from ri_declarative.database.upsert import STAGE, Upsert, numbers_array
from ri_declarative.database.walk import Walk, Walked
from ri_declarative.records import Action, ItemStatus, Outcome, Problem

log = logging.getLogger("ri_declarative")

MAX_WAVES = 8
_LOST = State.LOST.value
_ACTIONS = {
    State.INSERTED.value: Action.INSERTED,
    State.UPDATED.value: Action.UPDATED,
    State.SAME.value: Action.UNCHANGED,
}


class ChunkWriter:
    """Writes the chunks of one run."""

    def __init__(
        self,
        upsert: Upsert,
        duplicates: Duplicates,
        direct: Direct | None = None,
        sieve: Sieve | None = None,
        unchanged: Unchanged | None = None,
    ) -> None:
        """`direct`, `sieve`, `unchanged`: None where the plan does not allow them."""
        self._upsert = upsert
        self._direct = direct
        self._sieve = sieve
        self._unchanged = unchanged
        self._forecast = Forecast()
        self._plan = upsert.plan
        self._duplicates = duplicates
        self._columns = SQL(", ").join(Identifier(name) for name in ("n", "line", *self._plan.stage))

    def encode(self, rows: StagedRows) -> OutcomeBlock | None:
        """Make what will be sent, as far as it can be told, beside the server's work on the chunk before.

        Gives the outcomes where they are known: `write` gives this very block, unless the database refuses something.
        """
        forecast = self._forecast
        if self._direct is not None and (forecast.is_new or (forecast.is_new_or_refused and self._sieve is not None)):
            self._direct.encode(rows)
        elif self._unchanged is not None and forecast.is_same:
            self._unchanged.encode(rows)
        elif rows.numbers:
            _ = rows.text
        return rows.encoded.outcomes if rows.encoded else None

    def write(self, cursor: Cursor, rows: StagedRows, *, isolate: bool = False) -> Sequence[Outcome]:
        """One outcome per row, in their order. `isolate`: walk at once."""
        if not rows.numbers:
            return []
        try:
            if not self._forecast.is_made:
                self._forecast.begin(is_empty=self._has_never_had_rows(cursor))
            outcomes = None if isolate else self._written_the_short_way(cursor, rows)
            if outcomes is None:
                outcomes = self._write_staged(cursor, rows, isolate=isolate)
                self._forecast.learn(outcomes)
            return outcomes
        except psycopg2.Error as error:
            place = f"writing {self._plan.relation.label} as role {cursor.connection.info.user}"
            raise stopped_by(error, place=place) from error

    def _written_the_short_way(self, cursor: Cursor, rows: StagedRows) -> Sequence[Outcome] | None:
        """None: nothing was written, and the rows are to be staged."""
        if self._direct is not None and self._forecast.is_new:
            written: Sequence[Outcome] | None = self._direct.write(cursor, rows)
            if written is None and self._sieve is not None:
                written = self._write_sieved(cursor, rows, self._direct, self._sieve, was_tried=True)
        elif self._direct is not None and self._sieve is not None and self._forecast.is_new_or_refused:
            written = self._write_sieved(cursor, rows, self._direct, self._sieve)
        elif self._unchanged is not None and self._forecast.is_same:
            return self._write_changed(cursor, rows, self._unchanged.find(cursor, rows))
        else:
            return None
        if written is None:
            self._forecast.copied_in_vain()
        return written

    def _write_sieved(
        self, cursor: Cursor, rows: StagedRows, direct: Direct, sieve: Sieve, *, was_tried: bool = False
    ) -> Sequence[Outcome] | None:
        """`was_tried`: the server refuses some row."""
        if direct.wants_defaults(rows):
            return None
        refused = sieve.refusals(cursor, rows)
        if refused is None or len(refused) == len(rows.numbers) or (was_tried and not refused):
            return None
        written = direct.write(cursor, rows, refused)
        if written is None:
            return None
        self._forecast.copied(refused=len(refused))
        places = [place for place in range(len(rows.numbers)) if place not in refused]
        return with_refused(rows.numbers, written, places, {place: (why,) for place, why in refused.items()})

    def _write_changed(self, cursor: Cursor, rows: StagedRows, same: Mapping[int, str]) -> Sequence[Outcome] | None:
        """All outcomes, once those rows are written that are not the `same`; None: there is no such row."""
        numbers = [rows.numbers[place] for place in same]
        outcomes: Sequence[Outcome] = completed(numbers, [Action.UNCHANGED] * len(same), list(same.values()))
        if not same or len(same) == len(rows.numbers):
            return outcomes or None
        others = [place for place in range(len(rows.numbers)) if place not in same]
        outcomes = sorted([*outcomes, *self._write_staged(cursor, rows.at(others), isolate=False)])
        self._forecast.learn(outcomes, told=len(same))
        return outcomes

    def _has_never_had_rows(self, cursor: Cursor) -> bool:
        """Whether the target has no page yet, which takes no look at its rows."""
        if self._direct is None or self._plan.relation.kind != "r":  # its partitions have them
            return False
        cursor.execute("SELECT pg_catalog.pg_relation_size(%s) = 0", (self._plan.relation.oid,))
        [(is_empty,)] = cursor.fetchall()
        return bool(is_empty)

    def _write_staged(self, cursor: Cursor, rows: StagedRows, *, isolate: bool) -> Sequence[Outcome]:
        create_stage(cursor, self._plan)
        copy_in(cursor, SQL("COPY {} ({}) FROM STDIN").format(STAGE, self._columns), rows.text)
        sorted_out = self._duplicates.sort_out(cursor, rows)
        removed, hashes = sorted_out.removed, sorted_out.hashes
        remaining = [n for n in rows.numbers if n not in removed] if removed else rows.numbers
        results = self._write(cursor, remaining, sorted_out.groups, isolate=isolate) if remaining else []
        if not (removed or hashes) and isinstance(results, OutcomeBlock) and results.columns.index == rows.numbers:
            return results
        if hashes:
            results = [result._replace(key_hash=hashes.get(result.index)) for result in results]
        written = {result.index: result for result in results}
        for n, why in removed.items():
            written[n] = _refused(n, why.problem, skipped=why.skipped)._replace(key_hash=why.key_hash)
        return [written[n] for n in rows.numbers]

    def _write(
        self, cursor: Cursor, numbers: list[int], groups: list[list[int]], *, isolate: bool
    ) -> Sequence[Outcome]:
        waves = max(map(len, groups), default=1)
        mark_groups(cursor, groups)
        cursor.execute("SAVEPOINT ri_write")
        if self._plan.row_by_row is None and waves <= MAX_WAVES and not (isolate or self._forecast.is_hopeless):
            try:
                results = self._write_waves(cursor, waves, groups)
            except psycopg2.Error as error:
                self._judge(error)
                results = None
            if results is not None:
                cursor.execute("RELEASE SAVEPOINT ri_write")
                return results
            cursor.execute("ROLLBACK TO SAVEPOINT ri_write")
        walked = [self._walked(row) for row in Walk(self._upsert).run(cursor, numbers)]
        self._forecast.learn_from_walk(walked)
        return walked

    def _judge(self, error: psycopg2.Error) -> None:
        """Raise again what the walk cannot attribute to a record."""
        fault = fault_of(error.pgcode, row_security=self._plan.relation.row_security)
        if fault is Fault.OURS:
            log.error(
                "please report: SQLSTATE %s in a set-based write into %s", error.pgcode, self._plan.relation.label
            )
        if fault not in (Fault.RECORD, Fault.OURS):
            raise error

    def _write_waves(self, cursor: Cursor, waves: int, groups: list[list[int]]) -> Sequence[Outcome] | None:
        """None when some row is neither same nor written: the walk tries it again."""
        results: Sequence[Outcome] = []
        cursor.execute(has_key_index(self._plan))
        [(has_index,)] = cursor.fetchall()
        for wave in range(waves):
            # Another index may have taken its place; when none has, ON CONFLICT says so.
            cursor.execute(self._upsert.set_statement(wave, skip_conflicts=not has_index))
            rows = sorted(cursor.fetchall())  # by number
            numbers, states, target_ids = zip(*rows, strict=True) if rows else ((), (), ())
            if _LOST in states:
                return None
            done: Sequence[Outcome]
            if _ACTIONS.keys() >= set(states):
                done = completed(list(numbers), [_ACTIONS[state] for state in states], target_ids)
            else:
                done = [self._result(*row) for row in rows]
            results = done if waves == 1 else [*results, *done]
            if wave + 1 < waves:
                self._mark_own(cursor, groups, {row.index for row in done if row.action is not None})
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return results

    def _mark_own(self, cursor: Cursor, groups: Iterable[list[int]], completed: set[int]) -> None:
        """Later rows of a key that this wave has made do not meet a row from before the batch."""
        if self._plan.on_conflict != "update":
            later = list(itertools.chain.from_iterable(g for g in groups if completed.intersection(g)))
            cursor.execute(SQL("UPDATE {} SET own = true WHERE n = ANY ({})").format(STAGE, numbers_array(later)))

    def _walked(self, row: Walked) -> Outcome:
        if row.state is not None:
            return self._result(row.n, row.state, row.target_id)
        assert row.sqlstate is not None
        columns = self._columns_blamed(row)
        named = {"constraint": row.constraint, "column": ", ".join(columns) or row.column, "table": row.table}
        details = {"sqlstate": row.sqlstate} | {key: value for key, value in named.items() if value}
        mapped = self._plan.by_name.get(columns[0]) if len(columns) == 1 else None
        field = mapped.field if mapped else None
        problem = Problem(problem_code(row.sqlstate), field, row.message or row.sqlstate, details)
        return _refused(row.n, problem)

    def _columns_blamed(self, row: Walked) -> tuple[str, ...]:
        """The target's columns that the server means; none when it speaks of another table, like a trigger's."""
        relation = self._plan.relation
        if row.table and row.table != relation.name and relation.kind != "p":
            return ()
        return relation.columns_of(row.constraint or "") or ((row.column,) if row.column else ())

    def _result(self, n: int, state: str, target_id: str | None) -> Outcome:
        if state in _ACTIONS:
            return Outcome(n, ItemStatus.COMPLETED, _ACTIONS[state], (), target_id)
        label = self._plan.relation.label
        if state == State.EXISTS.value:
            problem = Problem(
                "target.exists", None, f"{label} had a row with this {', '.join(self._plan.key)} before this batch"
            )
            return _refused(n, problem, skipped=self._plan.on_conflict == "ignore", target_id=target_id)
        if state == _LOST:
            why = f"{label} kept no row and raised no error: a trigger or a policy dropped it"
            return _refused(n, Problem("target.not_stored", None, why))
        return _refused(n, self._upsert.refusals[int(state[1:])].problem)


def _refused(n: int, problem: Problem, *, skipped: bool = False, target_id: str | None = None) -> Outcome:
    return Outcome(n, ItemStatus.SKIPPED if skipped else ItemStatus.FAILED, None, (problem,), target_id)


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
    cursor.execute(SQL("EXPLAIN {}").format(upsert.set_statement(0, skip_conflicts=True)))  # is there a unique index?
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
