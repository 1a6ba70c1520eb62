"""The names that a pipeline's parts use for one another, read from data that may be wrong in places.

The cross-checks work on this, so that one typo does not hide the findings behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ri_declarative.spec.positions import KeyPath


class Name(NamedTuple):
    """A name and where it is written."""

    path: KeyPath
    text: str


class ColumnOutline(NamedTuple):
    """What the checks need of one column of the target."""

    name: str
    fields: tuple[Name, ...]  # of the record, that it is made from
    run: bool
    on_update: str | None  # as written


class Outline(NamedTuple):
    """What the checks need of a pipeline. Parts of a wrong shape are left out."""

    headers: Mapping[str, tuple[Name, ...]]  # field in source.fields → headers it may have
    columns: Mapping[str, ColumnOutline]
    columns_written: bool  # target.columns is there, right or wrong
    key: tuple[Name, ...]
    format: str | None  # as written in source
    records_written: bool  # source.records is there, right or wrong
    requires: tuple[Name, ...]


def outline(data: Mapping[str, Any]) -> Outline:
    """The outline of a pipeline's merged data."""
    target = _mapping(data.get("target"))
    source = _mapping(data.get("source"))
    fields = _mapping(source.get("fields"))
    written = source.get("format")
    columns = _mapping(target.get("columns"))
    return Outline(
        headers={name: tuple(_headers(name, spec)) for name, spec in fields.items()},
        columns={name: _column(name, spec) for name, spec in columns.items()},
        columns_written=target.get("columns") is not None,
        key=tuple(_names(target.get("key"), ("target", "key"))),
        format=written if isinstance(written, str) else None,
        records_written=source.get("records") is not None,
        requires=tuple(_names(data.get("requires"), ("requires",))),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(value: Any, path: KeyPath) -> Iterator[Name]:
    if isinstance(value, str):
        yield Name(path, value)
    elif isinstance(value, list):
        yield from (Name((*path, i), text) for i, text in enumerate(value) if isinstance(text, str))


def _headers(name: str, spec: Any) -> Iterator[Name]:
    path: KeyPath = ("source", "fields", name)
    written = _mapping(spec).get("from")
    yield from _names(name if written is None else written, path if written is None else (*path, "from"))


def _column(name: str, spec: Any) -> ColumnOutline:
    path: KeyPath = ("target", "columns", name)
    if isinstance(spec, str):
        return ColumnOutline(name, (Name(path, spec),), run=False, on_update=None)
    spec = _mapping(spec)
    fields = [*_names(spec.get("field"), (*path, "field"))]
    for column, text in _mapping(spec.get("match")).items():
        fields += _names(text, (*path, "match", column))
    on_update = spec.get("on_update")
    return ColumnOutline(
        name, tuple(fields), run="run" in spec, on_update=on_update if isinstance(on_update, str) else None
    )
