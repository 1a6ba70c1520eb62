"""What a `$ref` refers to. Only inside its own schema: nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from ri_declarative.spec.subschemas import anchors


class NowhereError(LookupError):
    """A reference that leads to nothing: the name that is not there, and those that are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = list(known)


def follow(schema: Any, reference: str) -> Any:
    """The part of the schema that `#`, `#/…` (RFC 6901, section 6) or `#anchor` refers to. Raises NowhereError.

    >>> follow({"$defs": {"a b/c": {"type": "integer"}}}, "#/$defs/a%20b~1c")
    {'type': 'integer'}
    """
    if not reference.startswith("#"):
        raise NowhereError(reference, ())
    if reference.startswith("#/"):
        return _pointed_at(schema, reference[2:])
    if reference == "#":
        return schema
    known = anchors(schema)
    if reference[1:] not in known:
        raise NowhereError(reference[1:], known)
    return known[reference[1:]]


def part_at(schema: Any, reference: Any) -> Any:
    """The same for whatever stands after `$ref`; None when it leads nowhere."""
    try:
        return follow(schema, reference) if isinstance(reference, str) else None
    except NowhereError:
        return None


def _pointed_at(schema: Any, pointer: str) -> Any:
    here = schema
    for step in unquote(pointer).split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isdecimal() and int(name) < len(here):
            here = here[int(name)]
        else:
            raise NowhereError(name, here if isinstance(here, dict) else ())
    return here
