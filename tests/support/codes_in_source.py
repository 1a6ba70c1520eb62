"""Every error code that the source of ri_declarative can make, read from its syntax trees.

A code is what is given to a parameter or a field called `code`: of functions, methods, exceptions and
NamedTuples of ours, found by their definitions, so that a new helper needs no line here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "ri_declarative"
REGISTRY = PACKAGE / "codes"


class Use(NamedTuple):
    """A code where it is made."""

    code: str | None  # None: it cannot be told from the source
    is_prefix: bool  # of an f-string only the beginning is known
    maker: str  # "Problem", "SourceError", "_find", …
    place: str  # file:line


def codes_in_source(package: Path = PACKAGE, *, without: Path = REGISTRY) -> list[Use]:
    """All uses, in the order of the files."""
    files = [file for file in sorted(package.rglob("*.py")) if without not in file.parents]
    modules = [_read(file, shown=file.relative_to(package.parent)) for file in files]
    return [use for module in modules for use in _uses(module, modules)]


@dataclass
class _Module:
    """What a module defines, by name; methods stand beside functions."""

    shown: Path
    tree: ast.Module
    places: dict[str, int | None] = field(default_factory=dict)  # of `code` among the arguments; None: has none
    bases: dict[str, str] = field(default_factory=dict)  # class → its first base
    returns: dict[str, list[ast.expr]] = field(default_factory=dict)
    constants: dict[str, ast.Dict] = field(default_factory=dict)


def _read(file: Path, *, shown: Path) -> _Module:
    module = _Module(shown, ast.parse(file.read_text(encoding="utf-8")))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef):
            module.places.setdefault(node.name, _place_in_function(node))
            module.returns[node.name] = [r.value for r in ast.walk(node) if isinstance(r, ast.Return) and r.value]
        elif isinstance(node, ast.ClassDef):
            _read_class(module, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            module.constants[_name(target)] = node.value
    return module


def _read_class(module: _Module, node: ast.ClassDef) -> None:
    makers = [m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"]
    fields = [_name(m.target) for m in node.body if isinstance(m, ast.AnnAssign)]
    base = _name(node.bases[0]) if node.bases else ""
    if makers or fields or not base:
        module.places[node.name] = _place_in_function(makers[0]) if makers else _index(fields)
    if base:
        module.bases[node.name] = base


def _place_in_function(function: ast.FunctionDef) -> int | None:
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return _index(names[1:] if names[:1] in (["self"], ["cls"]) else names)


def _index(names: list[str]) -> int | None:
    return names.index("code") if "code" in names else None


def _place(maker: str, module: _Module, modules: Sequence[_Module]) -> int | None:
    """Where `maker` takes its code; this module's own definition before those of others."""
    for home in (module, *modules):
        if maker in home.places:
            return home.places[maker]
        if maker in home.bases and home.bases[maker] != maker:
            return _place(home.bases[maker], home, modules)
    return None


def _uses(module: _Module, modules: Sequence[_Module]) -> Iterator[Use]:
    for node, owner in _calls(module.tree, owner=""):
        maker = _name(node.func)
        if maker == "__init__":  # super().__init__(code, …)
            maker = module.bases.get(owner, "")
        given = _given(node, _place(maker, module, modules), may_replace=maker == "_replace")
        if given is not None:
            for code, is_prefix in _values(given, module, modules):
                yield Use(code, is_prefix, maker, f"{module.shown}:{node.lineno}")


def _calls(node: ast.AST, *, owner: str) -> Iterator[tuple[ast.Call, str]]:
    """Every call, with the class in whose body it stands."""
    if isinstance(node, ast.Call):
        yield node, owner
    owner = node.name if isinstance(node, ast.ClassDef) else owner
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, owner=owner)


def _given(call: ast.Call, place: int | None, *, may_replace: bool) -> ast.expr | None:
    if place is None and not may_replace:
        return None
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "code"), None)
    if named is not None or place is None or len(call.args) <= place:
        return named
    return None if any(isinstance(a, ast.Starred) for a in call.args[: place + 1]) else call.args[place]


def _values(node: ast.expr, module: _Module, modules: Sequence[_Module]) -> Iterator[tuple[str | None, bool]]:
    """The codes that an expression can be; nothing when it hands on a code that was made elsewhere."""
    match node:
        case ast.Constant(value=str(code)):
            yield code, False
            return
        case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
            yield prefix, True
            return
        case ast.Name(id="code") | ast.Attribute(attr="code") | ast.Subscript(slice=ast.Constant(value="code")):
            return
        case ast.IfExp():
            parts = [node.body, node.orelse]
        case ast.Subscript(value=ast.Name(id=name)) if name in module.constants:
            parts = module.constants[name].values
        case ast.Call(func=ast.Name(id=name)) if home := next((m for m in modules if name in m.returns), None):
            module, parts = home, home.returns[name]
        case _:
            yield None, False
            return
    for part in parts:
        yield from _values(part, module, modules)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
