"""What is remembered of a chunk from one attempt to the next.

A chunk that is tried again after a passing fault is a new attempt only for the calls of hooks that
used its transaction; the results of all others stand (law 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ri_declarative.processors.calls import Refused


@dataclass
class Attempts:
    """Of one chunk."""

    results: dict[tuple[str, int], Any] = field(default_factory=dict)  # (hook, record's index) → of a pure call
    wrote: set[int] = field(default_factory=set)  # records whose hooks used the transaction, in this attempt
    refused: dict[int, Refused] = field(default_factory=dict)  # by the record's index, of this attempt
