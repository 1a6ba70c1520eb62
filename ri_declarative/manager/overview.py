"""A project at a glance: its pipelines, the broken ones too, its classes, and the batches that a database knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import make_url

from ri_declarative.database import embedded
from ri_declarative.database.books import Books
from ri_declarative.errors import ConfigError, Diagnostic
from ri_declarative.manager.classes import Classes, place_of
from ri_declarative.manager.place import find_place
from ri_declarative.records import BatchSummary
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import Project, pipeline_names


class PipelineOverview(NamedTuple):
    """One pipeline, of which nothing else is known when it has diagnostics, or one processor class."""

    name: str
    description: str | None
    source_format: str | None  # None: told from each file's ending
    target: str | None
    diagnostics: tuple[Diagnostic, ...] = ()
    processor: str | None = None  # the class, as it is imported; a class has neither format nor target


class LastBatches(NamedTuple):
    """The newest batch of each pipeline that has one."""

    database: str  # for people
    batches: Mapping[str, BatchSummary]


def list_pipelines(project: Project) -> list[PipelineOverview]:
    """All pipelines by name."""
    return [_overview(project, name) for name in pipeline_names(project)]


def list_classes(classes: Classes) -> list[PipelineOverview]:
    """All classes by batch type."""
    return [
        PipelineOverview(name, _first_line(cls.__doc__), None, None, processor=place_of(cls))
        for name, cls in classes.by_type.items()
    ]


def last_batches(database: str | None = None, folder: Path | None = None) -> LastBatches:
    """Without problems. An embedded database that was never made has none, and is not made for that.

    Raises ConfigError or DatabaseError when the database cannot be asked.
    """
    place = find_place(database, folder)
    if place.was_never_made:
        return LastBatches(place.choice.label, {})
    with place.opened() as engine:
        found = Books(engine, place.books_schema).last_batches()
    return LastBatches(place.choice.label, {batch.batch_type: batch for batch in found})


def recent_batches(database: str | None = None, *, limit: int, folder: Path | None = None) -> list[BatchSummary]:
    """The newest batches of a database that runs already; an embedded one is not started, and then there are none.

    Raises RiError when the database cannot be asked.
    """
    place = find_place(database, folder)
    if place.choice.embedded:
        url = embedded.status(place.root).url
        if url is None:
            return []
        place = place._replace(choice=replace(place.choice, url=make_url(url), embedded=False))
    with place.opened() as engine:
        return Books(engine, place.books_schema).batches(limit=limit)


def _overview(project: Project, name: str) -> PipelineOverview:
    try:
        pipeline = load_pipeline(project, name)
    except ConfigError as error:
        return PipelineOverview(name, None, None, None, error.diagnostics)
    spec = pipeline.spec
    return PipelineOverview(name, spec.description, spec.source.format, spec.target.table)


def _first_line(docstring: str | None) -> str | None:
    return next(iter((docstring or "").strip().splitlines()), None)
