"""Hooks: the functions of a module in hooks/, or the methods of a processor class. Both have the same names."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ri_declarative.errors import UsageError
from ri_declarative.processors.blame import cause_of, place_of
from ri_declarative.spec.hook_names import HOOKS


@dataclass(frozen=True)
class Hooks:
    """What somebody has written for one kind of batch; a name that is not there was not written."""

    file: str | None = None  # the source file, absolute: the lines of it are told when they raise
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    def get(self, name: str) -> Callable[..., Any] | None:
        """The function of that name, None when there is none."""
        return self.functions.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self.functions


NO_HOOKS = Hooks()


def hooks_of(owner: object, file: str | None) -> Hooks:
    """All hooks that a module, or an instance of a class, has."""
    found = {name: function for name in HOOKS if callable(function := getattr(owner, name, None))}
    return Hooks(file, found)


def load_hooks(path: Path, root: Path) -> Hooks:
    """The hooks of a file; its body runs now. `root`, the project's folder, becomes importable.

    Raises UsageError "hook-import" naming the line that raised.
    """
    make_importable(root)
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"ri_hooks_{digest}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up
    _run(spec.loader.exec_module, module, path)
    return hooks_of(module, str(path))


def make_importable(root: Path) -> None:
    """Let hooks and processor packages import the project's own code. Last, so that it hides no library."""
    if str(root) not in sys.path:
        sys.path.append(str(root))


def _run(execute: Callable[[ModuleType], None], module: ModuleType, path: Path) -> None:
    try:
        execute(module)
    except BaseException as error:
        sys.modules.pop(module.__name__, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        where = place_of(error, str(path)) or path.name
        raise UsageError(
            "hook-import",
            f"hooks/{path.name} cannot be imported: {cause_of(error)} ({where})",
            hint="repair the file; --debug shows the traceback",
        ) from error
