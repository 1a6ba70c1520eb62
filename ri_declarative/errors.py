"""Exceptions: what ends a run. A bad record is a `Problem` (records.py), never one of these.

    RiError                      code, message, hint, exit_code
    ├── UsageError               2   wrong words on the command line, unknown batch, …
    ├── ConfigError              2   ri.yaml, pipelines, schemas: carries Diagnostics with positions
    ├── SourceError              2   the file cannot be read as declared: missing, empty, wrong header
    ├── DatabaseError            2   before the first write: unreachable, not migrated, missing privilege
    └── StoppedError             3   the world stopped a run that had begun; it can be resumed
        ├── PassingFault         3   deadlock, serialization, timeout: the chunk may be tried again
        ├── ConnectionLost       3   the connection to the database is gone; what was sent last may be committed
        ├── SourceFault          3   the source broke off or changed while it was read
        └── LostOwnership        3   the batch was taken over by another runner
Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class RiError(Exception):
    """A run cannot start or cannot go on. `str()` is complete and fit for a person."""

    exit_code = 2

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"error[{self.code}] {self.message}{hint}"


class UsageError(RiError):
    """The words on the command line, or the arguments of a call, make no sense together."""


class SourceError(RiError):
    """The source cannot be read as the pipeline declares it; nothing was written."""


class DatabaseError(RiError):
    """The database cannot be used as asked; nothing was written."""


class StoppedError(RiError):
    """A run that had begun was stopped; what is committed is consistent and resumable."""

    exit_code = 3


class PassingFault(StoppedError):
    """A fault that may pass when the chunk is tried again. The transaction is rolled back."""


class ConnectionLost(StoppedError):
    """The connection to the database is gone. What was being committed may or may not be: read it back first."""


class SourceFault(StoppedError):
    """The source could not be read to its end, or changed meanwhile."""


class LostOwnership(StoppedError):
    """The batch is not ours any more: another runner has taken it over. Nothing of this chunk was kept."""


class Position(NamedTuple):
    """A place in a text file: 1-based line and column."""

    path: str  # relative to the project's root where possible
    line: int
    column: int


class Severity(StrEnum):
    """Whether a finding forbids a run."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(NamedTuple):
    """One finding about a file that a person wrote."""

    position: Position
    code: str
    message: str  # "target.columns.emial: public.customers has no column …; did you mean …?"
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        path, line, column = self.position
        return f"{path}:{line}:{column}: {self.severity}[{self.code}] {self.message}"


class ConfigError(RiError):
    """A file of the project is wrong. Carries every finding, sorted by place."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: d.position))
        super().__init__("config", "\n".join(str(d) for d in self.diagnostics))

    def __str__(self) -> str:
        return self.message
