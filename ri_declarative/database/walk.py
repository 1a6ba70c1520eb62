"""The walk: a chunk written row by row on the server, each row in a sub-block of its own.

For what could not be predicted. One `DO` block per slice; it books the record's own faults and
raises all others on: `WHEN OTHERS` alone would book a deadlock as the row's fault.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

from ri_declarative.database.sqlstate import RECORD_CLASSES, SERVER_CLASSES
from ri_declarative.database.upsert import STAGE, Upsert

RESULT = Identifier("pg_temp", "ri_result")
ROW = "ri_row"
_TIMEOUT = "57014"

_CREATE_RESULT = SQL(
    "CREATE TEMPORARY TABLE ri_result (n int8 NOT NULL, grp int8, state text, target_id text, "
    "sqlstate text, constraint_name text, column_name text, table_name text, message text) ON COMMIT DROP"
)


class Walked(NamedTuple):
    """What became of one row: a state as in `plan.State`, or None with what the server said."""

    n: int
    state: str | None
    target_id: str | None
    sqlstate: str | None
    constraint: str | None
    column: str | None
    table: str | None
    message: str | None


class Walk:
    """Writes staged rows one by one; leaves its findings in `ri_result`."""

    def __init__(self, upsert: Upsert) -> None:
        self._upsert = upsert

    def run(self, cursor: Cursor, numbers: list[int]) -> list[Walked]:
        """One `Walked` per number, in file order. `numbers` are those of staged rows, ascending."""
        cursor.execute(_CREATE_RESULT)
        self._slice(cursor, numbers)
        cursor.execute(
            SQL(
                "SELECT n, state, target_id, sqlstate, constraint_name, column_name, table_name, message FROM {}"
            ).format(RESULT)
        )
        return [Walked(*row) for row in cursor.fetchall()]

    def _slice(self, cursor: Cursor, numbers: list[int]) -> None:
        """A statement timeout is not caught inside the block: cut the slice, down to one row."""
        cursor.execute("SAVEPOINT ri_slice")
        begun = time.monotonic()
        try:
            cursor.execute(self._block(numbers[0], numbers[-1]))
        except QueryCanceled as error:
            cursor.execute("ROLLBACK TO SAVEPOINT ri_slice")
            if not _timed_out(cursor, time.monotonic() - begun):
                raise  # somebody cancelled the statement: no record's fault
            if len(numbers) > 1:
                middle = len(numbers) // 2
                self._slice(cursor, numbers[:middle])
                self._slice(cursor, numbers[middle:])
            else:
                self._book_timeout(cursor, numbers[0], str(error.diag.message_primary))
        else:
            cursor.execute("RELEASE SAVEPOINT ri_slice")

    def _book_timeout(self, cursor: Cursor, number: int, message: str) -> None:
        values = SQL(", ").join(Literal(value) for value in (number, _TIMEOUT, message))
        cursor.execute(SQL("INSERT INTO {} (n, sqlstate, message) VALUES ({})").format(RESULT, values))

    def _block(self, first: int, last: int) -> Composed:
        return _BLOCK.format(
            tag=SQL(f"$ri_{secrets.token_hex(8)}$"),
            stage=STAGE,
            result=RESULT,
            first=Literal(first),
            last=Literal(last),
            statement=self._upsert.row_statement(self._row_source()),
            rescue=self._rescue(),
            is_record_fault=self._is_record_fault(),
        )

    def _row_source(self) -> Composed:
        """The current row as a one-row table, so that its plan is made once for the whole walk."""
        columns = [SQL("{0}.{1} AS {1}").format(Identifier(ROW), Identifier(name)) for name in ("n", "line")]
        columns.append(SQL("{} AS own").format(self._own()))
        columns += [SQL("{0}.{1} AS {1}").format(Identifier(ROW), Identifier(name)) for name in self._upsert.plan.stage]
        return SQL("(SELECT {})").format(SQL(", ").join(columns))

    def _own(self) -> Composable:
        """Whether this batch made the row: before this chunk, or earlier in this very walk."""
        if self._upsert.plan.on_conflict == "update":
            return SQL("true")
        return SQL(
            "(ri_row.own OR EXISTS (SELECT FROM {} AS w WHERE w.grp = ri_row.grp AND w.state IN ('i', 'u', 's')))"
        ).format(RESULT)

    def _rescue(self) -> Composable:
        """Only a trigger can make a row vanish whose key was not found: it swallowed it, or rewrote the key."""
        if not self._upsert.plan.relation.before_row_trigger:
            return SQL("")
        statement = self._upsert.rescue_statement(self._row_source(), ROW)
        state = Literal("u" if self._upsert.plan.on_conflict == "update" else "i")
        return SQL(
            "IF ri_state = 'x' THEN BEGIN\n{} INTO ri_target;\n"
            "IF ri_target IS NOT NULL THEN ri_state := {}; END IF;\n"
            "EXCEPTION WHEN unique_violation THEN ri_state := 'e'; END; END IF;"
        ).format(statement, state)

    def _is_record_fault(self) -> Composable:
        """The same judgement as `sqlstate.fault_of`; 21000 here can only come from a trigger on this row."""
        plan = self._upsert.plan
        classes = Literal([*sorted(RECORD_CLASSES), "21"])
        states = Literal(["54000", "42501"] if plan.relation.row_security else ["54000"])
        return SQL(
            "pg_catalog.substr(ri_sqlstate, 1, 2) = ANY ({}) OR ri_sqlstate = ANY ({}) "
            "OR pg_catalog.substr(ri_sqlstate, 1, 2) <> ALL ({})"
        ).format(classes, states, Literal(sorted(SERVER_CLASSES)))


def _timed_out(cursor: Cursor, elapsed_s: float) -> bool:
    cursor.execute("SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'statement_timeout'")
    row = cursor.fetchone()
    return row is not None and 0 < row[0] <= elapsed_s * 1000


# A row that is neither same nor written is tried once more (a race with another session). What is then
# the same without having been found before was stored elsewhere by a trigger: inserted.
_BLOCK = SQL("""DO {tag}
#variable_conflict use_column
DECLARE
    ri_row record;
    ri_n int8; ri_state text; ri_first text; ri_target text;
    ri_sqlstate text; ri_constraint text; ri_column text; ri_table text; ri_message text;
