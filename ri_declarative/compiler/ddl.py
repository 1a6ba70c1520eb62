"""`target.create: true`: the table that a mapping needs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Column as SqlColumn
from sqlalchemy import Connection, MetaData, Table, func, select, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from ri_declarative.compiler.schema_types import part_of, types_of
from ri_declarative.database.catalogue import read_relation, split_name
from ri_declarative.spec.models import ColumnSpec
from ri_declarative.spec.pipeline import Pipeline

_FORMATS: Mapping[str, TypeEngine[Any]] = {
    "date": types.Date(),
    "date-time": types.DateTime(timezone=True),
    "uuid": types.Uuid(),
}
_TYPES: Mapping[str, TypeEngine[Any]] = {
    "string": types.Text(),
    "integer": types.BigInteger(),
    "number": types.Numeric(),
    "boolean": types.Boolean(),
    "object": postgresql.JSONB(),
    "array": postgresql.JSONB(),
}
_LOCK = 7_215_010_032  # any number that no other program takes
_RUN_TYPES: Mapping[str, TypeEngine[Any]] = {
    "batch_id": types.Uuid(),
    "item_id": types.Uuid(),
    "started_at": types.DateTime(timezone=True),
    "source_name": types.Text(),
    "line": types.BigInteger(),
}


def create_table(connection: Connection, pipeline: Pipeline) -> None:
    """Create the pipeline's table, unless somebody else is faster; its key becomes the primary key."""
    schema, name = split_name(pipeline.spec.target.table)
    required = set(pipeline.record_schema.get("required", ()))
    columns = [
        SqlColumn(
            column,
            _type(connection, pipeline, spec),
            primary_key=column in pipeline.spec.target.key,
            nullable=not (spec.field in required or column in pipeline.spec.target.key),
            autoincrement=False,
        )
        for column, spec in pipeline.columns.items()
    ]
    # Two at once would meet in pg_type's unique index in spite of IF NOT EXISTS (SQLSTATE 23505).
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    connection.execute(CreateTable(Table(name, MetaData(), *columns, schema=schema), if_not_exists=True))


def _type(connection: Connection, pipeline: Pipeline, spec: ColumnSpec) -> TypeEngine[Any]:
    if spec.run is not None:
        return _RUN_TYPES[spec.run]
    if spec.lookup is not None:
        return _LookedUp(_type_taken(connection, spec))
    if spec.field is not None:
        return _field_type(pipeline, spec.field)
    return _value_type(spec.value)


def _field_type(pipeline: Pipeline, field: str) -> TypeEngine[Any]:
    part = part_of(pipeline.record_schema, field)
    named = types_of(part)
    if len(named) > 1:
        return postgresql.JSONB()
    if named == ("string",) or not named:
        return _FORMATS.get(part.get("format", ""), types.Text())
    return _TYPES[named[0]]


def _value_type(value: Any) -> TypeEngine[Any]:
    if isinstance(value, bool):
        return types.Boolean()
    if isinstance(value, int):
        return types.BigInteger()
    return types.Numeric() if isinstance(value, Decimal) else types.Text()


def _type_taken(connection: Connection, spec: ColumnSpec) -> str:
    relation = read_relation(connection, spec.lookup or "")
    column = relation.columns.get(spec.take or "") if relation else None
    return column.type_text if column else "text"


class _LookedUp(types.UserDefinedType[Any]):
    """The type of the column that a look-up takes, as PostgreSQL prints it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return self.name
