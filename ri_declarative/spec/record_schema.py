"""What is wrong with a record's JSON Schema: one finding per wrong place, paths within the schema.

The dialect is 2020-12. Stricter than the specification where silence would cost data: a keyword
near a known one is a misspelling, an unknown format is an error, `$ref` stays inside the schema.
Knows no files and no pipelines.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

import jsonschema_rs

from ri_declarative.spec.diagnose import shown
from ri_declarative.spec.pointer import NowhereError, follow
from ri_declarative.spec.positions import Finding, KeyPath, clip
from ri_declarative.spec.subschemas import APPLICATORS, subschemas
from ri_declarative.words import did_you_mean, nearest

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
# What jsonschema-rs checks with validate_formats=True.
FORMATS = (
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference",
    "uri-template", "uuid",
)  # fmt: skip

_OTHER_KEYWORDS = frozenset([
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$ref", "$schema", "$vocabulary", "const",
    "contentEncoding", "contentMediaType", "default", "dependentRequired", "deprecated", "description", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum", "multipleOf",
    "pattern", "readOnly", "required", "title", "type", "uniqueItems", "writeOnly",
])  # fmt: skip
KEYWORDS = APPLICATORS | _OTHER_KEYWORDS
_HARMLESS = frozenset(["example", "id", "note"])  # near a keyword, but nobody means that by them
_TYPE_NAMES = {
    "array": "a list", "object": "a mapping", "string": "a text", "integer": "a whole number",
    "number": "a number", "boolean": "true or false", "null": "nothing",
}  # fmt: skip
_FORMATS_TAKEN_FOR_TYPES = {"datetime": "date-time", "timestamp": "date-time", "timestamptz": "date-time"}
_FORMATS_TAKEN_FOR_TYPES |= {"mail": "email", "e-mail": "email", "url": "uri"}
_OTHER_NAMES_OF_TYPES = {
    "text": "string", "str": "string", "varchar": "string", "char": "string", "int": "integer", "bigint": "integer",
    "decimal": "number", "numeric": "number", "float": "number", "double": "number", "bool": "boolean",
    "list": "array", "dict": "object", "map": "object", "json": "object",
}  # fmt: skip
_METASCHEMA = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, offline=True)


def check_schema(schema: dict[str, Any]) -> list[Finding]:
    """Every finding about the schema; empty when records can be judged by it.

    >>> [f.message for f in check_schema({"requried": ["email"]})]
    ['unknown keyword; did you mean "required"?']
    """
    findings = list(_against_metaschema(schema))
    for path, part in subschemas(schema):
        findings += _keywords(path, part)
        findings += _references(path, part, schema)
        findings += _patterns(path, part)
        findings += _format(path, part)
        findings += _required(path, part)
    findings += _top(schema)
    return findings or list(_compiled(schema))


def _against_metaschema(schema: dict[str, Any]) -> Iterator[Finding]:
    """jsonschema-rs decides; jsonschema explains. Its import takes 115 ms, so only a broken schema pays for it."""
    if _METASCHEMA.is_valid(schema):
        return
    from jsonschema import Draft202012Validator

    seen: set[KeyPath] = set()
    for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
        path = tuple(error.absolute_path)
        if path not in seen:
            seen.add(path)
            yield from _invalid(path, error)


def _invalid(path: KeyPath, error: Any) -> Iterator[Finding]:
    kind, bound, given = error.validator, error.validator_value, error.instance
    if path[-1:] == ("type",) and kind == "anyOf":
        yield from _types(path, given)
    elif kind == "type":
        expected = " or ".join(_TYPE_NAMES[name] for name in ([bound] if isinstance(bound, str) else bound))
        yield Finding(path, "schema-invalid", f"expected {expected}, got {shown(given)}")
    elif kind == "uniqueItems":
        yield Finding(path, "schema-invalid", "an entry is there twice")
    elif kind in ("minimum", "exclusiveMinimum"):
        expected = "more than 0" if kind == "exclusiveMinimum" else f"{bound} or more"
        yield Finding(path, "schema-invalid", f"expected {expected}, got {shown(given)}")
    else:
        yield Finding(path, "schema-invalid", clip(error.message, 200))


def _types(path: KeyPath, given: Any) -> Iterator[Finding]:
    entries = [((*path, i), word) for i, word in enumerate(given)] if isinstance(given, list) else [(path, given)]
    wrong = [(place, word) for place, word in entries if word not in TYPES]
    for place, word in wrong:
        mend = _type_meant(word) if isinstance(word, str) else ""
        yield Finding(place, "schema-invalid", f"{shown(word)} is none of {', '.join(TYPES)}{mend}")
    if not wrong:
        yield Finding(path, "schema-invalid", "needs one or more types, each once")


def _type_meant(word: str) -> str:
    """Dates and the like are texts with a format; other languages have other names for types."""
    folded = word.lower()
    found = _FORMATS_TAKEN_FOR_TYPES.get(folded, folded if folded in FORMATS else None)
    if found:
        return f"; did you mean type: string, format: {found}?"
    meant = _OTHER_NAMES_OF_TYPES.get(folded)
    return f'; did you mean "{meant}"?' if meant else did_you_mean(word, TYPES)


def _keywords(path: KeyPath, part: Mapping[str, Any]) -> Iterator[Finding]:
    for keyword in part:
        if keyword in KEYWORDS or keyword in _HARMLESS or keyword.startswith("x-"):
            continue
        meant = nearest(keyword, KEYWORDS)
        # Other keywords are legal annotations, so only what is close is taken for a misspelling.
        if meant and SequenceMatcher(None, keyword.lower(), meant.lower()).ratio() >= 0.8:
            yield Finding((*path, keyword), "schema-keyword", f'unknown keyword; did you mean "{meant}"?')


def _references(path: KeyPath, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Finding]:
    for keyword in ("$ref", "$dynamicRef"):
        target = part.get(keyword)
        if isinstance(target, str) and (problem := _reference(target, schema)):
            yield Finding((*path, keyword), "schema-ref", problem)
    if path and "$id" in part:
        yield Finding((*path, "$id"), "schema-ref", "$id is allowed at the top of a schema only; remove it")


def _reference(target: str, schema: Mapping[str, Any]) -> str | None:
    """Why it leads to no part of the schema; None when it does."""
    if not target.startswith("#"):
        return f'"{clip(target)}" is outside this schema; put it under $defs and refer to "#/$defs/…"'
    try:
        follow(schema, target)
    except NowhereError as error:
        what, mend = f'"{clip(error.name)}"', did_you_mean(error.name, error.known)
        if target.startswith("#/"):
            return f'"{clip(target)}" leads nowhere: there is no {what}{mend}'
        return f"there is no $anchor {what}{mend}"
    return None


def _patterns(path: KeyPath, part: Mapping[str, Any]) -> Iterator[Finding]:
    if isinstance(pattern := part.get("pattern"), str):
        yield from _pattern((*path, "pattern"), pattern)
    if isinstance(named := part.get("patternProperties"), dict):
        for pattern in named:
            yield from _pattern((*path, "patternProperties", pattern), pattern)


def _pattern(path: KeyPath, pattern: str) -> Iterator[Finding]:
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True)
    except (jsonschema_rs.ValidationError, ValueError):
        yield Finding(path, "schema-pattern", f"not a regular expression that can be used: {_why_not(pattern)}")


def _why_not(pattern: str) -> str:
    """The deciding library says only that it cannot; Python's own compiler often knows why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return "too large, or not in ECMA 262's syntax (for the end of the text write $, not \\Z)"


