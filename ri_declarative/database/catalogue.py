"""What the database knows about a target: a frozen picture of one relation, read before a run.

Knows nothing of pipelines. Names are exact: no folding, no guessing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from ri_declarative.database.queries import queries

# Defaults with a function that gives each row of a statement the same, or a random, value.
_ORDERLESS = frozenset(("now()", "transaction_timestamp()", "gen_random_uuid()", "uuid_generate_v4()"))


class Element(NamedTuple):
    """The type of an array's elements, domains resolved."""

    type_name: str
    type_kind: str
    enum_labels: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column; the type is the base type where it is a domain."""

    name: str
    type_schema: str
    type_name: str  # pg_type.typname: int4, varchar, _text, …
    type_oid: int
    type_text: str  # as PostgreSQL prints it: numeric(12,2)
    typmod: int
    not_null: bool
    domain: bool
    enum_labels: tuple[str, ...]  # empty: no enum
    type_kind: str  # pg_type.typtype: b base, e enum, r range, m multirange, c composite
    element: Element | None  # of an array
    default_sql: str | None  # SQL of the default, identity included; None: no default
    generated: bool  # cannot be written: generated, or identity ALWAYS
    denied_sequence: str | None  # of the default, that this role may not use
    collation: tuple[str, str] | None  # schema and name, None: the database's or no collation
    nondeterministic: bool  # compares by a nondeterministic collation
    can_select: bool
    can_insert: bool
    can_update: bool

    @property
    def default_shows_order(self) -> bool:
        """Whether its default may give each row of a statement another value, by what was inserted before."""
        sql = self.default_sql or ""
        return "(" in sql and sql not in _ORDERLESS


@dataclass(frozen=True)
class Index:
    """A unique or exclusion index."""

    name: str
    of_partition: bool  # of one partition only: two records may meet in it, but it backs no key
    is_primary: bool
    is_unique: bool
    valid: bool
    partial: bool
    expression: bool
    immediate: bool
    columns: tuple[str, ...]

    @property
    def backs_a_key(self) -> bool:
        """Fit to find a row by: valid, unique, immediate, neither partial nor over an expression."""
        whole = not (self.partial or self.expression or self.of_partition)
        return self.is_unique and self.valid and self.immediate and whole


@dataclass(frozen=True)
class Check:
    """A check constraint; `sql` names columns without a qualifier."""

    name: str
    columns: tuple[str, ...]
    sql: str


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; `readable`: this role can look into the referenced table itself."""

    name: str
    columns: tuple[str, ...]
    schema: str
    table: str
    foreign_columns: tuple[str, ...]
    self_reference: bool
    simple: bool  # MATCH SIMPLE: a NULL in any column satisfies it
    deferrable: bool
    validated: bool
    readable: bool


class RowTrigger(NamedTuple):
    """A user's BEFORE trigger for each row: it may rewrite the row or swallow it."""

    name: str
    language: str  # plpgsql, internal, c, …
    function: str
    source: str  # its text, or of a C function the symbol's name


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table or view, with all that decides how rows are written into it."""

    oid: int
    schema: str
    name: str
    kind: str  # pg_class.relkind: r table, p partitioned, v view, f foreign, m materialized view
    row_security: bool
    has_rules: bool
    has_children: bool  # tables that inherit from it, other than partitions
    can_select: bool
    can_insert: bool
    can_update: bool
    columns: dict[str, Column]
    indexes: tuple[Index, ...]
    checks: tuple[Check, ...]
    foreign_keys: tuple[ForeignKey, ...]
    before_row_trigger: bool  # a user's trigger may rewrite or swallow a row
    write_trigger: bool  # a user's trigger runs on INSERT or UPDATE; it may look at other rows

    @property
    def label(self) -> str:
        """For messages: schema.name."""
        return f"{self.schema}.{self.name}"

    @cached_property
    def shows_order(self) -> bool:
        """Whether rows keep a trace of the order in which they were inserted: a serial number, a clock."""
        return self.kind not in ("r", "p") or any(column.default_shows_order for column in self.columns.values())

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key, in its order; empty when there is none."""
        return next((index.columns for index in self.indexes if index.is_primary), ())

    def columns_of(self, constraint: str) -> tuple[str, ...]:
        """The columns of a constraint or unique index, empty when there is none of that name."""
        named: tuple[Check | ForeignKey | Index, ...] = (*self.checks, *self.foreign_keys, *self.indexes)
        return next((found.columns for found in named if found.name == constraint), ())

    def key_index(self, columns: tuple[str, ...]) -> Index | None:
        """The unique index that stands behind exactly these columns, None when there is none."""
        wanted = set(columns)
        return next((i for i in self.indexes if i.backs_a_key and set(i.columns) == wanted), None)


