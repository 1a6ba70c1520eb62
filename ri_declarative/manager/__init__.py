"""The public verbs: everything a face can do, Python can do.

`BatchManager` loads on first use, so that `ri check --offline` needs no SQLAlchemy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ri_declarative.manager.batch_manager import BatchManager

__all__ = ["BatchManager"]


def __getattr__(name: str) -> Any:
    if name != "BatchManager":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("ri_declarative.manager.batch_manager").BatchManager
