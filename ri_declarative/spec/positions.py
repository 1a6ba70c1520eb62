"""Where the keys of a file stand, and how a place in it is spelled.

A path is the tuple of keys and indices that leads to a value: `("target", "key", 0)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ri_declarative.errors import Diagnostic, Position

KeyPath = tuple[str | int, ...]
Positions = Mapping[KeyPath, Position]


class Finding(NamedTuple):
    """What is wrong at a place of the data; a `Diagnostic` once the place's position is known."""

    path: KeyPath
    code: str
    message: str  # without the place


def dotted(path: KeyPath) -> str:
    """The path as a person writes it.

    >>> dotted(("schema", "properties", "country", "enum", 0))
    'schema.properties.country.enum[0]'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{clip(part)}" for part in path)
    return text.removeprefix(".")


def clip(text: str, size: int = 60) -> str:
    """The text, shortened when it is too long for a message."""
    return text if len(text) <= size else text[: size - 1] + "…"


def deepest(positions: Positions, path: KeyPath, file: str) -> Position:
    """The position of the deepest known key on the path; the file's start when none is known."""
    for length in range(len(path), -1, -1):
        found = positions.get(path[:length])
        if found is not None:
            return found
    return Position(file, 1, 1)


def to_diagnostics(findings: Iterable[Finding], positions: Positions, file: str) -> list[Diagnostic]:
    """The findings with positions, the place in front of each message; each said once."""
    told: dict[Diagnostic, None] = {}
    for path, code, message in findings:
        place = f"{dotted(path)}: " if path else ""
        told[Diagnostic(deepest(positions, path, file), code, place + message)] = None
    return list(told)
