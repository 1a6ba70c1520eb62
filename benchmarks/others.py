"""What ri is measured against on the same file: psql by hand, and the plain loop."""

from __future__ import annotations

import sys

import plain_loop
from imports import expect
from processes import Run, timed
from server import clean_environment
from shop import HERE, Shop


def floor(shop: Shop, count: int) -> Run:
    """psql by hand, a file into an empty table."""
    file = shop.csv(count)
    shop.start_afresh()
    run = shop.psql(HERE / "floor.sql", file)
    _check(shop, count, items=count)
    return run


def floor_again(shop: Shop, count: int) -> Run:
    """The same script with the same file once more."""
    floor(shop, count)
    shop.settle()
    run = shop.psql(HERE / "floor.sql", shop.csv(count))
    _check(shop, count, items=2 * count)
    return run


def loop(shop: Shop, count: int) -> Run:
    """Records one by one, a commit for each."""
    file = shop.csv(count)
    shop.start_afresh()
    schema = plain_loop.SCHEMA
    shop.server.run(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    shop.server.run(plain_loop.create_tables(schema))
    shop.settle()
    command = [sys.executable, HERE / "plain_loop.py", shop.server.url, file]
    run = timed(command, cwd=shop.folder, environment=clean_environment())
    expect(shop.server.value("SELECT count(*) FROM customers"), count, "rows")
    expect(shop.server.value(f"SELECT count(*) FROM {schema}.items WHERE status = 'completed'"), count, "items")
    return run


def _check(shop: Shop, count: int, *, items: int) -> None:
    expect(shop.server.value("SELECT count(*) FROM customers"), count, "rows")
    expect(shop.server.value("SELECT count(*) FROM floor_items"), items, "items")
