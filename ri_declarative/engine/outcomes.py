"""What is checked and counted of a chunk's outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from ri_declarative.records import Action, Counts, ItemStatus, Outcome, Record

_ENDS = (ItemStatus.COMPLETED, ItemStatus.FAILED, ItemStatus.SKIPPED)  # in the order of Counts, as Action's are


def check_outcomes(chunk: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
    """One outcome per record, in order, up to one that ends the batch; refusals with a reason (law 1)."""
    expected = [record.index for record in chunk[: len(outcomes)]]
    ends_early = bool(outcomes) and outcomes[-1].stop
    if expected != [outcome.index for outcome in outcomes] or (len(outcomes) < len(chunk) and not ends_early):
        raise AssertionError("the processor did not give one outcome per record, in order")
    for outcome in outcomes:
        if not outcome.problems and outcome.status is not ItemStatus.COMPLETED:
            raise AssertionError(f"record {outcome.index} is {outcome.status} without a problem")


def count(outcomes: Sequence[Outcome]) -> Counts:
    """How many of `outcomes` reached which end."""
    ends = [outcome.status for outcome in outcomes]
    actions = [outcome.action for outcome in outcomes]
    return Counts(*map(ends.count, _ENDS), *map(actions.count, Action))
