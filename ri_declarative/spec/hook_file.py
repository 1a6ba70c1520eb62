"""What hooks/NAME.py defines and what is wrong with it, read from its syntax tree: the module is never run."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ri_declarative.errors import Diagnostic, Position, Severity
from ri_declarative.spec.edit_distance import near
from ri_declarative.spec.hook_function import Function, check_hook, is_surely_no_function
from ri_declarative.spec.hook_names import HOOKS, SEE_RECORDS, TWINS

__all__ = ["HOOKS", "HookFile", "read_hook_file"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_DEF = re.compile(r"(?:async\s+)?def\s+|class\s+")
_BLOCKS = (
    ast.If,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.For,
    ast.While,
    ast.Match,
)  # what stands in them stands in the module


class HookFile(NamedTuple):
    """The hooks that a file binds, and the findings about it."""

    names: frozenset[str]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def may_see_records(self) -> bool:
        """Whether a hook may use any field of a record; True, too, while the file is wrong."""
        is_wrong = any(found.severity is Severity.ERROR for found in self.diagnostics)
        return is_wrong or not self.names.isdisjoint(SEE_RECORDS)


class _Binding(NamedTuple):
    """A name of the module, and what it stands for."""

    name: str
    value: ast.AST  # the function or class, the import, or the expression assigned
    place: Position
    is_top: bool  # at the top level, not under an if or try


def read_hook_file(path: Path, shown: str) -> HookFile:
    """The file's hooks and findings; `shown` is how messages name it. Runs nothing of it, raises nothing."""
    try:
        text = _text(path, shown)
        if isinstance(text, Diagnostic):
            return HookFile(frozenset(), (text,))
        tree = ast.parse(text, shown)
        compile(tree, shown, "exec", dont_inherit=True)  # finds, without running it, what the parser leaves: return
    except SyntaxError as error:  # outside a function, the same argument twice …
        place = Position(shown, max(error.lineno or 1, 1), max(error.offset or 1, 1))
        return HookFile(frozenset(), (Diagnostic(place, "hook-syntax", _lower(error.msg)),))
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes; nested too deep to be read
        message = _lower(str(error) or "is nested too deep")
        return HookFile(frozenset(), (Diagnostic(Position(shown, 1, 1), "hook-syntax", message),))
    bindings = list(_bindings(tree.body, _Lines(shown, _LINE_END.split(text))))
    names = frozenset(binding.name for binding in bindings) & HOOKS.keys()
    findings = [*_stars(bindings), *_misspelt(bindings, names), *_wrong(bindings), *_twice(bindings)]
    if not names and not findings:
        findings.append(_none(shown))
    return HookFile(names, tuple(sorted(findings, key=lambda found: found.position)))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _text(path: Path, shown: str) -> str | Diagnostic:
    """The text as Python decodes it (PEP 263). SyntaxError for an encoding that does not exist."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        return Diagnostic(Position(shown, 1, 1), "file-unreadable", f"cannot be read: {error.strerror or error}")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    try:
        return raw.decode(encoding)
    except LookupError:  # rot13: an encoding of Python, but none of text
        return Diagnostic(Position(shown, 1, 1), "hook-syntax", f"{encoding} is no encoding of text")
    except UnicodeDecodeError as error:
        before = _LINE_END.split(raw[: error.start].decode(encoding, "replace"))
        place = Position(shown, len(before), len(before[-1]) + 1)
        return Diagnostic(place, "hook-syntax", f"is not {encoding} text; save it as UTF-8")


class _Lines(NamedTuple):
    """The lines of the file, for places in it."""

    shown: str
    lines: Sequence[str]

    def at(self, node: ast.AST) -> Position:
        """Where the node's name stands; the tree counts bytes, people count characters."""
        line: int = node.lineno  # type: ignore[attr-defined]
        start: int = node.col_offset  # type: ignore[attr-defined]
        text = self.lines[line - 1]
        column = len(text.encode()[:start].decode())
        head = _DEF.match(text, column)
        return Position(self.shown, line, (head.end() if head else column) + 1)


def _bindings(body: Iterable[ast.stmt], lines: _Lines, *, is_top: bool = True) -> Iterator[_Binding]:
    """Every name that the statements bind when the module is imported."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef):
            yield _Binding(node.name, node, lines.at(node), is_top)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield _Binding(alias.asname or alias.name.partition(".")[0], node, lines.at(alias), is_top)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from _assigned(target, node.value, lines, is_top=is_top)
        elif isinstance(node, _BLOCKS):
            yield from _bindings(_run_on_import(node), lines, is_top=False)


def _assigned(target: ast.expr, value: ast.expr, lines: _Lines, *, is_top: bool) -> Iterator[_Binding]:
    if isinstance(target, ast.Name):
        yield _Binding(target.id, value, lines.at(target), is_top)
    elif isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:  # each stands for some part of the value: which cannot be told
            yield from _assigned(part, part, lines, is_top=is_top)


def _run_on_import(block: ast.stmt) -> Iterator[ast.stmt]:
    """The statements of an if, a try and so on, but for those that only type checkers or the command line see."""
    condition = ast.unparse(block.test) if isinstance(block, ast.If) else ""
    if not condition.endswith("TYPE_CHECKING") and not condition.startswith("__name__ =="):
        yield from getattr(block, "body", ())
    for part in (*getattr(block, "handlers", ()), *getattr(block, "cases", ())):
        yield from part.body
    yield from getattr(block, "orelse", ())
    yield from getattr(block, "finalbody", ())


def _stars(bindings: Iterable[_Binding]) -> Iterator[Diagnostic]:
    for binding in bindings:
        if binding.name == "*":
            message = "import * hides which hooks this file has; import them by name"
            yield Diagnostic(binding.place, "hook-star", message)


def _misspelt(bindings: Iterable[_Binding], names: frozenset[str]) -> Iterator[Diagnostic]:
    """Functions that were surely meant to be hooks; beside the hook itself such a name is a helper's."""
    for name, value, place, _ in bindings:
        if name in HOOKS or name.startswith("_") or is_surely_no_function(value):
            continue
        if meant := near(name, HOOKS.keys() - names):
            yield Diagnostic(place, "hook-unknown", f'{name}: there is no such hook; did you mean "{meant}"?')


def _wrong(bindings: Sequence[_Binding]) -> Iterator[Diagnostic]:
    functions = {binding.name: binding.value for binding in bindings if isinstance(binding.value, Function)}
    for name, value, place, _ in bindings:
        if name in HOOKS:
            meant = functions.get(value.id, value) if isinstance(value, ast.Name) else value
            yield from check_hook(name, meant, place)


def _twice(bindings: Iterable[_Binding]) -> Iterator[Diagnostic]:
    """A hook defined again, and the twin of one: the file would say two things, of which one is passed over."""
    first: dict[str, Position] = {}
    for name, value, place, is_top in bindings:
        if name in first and is_top and isinstance(value, Function) and not value.decorator_list:
            yield Diagnostic(place, "hook-twice", f"{name}: is defined in line {first[name].line} already; keep one")
        elif name in HOOKS:
            first.setdefault(name, place)
    if all(twin in first for twin in TWINS):
        later, earlier = sorted(TWINS, key=lambda twin: first[twin], reverse=True)
        message = f"{later}: {earlier} in line {first[earlier].line} does the same work; keep one of them"
        yield Diagnostic(first[later], "hook-twice", message)


def _none(shown: str) -> Diagnostic:
    message = f"defines no hook at its top level, so nothing calls it; hooks are {', '.join(HOOKS)}"
    return Diagnostic(Position(shown, 1, 1), "hook-none", message, Severity.WARNING)
