"""The processor that a pipeline is compiled to: parse → validate → map, then one upsert per chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ri_declarative.database.chunk import ChunkWriter, StagedRow, Written
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.duplicates import Duplicates, Lineage
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.upsert import RunFacts, Upsert
from ri_declarative.processors.context import Batch, ImportContext
from ri_declarative.records import ItemStatus, Outcome, Problem, Record
from ri_declarative.stages.map import Mapper
from ri_declarative.stages.parse import Parser
from ri_declarative.stages.refusal import quoted
from ri_declarative.stages.validate import Validator

# Problems of the database that name a field: the message begins with the value.
_WITH_VALUE = frozenset(("lookup.missing", "db.foreign_key", "db.check"))
_ISOLATE_FROM_ATTEMPT = 3


class Prepared(NamedTuple):
    """A chunk ready to be written."""

    records: Sequence[Record]
    data: list[dict[str, Any] | None]  # by position; None: refused
    problems: Mapping[int, tuple[Problem, ...]]  # by position
    rows: list[StagedRow]
    positions: list[int]  # of `rows`


class CompiledProcessor:
    """Satisfies `Processor`; made for one source and one run."""

    def __init__(
        self,
        batch_type: str,
        *,
        chunk_size: int,
        parser: Parser,
        validator: Validator,
        mapper: Mapper,
        plan: UpsertPlan,
    ) -> None:
        self.batch_type = batch_type
        self.chunk_size = chunk_size
        self.target: str | None = plan.relation.label
        self._parser = parser
        self.plan = plan
        self._validator = validator
        self._mapper = mapper
        self._writer: ChunkWriter | None = None

    def check_header(self, header: Sequence[str], required: Sequence[str]) -> list[str]:
        """What is wrong with a text source's header, one message each; empty when it is fine."""
        return self._parser.check_header(header, required)

    def prepare(self, chunk: Sequence[Record], context: ImportContext) -> Prepared:
        """Everything that needs no database."""
        parsed = self._validator(self._parser(chunk))
        mapped, judged = self._mapper(parsed)
        rows, positions = [], []
        for position, (record, values) in enumerate(zip(chunk, mapped, strict=True)):
            if values is not None:
                rows.append(StagedRow(record.index, record.line, values))
                positions.append(position)
        return Prepared(chunk, judged.data, judged.problems, rows, positions)

    def process(self, prepared: Prepared, context: ImportContext) -> list[Outcome]:
        """Write the rows; one outcome per record, in order."""
        if self._writer is None:
            self._writer = self._make_writer(context.batch)
        cursor = driver_cursor(context.connection)
        isolate = context.attempt >= _ISOLATE_FROM_ATTEMPT
        written = self._writer.write(cursor, prepared.rows, isolate=isolate)
        outcomes: list[Outcome | None] = [None] * len(prepared.records)
        for position, result in zip(prepared.positions, written, strict=True):
            outcomes[position] = _outcome(result, prepared.data[position])
        for position, problems in prepared.problems.items():
            outcomes[position] = Outcome(prepared.records[position].index, ItemStatus.FAILED, problems=problems)
        return [outcome for outcome in outcomes if outcome is not None]

    def _make_writer(self, batch: Batch) -> ChunkWriter:
        upsert = Upsert(self.plan, RunFacts(batch.id, batch.started_at, batch.source_name))
        lineage = Lineage(batch.books, batch.lineage, reprocessing=batch.parent_batch_id is not None)
        return ChunkWriter(upsert, Duplicates(upsert, lineage))


def _outcome(written: Written, data: Mapping[str, Any] | None) -> Outcome:
    if written.problem is None:
        return Outcome(
            written.n, ItemStatus.COMPLETED, written.action, target_id=written.target_id, key_hash=written.key_hash
        )
    status = ItemStatus.SKIPPED if written.skipped else ItemStatus.FAILED
    problem = _with_value(written.problem, data or {})
    return Outcome(written.n, status, None, (problem,), target_id=written.target_id, key_hash=written.key_hash)


def _with_value(problem: Problem, data: Mapping[str, Any]) -> Problem:
    if problem.field is None or problem.code not in _WITH_VALUE or problem.field not in data:
        return problem
    return problem._replace(message=f"{quoted(data[problem.field])} {problem.message}")
