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
        ConnectionLost,
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
    from ri_declarative.processors.base import BaseProcessor
    from ri_declarative.processors.context import ImportContext
    from ri_declarative.processors.item import ImportItem, ItemError, SkipItem
    from ri_declarative.processors.protocol import Processor
    from ri_declarative.processors.registry import ProcessorRegistry
    from ri_declarative.processors.retry import Retry
    from ri_declarative.records import (
        Action,
        BatchStatistics,
        BatchStatus,
        BatchSummary,
        Item,
        ItemStatus,
        NotableBatch,
        Outcome,
        Problem,
        ProblemGroup,
        Progress,
        Record,
        StopReason,
        TypeStatistics,
    )

_HOMES = {
    "ri_declarative.errors": (
        "ConfigError ConnectionLost DatabaseError Diagnostic LostOwnership PassingFault RiError Severity SourceError "
        "SourceFault StoppedError UsageError"
    ),
    "ri_declarative.manager": "BatchManager",
    "ri_declarative.processors.base": "BaseProcessor",
    "ri_declarative.processors.context": "ImportContext",
    "ri_declarative.processors.item": "ImportItem ItemError SkipItem",
    "ri_declarative.processors.protocol": "Processor",
    "ri_declarative.processors.registry": "ProcessorRegistry",
    "ri_declarative.processors.retry": "Retry",
    "ri_declarative.records": (
        "Action BatchStatistics BatchStatus BatchSummary Item ItemStatus NotableBatch Outcome Problem ProblemGroup "
        "Progress Record StopReason TypeStatistics"
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Action",
    "BaseProcessor",
    "BatchManager",
    "BatchStatistics",
    "BatchStatus",
    "BatchSummary",
    "ConfigError",
    "ConnectionLost",
    "DatabaseError",
    "Diagnostic",
    "ImportContext",
    "ImportItem",
    "Item",
    "ItemError",
    "ItemStatus",
    "LostOwnership",
    "NotableBatch",
    "Outcome",
    "PassingFault",
    "Problem",
    "ProblemGroup",
    "Processor",
    "ProcessorRegistry",
    "Progress",
    "Record",
    "Retry",
    "RiError",
    "Severity",
    "SkipItem",
    "SourceError",
    "SourceFault",
    "StopReason",
    "StoppedError",
    "TypeStatistics",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
