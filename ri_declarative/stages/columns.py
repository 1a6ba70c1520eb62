"""A column of cells at once: what repeats is made once, and what is refused is found afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

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
