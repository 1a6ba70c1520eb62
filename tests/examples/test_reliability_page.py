"""docs/reliability.md promises what tests hold, and says truly what is gone on with. It is run by test_pages.py."""

from __future__ import annotations

import re

import pytest
from support import pages
from support.command_line import REPOSITORY

from ri_declarative.records import StopReason

TEXT = pages.text_of("reliability.md")
OF_THE_SUITE_ITSELF = {"test_invariants.py", "test_proxy.py"}


def section(heading: str) -> str:
    """The part of the page below a heading."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text; the head of each comes first."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if "---" not in row[0]]


def test_every_promise_is_held_by_tests_that_are_there() -> None:
    promises = rows(section("The promises"))[1:]
    assert promises
    for promise, holders in promises:
        files = re.findall(r"`(tests/[\w/]+\.py)`", holders)
        assert files, promise
        assert [file for file in files if not (REPOSITORY / file).is_file()] == [], promise


def test_every_test_of_faults_holds_a_promise() -> None:
    tests = {path.name for path in (REPOSITORY / "tests/faults").glob("test_*.py")} - OF_THE_SUITE_ITSELF
    assert [name for name in sorted(tests) if f"`tests/faults/{name}`" not in section("The promises")] == []


@pytest.mark.parametrize("reason", StopReason)
def test_the_page_says_truly_whether_the_same_command_goes_on(reason: StopReason) -> None:
    [(_, _, same_command, _)] = [row for row in rows(section("Going on")) if f"`{reason}`" in row[0]]
    assert same_command.startswith("goes on with it" if reason.is_from_outside else "begins a new batch")


@pytest.mark.parametrize("page", ["README.md", "docs/troubleshooting.md", "docs/hooks.md", "docs/monitoring.md"])
def test_other_pages_lead_to_it(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert re.search(r"\]\((?:docs/)?reliability\.md", text)
