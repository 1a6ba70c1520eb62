"""A project in a temporary folder and a database of its own: what most tests of behaviour need."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.sql import Composable

from ri_declarative.manager import BatchManager
from ri_declarative.records import BatchSummary, Item


@dataclass
class Workbench:
    """Write pipelines and files, run them for real, look at what the database holds."""

    root: Path
    dsn: str

    def pipeline(self, name: str, text: str) -> None:
        """Write pipelines/NAME.yaml; common indentation is removed."""
        self.file(f"pipelines/{name}.yaml", textwrap.dedent(text))

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project, bytes or UTF-8 text as they are."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def sql(self, statement: str | Composable, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run SQL in a transaction of its own; the rows, if there are any."""
        connection = psycopg2.connect(self.dsn)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def manager(self) -> BatchManager:
        """A manager on this project and database; close it, or use `with`."""
        return BatchManager(self.dsn, project=self.root)

    def run(self, name: str, content: str | bytes, *, ending: str = "csv") -> BatchSummary:
        """Import a file with this content through a pipeline."""
        path = self.file(f"data/{name}.{ending}", content)
        with self.manager() as manager:
            return manager.run_pipeline(name, path)

    def items(self, batch: BatchSummary) -> list[Item]:
        """The batch's items in file order."""
        with self.manager() as manager:
            return list(manager.iter_items(batch.batch_id))

    def failures(self, batch: BatchSummary) -> list[tuple[int | None, str, str | None]]:
        """(line, code, field) of every problem of every item that did not complete, in file order."""
        return [(item.line, p.code, p.field) for item in self.items(batch) for p in item.problems]


def csv_text(header: str, rows: Iterable[str]) -> str:
    """A CSV of these lines."""
    return "\n".join([header, *rows]) + "\n"
