"""Pages that are stories run as they stand: files are written, programs and commands run, output is as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import pages
from support.command_line import REPOSITORY, CommandLine
from support.pages import BAD
from support.pages import STORIES as PAGES_ABOUT_PYTHON
from support.workbench import Workbench

from ri_declarative.codes import CODES
from ri_declarative.codes.page import anchor

STORIES = tuple(dict.fromkeys((*PAGES_ABOUT_PYTHON, "reliability.md")))
SOME_RECORDS_FAIL = re.compile(r"ri (run|reprocess|resume)\b")
TOLD = re.compile(r"\berror\b|stopped by")  # a page that shows this means the command to end badly
# Who works on a batch, and for how long nobody has: another process each time.
SOMEBODY = re.compile(r"[\w.-]+, process \d+|\b\d\d:\d\d:\d\d\b")
# Told while the lease of a runner that was killed lasts: on a busy machine it has ended.
PERHAPS = "warning: waiting for "
WIDEST = 120


@pytest.fixture
def shop(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A project for one page; its database is what DATABASE_URL says, as the pages have it."""
    root = workbench.root / "shop"
    (root / "pipelines").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("DATABASE_URL", workbench.dsn)
    return CommandLine(Workbench(root, workbench.dsn))


@pytest.mark.parametrize("page", STORIES)
def test_a_page_runs_as_it_stands(page: str, shop: CommandLine) -> None:
    for block in pages.blocks(page):
        if block.path is not None:
            shop.bench.file(block.path, block.text)
        elif block.language == "console":
            for command, shown in pages.commands(block.text):
                said = pages.run(command, shop)
                certain = [with_anybody(line) for line in shown if not line.startswith(PERHAPS)]
                heard = said._replace(out=with_anybody(said.out), err=with_anybody(said.err))
                assert pages.missing_line(certain, heard) is None, (command, said)
                assert said.code in may_end_with(command, shown), (command, said)
                assert "error[internal]" not in said.err, (command, said)


def with_anybody(text: str) -> str:
    return SOMEBODY.sub("host7, process 4711", text)


def may_end_with(command: str, shown: list[str]) -> tuple[int, ...]:
    if TOLD.search("\n".join(shown)):
        return (0, 1, 2, 3, 4)
    return (0, 1) if SOME_RECORDS_FAIL.match(command) else (0,)


@pytest.mark.parametrize("page", STORIES)
def test_python_on_a_page_is_a_file_that_runs_or_a_bad_example_that_is_python(page: str) -> None:
    used = "".join(block.text for block in pages.blocks(page) if block.language == "console")
    for block in pages.blocks(page):
        if block.language != "python":
            continue
        compile(block.text, page, "exec")
        assert block.path or block.text.startswith(BAD), block.text
        program = Path(block.path or "")
        assert program.parent != Path() or not block.path or f"python {program}" in used, block.path


@pytest.mark.parametrize("page", STORIES)
def test_code_on_a_page_needs_no_scrolling(page: str) -> None:
    wide = [
        line for block in pages.blocks(page) if block.path for line in block.text.splitlines() if len(line) > WIDEST
    ]
    assert wide == []


@pytest.mark.parametrize("page", STORIES)
def test_a_message_that_is_not_made_here_is_one_of_ri(page: str) -> None:
    examples = {entry.example for entry in CODES.values()}
    for block in pages.blocks(page):
        if block.language == "text":
            assert block.text.strip() in examples


def test_each_good_practice_has_a_bad_example_and_one_that_is_run() -> None:
    sections = pages.text_of("good-practice.md").split("\n## ")[1:]
    assert len(sections) == 5
    for section in sections:
        assert BAD in section, section[:40]
        assert "\n$ ri run " in section or "on_batch_start" in section, section[:40]


@pytest.mark.parametrize("page", STORIES)
def test_a_link_on_a_page_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", pages.text_of(page)):
        name, _, heading = target.partition("#")
        file = REPOSITORY / "docs" / (name or page)
        assert file.exists(), target
        if heading and file.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {anchor(title) for title in titles}, target


def test_the_readme_leads_to_every_page() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [page for page in STORIES if f"(docs/{page})" not in readme] == []
