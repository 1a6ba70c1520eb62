"""A project with processor classes: packages of a test's own, forgotten again when the test is over."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

CLASS = '''\
from ri_declarative import BaseProcessor

print("imported by somebody")


class {name}Processor(BaseProcessor):
    """{name}, one by one.

    With a second line.
    """

    def validate_item(self, item, ctx):
        if "@" not in item.data["email"]:
            ctx.warning("no address")
            return False
        return True

    def process_item(self, item, ctx):
        print("working on", item.data["email"])
        ctx.execute(
            "INSERT INTO public.people VALUES (:email, :name) ON CONFLICT (email) DO UPDATE SET name = excluded.name",
            dict(item.data),
        )
        return {{"target_table": "public.people", "target_id": item.data["email"], "action": "inserted"}}
'''


def write_class(root: Path, name: str = "Customers", *, package: str = "myapp", more: str = "") -> str:
    """The batch type of a class in PACKAGE/NAME.py; ri.yaml names the package. `more`: lines behind the class."""
    folder = root / package
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{name.lower()}.py").write_text(CLASS.format(name=name) + more, encoding="utf-8")
    (root / "ri.yaml").write_text(f"processors: [{package}]\n", encoding="utf-8")
    return name.lower()


@contextlib.contextmanager
def imports_forgotten() -> Iterator[None]:
    """A block after which what it imported, and from where, is as it was before."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("myapp", "other_app"):
            del sys.modules[name]
