"""What is checked and counted of a chunk's outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from ri_declarative.blocks import OutcomeColumns, columns_of
from ri_declarative.records import Action, Counts, ItemStatus, Outcome

_ENDS = (ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.SKIPPED)  # in the order of Counts, as Action's are


def checked(indexes: Sequence[int], outcomes: Sequence[Outcome]) -> OutcomeColumns:
    """One outcome per record, in order, up to one that ends the batch; refusals with a reason (law 1)."""
    ends = columns_of(outcomes) if outcomes else None
    ends_early = ends is not None and ends.stop[-1]
    if (
        ends is None
        or [*ends.index] != [*indexes[: len(outcomes)]]
        or (len(outcomes) < len(indexes) and not ends_early)
    ):
        raise AssertionError("the processor did not give one outcome per record, in order")
    if ends.status.count(ItemStatus.COMPLETED) < len(outcomes):
        for index, status, problems in zip(ends.index, ends.status, ends.problems, strict=True):
            if not problems and status is not ItemStatus.COMPLETED:
                raise AssertionError(f"record {index} is {status} without a problem")
    return ends


def count(ends: OutcomeColumns) -> Counts:
    """How many outcomes reached which end."""
    return Counts(*map(ends.status.count, _ENDS), *map(ends.action.count, Action))
