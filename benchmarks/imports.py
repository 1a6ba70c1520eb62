"""Cases that import a file with ri: each prepares, runs one whole process, and checks what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import records
import shop as tables
from processes import Run, WrongResult
from shop import Shop


def expect(found: object, expected: object, what: str) -> None:
    """Nothing; raises WrongResult when it is something else."""
    if found != expected:
        raise WrongResult(f"{what}: {found}, expected {expected}")


def none_of(count: int) -> int:
    """How many of `count` records a table without further rules refuses."""
    return 0


def all_of(count: int) -> int:
    """How many a table refuses that takes nothing."""
    return count


def first(
    shop: Shop,
    count: int,
    *,
    pipeline: str = "customers",
    tables_sql: str = tables.PLAIN,
    file: Callable[[Shop, int], Path] = Shop.csv,
    refused: Callable[[int], int] = none_of,
) -> Run:
    """A file into an empty table. `refused`: how many of so many records must fail."""
    path = file(shop, count)
    shop.start_afresh(tables_sql)
    return imported(shop, path, count, pipeline=pipeline, failed=refused(count))


def again(shop: Shop, count: int) -> Run:
    """The same file once more."""
    first(shop, count)
    shop.settle()
    return imported(shop, shop.csv(count), count, action="unchanged")


def refused_by_schema(shop: Shop, count: int, *, every: int) -> Run:
    """A file of which the schema refuses one record of `every`."""
    return first(shop, count, file=partial(bad_csv, every=every), refused=partial(records.bad, every=every))


def reprocess(shop: Shop, count: int) -> Run:
    """Records that a foreign key has refused, taken again when their countries are there."""
    first(shop, count, tables_sql=tables.FOREIGN_KEY + tables.NO_COUNTRIES, refused=all_of)
    shop.fill_countries()
    shop.settle()
    run = shop.ri("reprocess", "last", "--json")
    _check(shop, run.json(), {"total": count, "completed": count, "failed": 0, "inserted": count})
    return run


def imported(
    shop: Shop, file: Path, count: int, *, pipeline: str = "customers", failed: int = 0, action: str = "inserted"
) -> Run:
    """`ri run`, its counts checked against the expected ones and against the tables."""
    run = shop.ri("run", pipeline, file, "--json", code=1 if failed else 0)
    completed = count - failed
    _check(shop, run.json(), {"total": count, "completed": completed, "failed": failed, action: completed})
    return run


def bad_csv(shop: Shop, count: int, *, every: int) -> Path:
    """A file of which the schema refuses one record of `every`."""

    def write(path: Path) -> None:
        records.write_csv(path, records.with_bad(records.clean(count), every=every))

    return shop.file(f"bad-{every}-{count}.csv", write)


def jsonl(shop: Shop, count: int) -> Path:
    """Clean records as JSON Lines."""
    return shop.file(f"clean-{count}.jsonl", lambda path: records.write_jsonl(path, records.clean(count)))


def wide_csv(shop: Shop, count: int) -> Path:
    """Records of 50 fields."""
    return shop.file(f"wide-{count}.csv", lambda path: records.write_csv(path, records.wide(count)))


def _check(shop: Shop, told: Mapping[str, Any], expected: Mapping[str, int]) -> None:
    expect({name: told[name] for name in expected}, expected, "counts")
    expect(shop.server.value("SELECT count(*) FROM customers"), expected["completed"], "rows")
    items = "SELECT count(*) FROM import_batch_items WHERE batch_id = %(batch)s"
    expect(shop.server.run(items, {"batch": told["batch_id"]}), [(expected["total"],)], "items")
