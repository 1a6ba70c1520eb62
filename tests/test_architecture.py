"""DESIGN section 7 and STYLE as a machine reads them: who imports whom, how big a module is, what help costs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "ri_declarative"
ROOT = Path(__file__).parents[1] / PACKAGE
MODULES = sorted(ROOT.rglob("*.py"))

# From the top down. A layer may import those below it; those of one number, the leaves too, do not know each other.
LAYERS = {
    "cli": 10,
    "web": 10,
    "manager": 9,
    "engine": 8,
    "compiler": 7,
    "processors": 6,
    "stages": 5,
    "spec": 4,
    "database": 3,
    "sources": 2,
    "blocks": 1,
    "records": 0,
    "errors": 0,
    "words": 0,
    "codes": 0,
}
# engine: it cannot tell a compiled processor from a hand-written one; stages: pure functions over chunks.
FORBIDDEN = {("engine", "compiler"), ("stages", "database")}
MOST_LINES = 400


class Import(NamedTuple):
    """One import of ours, at the place where it stands."""

    module: str  # that imports
    imported: str
    line: int
    in_function: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.imported}"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def layer_of(module: str) -> str:
    """The first name below the package; the package's own front door is the package."""
    return module.partition(".")[2].partition(".")[0] or PACKAGE


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        for imported in _imported(node, path):
            if imported.partition(".")[0] == PACKAGE:
                yield Import(name_of(path), imported, node.lineno, id(node) in inside)  # type: ignore[attr-defined]


def _imported(node: ast.AST, path: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *filter(None, [node.module])])
    return [name if (name := f"{base}.{alias.name}") in NAMES else base for alias in node.names]


IMPORTS = [found for path in MODULES for found in imports_of(path)]


def test_the_test_sees_the_imports_of_the_package() -> None:
    pairs = {(layer_of(found.module), layer_of(found.imported)) for found in IMPORTS}
    assert {("cli", "manager"), ("manager", "engine"), ("compiler", "stages"), ("sources", "records")} <= pairs


def test_every_module_belongs_to_a_layer() -> None:
    assert {layer_of(name) for name in NAMES} - set(LAYERS) <= {PACKAGE, "__main__"}


def test_arrows_point_down_only() -> None:
    upward = [
        str(found)
        for found in IMPORTS
        if layer_of(found.module) in LAYERS
        and layer_of(found.imported) != layer_of(found.module)
        and LAYERS.get(layer_of(found.imported), 9) >= LAYERS[layer_of(found.module)]
    ]
    assert not upward, "\n".join(upward)


@pytest.mark.parametrize(("above", "below"), sorted(FORBIDDEN))
def test_some_who_could_may_not_know_each_other(above: str, below: str) -> None:
    found = [str(i) for i in IMPORTS if (layer_of(i.module), layer_of(i.imported)) == (above, below)]
    assert not found, "\n".join(found)


def test_no_module_imports_itself_in_a_circle() -> None:
    known: dict[str, set[str]] = {name: set() for name in NAMES}
    for found in IMPORTS:
        if found.imported != found.module:
            known[found.module].add(found.imported)
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_only_the_command_line_imports_inside_functions() -> None:
    hidden = [str(found) for found in IMPORTS if found.in_function and layer_of(found.module) != "cli"]
    assert not hidden, "\n".join(hidden)


def test_a_module_has_at_most_400_lines() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def test_a_module_says_what_it_holds_in_its_first_lines() -> None:
    modules = [path for path in MODULES if path.name != "__init__.py"]
    assert [name_of(p) for p in modules if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))] == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"util", "utils", "common", "helpers", "misc"}
    assert [name for name in NAMES if drawers & set(name.split("."))] == []


def test_except_exception_stands_at_the_two_borders_only() -> None:
    """STYLE: hooks and the command line; everything else names what it catches."""
    broad = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
        and not name_of(path).startswith((f"{PACKAGE}.cli", f"{PACKAGE}.processors"))
    ]
    assert not broad, "\n".join(broad)


_LOADED = """
import sys
from ri_declarative.cli.main import main
assert main({arguments!r}) == 0
heavy = sorted({{name.partition(".")[0] for name in sys.modules}} & {{"sqlalchemy", "pydantic", "psycopg2", "rich"}})
sys.exit("heavy: " + ", ".join(heavy) if heavy else 0)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOADED.format(arguments=arguments)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_no_possessive_quantifier_stands_on_a_group() -> None:
    """Before Python 3.11.5, and Debian 12 has 3.11.2, they match wrongly (gh-106052)."""
    wrong = re.compile(r"""[rb]{1,2}f?['"].*\)[*?+]\+""")
    found = [
        f"{path.name}:{number}"
        for path in (Path(__file__).resolve().parents[1] / PACKAGE).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if wrong.search(line)
    ]
    assert found == []
