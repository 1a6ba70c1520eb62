"""The benchmark suite runs and checks what it runs; nothing here looks at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.command_line import REPOSITORY
from support.places import new_folder

RECORDS = 200
CASES = ("first", "again", "schema-5", "reprocess", "status-inside")
BROUGHT_ALONG = ("floor", "floor-again", "few")  # what these are measured against


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the server may lie: PostgreSQL's user can enter it."""
    made = new_folder("ri-bench-test-")
    made.chmod(0o711)
    yield made
    assert not list(made.glob("ri-bench-*")), "the benchmark leaves its server's folder behind"
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """One round of some cases."""
    page = folder / "page.md"
    page.write_text("before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n")
    program = [sys.executable, REPOSITORY / "benchmarks/bench.py", "--only", *CASES]
    sizes = ["--records", str(RECORDS), "--rounds", "1", "--folder", folder]
    files = ["--json", folder / "results.json", "--svg", folder / "plot.svg", "--docs", page]
    return subprocess.run([*program, *sizes, *files], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def results(run: subprocess.CompletedProcess[str], folder: Path) -> dict[str, Any]:
    """The JSON of that round."""
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_every_case_and_what_it_is_measured_against_is_run(results: dict[str, Any]) -> None:
    assert set(results["cases"]) == {*CASES, *BROUGHT_ALONG}
    assert {name: case["samples"][0]["records"] for name, case in results["cases"].items()} == {
        **dict.fromkeys((*CASES, *BROUGHT_ALONG), RECORDS),
        "few": RECORDS // 10,
        "reprocess": RECORDS // 10,
        "status-inside": RECORDS * 10,
    }


def test_the_results_say_on_what_they_were_measured(results: dict[str, Any]) -> None:
    assert results["schema"] == "ri.bench/1"
    assert results["machine"].keys() == {"cpu", "cores", "memory_gb", "system"}
    assert {"ri", "Python", "PostgreSQL"} <= results["versions"].keys()
    assert (results["records"], results["rounds"]) == (RECORDS, 1)


def test_every_sample_is_kept_and_every_target_judged(results: dict[str, Any]) -> None:
    for case in results["cases"].values():
        assert [sample.keys() for sample in case["samples"]] == [{"records", "seconds", "cpu_s", "peak_mb"}]
        assert case["median_s"] == case["samples"][0]["seconds"] > 0
    judged = {(target["case"], target["at_most"]): target for target in results["targets"]}
    assert {("first", 1.2), ("again", 0.6), ("schema-5", 1.1), ("status-inside", 0.1)} <= judged.keys()
    assert all(t["met"] == (None if t["at_most"] is None else t["value"] <= t["at_most"]) for t in judged.values())


def test_the_table_and_the_page_show_the_same_cases(
    run: subprocess.CompletedProcess[str], results: dict[str, Any], folder: Path
) -> None:
    page = (folder / "page.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    for name in results["cases"]:
        assert f"[{name}]" in run.stdout
        assert f"[{name}]" in page


def test_the_plot_has_a_bar_for_each_way_of_loading(results: dict[str, Any], folder: Path) -> None:
    plot = ElementTree.parse(folder / "plot.svg").getroot()
    assert len(plot.findall("{http://www.w3.org/2000/svg}rect")) == len({"first", "floor", "again", "floor-again"})
