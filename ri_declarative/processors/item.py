"""A record as hooks see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any

from ri_declarative.records import Problem, Record, describe, item_id

_PLAIN = frozenset((str, int, float, bool, NoneType, Decimal, date, datetime, time))  # nothing in them can be changed


class SkipItem(Exception):
    """Raised by a hook: the item is skipped and what it wrote is undone. The text is the reason, kept with the item."""


class ItemError(Exception):
    """Why an item failed, as `on_item_error` gets it when no exception of a hook was the cause."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(describe(self.problems))


class ImportItem:
    """One record on its way. `data` is the hook's own copy; what was read can not be changed."""

    __slots__ = ("_batch_id", "_record", "data")

    def __init__(self, record: Record, data: dict[str, Any], batch_id: str) -> None:
        self.data = data  # the parsed record: fields with a value
        self._record = record
        self._batch_id = batch_id

    @property
    def source_data(self) -> Mapping[str, Any]:
        """The record as it was read, frozen: mappings are read-only, lists are tuples."""
        source = self._record.source_data
        return MappingProxyType({"raw": source}) if isinstance(source, str) else frozen(source)

    @property
    def index(self) -> int:
        """The 0-based place in the original source; kept through reprocessing."""
        return self._record.index

    @property
    def line(self) -> int | None:
        """The 1-based line where the record starts in the original source; None without lines."""
        return self._record.line

    @property
    def id(self) -> str:
        """The id that the item has, or will have, in `import_batch_items`."""
        return item_id(self._batch_id, self._record.index)

    @property
    def parent_item_id(self) -> str | None:
        """When reprocessing: the failed item that this one repeats."""
        return self._record.parent_item_id

    def __repr__(self) -> str:
        return f"<ImportItem {self.index}, line {self.line}>"  # no values: they do not belong in logs


def frozen(value: Any) -> Any:
    """`value` as nobody can change it.

    >>> frozen({"a": [1, {"b": 2}]})
    mappingproxy({'a': (1, mappingproxy({'b': 2}))})
    """
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(member) for key, member in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value


def thawed(value: Any) -> Any:
    """A copy of plain values that shares no mapping and no list with `value`.

    >>> thawed({"a": (1, {"b": 2})})
    {'a': [1, {'b': 2}]}
    """
    if type(value) is dict and _PLAIN.issuperset(map(type, value.values())):  # nearly all records: five times faster
        return value.copy()
    if isinstance(value, Mapping):
        return {key: thawed(member) for key, member in value.items()}
    return [thawed(member) for member in value] if isinstance(value, list | tuple) else value
