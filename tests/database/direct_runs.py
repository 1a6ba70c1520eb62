"""One file imported twice: as one big chunk that is kept from COPY into the target, and in small ones that go so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from support.workbench import Workbench, csv_text

from ri_declarative.compiler import processor
from ri_declarative.database.direct import Direct
from ri_declarative.records import BatchSummary, Counts, Item

BIG = 1000


class Ways(list[bool]):
    """Of each chunk that was tried by COPY into the target: whether it was written so."""

    @property
    def refused(self) -> int:
        """How many chunks went the set-based way after all."""
        return self.count(False)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """The chunks that were tried by COPY into the target, in their order."""
    found = Ways()
    write = Direct.write

    def watched(direct: Direct, *arguments: Any) -> Any:
        outcomes = write(direct, *arguments)
        found.append(outcomes is not None)
        return outcomes

    monkeypatch.setattr(Direct, "write", watched)
    return found


class Told(NamedTuple):
    """What an item says, without what differs from batch to batch."""

    index: int  # type: ignore[assignment]
    line: int | None
    status: str
    action: str | None
    problems: tuple[Any, ...]
    target_id: str | None
    source_data: Any


class Result(NamedTuple):
    """What an import left behind."""

    rows: list[tuple[Any, ...]]
    items: list[Told]
    counts: Counts


@dataclass(frozen=True)
class Case:
    """A table in the schema `shop`, the target section's lines, and a file."""

    ddl: str
    columns: str  # of the target, as YAML
    content: str | bytes
    key: str = "k"
    more: str = ""  # lines of `target:`
    top: str = ""  # lines beside `target:`
    show: str = "*"  # what of a row t is compared
    ending: str = "csv"
    target_ids: bool = True  # are to be the same
    prepare: Callable[[Workbench], Any] = field(default=lambda bench: None)

    def run(self, bench: Workbench, size: int) -> tuple[BatchSummary, Result]:
        """Import the file into a fresh table in chunks of this size; set by set when it is BIG."""
        bench.sql(f"DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop; SET search_path = shop, public; {self.ddl}")
        self.prepare(bench)
        more = "".join(f"  {line}\n" for line in self.more.splitlines())
        bench.file(
            "pipelines/p.yaml",
            f"target:\n  table: shop.t\n  key: {self.key}\n  columns: {{{self.columns}}}\n{more}"
            f"{self.top}\nchunk_size: {size}\n",
        )
        with pytest.MonkeyPatch.context() as patch:
            if size == BIG:
                patch.setattr(processor, "is_direct", lambda plan: False)
            batch = bench.run("p", self.content, ending=self.ending)
        return batch, Result(self.rows(bench), [self.told(item) for item in bench.items(batch)], batch.counts)

    def rows(self, bench: Workbench) -> list[tuple[Any, ...]]:
        """The table's rows, as texts."""
        what = "CAST(t AS text)" if self.show == "*" else f"CAST(ROW({self.show}) AS text)"
        return sorted(bench.sql(f"SET TIME ZONE 'UTC'; SELECT {what} FROM shop.t AS t"))

    def told(self, item: Item) -> Told:
        """What the item says."""
        return Told(
            item.index,
            item.line,
            item.status.value,
            item.action.value if item.action else None,
            tuple((p.code, p.field, p.message, tuple(sorted(p.details.items()))) for p in item.problems),
            item.target_id if self.target_ids else None,
            item.source_data,
        )


def in_both_ways(bench: Workbench, case: Case, *, size: int = 5) -> Result:
    """What small chunks leave behind, which is what one big chunk does."""
    _, whole = case.run(bench, BIG)
    _, parts = case.run(bench, size)
    assert parts.items == whole.items, _unlike(parts.items, whole.items)
    assert parts.rows == whole.rows, _unlike(parts.rows, whole.rows)
    assert parts.counts == whole.counts, (parts.counts, whole.counts)
    return parts


def _unlike(parts: Sequence[Any], whole: Sequence[Any]) -> str:
    """What only one of the two ways left behind; pytest explains the assertions of test modules alone."""
    only = [f"in small chunks: {one}" for one in parts if one not in whole]
    only += [f"in one big chunk: {one}" for one in whole if one not in parts]
    return "\n".join(only[:8])


def numbered(count: int, changed: Mapping[int, str] | None = None) -> str:
    """A CSV `k,v` with the keys 1 to `count`; `changed`: other lines instead, by their number."""
    lines = {k: f"{k},v{k}" for k in range(1, count + 1)} | dict(changed or {})
    return csv_text("k,v", [lines[k] for k in sorted(lines)])


def listed(rows: Iterable[Sequence[str]], header: str) -> str:
    """A CSV of these cells, which need no quotes."""
    return csv_text(header, [",".join(row) for row in rows])
