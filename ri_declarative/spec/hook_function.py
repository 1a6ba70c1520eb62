"""Whether a function can be called as a hook, and gives what the hook must give; read from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from ri_declarative.errors import Diagnostic, Position
from ri_declarative.spec.hook_names import HOOKS, WITHOUT_VALUE
from ri_declarative.spec.positions import clip

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NO_FUNCTIONS = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.DictComp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def is_surely_no_function(value: ast.AST) -> bool:
    """Whether what a name stands for cannot be called as a hook."""
    return isinstance(value, (ast.ClassDef, ast.Import, *_NO_FUNCTIONS))


def check_hook(name: str, value: ast.AST, place: Position) -> Iterator[Diagnostic]:
    """Every finding about the hook of that name, which stands for `value`; imported ones cannot be judged."""
    if is_surely_no_function(value):
        yield Diagnostic(place, "hook-kind", f"{name}: is no function; a hook is a plain function: {_head(name)}")
        return
    if isinstance(value, ast.Lambda):
        yield from _signature(name, value.args, place)
    elif isinstance(value, Function) and not value.decorator_list:  # a decorator may change everything
        yield from _kind(name, value, place)
        yield from _signature(name, value.args, place)
        yield from _value(name, value, place)


def _head(name: str) -> str:
    return f"def {name}({', '.join(HOOKS[name])})"


def _kind(name: str, function: Function, place: Position) -> Iterator[Diagnostic]:
    if isinstance(function, ast.AsyncFunctionDef):
        yield Diagnostic(place, "hook-kind", f"{name}: is async, but nobody awaits it; write {_head(name)}")
    elif any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own(function)):
        message = f"{name}: has a yield, so that calling it runs nothing of it; return the value"
        yield Diagnostic(place, "hook-kind", message)


def _signature(name: str, arguments: ast.arguments, place: Position) -> Iterator[Diagnostic]:
    wanted = HOOKS[name]
    taken = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    takes, called = f"takes ({clip(ast.unparse(arguments))})", f"is called with ({', '.join(wanted)})"
    if not _can_be_called(arguments, len(wanted)):
        yield Diagnostic(place, "hook-signature", f"{name}: {takes}, but {called}")
    elif _is_other_order(taken[: len(wanted)], wanted):
        yield Diagnostic(place, "hook-signature", f"{name}: {takes}, but {called}, in this order")


def _can_be_called(arguments: ast.arguments, count: int) -> bool:
    """Whether it can be called with so many positional arguments."""
    most = len(arguments.posonlyargs) + len(arguments.args)
    least = most - len(arguments.defaults)
    must_be_named = any(default is None for default in arguments.kw_defaults)
    return least <= count and (count <= most or arguments.vararg is not None) and not must_be_named


def _is_other_order(taken: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether they are the usual names, but not in the usual order."""
    return sorted(taken) == sorted(wanted) and list(taken) != list(wanted)


def _value(name: str, function: Function, place: Position) -> Iterator[Diagnostic]:
    """`return None` says that it is meant; a raise or a yield ends the function in another way."""
    ends = (ast.Raise, ast.Yield, ast.YieldFrom)
    gives = any(isinstance(n, ends) or (isinstance(n, ast.Return) and n.value is not None) for n in _own(function))
    if name in WITHOUT_VALUE and not gives:
        yield Diagnostic(place, "hook-value", f"{name}: never returns a value, so that {WITHOUT_VALUE[name]}")


def _own(function: Function) -> Iterator[ast.AST]:
    """The nodes of the function's body without those of functions and classes inside it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _SCOPES):
            todo += ast.iter_child_nodes(node)
