"""The help, docs/commands.md, the README and the other pages: complete, current, and run as written."""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import REPOSITORY, CommandLine
from support.pages import STORIES

from ri_declarative.cli import reference
from ri_declarative.cli.group import COMMANDS
from ri_declarative.cli.reference import Documented

ALL = list(reference.commands())
# Words in examples that are somebody else's: the address of a database, the id of an item.
ELSEWHERE_DATABASE = re.compile(r"--database (postgresql://importer@db\.example/shop|service=crm)")
ITEM = "3f2a9c1e-0000-4000-8000-000000000007"
BATCH = re.compile(r"\b3f2a(9c1e)?\b")
REPAIRS = "ri reprocess last --from"
NEEDS_A_SHELL = re.compile(r"[|<>$&]|psql")
# What examples may end with besides 0; everything else would be a mistake.
MAY_END_WITH = {
    "zcat": (0, 1),
    "ri run": (0, 1),  # some records of the example file fail, on purpose
    "ri reprocess": (0, 1),
    "ri resume": (0, 1),
    "ri db migrate --check": (0, 1),
}


@pytest.mark.parametrize("found", ALL, ids=[found.path for found in ALL])
def test_a_command_has_help_with_an_example(found: Documented) -> None:
    assert found.command.help
    assert reference.examples(found.command)
    assert found.command.get_short_help_str(200).rstrip("…")


@pytest.mark.parametrize("found", ALL, ids=[found.path for found in ALL])
def test_every_option_says_what_it_does_and_is_documented(found: Documented) -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## `{found.path}`\n")[2].partition("\n## `")[0]
    for option in reference.options(found.command):
        assert option.help, option.name
        for name in (*option.opts, *option.secondary_opts):
            assert name in section, name


def test_docs_commands_md_is_current() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    assert page == reference.rendered(), "run: python -m ri_declarative.cli.reference > docs/commands.md"


def test_hints_and_texts_name_commands_that_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "ri_declarative").rglob("*.py")]
    named = {word for text in texts for word in re.findall(r"(?:run: |with: |start it: |`)ri ([a-z]+)\b", text)}
    assert named
    assert named <= set(COMMANDS)


