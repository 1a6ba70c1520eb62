"""What the engine asks of anything that processes records, compiled or hand-written.

A processor works in two steps so that the two threads of a run can share it: `prepare` is pure and
runs beside the reader, `process` runs beside the writer: it calls the hooks and writes inside the
chunk's transaction. A chunk that is tried again after a passing fault repeats `process` only (law 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ri_declarative.blocks import OutcomeBlock
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.hooks import Hooks
from ri_declarative.processors.retry import Retry
from ri_declarative.records import Outcome, Record


class Processor(Protocol):
    """One `Outcome` per record, in order. Raises only when the run itself is broken."""

    batch_type: str
    chunk_size: int
    target: str | None  # where completed rows lie, for the items; None: the outcomes say
    retry: Retry
    hooks: Hooks  # the engine calls those of the batch, the processor those of its items

    def prepare(self, chunk: Sequence[Record]) -> Any:
        """What `process` needs of the chunk; touches no database and calls no hook. Shape is the processor's own."""
        ...

    def expected(self, prepared: Any) -> OutcomeBlock | None:
        """What `process` gives if the database refuses nothing, the same object; None: nobody knows.

        What will be stored for these outcomes is made while the chunk before is being written.
        """
        ...

    def process(self, prepared: Any, context: ImportContext) -> Sequence[Outcome]:
        """Write the chunk inside the transaction of `context`; never commits.

        Fewer outcomes than records only when the last one says `stop`.
        """
        ...
