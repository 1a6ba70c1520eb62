"""The texts of the target's columns, for rows that go into it or are compared with it without being staged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import SQL, Composed, Identifier

from ri_declarative.database.arrays import unnested
from ri_declarative.database.casts import cast_to
from ri_declarative.database.copy import Cells
from ri_declarative.database.looked_up import Key, keys_of, look_up
from ri_declarative.database.plan import Constant, LookedUp, Lookup, Staged, TargetColumn, UpsertPlan
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.upsert import RunFacts
from ri_declarative.records import ITEM_PREFIX

_MOST_KNOWN = 20_000  # values of a look-up that are remembered


class KeyMatch(NamedTuple):
    """What finds the target's rows, as t, by the keys of rows, as s, that travel as arrays."""

    arrays: Composed
    names: Composed
    matches: Composed


class RowCells:
    """Of the rows of one run; only for plans that `is_direct`."""

    def __init__(self, plan: UpsertPlan, facts: RunFacts) -> None:
        self._plan = plan
        self._facts = facts
        self._known: list[dict[Key, str | None]] = [{} for _ in plan.lookups]  # what look-ups have taken
        self._places = {name: place for place, name in enumerate(plan.stage)}

    def of(self, target: TargetColumn, rows: StagedRows, looked_up: Sequence[Cells] = ()) -> Cells:
        """One text per row. `looked_up`: what `look_up` has given."""
        source = target.source
        if isinstance(source, LookedUp):
            return looked_up[source.lookup]
        if isinstance(source, Staged):
            return rows.columns[self._places[source.cell]]
        if isinstance(source, Constant):
            return [source.text] * len(rows.numbers)
        if source.name == "line":
            return [None if line is None else str(line) for line in rows.lines]
        if source.name == "item_id":
            return [f"{self._facts.batch_id[:ITEM_PREFIX]}{n:08x}" for n in rows.numbers]
        return [str(getattr(self._facts, source.name))] * len(rows.numbers)

    def look_up(self, cursor: Cursor, rows: StagedRows) -> list[Cells] | None:
        """What each look-up takes, for each row; None: some row is to be refused for it."""
        taken = look_up(cursor, self._plan, rows)
        if taken is not None:
            pairs = zip(self._known, self._plan.lookups, taken, strict=True)
            self._known = [
                known | dict(zip(self._keys(lookup, rows), cells, strict=True)) for known, lookup, cells in pairs
            ]
            self._known = [known if len(known) <= _MOST_KNOWN else {} for known in self._known]
        return taken

    def guessed(self, rows: StagedRows) -> list[Cells] | None:
        """What `look_up` will probably give: what it gave of earlier rows; None: some value is new."""
        guesses = zip(self._known, self._plan.lookups, strict=True)
        try:
            return [[known[key] for key in self._keys(lookup, rows)] for known, lookup in guesses]
        except KeyError:
            return None

    def _keys(self, lookup: Lookup, rows: StagedRows) -> list[Key]:
        return keys_of(lookup, self._plan, rows)

    def key_match(self, rows: StagedRows) -> KeyMatch:
        """SQL for `FROM ROWS FROM (arrays) AS s (names) JOIN … AS t ON matches`."""
        keys = [self._plan.by_name[name] for name in self._plan.key]
        names = [f"k{k}" for k in range(len(keys))]
        return KeyMatch(
            SQL(", ").join(unnested(self.of(c, rows)) for c in keys),
            SQL(", ").join(map(Identifier, names)),
            SQL(" AND ").join(
                SQL("{} = {}").format(Identifier("t", c.column.name), cast_to(Identifier("s", name), c.column))
                for c, name in zip(keys, names, strict=True)
            ),
        )

    def has_key_twice(self, rows: StagedRows) -> bool:
        """Whether two rows have one key: what becomes of the second depends on what became of the first."""
        return len(set(self._plan.keys_of(rows.columns))) < len(rows.numbers)

    def some_lack(self, target: TargetColumn, rows: StagedRows) -> bool:
        """Whether some records lack the column's field, which is something else than to have it empty."""
        source = target.source
        return isinstance(source, Staged) and source.mark is not None and any(rows.columns[self._places[source.mark]])
