"""What the shell may complete: pipelines, classes, batches, files. Silent about everything that is wrong."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from ri_declarative.cli import prints
from ri_declarative.errors import RiError

Answer = TypeVar("Answer")

PATIENCE_S = 2.0  # with a database, or an import: a person waits with a finger on the key
MOST_BATCHES = 50


def pipelines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the project's pipelines."""
    from ri_declarative.spec.project import find_project, pipeline_names

    try:
        names = pipeline_names(find_project())
    except (RiError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the project's pipelines, and of its processor classes if they can be imported soon."""
    found = pipelines(ctx, param, incomplete)
    with prints.to_nowhere():
        classes = _soon(_classes)
    return [*found, *(CompletionItem(name) for name in classes if name.startswith(incomplete))]


def _classes() -> list[str]:
    from ri_declarative.spec.project import find_project

    project = find_project()
    if not project.spec.processors:
        return []
    from ri_declarative.manager.classes import find_classes

    return list(find_classes(project).by_type)


def batches(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`last`, and the short ids of the newest batches of a database that answers soon; starts none."""
    from ri_declarative.cli import texts
    from ri_declarative.manager.overview import recent_batches

    named: str | None = ctx.params.get("database")
    found = _soon(lambda: recent_batches(named, limit=MOST_BATCHES))
    items = [CompletionItem(texts.short(one.batch_id), help=f"{one.batch_type}, {one.status}") for one in found]
    last = CompletionItem("last", help="the newest batch")
    return [item for item in (last, *items) if str(item.value).startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever files the shell finds."""
    return [CompletionItem(incomplete, type="file")]


def _soon(ask: Callable[[], list[Answer]]) -> list[Answer]:
    """The answer, if it comes in time and without an error; a name server or a lock may take for ever."""
    answers: list[list[Answer]] = []

    def run() -> None:
        with contextlib.suppress(Exception):  # a thread would print its traceback into the line being typed
            answers.append(ask())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return answers[0] if answers else []
