"""What the shell may complete: pipelines, batches, files. Silent about everything that is wrong."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from ri_declarative.errors import RiError

PATIENCE_S = 2.0  # a person waits with a finger on the key
MOST_BATCHES = 50


def pipelines(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of the project's pipelines."""
    from ri_declarative.spec.project import find_project, pipeline_names

    try:
        names = pipeline_names(find_project())
    except (RiError, OSError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def batches(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`last`, and the short ids of the newest batches of a database that answers soon; starts none."""
    last = [CompletionItem("last", help="the newest batch")] if "last".startswith(incomplete) else []
    named: str | None = ctx.params.get("database")
    return last + [item for item in _soon(lambda: _recent(named)) if str(item.value).startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever files the shell finds."""
    return [CompletionItem(incomplete, type="file")]


def _recent(database: str | None) -> list[CompletionItem]:
    from ri_declarative.cli import texts
    from ri_declarative.manager.overview import recent_batches

    found = recent_batches(database, limit=MOST_BATCHES)
    return [CompletionItem(texts.short(batch.batch_id), help=f"{batch.batch_type}, {batch.status}") for batch in found]


def _soon(ask: Callable[[], list[CompletionItem]]) -> list[CompletionItem]:
    """The answer, if it comes in time and without an error; a name server or a lock may take for ever."""
    answers: list[list[CompletionItem]] = []

    def run() -> None:
        with contextlib.suppress(RiError, OSError):
            answers.append(ask())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return answers[0] if answers else []
