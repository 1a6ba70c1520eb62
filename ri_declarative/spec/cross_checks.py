"""Findings that need more than one part of a pipeline: fields, columns and keys that must fit together.

Needs no database. Works on the outline, so it also speaks when other parts are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ri_declarative.spec.outline import Outline
from ri_declarative.spec.pointer import part_at
from ri_declarative.spec.positions import Finding, clip
from ri_declarative.words import did_you_mean

_IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
_IN_PLACE = ("if", "then", "else")


class Declared(NamedTuple):
    """The fields that a schema knows of."""

    names: frozenset[str]
    patterns: tuple[str, ...]  # of patternProperties

    def knows(self, name: str) -> bool:
        """Whether a field of this name is declared."""
        return name in self.names or any(_matches(pattern, name) for pattern in self.patterns)


def cross_check(parts: Outline, schema: Mapping[str, Any], *, has_hooks: bool) -> Iterator[Finding]:
    """Every finding about how the parts fit together; `schema` is {} when there is none.

    `has_hooks`: a hook sees the records, and may use any field.
    """
    declared = declared_fields(schema)
    yield from _records(parts)
    yield from _headers(parts)
    if declared.names:
        yield from _unknown_fields(parts, declared)
        if not has_hooks:
            yield from _misspelt_source_fields(parts, declared)
    yield from _columns_left_out(parts, schema)
    yield from _key(parts, schema)


def declared_fields(schema: Any) -> Declared:
    """The properties of the schema, also those under allOf, anyOf, oneOf, if, then, else and local `$ref`s."""
    names: dict[str, None] = {}
    patterns: dict[str, None] = {}
    todo, seen = [schema], set()
    while todo:
        part = todo.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        names |= dict.fromkeys(_keys(part.get("properties")))
        patterns |= dict.fromkeys(_keys(part.get("patternProperties")))
        todo += [part.get(keyword) for keyword in _IN_PLACE] + _values(part.get("dependentSchemas"))
        for keyword in _IN_PLACE_LISTS:
            todo += part[keyword] if isinstance(part.get(keyword), list) else []
        todo.append(part_at(schema, part.get("$ref")))
    return Declared(frozenset(names), tuple(patterns))


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return True  # ECMA syntax that Python does not read: no ground for a complaint


def _records(parts: Outline) -> Iterator[Finding]:
    if parts.records_written and parts.format not in (None, "json"):
        message = f"is a path into a JSON document, but the format is {clip(parts.format)}; remove it"
        yield Finding(("source", "records"), "invalid-value", message)


def _headers(parts: Outline) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for field, headers in parts.headers.items():
        for path, header in headers:
            owner = owners.setdefault(header, field)
            if owner != field:
                message = (
                    f'the header "{clip(header)}" already feeds the field "{clip(owner)}"; a header feeds one field'
                )
                yield Finding(path, "duplicate-header", message)
        texts = [header for _, header in headers]
        for index, (path, header) in enumerate(headers):
            if header in texts[:index]:
                yield Finding(path, "duplicate-header", f'the header "{clip(header)}" is there twice')


def _unknown_fields(parts: Outline, declared: Declared) -> Iterator[Finding]:
    known = sorted({*declared.names, *parts.headers})
    for column in parts.columns.values():
        for path, field in column.fields:
            if field not in parts.headers and not declared.knows(field):
                mend = did_you_mean(field, known) or "; declare it under schema.properties or source.fields"
                yield Finding(path, "unknown-field", f'the record has no field "{clip(field)}"{mend}')


def _misspelt_source_fields(parts: Outline, declared: Declared) -> Iterator[Finding]:
    """A field that is read but used by nothing and near a declared one that is not read by its own words."""
    used = {field for column in parts.columns.values() for _, field in column.fields}
    for field in parts.headers:
        if field in used or declared.knows(field):
            continue
        if mend := did_you_mean(field, declared.names - set(parts.headers)):
            message = f"no column and no schema property uses this field{mend}"
            yield Finding(("source", "fields", field), "unknown-field", message)


def _columns_left_out(parts: Outline, schema: Mapping[str, Any]) -> Iterator[Finding]:
    if not parts.columns_written and not _keys(schema.get("properties")):
        message = "needs columns, or schema properties that stand for them"
        yield Finding(("target",), "missing-key", message)


def _key(parts: Outline, schema: Mapping[str, Any]) -> Iterator[Finding]:
    columns = list(parts.columns) if parts.columns_written else _keys(schema.get("properties"))
    texts = [text for _, text in parts.key]
    for index, (path, name) in enumerate(parts.key):
        if name in texts[:index]:
            yield Finding(path, "invalid-value", f'the column "{clip(name)}" is in the key twice')
        elif columns and name not in columns:
            yield Finding(path, "unknown-column", _no_column(name, columns, parts))
        elif column := parts.columns.get(name):
            if column.run:
                message = f'the column "{clip(name)}" is filled by run, so it cannot tell rows apart'
                yield Finding(path, "invalid-value", message)
            elif column.on_update in ("keep", "fill"):
                message = f'the column "{clip(name)}" is in the key, so on_update: {column.on_update} has no meaning'
                yield Finding(path, "invalid-value", message)


def _no_column(name: str, columns: list[str], parts: Outline) -> str:
    """Where a field and its column have different names, either may be taken for the other."""
    filled = [column.name for column in parts.columns.values() if name in (field.text for field in column.fields)]
    if filled:
        return f'names columns of the table; the field "{clip(name)}" goes to the column "{clip(filled[0])}"'
    mend = did_you_mean(name, columns) or "; add it there"
    return f'"{clip(name)}" is not among target.columns{mend}'
