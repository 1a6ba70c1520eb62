"""The Makefile keeps the developer's own database out of its targets, also in a folder with a space in its name."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"DATABASE_URL": "x", "RI_DATABASE_URL": "x", "PGHOST": "x", "PGSERVICE": "x", "PGSSLMODE": "x"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose virtual environment is there already: its python prints its words and its environment."""
    folder = tmp_path / "my clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = folder / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "python $*"\nenv\n')
    python.chmod(0o755)
    (folder / ".venv" / "built").write_text(f"{folder}\n")
    return folder


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(["make", *words], cwd=clone, env=own | FOREIGN, capture_output=True, text=True)


@pytest.mark.parametrize("target", ["test", "lint"])
def test_a_target_does_not_see_the_database_of_the_shell(target: str, clone: Path) -> None:
    lines = make(clone, target).stdout.splitlines()
    assert "python -m" in "\n".join(lines)
    assert [line for line in lines if line.split("=")[0] in FOREIGN] == []


def test_args_are_passed_to_pytest(clone: Path) -> None:
    assert "python -m pytest -n 2 tests/laws -x" in make(clone, "test", "ARGS=tests/laws -x").stdout


def test_make_alone_lists_the_targets(clone: Path) -> None:
    listed = [line.split()[1] for line in make(clone).stdout.splitlines()]
    assert listed == [
        "help",
        "demo",
        "test",
        "test-faults",
        "soak",
        "bench",
        "bench-peers",
        "bench-growth",
        "lint",
        "clean",
    ]


def test_clean_keeps_the_embedded_database(clone: Path) -> None:
    (clone / ".ri" / "postgres").mkdir(parents=True)
    assert make(clone, "clean").returncode == 0
    assert (clone / ".ri" / "postgres").is_dir()
    assert not (clone / ".venv").exists()
