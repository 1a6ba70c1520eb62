"""A column of cells at once: what repeats is made once, and what is refused is found afterwards.

Records are made of columns where somebody wants to see them: most are never looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, overload

from ri_declarative.stages.refusal import RefusedError

REFUSED: Any = object()  # in the place of a cell that its column's function refused
_MOST = 4096  # values that are remembered of a column, so that memory is bounded for 50 columns, too
_LONGEST = 100  # characters of a text that is remembered


class Known(dict[Any, Any]):
    """value → what a pure function makes of it, or REFUSED. `column.__getitem__` makes it when it is new.

    Only for values of one type that are equal when they are the same: texts, integers, booleans.
    """

    def __init__(
        self, make: Callable[[Any], Any], known: Mapping[Any, Any] | None = None, *, remembers: bool = True
    ) -> None:
        """`known`: values of which the function has no say."""
        super().__init__(known or {})
        self._make = make
        self._most = _MOST if remembers else 0
        self.refused = False  # something was, since this was set to False

    def __missing__(self, value: Any) -> Any:
        try:
            made = self._make(value)
        except RefusedError:
            self.refused = True
            return REFUSED
        if len(self) < self._most and (type(value) is not str or len(value) <= _LONGEST):
            self[value] = made
        return made

    def all(self, values: Iterable[Any]) -> tuple[list[Any], bool]:
        """What is made of each, and whether some are REFUSED."""
        self.refused = False
        return list(map(self.__getitem__, values)), self.refused


def has_none(values: Sequence[Any]) -> bool:
    """Whether one of them is None. Not `None in values`: a Decimal takes a microsecond to say that it is not None."""
    return NoneType in set(map(type, values))


class RecordsOfColumns(Sequence[dict[str, Any] | None]):
    """The records that columns hold, each made when it is asked for; None in a column: the record lacks the field."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], refused: frozenset[int] = frozenset()) -> None:
        """`columns`: at least one, all of one length. `refused`: the places where None is given instead of a record."""
        self.columns = columns
        self._count = len(next(iter(columns.values())))
        self._refused = refused

    @property
    def places(self) -> list[int]:
        """Where there are records."""
        return [place for place in range(self._count) if place not in self._refused]

    def without(self, places: Iterable[int]) -> RecordsOfColumns:
        """The same, without the records at these places."""
        return RecordsOfColumns(self.columns, self._refused.union(places))

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, RecordsOfColumns) else other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, place: int) -> dict[str, Any] | None: ...

    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any] | None]: ...

    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any] | None] | None:
        if isinstance(place, slice):
            return [self[k] for k in range(self._count)[place]]
        if range(self._count)[place] in self._refused:
            return None
        return {name: value for name, values in self.columns.items() if (value := values[place]) is not None}

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        records = self._records()
        if not self._refused:
            return records
        return (None if place in self._refused else record for place, record in enumerate(records))

    def _records(self) -> Iterator[dict[str, Any]]:
        rows = zip(*self.columns.values(), strict=True)
        if not any(map(has_none, self.columns.values())):
            return (dict(zip(self.columns, row, strict=False)) for row in rows)
        names = tuple(self.columns)
        return ({name: value for name, value in zip(names, row, strict=False) if value is not None} for row in rows)
