"""What is written down about a code. Imports nothing of ours."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Origin(StrEnum):
    """Where a code comes from."""

    RECORD = "record"  # a problem: one item fails or is skipped, its neighbours go on
    FILE = "file"  # a diagnostic: a place in a file that a person wrote
    RUN = "run"  # an exception: the command ends


class Code(NamedTuple):
    """One stable code, explained to the person who meets it."""

    code: str
    origins: tuple[Origin, ...]
    ends: str  # the item's status, the exit code, or "warning"
    cause: str
    example: str  # the message as it is printed, without the code
    cure: str


class Group(NamedTuple):
    """Codes that are told together."""

    title: str
    intro: str
    codes: tuple[Code, ...]


def on_record(code: str, *, cause: str, example: str, cure: str, ends: str = "item failed") -> Code:
    """A problem of one record."""
    return Code(code, (Origin.RECORD,), ends, cause, example, cure)


def in_file(code: str, *, cause: str, example: str, cure: str) -> Code:
    """A finding about ri.yaml, a pipeline or a schema: nothing is read or written."""
    return Code(code, (Origin.FILE,), "exit 2", cause, example, cure)


def warning(code: str, *, cause: str, example: str, cure: str) -> Code:
    """A finding of `ri check` that keeps no run from beginning."""
    return Code(code, (Origin.FILE,), "warning", cause, example, cure)


def of_run(code: str, *, cause: str, example: str, cure: str, ends: str = "exit 2") -> Code:
    """What ends a command."""
    return Code(code, (Origin.RUN,), ends, cause, example, cure)
