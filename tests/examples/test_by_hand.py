"""The customer import written by hand and its twin in YAML leave the same table, the same items, the same counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.command_line import REPOSITORY
from support.postgres import Server
from support.workbench import Workbench

from ri_declarative import BatchManager

BY_HAND = REPOSITORY / "examples" / "by_hand"
CUSTOMERS = REPOSITORY / "examples" / "data" / "customers.csv"
TABLE = """SELECT email, first_name, last_name, address, signed_up_on, balance, country_id, source, created_by,
imported_in IS NOT NULL FROM public.customers ORDER BY email"""
# Instead of the id, whose it is: ids come from a sequence, and a refused INSERT uses one up.
ITEMS = """SELECT item_index, source_line, status, action, source_data, target_table, c.email
FROM import_batch_items i LEFT JOIN public.customers c ON c.id::text = i.target_id
WHERE batch_id = %s ORDER BY item_index"""


class Left(NamedTuple):
    """What an import has left behind."""

    table: list[tuple[Any, ...]]
    items: list[tuple[Any, ...]]
    counts: tuple[int, ...]


class Side(NamedTuple):
    """One of the twins with a database of its own."""

    bench: Workbench
    project: Path

    def imported(self, file: Path) -> Left:
        with BatchManager(self.bench.dsn, project=self.project) as manager:
            batch = manager.run_pipeline("customer_data", file)
        counts = (batch.completed_items, batch.failed_items, batch.skipped_items)
        return Left(
            self.bench.sql(TABLE),
            self.bench.sql(ITEMS, [batch.batch_id]),
            (*counts, batch.inserted_items, batch.updated_items, batch.unchanged_items),
        )


@pytest.fixture
def twins(server: Server, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """The pipeline, and the class."""
    with server.fresh_database() as one, server.fresh_database() as other:
        sides = (Side(Workbench(tmp_path, one), REPOSITORY), Side(Workbench(tmp_path, other), BY_HAND))
        for side in sides:
            side.bench.sql((REPOSITORY / "examples/setup.sql").read_text(encoding="utf-8"))
        yield sides


@pytest.fixture(autouse=True)
def _forget_myapp(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package of the example is this module's only: others have one of its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "myapp"]:
        del sys.modules[name]


def test_both_leave_the_same(twins: tuple[Side, Side]) -> None:
    pipeline, by_hand = (side.imported(CUSTOMERS) for side in twins)
    assert by_hand.counts == pipeline.counts == (472, 28, 0, 472, 0, 0)
    assert by_hand.items == pipeline.items
    assert by_hand.table == pipeline.table


def test_both_know_what_is_new_what_has_changed_and_what_has_not(twins: tuple[Side, Side], tmp_path: Path) -> None:
    text = CUSTOMERS.read_text(encoding="utf-8")
    changed = tmp_path / "changed.csv"
    changed.write_text(text.replace(",PL\n", ",DE\n").replace("Łukasz,", "Lukas,"), encoding="utf-8", newline="")
    for side in twins:
        side.imported(CUSTOMERS)
    pipeline, by_hand = (side.imported(changed) for side in twins)
    assert by_hand == pipeline
    assert pipeline.counts[4] > 10


def test_the_program_of_the_example_runs(twins: tuple[Side, Side]) -> None:
    done = subprocess.run(
        [sys.executable, "-B", BY_HAND / "main.py", twins[1].bench.dsn], capture_output=True, text=True, cwd=BY_HAND
    )
    assert (done.returncode, done.stdout) == (0, "472/500\n28 failed again\n"), done.stderr
