"""The one SQL statement that writes a chunk: classify by join, then update, then insert.

    m   staging ⋈ look-ups ⟕ target, materialised: number, found, same, refused, the row's new values
    u   UPDATE where found and not same
    i   INSERT where not found, in file order where that shows; of a single row ON CONFLICT (key) DO NOTHING
    →   per staged row: number, state, target id

Made from an `UpsertPlan`; every identifier and literal is quoted by the driver.
Staging is all text, so that nothing about a value is decided before the cast. Casts name the base
type and never a length: `::varchar(3)` cuts and `::numeric(6,2)` rounds in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal

from ri_declarative.database.casts import cast_to, comparable
from ri_declarative.database.plan import (
    Constant,
    LookedUp,
    Lookup,
    RunFact,
    Staged,
    TargetColumn,
    UpsertPlan,
    may_update,
)
from ri_declarative.database.predictions import Predictions
from ri_declarative.records import ITEM_PREFIX

STAGE = Identifier("pg_temp", "ri_stage")


@dataclass(frozen=True)
class RunFacts:
    """What `run:` columns are filled with; times are the database's."""

    batch_id: str
    started_at: str
    source_name: str

    def expression(self, name: str) -> Composable:
        """SQL of one fact; `item_id` and `line` differ per row."""
        if name == "item_id":
            prefix = Literal(self.batch_id[:ITEM_PREFIX])
            return SQL("CAST({} || pg_catalog.lpad(pg_catalog.to_hex(s.n), 8, '0') AS uuid)").format(prefix)
        if name == "line":
            return SQL("s.line")
        return Literal(str(getattr(self, name)))