def _format(path: KeyPath, part: Mapping[str, Any]) -> Iterator[Finding]:
    name = part.get("format")
    if isinstance(name, str) and name not in FORMATS:
        mend = did_you_mean(name, FORMATS) or f"; known: {', '.join(FORMATS)}"
        yield Finding((*path, "format"), "schema-format", f'unknown format "{clip(name)}"{mend}')


def _required(path: KeyPath, part: Mapping[str, Any]) -> Iterator[Finding]:
    """A required name near a property is a misspelling of it; any other may come undeclared."""
    names, properties = part.get("required"), part.get("properties")
    if not isinstance(names, list) or not isinstance(properties, dict):
        return
    for index, name in enumerate(names):
        if not isinstance(name, str) or name in properties:
            continue
        if mend := did_you_mean(name, [known for known in properties if known not in names]):
            yield Finding((*path, "required", index), "unknown-field", f'"{clip(name)}" is no property{mend}')


def _top(schema: Mapping[str, Any]) -> Iterator[Finding]:
    kind = schema.get("type", "object")
    if kind in TYPES and kind != "object":
        yield Finding(("type",), "schema-invalid", f'a record is an object, not "{kind}"; leave type out here')
    dialect = schema.get("$schema", DIALECT)
    if isinstance(dialect, str) and dialect.removesuffix("#") != DIALECT:
        yield Finding(("$schema",), "schema-invalid", f'only 2020-12 is understood; write "{DIALECT}" or leave it out')


def _compiled(schema: dict[str, Any]) -> Iterator[Finding]:
    """The last word is that of the library which will judge the records."""
    try:
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        yield Finding((), "schema-invalid", f"cannot be used: {clip(str(error).splitlines()[0], 200)}")
