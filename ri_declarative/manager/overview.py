"""A project at a glance: its pipelines, the broken ones too, and the batches that a database knows already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

from ri_declarative.database import embedded
from ri_declarative.database.books import Books
from ri_declarative.database.connect import DatabaseChoice, choose_database, open_engine
from ri_declarative.errors import ConfigError, Diagnostic, UsageError
from ri_declarative.records import BatchSummary
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import Project, find_project, pipeline_names


class PipelineOverview(NamedTuple):
    """One pipeline; when it has diagnostics, nothing else of it is known."""

    name: str
    description: str | None
    source_format: str | None  # None: told from each file's ending
    target: str | None
    diagnostics: tuple[Diagnostic, ...]


class LastBatches(NamedTuple):
    """The newest batch of each pipeline that has one."""

    database: str  # for people
    batches: Mapping[str, BatchSummary]


def list_pipelines(project: Project) -> list[PipelineOverview]:
    """All pipelines by name."""
    return [_overview(project, name) for name in pipeline_names(project)]


def last_batches(database: str | None, project: Project) -> LastBatches:
    """Without problems. An embedded database that was never made has none, and is not made for that.

    Raises ConfigError or DatabaseError when the database cannot be asked.
    """
    choice = _choose(database, project.root, project)
    if choice.embedded and embedded.status(project.root).version is None:
        return LastBatches(choice.label, {})
    engine = open_engine(choice, project.root)
    try:
        found = Books(engine, project.spec.bookkeeping_schema).last_batches()
    finally:
        engine.dispose()
    return LastBatches(choice.label, {batch.batch_type: batch for batch in found})


def recent_batches(database: str | None = None, *, limit: int, folder: Path | None = None) -> list[BatchSummary]:
    """The newest batches of a database that runs already; an embedded one is not started, and then there are none.

    Raises RiError when the database cannot be asked.
    """
    try:
        project = find_project(folder)
    except UsageError:
        project = None
    root = project.root if project else folder or Path.cwd()
    choice = _choose(database, root, project)
    if choice.embedded:
        url = embedded.status(root).url
        if url is None:
            return []
        choice = replace(choice, url=make_url(url), embedded=False)
    engine = open_engine(choice, root)
    try:
        return Books(engine, project.spec.bookkeeping_schema if project else "public").batches(limit=limit)
    finally:
        engine.dispose()


def _choose(database: str | None, root: Path, project: Project | None) -> DatabaseChoice:
    configured = project.database() if project and not database else None
    return choose_database(database, root=root, configured=configured)


def _overview(project: Project, name: str) -> PipelineOverview:
    try:
        pipeline = load_pipeline(project, name)
    except ConfigError as error:
        return PipelineOverview(name, None, None, None, error.diagnostics)
    spec = pipeline.spec
    return PipelineOverview(name, spec.description, spec.source.format, spec.target.table, ())
