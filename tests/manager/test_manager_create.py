"""create_batch: any iterable is stored as pending items, all or nothing."""

from __future__ import annotations

import datetime
import decimal
import math
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from manager_classes import items, variant
from support.ri_process import environment
from support.workbench import Workbench

from ri_declarative import BatchManager, UsageError


def test_a_batch_waits_with_all_of_its_items(workbench: Workbench, manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", items([5, 6]), {"name": "crm", "page": 7}, {"tenant": "x"})
    batch = manager.get_batch(batch_id)
    assert (batch.batch_type, batch.status, batch.total_items, batch.pending_items) == ("keep", "pending", 2, 2)
    assert (batch.source_info, batch.metadata) == ({"name": "crm", "page": 7}, {"tenant": "x"})
    assert batch.started_at is None
    assert [(i.index, i.status, i.source_data) for i in manager.iter_items(batch_id, status="pending")] == [
        (0, "pending", {"k": 5, "w": "w5"}),
        (1, "pending", {"k": 6, "w": "w6"}),
    ]
    assert workbench.sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "iterable",
    [items(range(4)), tuple(items(range(4))), (item for item in items(range(4))), map(dict, items(range(4)))],
    ids=["list", "tuple", "generator", "map"],
)
def test_any_iterable_of_mappings_will_do(manager: BatchManager, iterable: Any) -> None:
    summary = manager.process_batch(manager.create_batch("keep", iterable))
    assert (summary.total_items, summary.inserted_items) == (4, 4)


def test_mappings_that_are_no_dicts_are_stored(manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", [MappingProxyType({"k": 1})])
    assert [item.source_data for item in manager.iter_items(batch_id)] == [{"k": 1}]


def test_an_empty_iterable_is_a_batch_that_completes_at_once(manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", [])
    assert manager.get_batch(batch_id).status == "pending"
    batch = manager.process_batch(batch_id)
    assert (batch.status, batch.total_items, batch.completed_items, batch.error_message) == ("completed", 0, 0, None)
    with pytest.raises(UsageError, match="is completed"):
        manager.process_batch(batch_id)


@pytest.mark.parametrize(
    ("asked", "known", "nearest"),
    [
        ("kep", ["keep", "other"], '; did you mean "keep"?'),
        ("zzz", ["keep"], ""),
        ("keep", [], ""),
    ],
)
def test_an_unknown_type_is_refused_in_these_words(
    workbench: Workbench, asked: str, known: list[str], nearest: str
) -> None:
    with workbench.manager() as manager:
        for name in known:
            manager.registry.register(name, variant())
        with pytest.raises(UsageError) as error:
            manager.create_batch(asked, items([1]))
    available = ", ".join(known) or "none"
    assert (
        error.value.message
        == f"No processor registered for batch type '{asked}'. Available types: {available}{nearest}"
    )
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_pipelines_are_among_the_available_types(workbench: Workbench, manager: BatchManager) -> None:
    workbench.pipeline("orders", "target: {table: t, key: k, columns: {k: k}}")
    with (
        workbench.manager() as fresh,
        pytest.raises(UsageError, match='Available types: orders; did you mean "orders"'),
    ):
        fresh.create_batch("order", [])


def test_a_pipeline_written_while_the_manager_is_open_is_known(workbench: Workbench, manager: BatchManager) -> None:
    """As run_pipeline knows it."""
    assert "orders" not in manager.registry.names()
    workbench.pipeline("orders", "target: {table: t, key: k, columns: {k: k}}")
    assert manager.run_pipeline("orders", workbench.file("o.csv", "k\n1\n")).completed_items == 1
    assert manager.process_batch(manager.create_batch("orders", [{"k": 2}])).completed_items == 1


_CYCLE: dict[str, Any] = {"k": 1}
_CYCLE["self"] = _CYCLE
UNSTORABLE: dict[str, Any] = {
    "object": {"k": object()},
    "list": [1, 2],
    "text": "k=1",
    "none": None,
    "cycle": _CYCLE,
    "lone surrogate beside an object": {"w": "\ud800", "k": object()},
    "NUL beside an object": {"w": "\x00", "k": object()},
    "NaN": {"k": 1, "w": math.nan},
    "infinity": {"k": 1, "w": math.inf},
    "decimal NaN": {"k": 1, "w": decimal.Decimal("NaN")},
    "complex": {"k": 1j},
    "key that is a tuple": {("a", "b"): 1},
}


@pytest.mark.parametrize("name", UNSTORABLE)
def test_an_item_that_json_cannot_hold_is_named_and_nothing_is_stored(
    workbench: Workbench, manager: BatchManager, name: str
) -> None:
    with pytest.raises(UsageError, match="item 1500 ") as error:
        manager.create_batch("keep", [*items(range(1500)), UNSTORABLE[name], *items([9999])])
    assert error.value.code == "item-type"
    assert workbench.sql("SELECT (SELECT count(*) FROM import_batches), (SELECT count(*) FROM import_batch_items)") == [
        (0, 0)
    ]


def test_an_iterable_that_raises_leaves_nothing_and_its_own_error(workbench: Workbench, manager: BatchManager) -> None:
    def broken() -> Iterator[Mapping[str, Any]]:
        yield from items(range(2500))
        raise RuntimeError("the API is gone")

    with pytest.raises(RuntimeError, match="the API is gone"):
        manager.create_batch("keep", broken())
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]
    assert manager.create_batch("keep", items([1]))  # the manager is still good


def test_source_info_and_metadata_that_json_cannot_hold_are_refused(
    workbench: Workbench, manager: BatchManager
) -> None:
    for info, metadata in (({"x": object()}, None), (None, {"x": object()})):
        with pytest.raises(UsageError):
            manager.create_batch("keep", items([1]), info, metadata)
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]


