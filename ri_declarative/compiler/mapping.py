"""A pipeline's mapping against the catalogue: the plan of its upsert, or every finding at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ri_declarative.compiler.fit import Misfit, misfit, run_misfit
from ri_declarative.compiler.lookups import lookup_findings, lookup_table
from ri_declarative.compiler.triggers import may_touch_key
from ri_declarative.compiler.types import column_type
from ri_declarative.database.catalogue import (
    Column,
    Index,
    Relation,
    is_hashable,
    read_relation,
    read_row_triggers,
    relation_names,
)
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
from ri_declarative.errors import Diagnostic, Severity
from ri_declarative.spec.models import ColumnSpec
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.stages.canonical import canonical
from ri_declarative.stages.map import CellRule
from ri_declarative.stages.refusal import RefusedError
from ri_declarative.words import did_you_mean

_KINDS = {"m": "a materialized view", "f": "a foreign table"}


@dataclass
class Mapping:
    """What becomes of a pipeline's target: a plan with its cells, or errors among the findings."""

    findings: list[Diagnostic] = field(default_factory=list)
    cells: list[CellRule] = field(default_factory=list)
    plan: UpsertPlan | None = None

    @property
    def errors(self) -> list[Diagnostic]:
        """The findings that forbid a run."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


def map_target(connection: Connection, pipeline: Pipeline) -> Mapping:
    """Check the target against the live database and plan the upsert. Collects every finding."""
    target = pipeline.spec.target
    relation = read_relation(connection, target.table)
    if relation is None:
        near = did_you_mean(target.table, relation_names(connection, target.table))
        at = pipeline.at("target", "table")
        message = f"target.table: there is no table {target.table}{near or '; create: true would make it'}"
        return Mapping([Diagnostic(at, "unknown-table", message), *lookup_findings(connection, pipeline)])
    return _Mapper(connection, pipeline, relation).run()


class _Mapper:
    """One walk over the columns of a mapping."""

    def __init__(self, connection: Connection, pipeline: Pipeline, relation: Relation) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._relation = relation
        self._found = Mapping()
        self._stage: list[str] = []
        self._lookups: list[Lookup] = []
        self._self_lookup = False
        target = pipeline.spec.target
        self._may_update = may_update(target.on_conflict, target.on_duplicate)
        self._role = str(connection.exec_driver_sql("SELECT current_user").scalar_one())

    def run(self) -> Mapping:
        columns = [c for name, spec in self._pipeline.columns.items() if (c := self._column(name, spec)) is not None]
        self._check_relation()
        self._check_key()
        self._check_defaults()
        self._check_unfilled({c.column.name for c in columns})
        self._warn_of_row_security()
        self._warn_of_triggers()
        if not self._found.errors:
            self._found.plan = self._plan(tuple(columns))
        return self._found

    def _plan(self, columns: tuple[TargetColumn, ...]) -> UpsertPlan:
        target = self._pipeline.spec.target
        key = tuple(target.key)
        return UpsertPlan(
            relation=self._relation,
            key=key,
            columns=columns,
            lookups=tuple(self._lookups),
            stage=tuple(self._stage),
            on_conflict=target.on_conflict,
            on_duplicate=target.on_duplicate,
            row_by_row=self._row_by_row(key, {c.column.name for c in columns}),
            hashed_key=all(is_hashable(self._connection, self._relation.columns[name]) for name in key),
        )

    # ── columns ──────────────────────────────────────────────────────────────────────────────

    def _column(self, name: str, spec: ColumnSpec) -> TargetColumn | None:
        column = self._relation.columns.get(name)
        if column is None:
            near = did_you_mean(name, self._relation.columns)
            self._find("unknown-column", f'{self._relation.label} has no column "{name}"{near}', name)
            return None
        if column.generated:
            self._find("generated-column", f"{self._relation.label} makes this column itself; leave it out", name)
            return None
        self._check_privileges(column, spec)
        source = self._source(column, spec)
        if source is None:
            return None
        field_name = spec.fields[0] if len(spec.fields) == 1 else None
        return TargetColumn(column, source, field_name, spec.on_update, spec.on_missing == "keep")

    def _source(self, column: Column, spec: ColumnSpec) -> Staged | Constant | RunFact | LookedUp | None:
        if spec.kind == "field":
            self._check_type(misfit(self._pipeline, spec.fields[0], column_type(column)), column.name)
            return self._staged(spec.fields[0], column, spec=spec)
        if spec.kind == "run":
            self._check_type(run_misfit(str(spec.run), column_type(column)), column.name)
            return RunFact(str(spec.run))
        if spec.kind == "lookup":
            return self._looked_up(column, spec)
        return self._constant(column, spec)

    def _staged(self, field_name: str, column: Column, *, spec: ColumnSpec, is_match: bool = False) -> Staged:
        """One more cell of the row; a mark follows where an absent field differs from a NULL."""
        is_key = column.name in self._pipeline.spec.target.key and not is_match
        always_there = field_name in self._pipeline.record_schema.get("required", ())
        matters = column.default_sql is not None or spec.on_missing == "keep"
        marked = matters and not (is_key or is_match or (always_there and spec.on_missing != "keep"))
        number = len(self._found.cells)
        self._found.cells.append(CellRule(field_name, column_type(column), required=is_key, mark_absent=marked))
        self._stage += [f"c{number}", f"a{number}"] if marked else [f"c{number}"]
        return Staged(f"c{number}", f"a{number}" if marked else None)

    def _check_type(self, unfit: Misfit | None, column: str, *keys: str) -> None:
        if unfit is not None:
            self._find("column-type", unfit.message, column, *keys, severity=unfit.severity)

    def _constant(self, column: Column, spec: ColumnSpec) -> Constant | None:
        if spec.value is None:
            if column.not_null:
                self._find("invalid-value", f"{self._relation.label} says NOT NULL; give a value", column.name, "value")
            return Constant(None)
        try:
            return Constant(canonical(column_type(column))(spec.value))
        except RefusedError as refused:
            self._find("invalid-value", refused.message, column.name, "value")
            return None

    def _looked_up(self, column: Column, spec: ColumnSpec) -> LookedUp | None:
        relation, findings = lookup_table(self._connection, self._pipeline, column.name, spec)
        self._found.findings += findings
        if relation is None:
            return None
        self._self_lookup |= relation.oid == self._relation.oid
        matched = relation.columns
        key = column.name in self._pipeline.spec.target.key
        pairs = []
        for theirs, field_name in (spec.match or {}).items():
            unfit = misfit(self._pipeline, field_name, column_type(matched[theirs]))
            self._check_type(unfit, column.name, "match", theirs)
            staged = self._staged(field_name, matched[theirs], spec=spec, is_match=True)
            self._found.cells[-1] = self._found.cells[-1]._replace(required=key)
            pairs.append((matched[theirs], staged))
        label = f"{spec.lookup}.{'+'.join(spec.match or ())}"
        self._lookups.append(
            Lookup(
                relation.schema,
                relation.name,
                tuple(pairs),
                relation.columns[spec.take or ""],
                spec.missing == "fail" or key,
                spec.fields[0],
                label,
            )
        )
        return LookedUp(len(self._lookups) - 1)

    # ── the table as a whole ─────────────────────────────────────────────────────────────────

    def _check_relation(self) -> None:
        relation = self._relation
        if relation.kind in _KINDS:
            kind = _KINDS[relation.kind]
            message = f"target.table: {relation.label} is {kind}: rows cannot be written into it one by one"
            self._find_at("target-kind", message, "target", "table")
        denied = [verb for verb, may in self._needed_privileges() if not may]
        if denied:
            message = f"target.table: role {self._role} may not {' or '.join(denied)} on {relation.label}"
            self._find_at("privilege", message, "target", "table")

    def _needed_privileges(self) -> Iterable[tuple[str, bool]]:
        yield "SELECT", self._relation.can_select
        yield "INSERT", self._relation.can_insert
        if self._may_update:
            yield "UPDATE", self._relation.can_update

    def _check_privileges(self, column: Column, spec: ColumnSpec) -> None:
        updates = self._may_update and spec.on_update != "keep" and self._relation.can_update
        if (self._relation.can_insert and not column.can_insert) or (updates and not column.can_update):
            verb = "UPDATE" if column.can_insert else "INSERT"
            self._find(
                "privilege", f"role {self._role} may not {verb} this column of {self._relation.label}", column.name
            )

    def _check_key(self) -> None:
        key = tuple(self._pipeline.spec.target.key)
        if any(name not in self._relation.columns for name in key):
            return  # told at the column
        if self._relation.kind in _KINDS or self._relation.kind == "v" or self._relation.key_index(key) is not None:
            return  # a view's key is tried by planning the statement
        near = next((_unfit(i) for i in self._relation.indexes if set(i.columns) == set(key) and not i.backs_a_key), "")
        wanted = f"CREATE UNIQUE INDEX ON {self._relation.label} ({', '.join(key)})"
        message = (
            f"target.key: {self._relation.label} has no unique index on ({', '.join(key)}){near}; make one: {wanted}"
        )
        self._find_at("key-index", message, "target", "key")

    def _check_defaults(self) -> None:
        """A default may draw from a sequence that this role may not use."""
        for column in self._relation.columns.values():
            if column.denied_sequence:
                sequence = f'sequence "{column.denied_sequence}", the default of {self._relation.label}.{column.name}'
                message = f"role {self._role} may not use {sequence}"
                self._find_at("privilege", f"target.table: {message}", "target", "table")

    def _check_unfilled(self, mapped: set[str]) -> None:
        """NOT NULL columns that nothing fills would refuse every new row; a trigger may fill them."""
        if self._relation.before_row_trigger or self._relation.kind == "v":
            return
        for column in self._relation.columns.values():
            if column.not_null and not (column.default_sql or column.generated) and column.name not in mapped:
                if column.name in self._pipeline.columns:
                    continue  # told at the column
                message = f'target.columns: nothing fills "{column.name}" of {self._relation.label}, which is NOT NULL'
                self._find_at("unfilled-column", message, "target", "columns")

    def _warn_of_row_security(self) -> None:
        if self._relation.row_security:
            message = (
                f"target.table: row-level security of {self._relation.label} applies to role {self._role}: "
                "a row that its policies hide is taken for missing, one that they refuse fails"
            )
            self._find_at("row-security", message, "target", "table", severity=Severity.WARNING)

    def _warn_of_triggers(self) -> None:
        if not self._relation.before_row_trigger:
            return
        for trigger in read_row_triggers(self._connection, self._relation):
            if told := may_touch_key(trigger, self._pipeline.spec.target.key):
                message = f'target.key: trigger "{trigger.name}" of {self._relation.label} {told}'
                self._find_at("key-trigger", message, "target", "key", severity=Severity.WARNING)

    def _row_by_row(self, key: tuple[str, ...], mapped: set[str]) -> str | None:
        """Why set-based writing might differ from records applied one at a time; None: it does not."""
        relation = self._relation
        # What the table computes from mapped columns changes with them.
        written = mapped | {c.name for c in relation.columns.values() if c.generated and not c.default_sql}
        if relation.kind == "v":
            return "the target is a view: the constraints of its table are out of sight"
        if self._self_lookup:
            return "a look-up reads the target itself"
        if relation.write_trigger:
            return "a trigger runs on INSERT or UPDATE: it may look at other rows"
        own = next((fk.name for fk in relation.foreign_keys if fk.self_reference and written & set(fk.columns)), None)
        if own:
            return f'foreign key "{own}" points at the target itself'
        other = next((i.name for i in relation.indexes if _could_clash(i, key, written)), None)
        return f'two records could meet in "{other}"' if other else None

    def _find(self, code: str, message: str, column: str, *keys: str, severity: Severity = Severity.ERROR) -> None:
        path = ("columns", column, *keys)
        self._find_at(code, f"target.{'.'.join(path)}: {message}", "target", *path, severity=severity)

    def _find_at(self, code: str, message: str, *path: str, severity: Severity = Severity.ERROR) -> None:
        self._found.findings.append(Diagnostic(self._pipeline.at(*path), code, message, severity))


def _could_clash(index: Index, key: tuple[str, ...], written: set[str]) -> bool:
    """Whether two records with different keys could meet in this unique or exclusion index."""
    if index.backs_a_key and set(key) <= set(index.columns):
        return False
    return index.expression or bool(written & set(index.columns))


def _unfit(index: Index) -> str:
    reasons = (
        (index.partial, "partial"),
        (index.expression, "over an expression"),
        (not index.immediate, "deferrable"),
        (not index.valid, "invalid"),
        (not index.is_unique, "not unique"),
        (index.of_partition, "of one partition only"),
    )
    return f' ("{index.name}" is {" and ".join(word for unfit, word in reasons if unfit)})'
