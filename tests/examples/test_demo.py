"""`make demo` as it runs: examples/demo.sh in a copy of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2

REPOSITORY = Path(__file__).resolve().parents[2]


def run_demo(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name in ("pipelines", "schema", "examples"):
        shutil.copytree(REPOSITORY / name, folder / name)
    return subprocess.run(
        ["bash", "examples/demo.sh"],
        cwd=folder,
        env={**os.environ, "RI_DEMO_BIN": str(Path(sys.executable).parent), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def tables(dsn: str) -> set[str]:
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname, n_tup_ins FROM pg_stat_user_tables")
            return {f"{name} {inserted}" for name, inserted in cursor.fetchall()}
    finally:
        connection.close()


def test_the_demo_ends_with_everything_completed_and_leaves_the_shells_database_alone(
    project_folder: Path, database: str
) -> None:
    before = tables(database)
    demo = run_demo(project_folder, {"DATABASE_URL": database, "RI_DATABASE_URL": database})
    assert demo.returncode == 0, demo.stdout + demo.stderr
    shown = " ".join(demo.stdout.split())
    for said in ("500 records read", "472 completed", "28 failed", "28 rows repaired", "28 completed (28 inserted"):
        assert said in shown
    assert "customers 500 products 300 transactions 1994" in shown
    assert tables(database) == before
