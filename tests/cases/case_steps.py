"""What a case's folder says, step by step, against a real database.

    case.yaml       bug: one sentence.  chunk_sizes: those to run it with.  steps: a list of
                        run: FILE               import it; with `error: CODE`, when that must be refused
                        repair: FILE            a CSV of `line` and the corrected cells; an empty cell is one, too.
                                                The failed records named go through the pipeline again
                        reprocess:              the failed records of the last run go through it again as they are
                        dismiss:                they need no attention any more
                        pipeline: {…}           from here on, pipeline.yaml with these words over its own
                        sql: …                  anything done to the database meanwhile
                        expect:                 after the newest batch
                            items: {line: end}      "inserted", "skipped: target.exists", "failed: field.scale amount"
                            tables: {name: rows}    every row, ordered by its columns; cells as PostgreSQL prints them
                            batch: end              "completed", "failed: max_failed"
                            report: [lines]         what failed_imports_report still lists
    setup.sql       the tables
    pipeline.yaml   the pipeline, called p

Every `run` is a batch of its own; `repair`, `reprocess` and `dismiss` are about the newest of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2.sql import SQL, Identifier
from support.workbench import Workbench

from ri_declarative.errors import RiError
from ri_declarative.manager import BatchManager
from ri_declarative.records import BatchSummary, Item


@dataclass
class Steps:
    """A case being played; every public method but `play` is a step."""

    folder: Path
    bench: Workbench
    manager: BatchManager
    chunk_size: int
    words: dict[str, Any] = field(default_factory=dict)
    of_run: str = ""  # the batch that the last `run` made
    newest: str = ""

    def play(self, steps: Iterable[Mapping[str, Any]]) -> None:
        """All steps in order."""
        self.bench.sql((self.folder / "setup.sql").read_text(encoding="utf-8"))
        self.words = yaml.safe_load((self.folder / "pipeline.yaml").read_text(encoding="utf-8"))
        self.pipeline({"chunk_size": self.chunk_size})
        for step in steps:
            (verb, argument), *more = step.items()
            getattr(self, verb)(*([] if argument is None else [argument]), **dict(more))

    def run(self, file: str, *, error: str | None = None) -> None:
        path = self.bench.file(f"data/{file}", (self.folder / file).read_bytes())
        if error is None:
            self.newest = self.of_run = self.manager.run_pipeline("p", path).batch_id
            return
        with pytest.raises(RiError) as refused:
            self.manager.run_pipeline("p", path)
        assert refused.value.code == error

    def repair(self, file: str) -> None:
        corrections = csv.DictReader(io.StringIO((self.folder / file).read_text(encoding="utf-8")))
        by_line = {int(cells.pop("line")): cells for cells in corrections}
        self._again(corrections=self.bench.file("fix.csv", self._repaired(by_line)))

    def reprocess(self) -> None:
        self._again()

    def dismiss(self) -> None:
        self.manager.dismiss(self.of_run)

    def pipeline(self, words: Mapping[str, Any]) -> None:
        self.words = _over(self.words, words)
        self.bench.pipeline("p", yaml.safe_dump(self.words, sort_keys=False))

    def sql(self, statements: str) -> None:
        self.bench.sql(statements)

    def expect(self, expected: Mapping[str, Any]) -> None:
        for what, value in expected.items():
            found = {name: self._table(name) for name in value} if what == "tables" else getattr(self, f"_{what}")()
            wanted = {name: _texts(rows) for name, rows in value.items()} if what == "tables" else value
            assert found == wanted, f"{what}: expected {wanted}, found {found}"

    # ── what became of it ────────────────────────────────────────────────────────────────────

    def _items(self) -> dict[int | None, str]:
        return {item.line: _end(item) for item in self.manager.iter_items(self.newest)}

    def _batch(self) -> str:
        batch: BatchSummary = self.manager.get_batch_summary(self.newest)
        return ": ".join(word for word in (batch.status, batch.stop_reason) if word)

    def _report(self) -> list[int | str]:
        rows = self.bench.sql("SELECT kind, source_line FROM failed_imports_report ORDER BY source_line")
        return [kind if line is None else line for kind, line in rows]

    def _table(self, name: str) -> list[list[str | None]]:
        names = self.bench.sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = CAST(%s AS regclass) AND attnum > 0 ORDER BY attnum",
            [name],
        )
        columns = [Identifier("t", column) for (column,) in names]
        rows = self.bench.sql(
            SQL("SELECT {} FROM {} AS t ORDER BY {}").format(
                SQL(", ").join(SQL("CAST({} AS text)").format(column) for column in columns),
                Identifier(name),
                SQL(", ").join(columns),
            )
        )
        return [list(row) for row in rows]

    # ── again ────────────────────────────────────────────────────────────────────────────────

    def _again(self, **how: Any) -> None:
        new_id = self.manager.reprocess_batch(self.of_run, **how)
        assert new_id is not None, "there was nothing to reprocess"
        self.newest = new_id

    def _repaired(self, by_line: Mapping[int, Mapping[str, str]]) -> str:
        """The exported file, of these lines only, with these cells; new columns come last."""
        lines = {item.item_id: item.line or 0 for item in self.manager.iter_items(self.newest)}
        stream = io.StringIO(newline="")
        self.manager.export_failed(self.newest, stream)
        rows = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
        repaired = [{**row, **by_line[line]} for row in rows if (line := lines[row["_ri_item"]]) in by_line]
        assert len(repaired) == len(by_line), f"only {len(repaired)} of these lines can be repaired"
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(repaired[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(repaired)
        return out.getvalue()


def _over(words: Any, more: Any) -> Any:
    """`words` with `more` laid over them, mapping by mapping."""
    if not isinstance(words, dict) or not isinstance(more, dict):
        return more
    return {**words, **{key: _over(words.get(key), value) for key, value in more.items()}}


def _texts(rows: Iterable[Iterable[Any]]) -> list[list[str | None]]:
    return [[None if cell is None else str(cell) for cell in row] for row in rows]


def _end(item: Item) -> str:
    if item.action is not None:
        return item.action.value
    problems = ", ".join(f"{p.code} {p.field}" if p.field else p.code for p in item.problems)
    return f"{item.status.value}: {problems}"
