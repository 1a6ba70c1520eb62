"""Whose fault an SQLSTATE is. The class decides; messages are never parsed.

Source: PostgreSQL manual, appendix A "Error Codes"; the table in docs/reliability of DESIGN section 5.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import psycopg2

from ri_declarative.errors import ConnectionLost, PassingFault, RiError, StoppedError


class Fault(Enum):
    """Who has to act."""

    RECORD = "record"  # the item fails, its neighbours are untouched
    PASSING = "passing"  # try the chunk again
    OURS = "ours"  # the walk, and a bug report in the log
    PIPELINE = "pipeline"  # stop at once: the pipeline does not fit the database
    WORLD = "world"  # stop: resumable


# Classes that the server itself uses; any other class was made by a user's RAISE.
SERVER_CLASSES = frozenset(
    [
        "00",
        "01",
        "02",
        "03",
        "08",
        "09",
        "0A",
        "0B",
        "0F",
        "0L",
        "0P",
        "0Z",
        "10",
        "20",
        "21",
        "22",
        "23",
        "24",
        "25",
        "26",
        "27",
        "28",
        "2B",
        "2D",
        "2F",
        "34",
        "38",
        "39",
        "3B",
        "3D",
        "3F",
        "40",
        "42",
        "44",
        "53",
        "54",
        "55",
        "57",
        "58",
        "72",
        "F0",
        "HV",
        "P0",
        "XX",
    ]
)
# 09: a trigger action; 20: no branch of a CASE in a trigger; 27: a trigger changed the row under the statement;
# 38: an external routine raised.
RECORD_CLASSES = frozenset(("09", "20", "22", "23", "27", "38", "44", "P0"))
PASSING_STATES = frozenset(("40001", "40P01", "55P03", "57014"))
PIPELINE_CLASSES = frozenset(("42", "0A", "3D", "3F"))
PIPELINE_STATES = frozenset(("55000", "25006"))

# The server shuts down or starts up, ends the session, or has no room for one more.
_ENDS_CONNECTION = frozenset(("57P01", "57P02", "57P03", "57P05", "25P03", "53300"))

CODES = {
    "23502": "db.not_null",
    "23503": "db.foreign_key",
    "23505": "db.unique",
    "23514": "db.check",
    "23P01": "db.exclusion",
    "42501": "db.row_security",
    "40001": "db.passing",
    "40P01": "db.passing",
    "44000": "db.view_check",
    "54000": "db.too_large",
    "55P03": "db.passing",
    "57014": "db.timeout",
}


def fault_of(sqlstate: str | None, *, row_security: bool = False) -> Fault:
    """Whose fault it is; no code at all (a lost connection) is the world's.

    >>> fault_of("23505"), fault_of("40P01"), fault_of(None)
    (<Fault.RECORD: 'record'>, <Fault.PASSING: 'passing'>, <Fault.WORLD: 'world'>)
    """
    if sqlstate is None:
        return Fault.WORLD
    family = sqlstate[:2]
    if family in RECORD_CLASSES or sqlstate == "54000" or (sqlstate == "42501" and row_security):
        return Fault.RECORD
    if sqlstate in PASSING_STATES:
        return Fault.PASSING
    if family == "21":
        return Fault.OURS
    if family in PIPELINE_CLASSES or sqlstate in PIPELINE_STATES:
        return Fault.PIPELINE
    return Fault.WORLD if family in SERVER_CLASSES else Fault.RECORD


def problem_code(sqlstate: str) -> str:
    """The stable code of a record's problem that the database found.

    >>> problem_code("23505"), problem_code("22P02"), problem_code("P0001"), problem_code("RI001")
    ('db.unique', 'db.data', 'db.raised', 'db.raised')
    """
    if sqlstate in CODES:
        return CODES[sqlstate]
    if sqlstate[:2] == "22":
        return "db.data"
    return "db.constraint" if sqlstate[:2] == "23" else "db.raised"


def stopped_by(error: psycopg2.Error, *, place: str | None = None) -> RiError:
    """The exception that ends the run, or sends the chunk back for another try, for a driver's error.

    `place` says where it met us: "writing public.customers as role app".
    """
    state = error.pgcode
    message = f"{place}: {primary_message(error)}" if place else primary_message(error)
    fault = fault_of(state)
    if fault is Fault.PASSING:  # a trigger may have raised it, with a cell in its message
        return PassingFault(
            "db.passing",
            f"{place or 'the database'}: {type(error).__name__} (SQLSTATE {state})",
            hint="another session is in the way, or a timeout is short: see pg_stat_activity and pg_locks",
        )
    if fault is Fault.PIPELINE:
        return StoppedError(
            "db.pipeline",
            f"the pipeline no longer fits the database: {message} (SQLSTATE {state})",
            hint="repair the pipeline or the table, then run again: what is committed stays",
        )
    shown = f" (SQLSTATE {state})" if state else ""
    return StoppedError("db.world", f"the database stopped the run: {message}{shown}")


def is_loss(error: psycopg2.Error) -> bool:
    """Whether an error means that there is no connection, or none any more, as far as one error can tell."""
    state = error.pgcode
    return isinstance(error, psycopg2.InterfaceError | psycopg2.OperationalError) and (
        state is None or state[:2] == "08" or state in _ENDS_CONNECTION
    )


def connection_lost(error: psycopg2.Error) -> ConnectionLost:
    """The exception for a driver's error that came with the end of the connection."""
    return ConnectionLost("db.connection", f"the connection to the database was lost: {primary_message(error)}")


def primary_message(error: psycopg2.Error) -> str:
    """The server's first line only: DETAIL prints columns that the item never had."""
    diagnostics: Any = error.diag
    if diagnostics.message_primary:
        return str(diagnostics.message_primary)
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
