"""ri: import files into PostgreSQL, every record accounted for.

The public names are those in `__all__`; everything else may change. They load on first use, so that
`ri --help` needs neither SQLAlchemy nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ri_declarative.errors import (
        ConfigError,
        DatabaseError,
        Diagnostic,
        LostOwnership,
        PassingFault,
        RiError,
        Severity,
        SourceError,
        SourceFault,
        StoppedError,
        UsageError,
    )
    from ri_declarative.manager import BatchManager
    from ri_declarative.processors.context import ImportContext
    from ri_declarative.processors.protocol import Processor
    from ri_declarative.records import (
        Action,
        BatchStatus,
        BatchSummary,
        Item,
        ItemStatus,
        Outcome,
        Problem,
        ProblemGroup,
        Progress,
        Record,
        StopReason,
    )

_HOMES = {
    "ri_declarative.errors": (
        "ConfigError DatabaseError Diagnostic LostOwnership PassingFault RiError Severity SourceError SourceFault "
        "StoppedError UsageError"
    ),
    "ri_declarative.manager": "BatchManager",
    "ri_declarative.processors.context": "ImportContext",
    "ri_declarative.processors.protocol": "Processor",
    "ri_declarative.records": (
        "Action BatchStatus BatchSummary Item ItemStatus Outcome Problem ProblemGroup Progress Record StopReason"
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Action",
    "BatchManager",
    "BatchStatus",
    "BatchSummary",
    "ConfigError",
    "DatabaseError",
    "Diagnostic",
    "ImportContext",
    "Item",
    "ItemStatus",
    "LostOwnership",
    "Outcome",
    "PassingFault",
    "Problem",
    "ProblemGroup",
    "Processor",
    "Progress",
    "Record",
    "RiError",
    "Severity",
    "SourceError",
    "SourceFault",
    "StopReason",
    "StoppedError",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
