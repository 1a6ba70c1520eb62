"""YAML text to plain data plus the position of every key; everything ambiguous is a finding.

Reads the C parser's events in one pass instead of composing nodes: aliases and anchors are seen
where they stand, nothing is ever expanded, and the caps hold before anything is built. Plain data
are dict, list, str, int, Decimal (never float), bool and None. Executes nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ri_declarative.errors import ConfigError, Diagnostic, Position
from ri_declarative.spec.positions import KeyPath, Positions, clip, dotted
from ri_declarative.spec.scalars import Trap, resolve

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 50
MAX_FINDINGS = 200  # more help nobody
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


_Event = Any  # yaml.Event; its stubs do not know which attributes an event has


class Loaded(NamedTuple):
    """What a file holds. With findings, `data` is the best reading of what was meant."""

    data: Any
    positions: Positions  # of each key; of each entry in a list; () is where the content starts
    findings: tuple[Diagnostic, ...] = ()
    suspects: frozenset[KeyPath] = frozenset()  # values that a finding is about: not to be judged again


def load_yaml(text: str, path: str) -> Loaded:
    """The text's data and positions. ConfigError with every finding when it is not strict YAML.

    >>> load_yaml("key: [a, 1.50]", "x.yaml").data
    {'key': ['a', Decimal('1.50')]}
    """
    loaded = scan_yaml(text, path)
    if loaded.findings:
        raise ConfigError(loaded.findings)
    return loaded


def read_yaml(file: Path, path: str) -> Loaded:
    """The file's data, positions and findings; `path` is how messages name it. Never raises."""
    text = read_text(file, path)
    return scan_yaml(text, path) if isinstance(text, str) else Loaded(None, {}, (text,))


