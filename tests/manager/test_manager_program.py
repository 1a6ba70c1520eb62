"""The program that users write first works as written: a process of its own, a class in myapp/processors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from manager_classes import write_package
from support.ri_process import environment
from support.workbench import Workbench

_CUSTOMERS = '''
from ri_declarative import BaseProcessor


class CustomerDataProcessor(BaseProcessor):
    """Customers by their e-mail address."""

    def validate_item(self, item, ctx):
        if "@" not in item.data.get("email", ""):
            ctx.warning("email needs an @")
            return False
        return True

    def process_item(self, item, ctx):
        found = ctx.execute_one("SELECT id FROM customers WHERE email = :email", item.data)
        if found:
            ctx.execute("UPDATE customers SET country = :country WHERE email = :email", item.data)
            return {"target_table": "customers", "target_id": found["id"], "action": "updated"}
        new = ctx.execute_one(
            "INSERT INTO customers (email, country) VALUES (:email, :country) RETURNING id", item.data
        )
        ctx.info("new customer", {"id": new["id"]})
        return {"target_table": "customers", "target_id": new["id"], "action": "inserted"}
'''
_PROGRAM = """
import sys
from ri_declarative import BatchManager
dsn = sys.argv[1]
items = [{"email": "ada@example.org", "country": "DE"}, {"email": "bob", "country": "FR"},
         {"email": "eve@example.org", "country": "XX"}, {"email": "ada@example.org", "country": "FR"}]

manager = BatchManager(dsn)
manager.registry.discover("myapp.processors")
batch_id = manager.create_batch("customer_data", items)
summary = manager.process_batch(batch_id)
print(f"{summary.completed_items}/{summary.total_items}")
manager.reprocess_batch(batch_id, failed_items_only=True)
"""
_BATCHES = """
    SELECT batch_type, status, total, completed, failed, inserted, updated, parent_batch_id IS NOT NULL
    FROM import_batches ORDER BY created_at
"""


def _run(folder: Path, dsn: str, program: str = _PROGRAM) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    return subprocess.run(
        [sys.executable, "-W", "error", "program.py", dsn],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application's own folder, which is no project of ri."""
    folder = tmp_path_factory.mktemp("application")
    write_package(folder, {"myapp/processors/customers.py": _CUSTOMERS})
    return folder


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """With the table of customers, in which XX is no country."""
    workbench.sql(
        "CREATE TABLE customers (id serial PRIMARY KEY, email text UNIQUE, country text CHECK (country <> 'XX'))"
    )
    return workbench


def test_the_first_program_works_as_written_in_a_folder_that_is_no_project(bench: Workbench, folder: Path) -> None:
    done = _run(folder, bench.dsn)
    assert (done.stdout, done.returncode) == ("2/4\n", 0), done.stderr
    assert "Traceback" not in done.stderr
    assert "ResourceWarning" not in done.stderr
    assert bench.sql("SELECT email, country FROM customers") == [("ada@example.org", "FR")]
    assert bench.sql(_BATCHES) == [
        ("customer_data", "completed", 4, 2, 2, 1, 1, False),
        ("customer_data", "completed", 2, 0, 2, 0, 0, True),
    ]


def test_what_failed_says_why_and_what_completed_says_where(bench: Workbench, folder: Path) -> None:
    assert _run(folder, bench.dsn).returncode == 0
    found = bench.sql(
        "SELECT i.status, i.target_table, i.target_id, i.problems -> 0 ->> 'code', i.error_message LIKE '%needs an @%'"
        " FROM import_batch_items i JOIN import_batches b ON b.id = i.batch_id WHERE b.parent_batch_id IS NULL"
        " ORDER BY item_index"
    )
    (id_,) = bench.sql("SELECT id::text FROM customers")[0]
    assert found == [
        ("completed", "customers", id_, None, None),
        ("failed", None, None, "hook.validate_item", True),
        ("failed", None, None, "db.check", False),
        ("completed", "customers", id_, None, None),
    ]


def test_what_a_class_logged_lies_in_the_books_at_its_item(bench: Workbench, folder: Path) -> None:
    assert _run(folder, bench.dsn).returncode == 0
    lines = bench.sql(
        "SELECT l.log_level, l.message, i.item_index, l.details FROM import_logs l"
        " JOIN import_batch_items i ON i.id = l.item_id JOIN import_batches b ON b.id = i.batch_id"
        " WHERE b.parent_batch_id IS NULL ORDER BY l.id"
    )
    (id_,) = bench.sql("SELECT id FROM customers")[0]
    assert lines == [("info", "new customer", 0, {"id": id_}), ("warning", "email needs an @", 1, None)]


def test_the_packages_of_ri_yaml_are_known_without_discovering_them(bench: Workbench, folder: Path) -> None:
    (folder / "ri.yaml").write_text("processors: [myapp.processors]\n")
    (folder / "pipelines").mkdir()
    silent = _PROGRAM.replace('manager.registry.discover("myapp.processors")\n', "")
    for program in (silent, _PROGRAM):  # to discover them again is no conflict
        done = _run(folder, bench.dsn, program)
        assert (done.stdout, done.returncode) == ("2/4\n", 0), done.stderr


def test_without_its_class_the_program_says_which_types_there_are(bench: Workbench, folder: Path) -> None:
    done = _run(folder, bench.dsn, _PROGRAM.replace('"customer_data"', '"customer_dat"'))
    assert (
        "No processor registered for batch type 'customer_dat'. Available types: customer_data"
        '; did you mean "customer_data"?' in done.stderr
    )
    assert bench.sql(_BATCHES) == []
