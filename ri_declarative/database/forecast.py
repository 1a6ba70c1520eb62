"""What the next chunk of a run will probably be like: what the one before was like."""

from __future__ import annotations

from collections.abc import Sequence

from ri_declarative.blocks import columns_of
from ri_declarative.records import Action, Outcome

_MOST_MISSES = 3  # then a run no longer tries what was in vain


class Forecast:
    """A guess decides how a chunk is tried first, never what becomes of it."""

    def __init__(self) -> None:
        self.is_made = False  # False: there was no chunk yet
        self.is_hopeless = False  # most rows that were walked last were refused: one statement will not do
        self._all_new = False
        self._new_or_refused = False
        self._most_same = False
        self._undone = 0  # chunks that were copied in vain
        self._missed = 0  # chunks of unchanged rows that were not told by reading them

    @property
    def is_new(self) -> bool:
        """Whether all rows will probably be new, so that they can be copied into the target."""
        return self._all_new and self._undone < _MOST_MISSES

    @property
    def is_new_or_refused(self) -> bool:
        """Whether all rows will be new that are not refused."""
        return self._new_or_refused and self._undone < _MOST_MISSES

    @property
    def is_same(self) -> bool:
        """Whether most rows will stay as they are."""
        return self._most_same and self._missed < _MOST_MISSES

    def begin(self, *, is_empty: bool) -> None:
        """Before the first chunk: whether the target has no rows."""
        self.is_made, self._all_new, self._most_same = True, is_empty, not is_empty

    def copied(self, *, refused: int) -> None:
        """A chunk of new rows was copied, all but those that were refused before."""
        self._all_new, self._new_or_refused = not refused, refused > 0

    def copied_in_vain(self) -> None:
        """The server refused what was copied."""
        self._undone += 1

    def learn(self, outcomes: Sequence[Outcome], *, told: int = 0) -> None:
        """From a chunk that was staged. `told`: rows of it that were known to stay as they are before that."""
        actions = columns_of(outcomes).action
        new, same, refused = (actions.count(action) for action in (Action.INSERTED, Action.UNCHANGED, None))
        self._missed += self.is_same and same > 2 * told
        self._all_new = new == len(outcomes)
        self._most_same = 2 * same > len(outcomes)
        self._new_or_refused = 0 < refused < new and refused + new == len(outcomes)

    def learn_from_walk(self, outcomes: Sequence[Outcome]) -> None:
        """From rows that were written one by one."""
        self.is_hopeless = 2 * columns_of(outcomes).action.count(None) > len(outcomes)
