"""Plain data → YAML text that strict_yaml.py reads back to the same data, laid out as a person would.

Short mappings and lists stand in one line, others in blocks; a text is quoted where any YAML reader could
take it for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ri_declarative.spec.positions import KeyPath
from ri_declarative.spec.scalars import resolve

_WIDTH = 110
# Begins with a letter and holds nothing that YAML gives a meaning to, in blocks or in braces.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+()-]*(?: [A-Za-z0-9_./+()-]+)*")

Notes = Mapping[KeyPath, str]


def yaml_text(data: Mapping[str, Any], notes: Notes = MappingProxyType({})) -> str:
    """The text of a file; `notes` are comments behind the keys of a block.

    >>> print(yaml_text({"key": ["email"], "country": "NO", "limit": 5}), end="")
    key: [email]
    country: "NO"
    limit: 5
    """
    return "\n".join(_block(data, (), notes)) + "\n"


def flow(value: Any) -> str:
    """The value in one line.

    >>> flow({"from": ["E-mail", "%d"], "clean": []})
    '{from: [E-mail, "%d"], clean: []}'
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{_scalar(str(key))}: {flow(member)}" for key, member in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


def _block(data: Mapping[str, Any], path: KeyPath, notes: Notes) -> Iterator[str]:
    indent = "  " * len(path)
    for key, value in data.items():
        here = (*path, key)
        line = f"{indent}{_scalar(key)}: {flow(value)}"
        if len(path) > 0 and here not in notes and len(line) <= _WIDTH and _is_leaf(value, here, notes):
            yield line
        elif isinstance(value, dict) and value:
            yield f"{indent}{_scalar(key)}:{_note(notes, here)}"
            yield from _block(value, here, notes)
        elif isinstance(value, list) and value and len(line) > _WIDTH:
            yield f"{indent}{_scalar(key)}:{_note(notes, here)}"
            yield from (f"{indent}  - {flow(entry)}" for entry in value)
        else:
            yield line + _note(notes, here)


def _is_leaf(value: Any, path: KeyPath, notes: Notes) -> bool:
    """Whether the value reads well in one line: an entry of a mapping, with little and nothing to note inside."""
    if not isinstance(value, dict):
        return True
    deep = any(isinstance(inner, dict) for m in value.values() if isinstance(m, dict) for inner in m.values())
    return bool(value) and not deep and len(path) > 2 and not any(other[: len(path)] == path for other in notes)


def _note(notes: Notes, path: KeyPath) -> str:
    return f"  # {notes[path]}" if path in notes else ""


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case str():
            return value if _PLAIN.fullmatch(value) and resolve(value) == value else _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    """Double-quoted: JSON's escapes are YAML's, too; what YAML does not let stand as it is becomes one."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in quoted
    )
