"""What happens after an item failed: `on_item_error` is asked, and may stop the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ri_declarative.processors.attempts import Attempts
from ri_declarative.processors.calls import Calls
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.item import ImportItem, ItemError, thawed
from ri_declarative.records import ItemStatus, Outcome, Record

_HOOK = "on_item_error"


class Failures:
    """The answer to failed items, in their order."""

    def __init__(self, calls: Calls, context: ImportContext) -> None:
        self._function = calls.hooks.get(_HOOK)
        self._calls = calls
        self._context = context

    @property
    def may_stop(self) -> bool:
        """Whether a failed item can end the batch at all."""
        return self._function is not None or not self._context.continue_on_error

    def first_stop(
        self,
        records: Sequence[Record],
        data: Sequence[Mapping[str, Any] | None],
        outcomes: Sequence[Outcome],
        attempts: Attempts,
    ) -> int | None:
        """How many records the batch has had when a failed one ends it; None: it goes on."""
        for count, (record, parsed, outcome) in enumerate(zip(records, data, outcomes, strict=True), 1):
            if self.stop(record, parsed, outcome, attempts):
                return count
        return None

    def stop(self, record: Record, data: Mapping[str, Any] | None, outcome: Outcome, attempts: Attempts) -> bool:
        """Whether the batch ends with this record. A failed item is asked about once, whatever the answer."""
        if outcome.status is not ItemStatus.FAILED:
            return False
        goes_on = self._asked(record, thawed(data or {}), outcome, attempts)
        return not (goes_on and self._context.continue_on_error)

    def _asked(self, record: Record, data: dict[str, Any], outcome: Outcome, attempts: Attempts) -> bool:
        """What on_item_error says; when it raises, that is logged and the batch goes on."""
        if self._function is None:
            return True
        key = (_HOOK, record.index)
        if key not in attempts.results:
            refused = attempts.refused.get(record.index)
            error = refused.error if refused and refused.error else ItemError(outcome.problems)
            function = self._function
            item = ImportItem(record, data, self._context.batch.id)
            answer = self._calls.for_item(_HOOK, lambda i, c: function(i, error, c), item)
            if self._context.transaction.used:
                return answer is not False
            attempts.results[key] = answer
        return attempts.results[key] is not False
