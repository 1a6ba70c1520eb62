"""Every folder here is a bug that was found and must not come back; case_steps.py says what its files mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from case_steps import Steps
from support.workbench import Workbench

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/case.yaml"))


def _case(folder: Path) -> Any:
    return yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("folder", "chunk_size"),
    [
        pytest.param(folder, size, id=f"{folder.name}-{size}")
        for folder in FOLDERS
        for size in _case(folder).get("chunk_sizes", [5000])
    ],
)
def test_the_bug_is_gone(workbench: Workbench, folder: Path, chunk_size: int) -> None:
    with workbench.manager() as manager:
        Steps(folder, workbench, manager, chunk_size).play(_case(folder)["steps"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_says_in_a_sentence_what_went_wrong_and_ends_with_what_is_right(folder: Path) -> None:
    case = _case(folder)
    assert set(case) <= {"bug", "chunk_sizes", "steps"}
    assert case["bug"].endswith(".")
    assert next(iter(case["steps"][-1])) in ("expect", "run")
