"""The hooks of a pipeline that see one record before it is written, as stages over chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ri_declarative.database.hook_transaction import TransactionStopped
from ri_declarative.processors.attempts import Attempts
from ri_declarative.processors.calls import Calls, Refused, WrongReturn, reasons
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.item import ImportItem, SkipItem, thawed
from ri_declarative.records import Problem, Record
from ri_declarative.stages.parse import Chunk

_MISSING: Any = object()
_TEXTS = frozenset((str,))
Work = Callable[[ImportItem, ImportContext], Any]


class RecordHooks:
    """transform_item or transform_chunk, and validate_item, of one run."""

    def __init__(self, calls: Calls, context: ImportContext) -> None:
        self._calls = calls
        self._context = context

    def transform(self, records: Sequence[Record], chunk: Chunk, attempts: Attempts) -> Chunk:
        """The chunk with what transform_item or transform_chunk makes of its data."""
        hooks = self._calls.hooks
        if "transform_item" in hooks:
            function = hooks.functions["transform_item"]
            return self._each(records, chunk, attempts, "transform_item", lambda i, c: _transformed(function(i, c)))
        if "transform_chunk" in hooks:
            return self._transform_chunk(records, chunk, attempts)
        return chunk

    def validate(self, records: Sequence[Record], chunk: Chunk, attempts: Attempts) -> Chunk:
        """The chunk without the records that validate_item refuses."""
        function = self._calls.hooks.get("validate_item")
        if function is None:
            return chunk
        judge = validation(function, self._context)
        judged = self._each(records, chunk, attempts, "validate_item", judge)
        return Chunk(
            [None if new is None else old for new, old in zip(judged.data, chunk.data, strict=True)], judged.problems
        )

    def _each(self, records: Sequence[Record], chunk: Chunk, attempts: Attempts, hook: str, work: Work) -> Chunk:
        data: list[Any] = []
        problems: dict[int, tuple[Problem, ...]] = {}
        batch_id, call, used = self._context.batch.id, self._calls.for_item, self._context.transaction
        for position, (record, parsed) in enumerate(zip(records, chunk.data, strict=True)):
            result = parsed
            if parsed is not None:
                key = (hook, record.index)
                result = attempts.results.get(key, _MISSING)
                if result is _MISSING:
                    result = call(hook, work, ImportItem(record, thawed(parsed), batch_id))
                    if used.used:
                        attempts.wrote.add(record.index)
                    else:
                        attempts.results[key] = result
                if type(result) is Refused:
                    attempts.refused[record.index] = result
                    problems[position] = result.problems
                    result = None
            data.append(result)
        return Chunk(data, chunk.problems | problems)

    def _transform_chunk(self, records: Sequence[Record], chunk: Chunk, attempts: Attempts) -> Chunk:
        """All records at once; when that raises, each alone, so that only the bad ones fail."""
        hook = "transform_chunk"
        places = [position for position, parsed in enumerate(chunk.data) if parsed is not None]
        results = {place: attempts.results.get((hook, records[place].index), _MISSING) for place in places}
        missing = [place for place in places if results[place] is _MISSING]
        results |= self._made(records, chunk, missing, attempts)
        data = list(chunk.data)
        problems: dict[int, tuple[Problem, ...]] = {}
        for place, result in results.items():
            if type(result) is Refused:
                attempts.refused[records[place].index] = result
                problems[place] = result.problems
            data[place] = None if type(result) is Refused else result
        return Chunk(data, chunk.problems | problems)

    def _made(
        self, records: Sequence[Record], chunk: Chunk, places: Sequence[int], attempts: Attempts
    ) -> dict[int, Any]:
        """Results by place; those of pure calls are kept for another attempt."""
        together = self._call_chunk(records, chunk, places)
        if type(together) is not Refused:
            made = dict(zip(places, together, strict=True))
            self._keep(made, records, attempts)
            return made
        self._context.warning("transform_chunk raised: it is called again for each record alone")
        alone: dict[int, Any] = {}
        for place in places:
            result = self._call_chunk(records, chunk, [place])
            alone[place] = result if type(result) is Refused else result[0]
            self._keep({place: alone[place]}, records, attempts)
        return alone

    def _keep(self, made: Mapping[int, Any], records: Sequence[Record], attempts: Attempts) -> None:
        """What the last call has made."""
        for place, result in made.items():
            if self._context.transaction.used:
                attempts.wrote.add(records[place].index)
            else:
                attempts.results["transform_chunk", records[place].index] = result

    def _call_chunk(self, records: Sequence[Record], chunk: Chunk, places: Sequence[int]) -> Any:
        """One result per place, each a dict or Refused; Refused when the hook raised."""
        function = self._calls.hooks.functions["transform_chunk"]
        batch_id = self._context.batch.id
        items = [ImportItem(records[place], thawed(chunk.data[place]), batch_id) for place in places]

        def work(_: ImportItem, context: ImportContext) -> list[Any]:
            alone = context.item if len(items) == 1 else None
            context.item = alone
            results = list(function(items, context))
            if len(results) != len(items):
                text = f"transform_chunk gave {len(results)} results for {len(items)} items"
                raise TransactionStopped(
                    "hook.transform_chunk", text, hint="return one result per item, in their order"
                )
            return [self._one_of_chunk(result) for result in results]

        return self._calls.for_item("transform_chunk", work, items[0]) if items else []

    def _one_of_chunk(self, result: Any) -> Any:
        """A result in an item's place; an exception there fails, or skips, that item alone."""
        if isinstance(result, SkipItem):
            return Refused((Problem("hook.transform_chunk", None, f"skipped: {result}"),), skipped=True)
        if isinstance(result, BaseException):
            return Refused((Problem("hook.transform_chunk", None, str(result) or type(result).__name__),), error=result)
        return _transformed(result, hook="transform_chunk")


def validation(function: Callable[..., Any], context: ImportContext) -> Work:
    """validate_item as work for one item: True, or Refused with the warnings that it logged."""
    journal = context.journal

    def work(item: ImportItem, context: ImportContext) -> Any:
        mark = journal.mark()
        result = function(item, context)
        if result is True:
            return True
        if result is False:
            return Refused(reasons(journal.since(mark)))
        raise WrongReturn(f"validate_item returned {type(result).__name__}, expected True or False")

    return work


def _transformed(result: Any, hook: str = "transform_item") -> dict[str, Any] | Refused:
    if isinstance(result, Mapping) and _TEXTS.issuperset(map(type, result)):
        made: dict[str, Any] = thawed(result)  # plain from here on: nothing of the hook runs later
        return made
    if result is None:
        return Refused((Problem(f"hook.{hook}", None, f"skipped by {hook}, which returned None"),), skipped=True)
    if isinstance(result, Mapping):
        raise WrongReturn(f"{hook} returned a mapping whose keys are not all texts")
    raise WrongReturn(f"{hook} returned {type(result).__name__}, expected a dict, or None to skip the record")