class Upsert:
    """The SQL of one plan in one run."""

    def __init__(self, plan: UpsertPlan, facts: RunFacts) -> None:
        self.plan = plan
        self._facts = facts
        self._predictions = Predictions(plan)
        self.refusals = self._predictions.refusals

    # ── statements ───────────────────────────────────────────────────────────────────────────

    def set_statement(self, wave: int, *, skip_conflicts: bool = False) -> Composed:
        """Writes all staged rows of `wave`. Gives n, state, target id. No trigger may rewrite the key on the way.

        A key that another session has made meanwhile: SQLSTATE 23505, or with `skip_conflicts` a row of state x. To
        look before each row whether it clashes takes a fifth of the whole time.
        """
        source = SQL("(SELECT * FROM {} WHERE wave = {})").format(STAGE, Literal(wave))
        names = self._names_in_m()
        matches = SQL(" AND ").join(
            SQL("i.{} = {}").format(alias, names[name])
            for name, alias in zip(self.plan.key, self.key_names(), strict=True)
        )
        return self._statement(source, matches, skip_conflicts=skip_conflicts)

    def row_statement(self, source: Composable) -> Composed:
        """Writes the one row of `source`: what was inserted is its own, whatever a trigger made of the key."""
        return self._statement(source, SQL("true"), skip_conflicts=True)

    def rescue_statement(self, source: Composable, row: str) -> Composed:
        """Writes the one row of `source` when a trigger rewrites its key into one that exists.

        `row` names the record that `source` is made of. Without ON CONFLICT DO UPDATE, where the
        pipeline forbids one, a clash is raised as 23505.
        """
        sets = [self._rescued(c, row) for c in self.plan.columns if c.on_update != "keep"]
        update = SQL("\nON CONFLICT ({}) DO UPDATE SET {}").format(_names(self.plan.key), SQL(", ").join(sets))
        return SQL(
            "WITH m AS MATERIALIZED ({classified})\n"
            "INSERT INTO {target} AS t ({columns}) SELECT {values} FROM m{update} RETURNING {identity}"
        ).format(
            classified=self._classify(source),
            target=self._target,
            columns=_names(c.column.name for c in self.plan.columns),
            values=self._values_of_m(),
            update=update if self.plan.on_conflict == "update" else SQL(""),
            identity=self._identity("t"),
        )

    def _rescued(self, column: TargetColumn, row: str) -> Composable:
        """EXCLUDED holds what would be inserted, defaults included; an update means the value itself."""
        name = Identifier(column.column.name)
        value: Composable = SQL("EXCLUDED.{}").format(name)
        if isinstance(column.source, Staged):
            value = cast_to(Identifier(row, column.source.cell), column.column)
        if column.keep_missing:
            value = SQL("CASE WHEN {} THEN t.{} ELSE {} END").format(self._is_missing(column, row), name, value)
        if column.on_update == "fill":
            value = SQL("COALESCE(t.{}, {})").format(name, value)
        return SQL("{} = {}").format(name, value)

    def keys_statement(self) -> Composed:
        """Per staged row: n and the key's values as k0…; what equality means is the column's business."""
        keys = [
            SQL("{} AS {}").format(self._inserted(self.plan.by_name[name]), Identifier(f"k{k}"))
            for k, name in enumerate(self.plan.key)
        ]
        return SQL("SELECT s.n, {keys} FROM {stage} AS s{lookups}").format(
            keys=SQL(", ").join(keys), stage=STAGE, lookups=self._lookup_joins()
        )

    def key_names(self) -> tuple[Identifier, ...]:
        """The names of `keys_statement`'s key values."""
        return tuple(Identifier(f"k{k}") for k in range(len(self.plan.key)))

    def found_statement(self) -> Composed:
        """n and target id of every staged row whose row exists already."""
        return SQL("SELECT s.n, {identity} AS target_id FROM {stage} AS s{lookups}{target}").format(
            identity=self._identity("t"), stage=STAGE, lookups=self._lookup_joins(), target=self._target_join("JOIN")
        )

    # ── m: classify ──────────────────────────────────────────────────────────────────────────

    def _statement(self, source: Composable, matches: Composable, *, skip_conflicts: bool) -> Composed:
        updates = may_update(self.plan.on_conflict, self.plan.on_duplicate)
        return SQL(
            "WITH m AS MATERIALIZED ({classified}){update},\ni AS ({insert})\n"
            "SELECT m.n, CASE WHEN m.refused IS NOT NULL THEN 'r' || m.refused WHEN m.existing THEN 'e' "
            "WHEN m.same THEN 's' WHEN {updated} THEN 'u' WHEN i.ri_id IS NOT NULL THEN 'i' ELSE 'x' END AS state, "
            "COALESCE({updated_id}i.ri_id, m.ri_id) AS target_id\n"
            "FROM m {join_update}LEFT JOIN i ON NOT m.found AND {matches}"
        ).format(
            classified=self._classify(source),
            update=SQL(",\nu AS ({})").format(self._update()) if updates else SQL(""),
            insert=self._insert(skip_conflicts=skip_conflicts),
            updated=SQL("u.n IS NOT NULL") if updates else SQL("false"),
            updated_id=SQL("u.ri_id, ") if updates else SQL(""),
            join_update=SQL("LEFT JOIN u ON u.n = m.n ") if updates else SQL(""),
            matches=matches,
        )

    def _classify(self, source: Composable) -> Composed:
        return SQL(
            "SELECT q.*, {refused} AS refused\n"
            "FROM (SELECT p.*, p.found AND NOT p.existing AND {same} AS same\n"
            "      FROM ({rows} OFFSET 0) AS p) AS q{joins}"  # OFFSET 0: casts are made once, not wherever used
        ).format(
            refused=self._predictions.number(),
            same=self._same(),
            rows=self._rows(source),
            joins=self._predictions.joins(),
        )

    def _rows(self, source: Composable) -> Composed:
        selected = [
            SQL("s.n"),
            SQL("{} AS found").format(self._found()),
            SQL("{} AS ri_id").format(self._identity("t")),
        ]
        own = SQL("false") if self.plan.on_conflict == "update" else SQL("{} AND NOT s.own").format(self._found())
        selected.append(SQL("{} AS existing").format(own))
        for k, name in enumerate(self._ident):
            selected.append(SQL("{} AS {}").format(Identifier("t", name), Identifier(f"id{k}")))
        for k, column in enumerate(self.plan.columns):
            selected.append(SQL("{} AS {}").format(self._new_value(column), Identifier(f"v{k}")))
            if self._is_compared(column):
                selected.append(SQL("{} AS {}").format(Identifier("t", column.column.name), Identifier(f"o{k}")))
            if column.keep_missing:
                selected.append(SQL("{} AS {}").format(self._is_missing(column), Identifier(f"g{k}")))
            if isinstance(column.source, LookedUp):
                selected.append(SQL("{} AS {}").format(self._is_cut(column), Identifier(f"y{k}")))
        for k, lookup in enumerate(self.plan.lookups):
            selected.append(SQL("{} AS {}").format(self._lookup_missing(k, lookup), Identifier(f"x{k}")))
        return SQL("SELECT {selected}\n  FROM {source} AS s{lookups}{target}").format(
            selected=SQL(", ").join(selected),
            source=source,
            lookups=self._lookup_joins(),
            target=self._target_join("LEFT JOIN"),
        )

    def _lookup_joins(self) -> Composed:
        return SQL("").join(
            SQL("\n  LEFT JOIN {table} AS {alias} ON {on}").format(
                table=Identifier(lookup.schema, lookup.table),
                alias=Identifier(f"l{k}"),
                on=SQL(" AND ").join(
                    SQL("{} = {}").format(Identifier(f"l{k}", match.name), cast_to(Identifier("s", staged.cell), match))
                    for match, staged in lookup.match
                ),
            )
            for k, lookup in enumerate(self.plan.lookups)
        )

    def _target_join(self, kind: str) -> Composed:
        on = SQL(" AND ").join(
            SQL("{} = {}").format(Identifier("t", name), self._inserted(self.plan.by_name[name]))
            for name in self.plan.key
        )
        return SQL("\n  {kind} {target} AS t ON {on}").format(kind=SQL(kind), target=self._target, on=on)

    def _lookup_missing(self, number: int, lookup: Lookup) -> Composed:
        present = [SQL("{} IS NOT NULL").format(Identifier("s", staged.cell)) for _, staged in lookup.match]
        absent = SQL("{} IS NULL").format(Identifier(f"l{number}", lookup.match[0][0].name))
        return SQL(" AND ").join([*present, absent])

    def _is_cut(self, column: TargetColumn) -> Composed:
        """Whether the column cannot hold what the look-up takes: PostgreSQL would round or cut it in silence."""
        assert isinstance(column.source, LookedUp)
        lookup = self.plan.lookups[column.source.lookup]
        taken = Identifier(f"l{column.source.lookup}", lookup.take.name)
        return SQL("CAST(CAST({0} AS {1}) AS {2}) <> {0}").format(
            taken, SQL(column.column.type_text), Identifier(lookup.take.type_schema, lookup.take.type_name)
        )

    def _same(self) -> Composed:
        pairs = [
            SQL("{} IS NOT DISTINCT FROM {}").format(
                comparable(Identifier("p", f"v{k}"), c.column), comparable(Identifier("p", f"o{k}"), c.column)
            )
            for k, c in enumerate(self.plan.columns)
            if self._is_compared(c)
        ]
        return SQL("({})").format(SQL(" AND ").join(pairs))  # the key is always among them

    def _is_compared(self, column: TargetColumn) -> bool:
        return column.on_update != "keep" and not isinstance(column.source, RunFact)

    # ── a column's value ─────────────────────────────────────────────────────────────────────

    def _new_value(self, column: TargetColumn) -> Composable:
        """The value after the write: what is inserted, or what an existing row is changed to."""
        inserted, updated = self._inserted(column), self._updated(column)
        if inserted == updated:
            return inserted
        return SQL("CASE WHEN {} THEN {} ELSE {} END").format(self._found(), updated, inserted)

    def _inserted(self, column: TargetColumn) -> Composable:
        value = self._plain(column)
        source = column.source
        if isinstance(source, Staged) and source.mark and column.column.default_sql:
            default = SQL("CASE WHEN {} IS NOT NULL THEN {} ELSE {} END")
            return default.format(Identifier("s", source.mark), _verbatim(column.column.default_sql), value)
        return value

    def _updated(self, column: TargetColumn) -> Composable:
        value, there = self._plain(column), Identifier("t", column.column.name)
        if column.keep_missing:
            value = SQL("CASE WHEN {} THEN {} ELSE {} END").format(self._is_missing(column), there, value)
        if column.on_update == "keep":
            return there
        return SQL("COALESCE({}, {})").format(there, value) if column.on_update == "fill" else value

    def _plain(self, column: TargetColumn) -> Composable:
        source = column.source
        if isinstance(source, Staged):
            return cast_to(Identifier("s", source.cell), column.column)
        if isinstance(source, Constant):
            return cast_to(Literal(source.text), column.column)
        if isinstance(source, RunFact):
            return cast_to(self._facts.expression(source.name), column.column)
        return cast_to(Identifier(f"l{source.lookup}", self.plan.lookups[source.lookup].take.name), column.column)

    def _is_missing(self, column: TargetColumn, row: str = "s") -> Composable:
        source = column.source
        if isinstance(source, LookedUp):
            cells = [Identifier(row, staged.cell) for _, staged in self.plan.lookups[source.lookup].match]
            return SQL("({})").format(SQL(" OR ").join(SQL("{} IS NULL").format(cell) for cell in cells))
        assert isinstance(source, Staged)
        assert source.mark
        return SQL("{} IS NOT NULL").format(Identifier(row, source.mark))

    # ── u and i: write ───────────────────────────────────────────────────────────────────────

    def _update(self) -> Composed:
        return SQL(
            "UPDATE {target} AS t SET {sets}\n  FROM (SELECT * FROM m WHERE m.found AND NOT m.existing AND NOT m.same "
            "AND m.refused IS NULL ORDER BY {order}) AS m\n"  # two sessions lock the same rows in the same order
            "  WHERE {identity} RETURNING m.n, {target_id} AS ri_id"
        ).format(
            target=self._target,
            order=self._key_order("m"),
            sets=SQL(", ").join(
                SQL("{} = {}").format(Identifier(c.column.name), self._updated_live(k, c))
                for k, c in enumerate(self.plan.columns)
                if c.on_update != "keep"
            ),
            identity=SQL(" AND ").join(
                SQL("{} = {}").format(Identifier("t", name), Identifier("m", f"id{k}"))
                for k, name in enumerate(self._ident)
            ),
            target_id=self._identity("t"),
        )

    def _updated_live(self, number: int, column: TargetColumn) -> Composable:
        """What stays is read from the row as it is when its lock is granted: another session may have changed it."""
        value, there = Identifier("m", f"v{number}"), Identifier("t", column.column.name)
        if column.keep_missing:
            return SQL("CASE WHEN {} THEN {} ELSE {} END").format(Identifier("m", f"g{number}"), there, value)
        return SQL("COALESCE({}, {})").format(there, value) if column.on_update == "fill" else value

    def _insert(self, *, skip_conflicts: bool) -> Composed:
        return SQL(
            "INSERT INTO {target} AS t ({columns})\n  SELECT {values} FROM m WHERE NOT m.found AND m.refused IS NULL "
            "ORDER BY {order}\n  {skipped}RETURNING {returned}, {target_id} AS ri_id"
        ).format(
            skipped=SQL("ON CONFLICT ({}) DO NOTHING ").format(_names(self.plan.key)) if skip_conflicts else SQL(""),
            order=SQL("m.n") if self.plan.relation.shows_order else self._key_order("m"),
            target=self._target,
            columns=_names(c.column.name for c in self.plan.columns),
            values=self._values_of_m(),
            returned=SQL(", ").join(
                SQL("{} AS {}").format(Identifier("t", name), alias)
                for name, alias in zip(self.plan.key, self.key_names(), strict=True)
            ),
            target_id=self._identity("t"),
        )

    # ── names ────────────────────────────────────────────────────────────────────────────────

    @property
    def _target(self) -> Identifier:
        return Identifier(self.plan.relation.schema, self.plan.relation.name)

    @property
    def _ident(self) -> tuple[str, ...]:
        return self.plan.identity

    def _found(self) -> Composed:
        return SQL("({} IS NOT NULL)").format(Identifier("t", self.plan.key[0]))

    def _identity(self, alias: str) -> Composed:
        names = [Identifier(alias, name) for name in self._ident]
        if len(names) == 1:
            return SQL("CAST({} AS text)").format(names[0])
        values = SQL("CAST(pg_catalog.jsonb_build_array({}) AS text)").format(SQL(", ").join(names))
        return SQL("CASE WHEN {} IS NOT NULL THEN {} END").format(names[0], values)

    def _key_order(self, alias: str) -> Composed:
        """In the order of code points, which Python knows, too: COPY into the target goes by the same."""
        return SQL(", ").join(
            SQL("{}{}").format(
                Identifier(alias, f"v{k}"), SQL(' COLLATE "C"' if c.column.type_name in ("text", "varchar") else "")
            )
            for k, c in enumerate(self.plan.columns)
            if c.column.name in self.plan.key
        )

    def _names_in_m(self) -> dict[str, Identifier]:
        return {c.column.name: Identifier("m", f"v{k}") for k, c in enumerate(self.plan.columns)}

    def _values_of_m(self) -> Composed:
        return SQL(", ").join(self._names_in_m().values())


def numbers_array(numbers: Iterable[int]) -> Composed:
    """Staging numbers as an SQL array, also when there are none."""
    return SQL("CAST({} AS int8[])").format(Literal(list(numbers)))


def _names(names: Iterable[str]) -> Composed:
    return SQL(", ").join(Identifier(name) for name in names)


def _verbatim(text: str) -> SQL:
    """SQL that the server's own catalogue printed; braces are not placeholders."""
    return SQL(text)
