"""Pipelines against one live database, before any run: findings, explanations, readiness. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine

from ri_declarative.compiler.check import check_target
from ri_declarative.compiler.explain import Explanation, explain_target
from ri_declarative.database.readiness import before_any_run, check_readiness
from ri_declarative.database.store import Store
from ri_declarative.errors import DatabaseError, Diagnostic
from ri_declarative.spec.pipeline import Pipeline


class Targets:
    """What one database says about pipelines. `books`: the schema of the bookkeeping tables."""

    def __init__(self, engine: Engine, books: str) -> None:
        self._engine = engine
        self._books = books

    def not_ready(self) -> DatabaseError | None:
        """Why no run could begin at all; None: one could."""
        with before_any_run(), Store(self._engine, self._books) as store:
            try:
                with store.transaction() as connection:
                    check_readiness(connection, self._books)
            except DatabaseError as error:
                return error
        return None

    def check(self, pipelines: Iterable[Pipeline]) -> dict[str, list[Diagnostic]]:
        """Pipeline's name → errors and warnings about its target."""
        found = {}
        with before_any_run(), Store(self._engine, self._books) as store:
            for pipeline in pipelines:
                with store.transaction() as connection:
                    found[pipeline.name] = check_target(connection, pipeline)
        return found

    def explain(self, pipeline: Pipeline) -> Explanation:
        """How the pipeline would be run here. ConfigError when it could not be."""
        with before_any_run(), Store(self._engine, self._books) as store, store.transaction() as connection:
            return explain_target(connection, pipeline)
