"""Cases of commands that a person waits for: help, a check, ten records, the status of a big batch."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import books
import records
import shop as tables
from imports import bad_csv, expect, first
from processes import Run
from shop import Shop

TEN = 10
REFUSED_EVERY = 100  # of the records in the batch whose status is asked: 1 %
_DURATION = re.compile(r" duration: ([\d.]+) ms")


def help_text(shop: Shop, count: int) -> Run:
    """`ri --help`."""
    return shop.ri("--help")


def check_offline(shop: Shop, count: int) -> Run:
    """`ri check --offline` of the project's pipelines."""
    return shop.ri("check", "--offline")


def ten(shop: Shop, count: int) -> Run:
    """Ten records into a running server."""
    return first(shop, TEN)


def ten_embedded(shop: Shop, count: int) -> Run:
    """Ten records into the embedded PostgreSQL, which has been started."""
    with _embedded(shop) as project:
        _run_embedded(project, shop.csv(TEN))
        return _run_embedded(project, _other_ten(shop))


def ten_embedded_cold(shop: Shop, count: int) -> Run:
    """Ten records in a new project: its PostgreSQL is made and started first."""
    with _embedded(shop) as project:
        return _run_embedded(project, shop.csv(TEN))


def status(shop: Shop, count: int) -> Run:
    """`ri status BATCH` of a batch with so many items."""
    shop, batch = _big_batch(shop, count)
    run = shop.ri("status", batch, "--json")
    expect(run.json()["total"], count, "items")
    return run


def status_in_database(shop: Shop, count: int) -> Run:
    """The same; its seconds are those that the server says it spent on all of its statements."""
    shop, batch = _big_batch(shop, count)
    known = shop.server.log.stat().st_size
    run = shop.ri("status", batch, RI_DATABASE_URL=f"{shop.server.url}&options=-clog_duration%3Don")
    with shop.server.log.open() as log:
        log.seek(known)
        milliseconds = [float(found) for found in _DURATION.findall(log.read())]
    expect(bool(milliseconds), True, "durations in the server's log")
    return run._replace(seconds=sum(milliseconds) / 1000)


@cache  # filled once, in a database of its own
def _big_batch(shop: Shop, count: int) -> tuple[Shop, str]:
    """A shop with a batch of so many items, of which the schema has refused 5 %."""
    shop = shop.with_database("big_batch")
    small = min(count, 1000)
    file = bad_csv(shop, small, every=REFUSED_EVERY)
    shop.start_afresh()
    batch = shop.ri("run", "customers", file, "--json", code=1).json()["batch_id"]
    books.grow(shop.server, batch, times=count // small)
    shop.settle()
    return shop, batch


@contextlib.contextmanager
def _embedded(shop: Shop) -> Iterator[Shop]:
    """Within: the project without a database; afterwards neither the project nor its server is there."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-", dir=shop.server.home))
    folder.chmod(0o755)  # as root, the server runs as another user
    project = replace(shop, folder=folder)
    (folder / "pipelines").mkdir()
    (folder / "pipelines/customers.yaml").write_text(tables.PIPELINES["customers"] + "  create: true\n")
    try:
        yield project
    finally:
        project.ri("db", "stop")
        project.ri("db", "reset", "--yes")
        shutil.rmtree(folder)


def _run_embedded(project: Shop, file: Path) -> Run:
    run = project.ri("run", "customers", file, "--database", "embedded", "--json")
    expect(run.json()["inserted"], TEN, "rows")
    return run


def _other_ten(shop: Shop) -> Path:
    return shop.file("other-ten.csv", lambda path: records.write_csv(path, records.clean(TEN, seed=records.SEED + 1)))
