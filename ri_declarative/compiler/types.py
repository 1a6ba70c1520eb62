"""The database's types in the words of the stages: what a column takes, how a field without a type is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ri_declarative.stages.column_types import Category, ColumnType
from ri_declarative.stages.scalars import Kind

if TYPE_CHECKING:
    from ri_declarative.database.catalogue import Column

_CATEGORIES: Mapping[str, Category] = {
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "citext": "text",
    "name": "text",
    "char": "text",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "oid": "integer",
    "numeric": "numeric",
    "money": "numeric",
    "float4": "float",
    "float8": "float",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "time": "time",
    "timetz": "timetz",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
    "bytea": "bytea",
}
_INTEGER_BITS = {"int2": 16, "int4": 32, "int8": 64}
# Ranges, multiranges and composites: their text holds texts of other types.
_KINDS_WITH_PARTS = ("r", "m", "c")
_FRACTION_TYPES = ("timestamp", "timestamptz", "time", "timetz")
_KIND_OF_CATEGORY: Mapping[str, Kind] = {
    "integer": "integer",
    "numeric": "number",
    "float": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "timestamptz": "timestamp",
    "time": "time",
    "json": "json",
    "array": "json",
}


def column_type(column: Column) -> ColumnType:
    """What texts the column takes, as the mapping stage needs to know it."""
    if column.element is not None:
        name, kind, labels = column.element
        element = _simple(name, kind, labels, typmod=column.typmod, text=name)
        return ColumnType("array", element=element, name=column.type_text)
    return _simple(column.type_name, column.type_kind, column.enum_labels, typmod=column.typmod, text=column.type_text)


def _simple(name: str, kind: str, labels: tuple[str, ...], *, typmod: int, text: str) -> ColumnType:
    if labels:
        return ColumnType("enum", labels=labels, name=text)
    if kind in _KINDS_WITH_PARTS:
        return ColumnType("parts", name=text)
    found = ColumnType(_CATEGORIES.get(name, "other"), name=text)
    if name in _INTEGER_BITS:
        top = 2 ** (_INTEGER_BITS[name] - 1)
        return found._replace(low=-top, high=top - 1)
    if name == "oid":
        return found._replace(low=0, high=2**32 - 1)
    if name == "money":  # two digits in every locale that PostgreSQL is usually set to
        return found._replace(precision=18, scale=2)
    if name in ("char", "name"):  # the server would cut both in silence
        return found._replace(length=1 if name == "char" else 63)
    return _with_modifier(found, name, typmod)


def _with_modifier(found: ColumnType, name: str, typmod: int) -> ColumnType:
    """With the length, or precision and scale, that the type modifier holds. PostgreSQL: numeric.c, varchar.c."""
    if typmod < 0:
        return found
    if name in ("varchar", "bpchar"):
        return found._replace(length=typmod - 4)
    if name == "numeric":
        packed = typmod - 4
        scale = packed & 0x7FF
        precision = (packed >> 16) & 0xFFFF
        return found._replace(precision=precision, scale=scale - 0x800 if scale & 0x400 else scale)
    return found._replace(precision=typmod) if name in _FRACTION_TYPES else found


def kind_of_column(column: Column) -> Kind:
    """How a field without a type of its own is read for this column."""
    return kind_of_type(column_type(column))


def kind_of_type(column: ColumnType) -> Kind:
    """The same, of a column's type alone."""
    return _KIND_OF_CATEGORY.get(column.category, "text")
