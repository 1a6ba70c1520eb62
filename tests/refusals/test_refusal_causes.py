"""One row that the database refuses changes only its own fate, whatever the cause and wherever it stands."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Set
from contextlib import ExitStack
from pathlib import Path

import pytest
from refusal_causes import BY_NAME, CAUSES, SECRET, Cause
from refusal_roles import ordinary_role
from support.postgres import Server
from support.workbench import Workbench, csv_text

from ri_declarative.records import BatchSummary, Item, ItemStatus

ROWS = 60
POSITIONS = {
    "first": {1},
    "last": {ROWS},
    "two_adjacent": {12, 13},
    "across_chunks": {25, 26},
    "one_in_three": set(range(2, ROWS + 1, 3)),
    "all": set(range(1, ROWS + 1)),
}


@dataclasses.dataclass
class Bench:
    """A cause's table in a database of its own."""

    cause: Cause
    owner: Workbench
    runner: Workbench  # by the cause's role

    def import_keys(self, *, bad: Set[int], rows: int = ROWS, note: str = "new") -> tuple[BatchSummary, str]:
        """Import the keys 1 to `rows`, those in `bad` with bad cells; the batch and the file's text."""
        cause = self.cause
        lines = [f"{k},{cause.bad(k) if k in bad else cause.good(k)},{note}" for k in range(1, rows + 1)]
        text = csv_text(f"k,{cause.header},note", lines)
        return self.runner.run("p", text), text

    def stored(self, *, note: str = "new") -> list[int]:
        """The keys in the table that have this note."""
        rows = self.owner.sql(f"SELECT k FROM {self.cause.table} WHERE k > 0 AND note = %s ORDER BY k", [note])
        return [k for (k,) in rows]


@pytest.fixture(scope="module", params=CAUSES, ids=[cause.name for cause in CAUSES])
def module_bench(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    with open_bench(request.param, server, tmp_path_factory.mktemp("refusals"), chunk_size=25) as bench:
        yield bench


@pytest.fixture
def bench(module_bench: Bench) -> Bench:
    """The cause's table without rows of earlier tests, in front of chunks of 25."""
    module_bench.owner.sql(f"DELETE FROM {module_bench.cause.table} WHERE k > 0")
    return module_bench


class open_bench(ExitStack):  # noqa: N801
    """Within: the bench of a cause."""

    def __init__(self, cause: Cause, server: Server, root: Path, *, chunk_size: int) -> None:
        super().__init__()
        owner = Workbench(root, self.enter_context(server.fresh_database()))
        owner.pipeline("p", cause.pipeline(chunk_size=chunk_size))
        owner.sql(cause.ddl)
        runner = owner
        if cause.by_role:
            role = self.enter_context(ordinary_role(owner))
            owner.sql(f"GRANT SELECT, INSERT, UPDATE ON {cause.table} TO {role}")
            runner = dataclasses.replace(owner, dsn=owner.dsn.replace("//ri@", f"//{role}@"))
        self.bench = Bench(cause, owner, runner)

    def __enter__(self) -> Bench:  # type: ignore[override]
        super().__enter__()
        return self.bench


@pytest.mark.parametrize("position", POSITIONS)
def test_exactly_the_bad_rows_fail(bench: Bench, position: str) -> None:
    bad = POSITIONS[position]
    batch, text = bench.import_keys(bad=bad)
    items = bench.owner.items(batch)
    assert {item.index + 1 for item in items if item.status is ItemStatus.FAILED} == bad
    assert bench.stored() == [k for k in range(1, ROWS + 1) if k not in bad]
    assert (batch.total_items, batch.completed_items, batch.failed_items) == (ROWS, ROWS - len(bad), len(bad))
    assert batch.inserted_items == ROWS - len(bad)
    assert_explained(bench.cause, [item for item in items if item.status is ItemStatus.FAILED])
    assert_kept_as_read(items, text)


def test_a_row_that_exists_keeps_its_values_when_its_update_is_refused(bench: Bench) -> None:
    bad = POSITIONS["one_in_three"]
    bench.import_keys(bad=set(), note="old")
    batch, _ = bench.import_keys(bad=bad)
    assert bench.stored(note="old") == sorted(bad)
    assert bench.stored(note="new") == [k for k in range(1, ROWS + 1) if k not in bad]
    assert (batch.completed_items, batch.updated_items, batch.failed_items) == (40, 40, 20)
    assert_explained(bench.cause, [item for item in bench.owner.items(batch) if item.problems])


def test_no_value_of_the_table_reaches_the_books(bench: Bench) -> None:
    batch, _ = bench.import_keys(bad={7})
    kept = bench.owner.sql(
        "SELECT problems::text, error_message FROM import_batch_items WHERE batch_id = %s AND status = 'failed'",
        [batch.batch_id],
    )
    logged = bench.owner.sql("SELECT message, details::text FROM import_logs")
    assert len(kept) == 1
    assert SECRET not in str(kept) + str(logged)


@pytest.mark.parametrize(
    "name", ["check", "foreign_key", "raise", "unique", "foreign_key_deferred", "swallowed", "numeric_overflow"]
)
def test_one_of_ten_thousand_fails(name: str, server: Server, tmp_path: Path) -> None:
    with open_bench(BY_NAME[name], server, tmp_path, chunk_size=5000) as bench:
        batch, _ = bench.import_keys(bad={7777}, rows=10_000)
        assert (batch.completed_items, batch.failed_items, batch.total_items) == (9_999, 1, 10_000)
        assert bench.owner.sql("SELECT count(*) FROM t WHERE k > 0") == [(9_999,)]
        (failed,) = [item for item in bench.owner.items(batch) if item.problems]
        assert failed.line == 7778
        assert_explained(bench.cause, [failed])


def assert_explained(cause: Cause, failed: list[Item]) -> None:
    """Each has the one problem that the cause promises, and a reason in words."""
    for item in failed:
        (problem,) = item.problems
        assert (problem.code, problem.field) == (cause.code, cause.field)
        assert {name: problem.details.get(name) for name in cause.details} == cause.details
        assert problem.message
        assert problem.message in (item.error_message or "")
        assert (item.action, item.target_id) == (None, None)


def assert_kept_as_read(items: list[Item], text: str) -> None:
    """Every item holds its record as the file has it, with its line."""
    read = list(csv.DictReader(io.StringIO(text)))
    assert [item.source_data for item in items] == read
    assert [item.line for item in items] == list(range(2, len(read) + 2))
