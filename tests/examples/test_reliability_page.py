"""docs/reliability.md runs as it stands: processes are killed, batches gone on with, what needs attention is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import pages
from support.command_line import REPOSITORY, CommandLine, Said
from support.workbench import Workbench

from ri_declarative.codes.page import anchor
from ri_declarative.records import StopReason

PAGE = "reliability.md"
TEXT = pages.text_of(PAGE)
# Who works on a batch, and for how long nobody has: another process each time.
SOMEBODY = re.compile(r"[\w.-]+, process \d+|\b\d\d:\d\d:\d\d\b")
# Told when the lease of the runner that was killed has not ended yet: on a busy machine it has.
PERHAPS = "warning: waiting for "
GOOD, SOME_FAILED, REFUSED = 0, 1, 2


@pytest.fixture
def shop(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The page's project, in a folder that nothing else is in."""
    root = workbench.root / "shop"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("DATABASE_URL", workbench.dsn)
    return CommandLine(Workbench(root, workbench.dsn))


def test_the_page_runs_as_it_stands(shop: CommandLine) -> None:
    for block in pages.blocks(PAGE):
        if block.path is not None:
            shop.bench.file(block.path, block.text)
        elif block.language == "console":
            for command, shown in pages.commands(block.text):
                said = pages.run(command, shop)
                certain = [told(line) for line in shown if not line.startswith(PERHAPS)]
                assert pages.missing_line(certain, with_anybody(said)) is None, (command, said)
                assert shown or not said.out.strip(), (command, said)
                assert said.code in (GOOD, SOME_FAILED, REFUSED), (command, said)
                assert "error[internal]" not in said.err, (command, said)


def with_anybody(said: Said) -> Said:
    return said._replace(out=told(said.out), err=told(said.err))


def told(text: str) -> str:
    return SOMEBODY.sub("host7, process 4711", text)


def section(heading: str) -> str:
    """The part of the page below a heading."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if "---" not in row[0]]


def test_every_promise_is_held_by_tests_that_are_there() -> None:
    promises = rows(section("The promises"))[1:]
    assert len(promises) > 10
    for promise, holders in promises:
        files = re.findall(r"`(tests/[\w/]+\.py)`", holders)
        assert files, promise
        assert [file for file in files if not (REPOSITORY / file).is_file()] == [], promise


def test_every_test_of_a_fault_holds_a_promise() -> None:
    tools = {"test_invariants.py", "test_proxy.py"}  # test the suite's own tools
    tests = {path.name for path in (REPOSITORY / "tests/faults").glob("test_*.py")} - tools
    assert [name for name in sorted(tests) if f"`tests/faults/{name}`" not in section("The promises")] == []


def test_every_reason_to_stop_is_in_the_table_of_what_goes_on() -> None:
    told_of = {word for row in rows(section("Going on")) for word in re.findall(r"`(\w+)`", row[0])}
    assert {str(reason) for reason in StopReason} <= told_of


@pytest.mark.parametrize("reason", StopReason)
def test_the_table_says_truly_whether_the_same_command_goes_on(reason: StopReason) -> None:
    row = next(row for row in rows(section("Going on")) if f"`{reason}`" in row[0])
    assert row[2].startswith("goes on with it") == reason.is_from_outside
    assert row[2].startswith("begins a new batch") != reason.is_from_outside


def test_a_link_of_the_page_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT):
        name, _, heading = target.partition("#")
        file: Path = REPOSITORY / "docs" / (name or PAGE)
        assert file.exists(), target
        titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not heading or heading in {anchor(title) for title in titles}, target


@pytest.mark.parametrize("page", ["README.md", "docs/troubleshooting.md", "docs/hooks.md", "docs/monitoring.md"])
def test_other_pages_lead_to_it(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert re.search(r"\]\((?:docs/)?reliability\.md", text)