def split_name(name: str) -> tuple[str | None, str]:
    """Schema (None: along the search path) and name.

    >>> split_name("public.customers"), split_name("customers")
    (('public', 'customers'), (None, 'customers'))
    """
    schema, dot, relation = name.partition(".")
    return (schema, relation) if dot else (None, name)


def read_relation(connection: Connection, name: str) -> Relation | None:
    """The relation that `schema.name` or `name` means for this role, None when there is none."""
    schema, relation = split_name(name)
    query = queries("catalogue")
    head = connection.execute(text(query["relation"]), {"schema": schema, "name": relation}).mappings().first()
    if head is None:
        return None
    of = {"oid": head["oid"]}
    columns = connection.execute(text(query["columns"]), of).mappings()
    indexes = connection.execute(text(query["indexes"]), of).mappings()
    constraints = [dict(row) for row in connection.execute(text(query["constraints"]), of).mappings()]
    triggers = connection.execute(text(query["triggers"]), of).mappings().one()
    return Relation(
        oid=head["oid"],
        schema=head["schema"],
        name=head["name"],
        kind=head["kind"],
        row_security=head["row_security"],
        has_rules=head["has_rules"],
        has_children=head["has_children"],
        can_select=head["usable"] and head["can_select"],
        can_insert=head["usable"] and head["can_insert"],
        can_update=head["usable"] and head["can_update"],
        columns={row["name"]: _column(dict(row)) for row in columns},
        indexes=tuple(_index(dict(row)) for row in indexes),
        checks=tuple(_check(row) for row in constraints if row["kind"] == "c"),
        foreign_keys=tuple(_foreign_key(row) for row in constraints if row["kind"] == "f"),
        before_row_trigger=triggers["before_row"],
        write_trigger=triggers["write_trigger"],
    )


def relation_names(connection: Connection, name: str) -> list[str]:
    """Every relation that `name` could have been meant for, spelt the way `name` is."""
    schema, _ = split_name(name)
    return list(connection.execute(text(queries("catalogue")["relation_names"]), {"schema": schema}).scalars())


def read_row_triggers(connection: Connection, relation: Relation) -> list[RowTrigger]:
    """The triggers that may change a row before it is stored, in the order in which they fire."""
    found = connection.execute(text(queries("catalogue")["row_triggers"]), {"oid": relation.oid}).mappings()
    return [RowTrigger(**row) for row in found]


def is_hashable(connection: Connection, column: Column) -> bool:
    """Whether equal values of the column's type have equal hashes in this database."""
    return bool(connection.execute(text(queries("catalogue")["hashable"]), {"oid": column.type_oid}).scalar_one())


def _column(row: dict[str, Any]) -> Column:
    default = row["default_sql"]
    if row["identity_sequence"]:
        sequence = row["identity_sequence"].replace("'", "''")
        default = f"pg_catalog.nextval('{sequence}'::pg_catalog.regclass)::pg_catalog.{row['type_name']}"
    element = None
    if row["element_name"]:
        element = Element(row["element_name"], row["element_kind"], tuple(row["element_labels"] or ()))
    return Column(
        name=row["name"],
        type_schema=row["type_schema"],
        type_name=row["type_name"],
        type_oid=row["type_oid"],
        type_text=row["type_text"],
        type_kind=row["type_kind"],
        typmod=row["typmod"],
        not_null=row["not_null"],
        domain=row["domain"],
        enum_labels=tuple(row["labels"] or ()),
        element=element,
        default_sql=default,
        generated=row["generated"] != "" or row["identity"] == "a",
        denied_sequence=row["denied_sequence"],
        collation=(row["collation_schema"], row["collation_name"]) if row["collation_name"] else None,
        nondeterministic=row["nondeterministic"],
        can_select=row["can_select"],
        can_insert=row["can_insert"],
        can_update=row["can_update"],
    )


def _index(row: dict[str, Any]) -> Index:
    return Index(**{**row, "columns": tuple(row["columns"] or ())})


def _check(row: dict[str, Any]) -> Check:
    return Check(name=row["name"], columns=tuple(row["columns"] or ()), sql=row["check_sql"])


def _foreign_key(row: dict[str, Any]) -> ForeignKey:
    return ForeignKey(
        name=row["name"],
        columns=tuple(row["columns"] or ()),
        schema=row["foreign_schema"],
        table=row["foreign_table"],
        foreign_columns=tuple(row["foreign_columns"]),
        self_reference=row["self_reference"],
        simple=row["match"] == "s",
        deferrable=row["deferrable"],
        validated=row["validated"],
        readable=row["foreign_readable"],
    )
