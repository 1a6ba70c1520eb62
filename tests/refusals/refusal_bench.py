"""A cause's table in a database of its own, and files of good and bad rows for it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Set
from pathlib import Path

from support.postgres import Server
from support.workbench import Workbench, csv_text

from refusals.refusal_causes import Cause
from refusals.refusal_roles import connected_as, ordinary_role
from ri_declarative.records import BatchSummary


@dataclasses.dataclass(frozen=True)
class Bench:
    """Imports through `runner`, looks through `owner`; they differ where the cause wants an ordinary role."""

    cause: Cause
    owner: Workbench
    runner: Workbench

    def text(self, *, bad: Set[int], rows: int, note: str = "new") -> str:
        """A file of the keys 1 to `rows`, those in `bad` with bad cells."""
        cells = [self.cause.bad(k) if k in bad else self.cause.good(k) for k in range(1, rows + 1)]
        return csv_text(f"k,{self.cause.header},note", [f"{k},{c},{note}" for k, c in enumerate(cells, start=1)])

    def run(self, text: str) -> BatchSummary:
        """The batch of an import of this file."""
        return self.runner.run("p", text)

    def stored(self, *, note: str = "new") -> list[int]:
        """The keys in the table that have this note."""
        rows = self.owner.sql(f"SELECT k FROM {self.cause.table} WHERE k > 0 AND note = %s ORDER BY k", [note])
        return [k for (k,) in rows]

    def empty(self) -> None:
        """Nothing; only the rows that belong to the cause are left."""
        self.owner.sql(f"DELETE FROM {self.cause.table} WHERE k > 0")


@contextlib.contextmanager
def open_bench(cause: Cause, server: Server, root: Path, *, chunk_size: int) -> Iterator[Bench]:
    """Within: the cause's table, and a pipeline p that writes chunks of this size."""
    with contextlib.ExitStack() as stack:
        owner = Workbench(root, stack.enter_context(server.fresh_database()))
        owner.pipeline("p", cause.pipeline(chunk_size=chunk_size))
        owner.sql(cause.ddl)
        runner = owner
        if cause.by_role:
            role = stack.enter_context(ordinary_role(owner))
            owner.sql(f"GRANT SELECT, INSERT, UPDATE ON {cause.table} TO {role}")
            runner = connected_as(owner, role)
        yield Bench(cause, owner, runner)
