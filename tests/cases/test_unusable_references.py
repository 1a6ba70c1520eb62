"""Bugs of looking: words that name no batch, and a database that has no books."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine
from support.workbench import Workbench

from ri_declarative.errors import DatabaseError, UsageError
from ri_declarative.manager import BatchManager

ID = "6f1c5a1e-0000-4000-8000-000000000000"
NO_BATCHES = ("nope", "x", "%", "_", "", "-", "6f1c5a1e' OR true --", ID[:-1], "\x00", "ä" * 36)

Verb = Callable[[BatchManager, str], object]
# What is asked about one batch.
LOOKS: dict[str, Verb] = {
    "get_batch_summary": lambda manager, batch: manager.get_batch_summary(batch),
    "iter_items": lambda manager, batch: list(manager.iter_items(batch)),
    "iter_logs": lambda manager, batch: list(manager.iter_logs(batch)),
    "needs_attention": lambda manager, batch: list(manager.needs_attention(batch)),
    "failing_repeats": lambda manager, batch: manager.failing_repeats(batch),
    "fingerprints": lambda manager, batch: manager.fingerprints(batch),
    "export_failed": lambda manager, batch: manager.export_failed(batch, io.StringIO()),
    "dismiss": lambda manager, batch: manager.dismiss(batch),
    "reprocess_batch": lambda manager, batch: manager.reprocess_batch(batch),
    "resolve_batch": lambda manager, batch: manager.resolve_batch(batch),
    "get_batch": lambda manager, batch: manager.get_batch(batch),
    "abandon_batch": lambda manager, batch: manager.abandon_batch(batch),
    "resume_batch": lambda manager, batch: manager.resume_batch(batch),
    "process_batch": lambda manager, batch: manager.process_batch(batch),
    "get_batch_async": lambda manager, batch: asyncio.run(manager.get_batch_async(batch)),
    "get_batch_summary_async": lambda manager, batch: asyncio.run(manager.get_batch_summary_async(batch)),
    "process_batch_async": lambda manager, batch: asyncio.run(manager.process_batch_async(batch)),
    "reprocess_batch_async": lambda manager, batch: asyncio.run(manager.reprocess_batch_async(batch)),
    "iter_items_async": lambda manager, batch: asyncio.run(_all(manager.iter_items_async(batch))),
    "iter_logs_async": lambda manager, batch: asyncio.run(_all(manager.iter_logs_async(batch))),
}
OTHERS: dict[str, Verb] = {
    "run_pipeline": lambda manager, _: manager.run_pipeline("p", _file(manager)),
    "rescue_batches": lambda manager, _: manager.rescue_batches(),
    "unfinished_batches": lambda manager, _: manager.unfinished_batches(),
    "list_batches": lambda manager, _: manager.list_batches(),
    "batch_statistics": lambda manager, _: manager.batch_statistics(),
    "batch_statistics_async": lambda manager, _: asyncio.run(manager.batch_statistics_async()),
    "create_batch": lambda manager, _: manager.create_batch("p", [{"k": 1}]),
    "create_batch_async": lambda manager, _: asyncio.run(manager.create_batch_async("p", [{"k": 1}])),
    "run_pipeline_async": lambda manager, _: asyncio.run(manager.run_pipeline_async("p", _file(manager))),
}
IN_BOOKS = LOOKS | OTHERS
# They do not look into the books, or make them.
WITHOUT_BOOKS = {"check", "close", "explain", "migrate"}


async def _all(members: AsyncIterator[Any]) -> list[Any]:
    return [member async for member in members]


def _file(manager: BatchManager) -> Path:
    return manager.project.root / "p.csv"


@pytest.fixture
def unmigrated(workbench: Workbench) -> Workbench:
    """A workbench whose database lacks the bookkeeping tables."""
    workbench.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k}}")
    workbench.file("p.csv", "k\n1\n")
    return workbench


@pytest.mark.parametrize("verb", LOOKS)
def test_a_word_that_names_no_batch_is_refused_and_never_a_pattern(workbench: Workbench, verb: str) -> None:
    workbench.sql("INSERT INTO import_batches (id, batch_type, status) VALUES (gen_random_uuid(), 'p', 'completed')")
    with workbench.manager() as manager:
        for word in NO_BATCHES:
            with pytest.raises(UsageError) as refused:
                LOOKS[verb](manager, word)
            assert refused.value.code == "unknown-batch", word


@pytest.mark.parametrize("verb", LOOKS)
def test_the_last_batch_of_an_empty_database_is_refused(workbench: Workbench, verb: str) -> None:
    with workbench.manager() as manager, pytest.raises(UsageError) as refused:
        LOOKS[verb](manager, "last")
    assert refused.value.code == "unknown-batch"


@pytest.mark.parametrize("batch", [ID, "last", "6f1c"])
@pytest.mark.parametrize("verb", IN_BOOKS)
def test_a_database_without_books_says_how_to_make_them(unmigrated: Workbench, verb: str, batch: str) -> None:
    with unmigrated.manager() as manager, pytest.raises(DatabaseError) as refused:
        IN_BOOKS[verb](manager, batch)
    assert refused.value.code == "not-migrated"
    assert "ri db migrate" in str(refused.value)


def test_every_public_verb_is_asked_here() -> None:
    verbs = {name for name, _ in inspect.getmembers(BatchManager, inspect.isfunction) if not name.startswith("_")}
    assert verbs == {*IN_BOOKS, *WITHOUT_BOOKS}


@pytest.mark.parametrize("words", [["status"], ["status", "last"], ["errors", "last"], ["run", "p", "p.csv"]])
def test_the_command_line_says_so_too(unmigrated: Workbench, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.chdir(unmigrated.root)
    monkeypatch.setenv("RI_DATABASE_URL", unmigrated.dsn)
    said: Any = CommandLine(unmigrated).ri(*words)
    assert said.code == 2
    assert "not-migrated" in said.err
    assert said.out == ""