def read_text(file: Path, path: str) -> str | Diagnostic:
    """The file's text without a byte-order mark, or why there is none. Reads MAX_BYTES at most."""
    start = Position(path, 1, 1)
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return Diagnostic(start, "file-unreadable", f"cannot be read: {error.strerror or error}")
    if len(raw) > MAX_BYTES:
        return Diagnostic(start, "file-limit", f"is larger than {MAX_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        return Diagnostic(_after(before, path), "file-encoding", "is not UTF-8 text; save it as UTF-8")


def scan_yaml(text: str, path: str) -> Loaded:
    """The text's data, positions and findings. Never raises for what the text holds."""
    if len(text) > MAX_BYTES:
        return Loaded(
            None, {}, (Diagnostic(Position(path, 1, 1), "file-limit", f"is larger than {MAX_BYTES:,} bytes"),)
        )
    if strange := _UNPRINTABLE.search(text):
        position = _after(text[: strange.start()], path)
        message = f"the character U+{ord(strange[0]):04X} is not allowed in YAML; remove it or write it escaped"
        return Loaded(None, {}, (Diagnostic(position, "yaml-syntax", message),))
    builder = _Builder(text, path)
    data = builder.document()
    return Loaded(data, builder.positions, tuple(builder.findings), frozenset(builder.suspects))


def _after(text: str, path: str) -> Position:
    lines = re.split(r"\r\n|\r|\n", text)
    return Position(path, len(lines), len(lines[-1]) + 1)


def _tag(event: _Event) -> str:
    return clip(event.tag.replace("tag:yaml.org,2002:", "!!"))


class _StopError(Exception):
    """Nothing more can be read; why is among the findings."""


class _Builder:
    """One pass over the events of one text. Law: every event is read once, in order, up to the caps."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.lines = text
        self.parser = yaml.CSafeLoader(text)
        self.positions: dict[KeyPath, Position] = {}
        self.findings: list[Diagnostic] = []
        self.suspects: set[KeyPath] = set()
        self.nodes = 0

    def document(self) -> Any:
        """The data of the one document; what was read before it broke off is not given."""
        try:
            return self._one_document()
        except _StopError:
            return None
        except yaml.MarkedYAMLError as error:
            self._syntax(error)
            return None
        finally:
            self.parser.dispose()

    def _one_document(self) -> Any:
        self._next()  # stream start
        if isinstance(self._next(), yaml.StreamEndEvent):
            return self._stop(Position(self.path, 1, 1), "file-empty", "is empty")
        root = self._next()
        self.positions[()] = self._position(root)
        data = self._node(root, ())
        if data is None and not self.findings:
            self._stop(self.positions[()], "file-empty", "is empty")
        self._next()  # document end
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            self._find(self._position(after), "yaml-documents", "a second document; one file holds one")
        return data

    def _next(self) -> _Event:
        event = self.parser.get_event()
        assert event is not None
        return event

    def _node(self, event: _Event, path: KeyPath) -> Any:
        self._count(event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._refuse(
                event, path, "yaml-alias", f"the alias *{clip(event.anchor or '')} is not allowed; write it out"
            )
        if event.anchor is not None:
            self._tell(event, path, "yaml-anchor", f"the anchor &{clip(event.anchor)} is not allowed; remove it")
        if event.tag is not None:
            self._tell(event, path, "yaml-tag", f"the tag {_tag(event)} is not allowed; remove it")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path)

    def _count(self, event: _Event, path: KeyPath) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._stop(self._position(event), "file-limit", f"holds more than {MAX_NODES:,} values")
        if len(path) > MAX_DEPTH:
            self._stop(self._position(event), "file-limit", f"is nested more than {MAX_DEPTH} levels deep")

    def _scalar(self, event: _Event, path: KeyPath) -> Any:
        plain, _ = event.implicit
        if event.tag is not None:
            self.suspects.add(path)
        if not plain or event.tag is not None:
            return event.value
        if not event.value and path:
            return self._empty(event, path)
        value = resolve(event.value)
        if isinstance(value, Trap):
            self._refuse(event, path, value.code, value.message)
            return event.value
        return value

    def _empty(self, event: _Event, path: KeyPath) -> None:
        """YAML's null by saying nothing: what is meant is null only when it is written."""
        after = self.lines[event.start_mark.index :].lstrip(" ")
        mend = 'a comma must be quoted: ","' if after[:1] == "," else "write one, or remove the key"
        self.suspects.add(path)
        self._find(self.positions[path], "yaml-empty", f"{dotted(path)}: has no value; {mend}")

    def _sequence(self, path: KeyPath) -> list[Any]:
        entries: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*path, len(entries))
            self.positions.setdefault(here, self._position(event))
            entries.append(self._node(event, here))
        return entries

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            position, here = self._position(event), (*path, key)
            if key in found:
                line = self.positions[here].line
                self._find(position, "duplicate-key", f"{dotted(here)}: the key is already in line {line}")
                self._node(self._next(), here)
                continue
            self.positions.setdefault(here, position)
            found[key] = self._node(self._next(), here)
        return found

    def _key(self, event: _Event, path: KeyPath) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, (*path, "?"))
            self._refuse(event, (*path, "?"), "yaml-key", "a key must be a text")
            return "?"
        self._count(event, path)
        key: str = event.value
        here = (*path, key)
        if event.anchor is not None:
            self._tell(event, here, "yaml-anchor", f"the anchor &{clip(event.anchor)} is not allowed; remove it")
        if event.tag is not None:
            self._refuse(event, here, "yaml-tag", f"the tag {_tag(event)} is not allowed; remove it")
        elif event.implicit[0]:
            self._plain_key(event, here)
        return key

    def _plain_key(self, event: _Event, path: KeyPath) -> None:
        key = event.value
        if key == "<<":
            self._refuse(event, path, "yaml-merge-key", "the merge key << is not allowed; write the keys out")
        elif not isinstance(resolve(key), str):
            self._refuse(event, path, "yaml-key", f'a key must be a text; quote it: "{clip(key)}"')

    def _position(self, event: _Event) -> Position:
        return Position(self.path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, event: _Event, path: KeyPath, code: str, message: str) -> None:
        self.suspects.add(path)
        self._tell(event, path, code, message)

    def _tell(self, event: _Event, path: KeyPath, code: str, message: str) -> None:
        self._find(self._position(event), code, f"{dotted(path)}: {message}" if path else message)

    def _find(self, position: Position, code: str, message: str) -> None:
        self.findings.append(Diagnostic(position, code, message))
        if len(self.findings) == MAX_FINDINGS:
            self.findings.append(
                Diagnostic(position, "file-limit", f"more than {MAX_FINDINGS} findings; the rest is unread")
            )
            raise _StopError

    def _stop(self, position: Position, code: str, message: str) -> None:
        self._find(position, code, message)
        raise _StopError

    def _syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = error.problem or "is not YAML"
        lines = self.lines.splitlines()
        if line <= len(lines) and lines[line - 1][column - 1 : column] == "\t":
            message = "a tab cannot indent; use spaces"
        elif "cannot start any token" in message and line <= len(lines):
            message = f"a text cannot begin with {lines[line - 1][column - 1 : column]}; quote it"
        elif "mapping values are not allowed" in message:
            message = 'a ":" where none is expected; quote a text that holds ": ", or check the indentation'
        if error.context and error.context_mark and error.context_mark.line + 1 != line:
            message += f" ({error.context} that begins in line {error.context_mark.line + 1})"
        self._find(Position(self.path, line, column), "yaml-syntax", message)
