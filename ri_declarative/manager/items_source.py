"""Items of the database as sources: reprocessing is a source, not a mode, and so is what create_batch has stored."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from ri_declarative.database.store import Store
from ri_declarative.errors import UsageError
from ri_declarative.records import ITEM_PREFIX, BatchSummary, Item, Record
from ri_declarative.sources.open import is_textual
from ri_declarative.sources.repair import ABSENT, Repair, from_cell
from ri_declarative.sources.source import SourceInfo

log = logging.getLogger("ri_declarative")


class ItemsSource:
    """Satisfies `Source`: records at the places they had in the original file."""

    sha256: str | None = None
    bytes_read = 0

    def __init__(self, batch: BatchSummary, items: Iterable[Record], repairs: Mapping[int, Repair] | None) -> None:
        """`repairs`: by index; only the items they name are read. None: all items, as they are."""
        facts = batch.source_info
        header = facts.get("header")
        self.info = SourceInfo(
            name=str(facts.get("name") or batch.batch_type),
            path=facts.get("path"),
            format=str(facts.get("format") or "items"),
            encoding=str(facts.get("encoding") or "utf-8"),
            header=tuple(map(str, header)) if isinstance(header, list) else None,
            delimiter=facts.get("delimiter"),
        )
        self.textual = is_textual(self.info.format)
        self.repaired = 0
        self.left_out = 0  # repairs that no item wanted; known when all items have been read
        self._items = items
        self._repairs = repairs

    def __iter__(self) -> Iterator[Record]:
        if self._repairs is None:
            yield from map(_as_it_is, self._items)
            return
        wanted = 0
        for item in self._items:
            if item.index in self._repairs:
                wanted += 1
                yield self._repaired(item, self._repairs[item.index])
        self.left_out = len(self._repairs) - wanted

    def _repaired(self, item: Record, repair: Repair) -> Record:
        before: Mapping[str, Any] = {} if isinstance(item.source_data, str) else item.source_data
        values: Mapping[str, Any] = repair.values
        if not any(values.values()):  # it was unreadable, and nobody has filled its cells in
            return _as_it_is(item)
        if not self.textual:
            values = {name: from_cell(cell) for name, cell in values.items()}
        after = {name: value for name, value in {**before, **values}.items() if value is not ABSENT}
        changed = [name for name in {**before, **after} if before.get(name, ABSENT) != after.get(name, ABSENT)]
        self.repaired += bool(changed)
        return item._replace(source_data=after, problems=(), metadata={"corrected": changed} if changed else None)

    def pieces(self) -> Iterator[Record]:
        """The same, one by one."""
        return iter(self)

    def close(self) -> None:
        """Nothing is held open between pages."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PendingSource:
    """Satisfies `Source`: the items that create_batch has stored and nothing has processed."""

    sha256: str | None = None
    bytes_read = 0

    def __init__(self, batch: BatchSummary, items: Iterable[Item]) -> None:
        facts = batch.source_info
        self.info = SourceInfo(
            name=str(facts.get("name") or batch.batch_type),
            path=None,
            format=str(facts.get("format") or "items"),
            encoding="utf-8",
            records=batch.total_items,
        )
        self.textual = is_textual(self.info.format)
        self._items = items

    def __iter__(self) -> Iterator[Record]:
        for item in self._items:
            yield Record(item.index, item.line, item.source_data, (), item.parent_item_id)

    def pieces(self) -> Iterator[Record]:
        """The same, one by one."""
        return iter(self)

    def close(self) -> None:
        """Nothing is held open between pages."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _as_it_is(item: Record) -> Record:
    """An unreadable record stays one, for the same reason."""
    return item if not item.problems or isinstance(item.source_data, str) else item._replace(problems=())


def by_index(repairs: Iterable[Repair], *, lineage: Iterable[str], name: str) -> dict[int, Repair]:
    """Repairs by the place of their record, which is the same in all batches of a lineage."""
    batches = {batch_id[:ITEM_PREFIX] for batch_id in lineage}
    found: dict[int, Repair] = {}
    for repair in repairs:
        item = repair.item.lower()
        if len(item) != 36 or item[:ITEM_PREFIX] not in batches:
            raise UsageError(
                "repair-item",
                f"{name}: line {repair.line}: item {repair.item} does not belong to this batch",
                hint="repair the file that `ri errors BATCH --csv` wrote for this very batch",
            )
        try:
            index = int(item[ITEM_PREFIX:], 16)
        except ValueError:
            raise UsageError("repair-item", f"{name}: line {repair.line}: {repair.item} is no item id") from None
        if index in found:
            raise UsageError(
                "repair-item", f"{name}: lines {found[index].line} and {repair.line} repair the same record; keep one"
            )
        found[index] = repair
    return found


def log_repairs(store: Store, batch_id: str, source: ItemsSource, *, name: str, of: int) -> None:
    """Write into the batch's log how many records were corrected, and how many repairs nothing took."""
    if source.repaired:
        store.log(batch_id, "info", f"{source.repaired} records corrected from {name}")
    if source.left_out:
        message = left_out(name, source.left_out, of=of)
        log.warning(message)
        store.log(batch_id, "warning", message)


def left_out(name: str, count: int, *, of: int) -> str:
    """What to say about repairs that nothing took."""
    return f"{name}: {count} of {of} repairs left out: their records are completed, dismissed or not in this batch"