def test_values_that_json_writes_as_text_come_as_such(manager: BatchManager) -> None:
    day, some = datetime.date(2026, 2, 3), uuid.UUID(int=7)
    batch_id = manager.create_batch("keep", [{"k": 1, "day": day, "id": some, "price": decimal.Decimal("1.10")}])
    (item,) = manager.iter_items(batch_id)
    assert item.source_data == {"k": 1, "day": "2026-02-03", "id": str(some), "price": decimal.Decimal("1.10")}
    assert str(item.source_data["price"]) == "1.10"


NASTY = {"k": -1, "nul": "a\x00b", "half": "\ud83d", "both": ["\x00", {"\udc00": "\x00"}], "end": "\\u0000 \\N \t\n"}


def test_nul_and_lone_surrogates_survive_to_the_second_reprocessing(manager: BatchManager) -> None:
    batch_id = manager.create_batch("keep", [NASTY, {"k": 1}])
    assert manager.process_batch(batch_id).failed_items == 1
    seen = []
    for _ in range(2):
        new_id = manager.reprocess_batch(batch_id)
        assert new_id is not None
        (item,) = manager.iter_items(new_id)
        seen.append(item.source_data)
        batch_id = new_id
    assert seen == [NASTY, NASTY]


def test_a_class_gets_nul_and_lone_surrogates_as_they_were(manager: BatchManager) -> None:
    got: list[Any] = []

    def process_item(self: object, item: Any, ctx: object) -> None:
        got.append((item.data, dict(item.source_data)["nul"]))

    manager.registry.register("nasty", variant(validate_item=lambda *_: True, process_item=process_item))
    assert manager.process_batch(manager.create_batch("nasty", [NASTY])).completed_items == 1
    assert got == [(NASTY, "a\x00b")]


_STREAM = """
import sys
from pathlib import Path
sys.path.append(sys.argv[3])
from manager_classes import KeepProcessor
from ri_declarative import BatchManager
dsn, count = sys.argv[1], int(sys.argv[2])
with BatchManager(dsn) as manager:
    manager.registry.register("keep", KeepProcessor)
    items = ({"k": k, "w": "some words of text", "more": {"list": [k, k, k]}} for k in range(count))
    assert manager.get_batch(manager.create_batch("keep", items)).pending_items == count
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_thousand_items_take_no_more_memory_than_a_few(workbench: Workbench) -> None:
    def peak_kb(count: int) -> int:
        command = [sys.executable, "-c", _STREAM, workbench.dsn, str(count), str(Path(__file__).parent)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment(), cwd=workbench.root
        )
        return int(done.stdout)

    few, many = peak_kb(2_000), peak_kb(100_000)
    assert many - few < 20_000, f"{few} kB for 2,000 items, {many} kB for 100,000"
    assert workbench.sql("SELECT count(*), max(item_index) FROM import_batch_items i GROUP BY batch_id ORDER BY 1") == [
        (2_000, 1_999),
        (100_000, 99_999),
    ]


def test_a_thousand_items_are_stored_much_faster_than_one_at_a_time(manager: BatchManager) -> None:
    """The bar is well under a second; another machine's second is told by what a hundred batches of one take."""
    thousand = items(range(1000))
    begun = time.perf_counter()
    for item in thousand[:50]:
        manager.create_batch("keep", [item])
    one_by_one_s = time.perf_counter() - begun
    begun = time.perf_counter()
    manager.create_batch("keep", thousand)
    at_once_s = time.perf_counter() - begun
    print(f"50 batches of one {one_by_one_s:.3f} s, one of 1,000 {at_once_s:.3f} s")
    assert at_once_s < one_by_one_s