BEGIN
    FOR ri_row IN SELECT * FROM {stage} WHERE n BETWEEN {first} AND {last} ORDER BY n LOOP
        BEGIN
            ri_first := NULL;
            LOOP
                {statement} INTO ri_n, ri_state, ri_target;
                EXIT WHEN ri_state <> 'x' OR ri_first IS NOT NULL;
                ri_first := 'x';
            END LOOP;
            IF ri_first = 'x' AND ri_state = 's' THEN ri_state := 'i'; END IF;
            {rescue}
            SET CONSTRAINTS ALL IMMEDIATE;
            INSERT INTO {result} (n, grp, state, target_id) VALUES (ri_row.n, ri_row.grp, ri_state, ri_target);
        EXCEPTION WHEN OTHERS OR assert_failure THEN
            GET STACKED DIAGNOSTICS ri_sqlstate = RETURNED_SQLSTATE, ri_constraint = CONSTRAINT_NAME,
                ri_column = COLUMN_NAME, ri_table = TABLE_NAME, ri_message = MESSAGE_TEXT;
            IF {is_record_fault} THEN
                INSERT INTO {result} (n, sqlstate, constraint_name, column_name, table_name, message)
                VALUES (ri_row.n, ri_sqlstate, ri_constraint, ri_column, ri_table, ri_message);
            ELSE
                RAISE;
            END IF;
        END;
    END LOOP;
END {tag}""")
