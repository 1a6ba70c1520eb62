"""Items one after the other, each in a savepoint of its own: what lifts hand-written code into the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ri_declarative.database.jsonb import refuse_unstorable
from ri_declarative.processors.attempts import Attempts
from ri_declarative.processors.calls import Calls, Refused, WrongReturn
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.failures import Failures
from ri_declarative.processors.hooks import Hooks
from ri_declarative.processors.item import ImportItem, thawed
from ri_declarative.processors.record_hooks import validation
from ri_declarative.processors.retry import Retry
from ri_declarative.records import Action, ItemStatus, Outcome, Problem, Record
from ri_declarative.stages.parse import unreadable
from ri_declarative.words import did_you_mean

_DATA = "data after validate_item"
_RESERVED = ("target_table", "target_id", "processed_data", "action")


class PerItem:
    """Satisfies `Processor` with a hand-written class's hooks; made for one run."""

    def __init__(self, batch_type: str, hooks: Hooks, *, chunk_size: int, retry: Retry) -> None:
        self.batch_type = batch_type
        self.hooks = hooks
        self.chunk_size = chunk_size
        self.retry = retry
        self.target: str | None = None  # process_item says where each went

    def prepare(self, chunk: Sequence[Record]) -> ItemChunk:
        """The chunk: its records are taken as they were read."""
        data: list[dict[str, Any] | None] = []
        problems: dict[int, tuple[Problem, ...]] = {}
        for position, record in enumerate(chunk):
            found = unreadable(record)
            data.append(None if found else thawed(record.source_data))
            if found:
                problems[position] = found
        return ItemChunk(chunk, data, problems, Attempts(), data)

    def expected(self, prepared: ItemChunk) -> None:
        """Nobody knows what a hook gives."""

    def process(self, prepared: ItemChunk, context: ImportContext) -> list[Outcome]:
        """One outcome per record; fewer when a failed one ends the batch."""
        return write_items(prepared, Calls(self.hooks, context), context)


class ItemChunk(NamedTuple):
    """Records that validate_item and process_item take one by one."""

    records: Sequence[Record]
    data: Sequence[dict[str, Any] | None]  # None: refused already
    problems: Mapping[int, tuple[Problem, ...]]  # by position
    attempts: Attempts
    parsed: Sequence[dict[str, Any] | None]  # of the refused, too, as far as they could be read


def write_items(chunk: ItemChunk, calls: Calls, context: ImportContext) -> list[Outcome]:
    """Every record through validate_item, where there is one, and process_item, in order."""
    work = _ItemWork(calls, context, chunk.attempts)
    failures = Failures(calls, context)
    outcomes: list[Outcome] = []
    for position, (record, data) in enumerate(zip(chunk.records, chunk.data, strict=True)):
        if data is None:
            outcome = _refused(record, chunk.attempts.refused.get(record.index) or Refused(chunk.problems[position]))
        else:
            outcome = work.outcome(record, data)
        stop = failures.stop(record, chunk.parsed[position], outcome, chunk.attempts)
        outcomes.append(outcome._replace(stop=stop))
        if stop:
            break
    context.transaction.between_calls()
    return outcomes


class _ItemWork:
    def __init__(self, calls: Calls, context: ImportContext, attempts: Attempts) -> None:
        self._calls, self._context, self._attempts = calls, context, attempts
        validate = calls.hooks.get("validate_item")
        self._validate = validation(validate, context) if validate else None
        self._process = calls.hooks.functions["process_item"]

    def outcome(self, record: Record, data: dict[str, Any]) -> Outcome:
        """What became of one record; its own savepoint holds both hooks."""
        known = self._attempts.results.get((_DATA, record.index), data)
        item = ImportItem(record, thawed(known), self._context.batch.id)
        first = "validate_item" if self._validate else "process_item"
        result = self._calls.for_item(first, self._both, item)
        if type(result) is Refused:
            self._attempts.refused[record.index] = result
            return _refused(record, result)
        return Outcome(record.index, ItemStatus.COMPLETED, **result)

    def _both(self, item: ImportItem, context: ImportContext) -> Any:
        if self._validate is not None:
            verdict = self._verdict(item, context)
            if verdict is not True:
                return verdict
        self._calls.running = "process_item"
        return _returned(self._process(item, context))

    def _verdict(self, item: ImportItem, context: ImportContext) -> Any:
        """Of this attempt, or of the one before when validate_item asked no database."""
        assert self._validate is not None
        results, key = self._attempts.results, ("validate_item", item.index)
        if key in results:
            return results[key]
        before = thawed(item.data)
        verdict = self._validate(item, context)
        context.transaction.check()
        if not context.transaction.used:
            results[key] = verdict
            self._calls.keep_lines()
            if item.data != before:  # it is process_item's, in the next attempt, too
                results[_DATA, item.index] = thawed(item.data)
        return verdict


def _refused(record: Record, refused: Refused) -> Outcome:
    status = ItemStatus.SKIPPED if refused.skipped else ItemStatus.FAILED
    return Outcome(record.index, status, problems=refused.problems)


def _returned(result: Any) -> dict[str, Any]:
    """What process_item returned, as parts of an Outcome. Raises WrongReturn."""
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        raise WrongReturn(f"process_item returned {type(result).__name__}, expected a dict or None")
    table, target_id, action = result.get("target_table"), result.get("target_id"), result.get("action")
    if table is not None and not isinstance(table, str):
        raise WrongReturn(f"process_item returned a target_table of type {type(table).__name__}, expected text")
    if action is not None and action not in list(Action):
        raise WrongReturn(f'process_item returned the action "{action}"{did_you_mean(str(action), list(Action))}')
    further = {str(key): value for key, value in result.items() if key not in _RESERVED}
    return {
        "target_table": table,
        "target_id": None if target_id is None else str(target_id),
        "action": None if action is None else Action(action),
        "data": _storable("processed_data", result.get("processed_data")),
        "metadata": {"returned": _storable("further keys", further)} if further else None,
    }


def _storable(name: str, value: Any) -> Any:
    try:
        refuse_unstorable(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise WrongReturn(f"process_item returned {name} that JSON cannot hold: {error}") from error
    return thawed(value)
