"""Processor classes that tests of the manager use, and ways to write a package of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ri_declarative import BaseProcessor, ImportContext, ImportItem

TABLE = "CREATE TABLE t (k int PRIMARY KEY, w text); CREATE TABLE applied (batch text, k int)"


class KeepProcessor(BaseProcessor):
    """Puts each item into `t` and writes down that it did; refuses negative keys."""

    chunk_size = 3

    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        if item.data["k"] < 0:
            ctx.warning("k is negative")
        return bool(item.data["k"] >= 0)

    def process_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, Any] | None:
        ctx.execute("INSERT INTO applied VALUES (:batch, :k)", {"batch": ctx.batch.id, "k": item.data["k"]})
        ctx.execute("INSERT INTO t VALUES (:k, :w)", {"k": item.data["k"], "w": item.data.get("w")})
        return {"target_table": "t", "target_id": item.data["k"], "action": "inserted"}


def items(numbers: Iterable[int]) -> list[dict[str, Any]]:
    """An item for each key."""
    return [{"k": number, "w": f"w{number}"} for number in numbers]


def variant(**attributes: Any) -> type[KeepProcessor]:
    """KeepProcessor with these attributes instead of its own."""
    return type("Variant", (KeepProcessor,), {"__module__": __name__, **attributes})


def write_package(root: Path, modules: Mapping[str, str]) -> None:
    """Write modules below `root` ("myapp/processors/orders.py"), with an __init__.py in every folder."""
    for name, text in modules.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        for folder in path.parents:
            if folder == root:
                break
            if not (folder / "__init__.py").exists():
                (folder / "__init__.py").write_text("")


def class_text(name: str, *, more: str = "") -> str:
    """Source of a processor class that does nothing; `more` are lines of its body."""
    return (
        "from ri_declarative import BaseProcessor\n\n\n"
        f"class {name}(BaseProcessor):\n"
        + "".join(f"    {line}\n" for line in more.splitlines())
        + "    def validate_item(self, item, ctx):\n        return True\n"
        "    def process_item(self, item, ctx):\n        return None\n"
    )