# ── examples ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def story(command_line: CommandLine) -> CommandLine:
    """This repository's own project, its tables empty, a batch with failures, and the files that examples name."""
    root = command_line.root
    for folder in ("pipelines", "schema", "examples"):
        shutil.copytree(REPOSITORY / folder, root / folder, dirs_exist_ok=True)
    command_line.bench.sql((REPOSITORY / "examples/setup.sql").read_text(encoding="utf-8"))
    lines = (root / "examples/data/customers.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for name in ("customers", "monday", "tuesday"):
        command_line.bench.file(f"{name}.csv", "".join(lines[:200]))
    command_line.bench.file("customers.csv.gz", gzip.compress("".join(lines[:50]).encode()))
    _inbox(command_line)
    assert command_line.ri("run", "customer_data", "customers.csv").code == 1
    return command_line


def _inbox(story: CommandLine) -> None:
    """A folder for `ri run --all`, with a pipeline that takes its one file."""
    (story.root / "inbox").mkdir()
    shutil.copy(story.root / "customers.csv", story.root / "inbox")
    pipeline = story.root / "pipelines/customer_data.yaml"
    text = pipeline.read_text(encoding="utf-8")
    if "\n  match:" not in text:
        pipeline.write_text(text.replace("source:\n", "source:\n  match: customers*.csv\n"), encoding="utf-8")


def with_real_words(line: str, story: CommandLine) -> str:
    """The example with the ids and the address of this test."""
    line = ELSEWHERE_DATABASE.sub(f"--database '{story.bench.dsn}'", line)
    if ITEM in line or BATCH.search(line):
        items = story.ri("errors", "last", "--json").json
        line = line.replace(ITEM, items["items"][0]["item_id"] if items["items"] else ITEM)
        line = BATCH.sub(items["batch_id"][:8], line)
    line = line.replace("/mnt/new/", "")
    return line.replace("~/.local/share/bash-completion/completions/", "").replace("${fpath[1]}/", "").replace(
        "~/.config/fish/completions/", ""
    )  # fmt: skip


def interrupted(story: CommandLine) -> None:
    """The newest batch is one that was interrupted before its first record."""
    with story.bench.manager() as manager:
        manager.run_pipeline("customer_data", story.root / "customers.csv", should_stop=lambda: True, new_batch=True)


def allowed(line: str) -> tuple[int, ...]:
    return next((codes for beginning, codes in MAY_END_WITH.items() if line.startswith(beginning)), (0,))


def missing_program(line: str) -> str | None:
    """A program that the line needs and this machine has not."""
    words = [part.split()[0] for part in re.split(r"\||&&", line)]
    return next((word for word in words if word != "ri" and shutil.which(word) is None), None)


@pytest.mark.parametrize("found", [f for f in ALL if not f.path.startswith("ri db")], ids=lambda found: found.path)
def test_the_examples_of_a_command_run(found: Documented, story: CommandLine) -> None:
    _run_all(reference.examples(found.command), story)


@pytest.mark.parametrize("found", [f for f in ALL if f.path.startswith("ri db")], ids=lambda found: found.path)
def test_the_examples_of_the_embedded_database_run(
    found: Documented, project_folder: Path, story: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(story.root, project_folder, dirs_exist_ok=True)
    monkeypatch.chdir(project_folder)
    monkeypatch.delenv("RI_DATABASE_URL")
    assert story.ri("db", "start").code == 0
    assert story.ri("status").code == 0  # makes ri's tables
    if found.path == "ri db psql":
        Path("copy.sql").write_text("SELECT 1;\n", encoding="utf-8")
    try:
        _run_all(reference.examples(found.command), story)
    finally:
        story.ri("db", "stop")


def _run_all(lines: list[str], story: CommandLine) -> None:
    for line in lines:
        if line.startswith(("ri resume", "ri abandon")):
            interrupted(story)
        real = with_real_words(line, story)
        if line.endswith("| source") or line == "ri db psql" or missing_program(real):
            continue  # of another shell, or for a person at a terminal, or not installed
        said = story.shell(real) if NEEDS_A_SHELL.search(real) else story.ri(*shlex.split(real)[1:])
        assert said.code in allowed(line), (line, said)
        assert "error[" not in said.err, (line, said)
        assert "Traceback" not in said.err, (line, said)


# ── pages ────────────────────────────────────────────────────────────────────────────────────


def console_blocks(page: Path) -> Iterator[list[str]]:
    """The lines of each block of a console that holds commands of ri."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:console|shell|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.search(r"^\$ ri ", block, re.MULTILINE):
            yield block.splitlines()


# The stories are projects of their own: tests/examples/test_pages.py.
PAGES = [REPOSITORY / "README.md", *(p for p in sorted((REPOSITORY / "docs").rglob("*.md")) if p.name not in STORIES)]
CONSOLES = {page.name: list(console_blocks(page)) for page in PAGES if any(console_blocks(page))}
# Figures that differ from machine to machine, and from batch to batch.
UNSTABLE = re.compile(
    r"in [\d.]+ m?s|\([\d,]+/s\)|\b[0-9a-f]{8}\b|database \S+|\d\d:\d\d(:\d\d)?|[\d.]+ m?s\b|\d+ [MkG]B"
)


def stable(line: str) -> str:
    return UNSTABLE.sub("…", line.strip())


@pytest.mark.parametrize("page", CONSOLES)
def test_the_consoles_of_a_page_run_as_written(page: str, story: CommandLine) -> None:
    shutil.copy(REPOSITORY / "examples/data/customers.csv", story.root)
    story.bench.sql("TRUNCATE public.customers CASCADE")
    for block in CONSOLES[page]:
        _replay(block, story)


def _replay(block: list[str], story: CommandLine) -> None:
    """Run the block's commands in order; each line shown below a command is among what it printed."""
    printed: set[str] = set()
    for line in block:
        if line.startswith("$ "):
            command = line[2:].partition("   ")[0].partition("  #")[0]
            if REPAIRS in command:
                _repair(story)
            said = story.shell(command)
            assert said.code in allowed(command), (command, said)
            printed = {stable(shown) for shown in (said.out + said.err).splitlines()}
        elif line.strip() not in ("", "…"):
            assert stable(line) in printed, (line, printed)


def _repair(story: CommandLine) -> None:
    """What a person does between `ri errors --csv` and `ri reprocess --from`."""
    said = story.shell("python3 -B examples/repair.py failed.csv repaired.csv")
    assert said.code == 0, said
