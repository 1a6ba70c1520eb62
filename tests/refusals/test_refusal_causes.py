"""One row that the database refuses changes only its own fate, whatever the cause and wherever it stands."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support.postgres import Server

from refusals.refusal_bench import Bench, open_bench
from refusals.refusal_causes import BY_NAME, CAUSES, SECRET, Cause
from ri_declarative.records import Item, ItemStatus

ROWS = 60
KEYS = range(1, ROWS + 1)
# The first, two adjacent and the last are in three different chunks: one import shows them apart.
POSITIONS = {
    "first_adjacent_and_last": {1, 30, 31, ROWS},
    "one_in_three": set(KEYS[1::3]),
    "all": set(KEYS),
}
CHUNK = 25


@pytest.fixture(scope="module", params=CAUSES, ids=[cause.name for cause in CAUSES])
def shared_bench(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """One database for all tests of a cause, in front of chunks of `CHUNK`."""
    with open_bench(request.param, server, tmp_path_factory.mktemp("refusals"), chunk_size=CHUNK) as bench:
        yield bench


@pytest.fixture
def bench(shared_bench: Bench) -> Bench:
    """The cause's table as it was made."""
    shared_bench.empty()
    return shared_bench


@pytest.mark.parametrize("position", POSITIONS)
def test_exactly_the_bad_rows_fail(bench: Bench, position: str) -> None:
    bad = POSITIONS[position]
    text = bench.text(bad=bad, rows=ROWS)
    batch = bench.run(text)
    items = bench.owner.items(batch)
    failed = [item for item in items if item.status is ItemStatus.FAILED]
    assert {item.index + 1 for item in failed} == bad
    assert bench.stored() == [k for k in KEYS if k not in bad]
    assert (batch.completed_items, batch.failed_items, batch.total_items) == (ROWS - len(bad), len(bad), ROWS)
    assert batch.inserted_items == ROWS - len(bad)
    assert_explained(bench.cause, failed)
    assert_kept_as_read(items, text)
    assert SECRET not in everything_said(bench)


def test_a_row_that_exists_keeps_its_values_when_its_update_is_refused(bench: Bench) -> None:
    bad = POSITIONS["one_in_three"]
    bench.run(bench.text(bad=set(), rows=ROWS, note="old"))
    batch = bench.run(bench.text(bad=bad, rows=ROWS))
    assert bench.stored(note="old") == sorted(bad)
    assert bench.stored(note="new") == [k for k in KEYS if k not in bad]
    assert (batch.completed_items, batch.updated_items, batch.failed_items) == (40, 40, 20)
    assert_explained(bench.cause, [item for item in bench.owner.items(batch) if item.problems])


def test_the_problem_names_field_and_column(bench: Bench) -> None:
    batch = bench.run(bench.text(bad={2}, rows=3))
    (problem,) = [problem for item in bench.owner.items(batch) for problem in item.problems]
    assert problem.field == bench.cause.field
    assert {name: problem.details.get(name) for name in bench.cause.details} == bench.cause.details


@pytest.mark.parametrize("name", ["numeric_overflow", "check", "raise", "foreign_key_deferred"])
def test_one_of_ten_thousand_fails(name: str, server: Server, tmp_path: Path) -> None:
    with open_bench(BY_NAME[name], server, tmp_path, chunk_size=5000) as bench:
        batch = bench.run(bench.text(bad={7777}, rows=10_000))
        assert (batch.completed_items, batch.failed_items, batch.total_items) == (9_999, 1, 10_000)
        assert bench.stored() == [k for k in range(1, 10_001) if k != 7777]
        (failed,) = [item for item in bench.owner.items(batch) if item.problems]
        assert failed.line == 7778
        assert_explained(bench.cause, [failed])


def assert_explained(cause: Cause, failed: Iterable[Item]) -> None:
    """Each has the one problem that the cause promises, and a reason in words; columns have a test of their own."""
    promised = {name: value for name, value in cause.details.items() if name != "column"}
    for item in failed:
        (problem,) = item.problems
        assert problem.code == cause.code
        assert {name: problem.details.get(name) for name in promised} == promised
        assert problem.message
        assert problem.message in (item.error_message or "")
        assert (item.action, item.target_id) == (None, None)


def assert_kept_as_read(items: list[Item], text: str) -> None:
    """Every item holds its record as the file has it, with its line."""
    assert [item.source_data for item in items] == list(csv.DictReader(io.StringIO(text)))
    assert [item.line for item in items] == list(range(2, len(items) + 2))


def everything_said(bench: Bench) -> str:
    """All that the books hold besides the records."""
    said = bench.owner.sql("SELECT problems::text, error_message, metadata::text FROM import_batch_items")
    return str(said + bench.owner.sql("SELECT message, details::text FROM import_logs"))
