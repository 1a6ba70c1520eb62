"""Refusals that can be told from the catalogue: cheaper than to let the database say it row by row.

NOT NULL, CHECK expressions, foreign keys by anti-join, look-ups without a partner. What cannot be
told, the database says, and the walk finds the row. 5 % refused foreign keys cost 1.1 times a
clean chunk when predicted, 3 times when walked.

The SQL here stands in the outer query of m, where `q` holds the row's new values as v0, v1, …
"""

from __future__ import annotations

from functools import cached_property

from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

from ri_declarative.database.catalogue import Check, ForeignKey
from ri_declarative.database.plan import LookedUp, Refusal, UpsertPlan

Prediction = tuple[Composable, Refusal]
# The table's own rules are asked of rows that are written, not of those that stay as they are.
_WRITTEN = SQL("NOT (q.same OR q.existing)")


class Predictions:
    """The refusals of one plan, numbered: the statement gives the number of the first that applies."""

    def __init__(self, plan: UpsertPlan) -> None:
        self._plan = plan
        self._value = {c.column.name: Identifier("q", f"v{k}") for k, c in enumerate(plan.columns)}
        found = [
            *self._lookups_missing(),
            *self._cut(),
            *self._looked_up_cut(),
            *self._nulls(),
            *self._checks_broken(),
            *self._parents_missing(),
        ]
        self.refusals = tuple(refusal for _, refusal in found)
        self._conditions = tuple(condition for condition, _ in found)

    @property
    def columns(self) -> set[str]:
        """The columns whose values are asked for; of the others no more than whether they are NULL."""
        of_checks = {name for check in self._checks for name in check.columns}
        return of_checks.union(*(key.columns for key in self._foreign_keys))

    def number(self) -> Composed:
        """SQL of the number of the first refusal that applies, NULL for none."""
        if not self._conditions:
            return Composed([SQL("CAST(NULL AS int)")])
        cases = [
            SQL("WHEN {} THEN {}").format(condition, Literal(number))
            for number, condition in enumerate(self._conditions)
        ]
        return SQL("CASE {} END").format(SQL(" ").join(cases))

    def joins(self) -> Composed:
        """SQL of the joins that `number` needs."""
        return self._parent_joins() + self._check_join()

    def _lookups_missing(self) -> list[Prediction]:
        return [
            (
                Identifier("q", f"x{k}"),
                Refusal("lookup.missing", lookup.field, f"has no partner in {lookup.label}", {"lookup": lookup.label}),
            )
            for k, lookup in enumerate(self._plan.lookups)
            if lookup.fails
        ]

    def _cut(self) -> list[Prediction]:
        """`interval day to hour` and `interval(0)` cut and round in silence; only the server can tell what."""
        return [
            (
                SQL("{value} <> CAST({value} AS {type})").format(
                    value=self._value[c.column.name], type=SQL(c.column.type_text)
                ),
                Refusal("field.scale", c.field, f"{c.column.type_text} would cut it", {"column": c.column.name}),
            )
            for c in self._plan.columns
            if c.column.type_name == "interval" and c.column.typmod >= 0
        ]

    def _looked_up_cut(self) -> list[Prediction]:
        return [
            (
                Identifier("q", f"y{k}"),
                Refusal(
                    "field.scale",
                    c.field,
                    f"the value taken does not fit {c.column.type_text} of {self._plan.relation.label}",
                    {"column": c.column.name},
                ),
            )
            for k, c in enumerate(self._plan.columns)
            if isinstance(c.source, LookedUp)
        ]

    def _nulls(self) -> list[Prediction]:
        """NOT NULL columns of the mapping; a trigger may fill them first, a domain is left to the database."""
        if self._rewritten:
            return []
        return [
            (
                SQL("{} AND {} IS NULL").format(_WRITTEN, self._value[c.column.name]),
                Refusal(
                    "db.not_null",
                    c.field,
                    f'column "{c.column.name}" needs a value',
                    {"sqlstate": "23502", "column": c.column.name},
                ),
            )
            for c in self._plan.columns
            if c.column.not_null and not c.column.domain
        ]

    @cached_property
    def _checks(self) -> tuple[Check, ...]:
        mapped = self._plan.by_name
        return tuple(
            check
            for check in self._plan.relation.checks
            if not self._rewritten and check.columns and all(name in mapped for name in check.columns)
        )

    def _checks_broken(self) -> list[Prediction]:
        label = self._plan.relation.label
        return [
            (
                SQL("{} AND {} IS FALSE").format(_WRITTEN, Identifier("c", f"c{k}")),
                Refusal(
                    "db.check",
                    self._plan.by_name[check.columns[0]].field if len(check.columns) == 1 else None,
                    f'breaks the rule "{check.name}" of {label}: {check.sql}',
                    {"sqlstate": "23514", "constraint": check.name, "column": ", ".join(check.columns)},
                ),
            )
            for k, check in enumerate(self._checks)
        ]

    def _check_join(self) -> Composed:
        """The checks' own SQL names columns bare, so that they are evaluated over a row with these names."""
        if not self._checks:
            return Composed([])
        used = dict.fromkeys(name for check in self._checks for name in check.columns)
        return SQL("\nCROSS JOIN LATERAL (SELECT {checks} FROM (SELECT {values}) AS row_to_be) AS c").format(
            checks=SQL(", ").join(
                SQL("({}) AS {}").format(SQL(check.sql), Identifier(f"c{k}")) for k, check in enumerate(self._checks)
            ),
            values=SQL(", ").join(SQL("{} AS {}").format(self._as_stored(name), Identifier(name)) for name in used),
        )

    def _as_stored(self, name: str) -> Composed:
        """The value with the column's length and scale, which a check may look at; it fits already."""
        column = self._plan.by_name[name].column
        value = SQL("CAST({} AS {})").format(self._value[name], SQL(column.type_text))
        return value if column.collation is None else SQL("{} COLLATE {}").format(value, Identifier(*column.collation))

    @cached_property
    def _foreign_keys(self) -> tuple[ForeignKey, ...]:
        return tuple(key for key in self._plan.relation.foreign_keys if self._predictable(key))

    def _predictable(self, key: ForeignKey) -> bool:
        mapped = self._plan.by_name
        return (
            key.simple
            and key.validated
            and key.readable
            and not (self._rewritten or key.self_reference or key.deferrable)
            and all(name in mapped for name in key.columns)
            and not any(isinstance(mapped[name].source, LookedUp) for name in key.columns)
        )

    def _parents_missing(self) -> list[Prediction]:
        found: list[Prediction] = []
        for k, key in enumerate(self._foreign_keys):
            present = [SQL("{} IS NOT NULL").format(self._value[name]) for name in key.columns]
            missing = SQL("{} IS NULL").format(Identifier(f"f{k}", key.foreign_columns[0]))
            details = {"sqlstate": "23503", "constraint": key.name, "column": ", ".join(key.columns)}
            field = self._plan.by_name[key.columns[0]].field if len(key.columns) == 1 else None
            message = f"has no partner in {key.schema}.{key.table} ({', '.join(key.foreign_columns)})"
            condition = SQL(" AND ").join([_WRITTEN, *present, missing])
            found.append((condition, Refusal("db.foreign_key", field, message, details)))
        return found

    def _parent_joins(self) -> Composed:
        return SQL("").join(
            SQL("\nLEFT JOIN {table} AS {alias} ON {on}").format(
                table=Identifier(key.schema, key.table),
                alias=Identifier(f"f{k}"),
                on=SQL(" AND ").join(
                    SQL("{} = {}").format(Identifier(f"f{k}", theirs), self._value[ours])
                    for ours, theirs in zip(key.columns, key.foreign_columns, strict=True)
                ),
            )
            for k, key in enumerate(self._foreign_keys)
        )

    @property
    def _rewritten(self) -> bool:
        """A trigger may change the row before it is judged, a view hides who judges: no prediction."""
        return self._plan.relation.before_row_trigger or self._plan.relation.kind not in "rp"
