"""The story of the README, through the manager: 500 read, 28 explained, 28 repaired, nothing left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.workbench import Workbench

from ri_declarative.records import BatchSummary, ItemStatus

REPOSITORY = Path(__file__).resolve().parents[2]
CODES = {
    "schema.format": 6,
    "field.date": 5,
    "schema.required": 4,
    "field.number": 3,
    "schema.enum": 3,
    "schema.minimum": 3,
    "db.check": 2,
    "source.ragged": 2,
}


@pytest.fixture
def story(workbench: Workbench) -> Workbench:
    """The examples of this repository in a project of their own, their tables empty."""
    for folder in ("pipelines", "schema", "examples"):
        shutil.copytree(REPOSITORY / folder, workbench.root / folder, dirs_exist_ok=True)
    workbench.sql((REPOSITORY / "examples/setup.sql").read_text(encoding="utf-8"))
    return workbench


def first_import(story: Workbench) -> BatchSummary:
    with story.manager() as manager:
        return manager.run_pipeline("customer_data", story.root / "examples/data/customers.csv")


def repair(story: Workbench, batch: BatchSummary) -> Path:
    """The repaired file: what a colleague makes of `ri errors --csv`."""
    failed, repaired = story.root / "failed.csv", story.root / "repaired.csv"
    with story.manager() as manager, failed.open("w", encoding="utf-8", newline="") as stream:
        assert manager.export_failed(batch.batch_id, stream) == 28
    subprocess.run([sys.executable, "-B", REPOSITORY / "examples/repair.py", failed, repaired], check=True)
    return repaired


def test_500_customers_472_completed_28_failed(story: Workbench) -> None:
    batch = first_import(story)
    assert (batch.total_items, batch.completed_items, batch.failed_items, batch.skipped_items) == (500, 472, 28, 0)
    assert story.sql("SELECT count(*) FROM customers") == [(472,)]


def test_each_of_the_28_has_line_code_and_reason(story: Workbench) -> None:
    batch = first_import(story)
    with story.manager() as manager:
        failed = list(manager.iter_items(batch.batch_id, status=ItemStatus.FAILED))
    assert Counter(item.problems[0].code for item in failed) == CODES
    for item in failed:
        assert item.line
        assert item.error_message
        assert len(item.problems) == 1
        assert item.problems[0].field or item.problems[0].code == "source.ragged"


def test_the_repaired_28_complete_in_a_batch_linked_to_the_first(story: Workbench) -> None:
    batch = first_import(story)
    with story.manager() as manager:
        new_id = manager.reprocess_batch(batch.batch_id, corrections=repair(story, batch))
        assert new_id is not None
        again = manager.get_batch_summary(new_id)
    assert (again.total_items, again.completed_items, again.failed_items) == (28, 28, 0)
    assert again.parent_batch_id == batch.batch_id
    assert story.sql("SELECT count(*) FROM customers") == [(500,)]


def test_after_the_repair_there_is_nothing_left_to_do(story: Workbench) -> None:
    batch = first_import(story)
    with story.manager() as manager:
        manager.reprocess_batch(batch.batch_id, corrections=repair(story, batch))
        assert manager.reprocess_batch(batch.batch_id) is None
        assert list(manager.needs_attention(batch.batch_id)) == []
    assert story.sql("SELECT * FROM failed_imports_report") == []


def test_transactions_find_their_customers_once_these_are_repaired(story: Workbench) -> None:
    batch = first_import(story)
    with story.manager() as manager:
        file = story.root / "examples/data/transactions.csv"
        early = manager.run_pipeline("transaction_feed", file)
        assert {(g.code, g.count) for g in early.problems if g.status is ItemStatus.FAILED} == {("lookup.missing", 12)}
        manager.reprocess_batch(batch.batch_id, corrections=repair(story, batch))
        new_id = manager.reprocess_batch(early.batch_id)
        assert new_id is not None
        assert manager.get_batch_summary(new_id).completed_items == 12
    assert story.sql("SELECT count(*) FROM transactions") == [(1994,)]


def test_products_come_as_json_lines_into_a_table_made_for_them(story: Workbench) -> None:
    with story.manager() as manager:
        batch = manager.run_pipeline("product_catalog", story.root / "examples/data/products.jsonl")
    assert (batch.completed_items, batch.failed_items) == (300, 0)
    assert story.sql("SELECT count(*) FROM products") == [(300,)]
