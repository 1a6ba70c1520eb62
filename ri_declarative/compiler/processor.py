"""The processor that a pipeline is compiled to: parse → validate → map, then one upsert per chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ri_declarative.blocks import OutcomeBlock, indexes_of, lines_of, with_refused
from ri_declarative.database.chunk import ChunkWriter
from ri_declarative.database.direct import Direct, is_direct
from ri_declarative.database.driver import driver_cursor
from ri_declarative.database.duplicates import Duplicates, Lineage
from ri_declarative.database.plan import UpsertPlan
from ri_declarative.database.row_cells import RowCells
from ri_declarative.database.sieve import Sieve
from ri_declarative.database.staged import StagedRows
from ri_declarative.database.unchanged import Unchanged, can_be_compared
from ri_declarative.database.upsert import RunFacts, Upsert
from ri_declarative.processors.attempts import Attempts
from ri_declarative.processors.calls import Calls
from ri_declarative.processors.context import Batch, ImportContext
from ri_declarative.processors.failures import Failures
from ri_declarative.processors.hooks import Hooks
from ri_declarative.processors.per_item import ItemChunk, write_items
from ri_declarative.processors.record_hooks import RecordHooks
from ri_declarative.processors.retry import Retry
from ri_declarative.records import ItemStatus, Outcome, Problem, Record
from ri_declarative.stages.map import Mapper
from ri_declarative.stages.parse import Chunk, Parser
from ri_declarative.stages.refusal import quoted
from ri_declarative.stages.validate import Validator

# Problems of the database that name a field: the message begins with the value.
_WITH_VALUE = frozenset(("lookup.missing", "db.foreign_key", "db.check"))
# With one of these a record is not known before the hooks have run.
_RECORD_HOOKS = ("transform_item", "transform_chunk", "validate_item", "process_item")


class Rows(NamedTuple):
    """A chunk ready to be written."""

    records: Sequence[Record]
    data: Sequence[dict[str, Any] | None]  # by position; None: refused
    problems: Mapping[int, tuple[Problem, ...]]  # by position
    staged: StagedRows
    positions: list[int]  # of the staged rows
    promised: OutcomeBlock | None = None  # what becomes of the staged rows, if the database refuses none
    expected: OutcomeBlock | None = None  # of all records then

    def first(self, count: int) -> Rows:
        """Its first records only."""
        kept = sum(position < count for position in self.positions)
        problems = {position: found for position, found in self.problems.items() if position < count}
        return Rows(self.records[:count], self.data[:count], problems, self.staged.first(kept), self.positions[:kept])


class Prepared(NamedTuple):
    """A chunk as far as it gets without hooks and database."""

    records: Sequence[Record]
    parsed: Chunk
    rows: Rows | None  # None: hooks come first
    attempts: Attempts

    def first(self, count: int) -> Prepared:
        """Its first records only."""
        problems = {position: found for position, found in self.parsed.problems.items() if position < count}
        rows = None if self.rows is None else self.rows.first(count)
        return Prepared(self.records[:count], Chunk(self.parsed.data[:count], problems), rows, self.attempts)


class CompiledProcessor:
    """Satisfies `Processor`; made for one source and one run."""

    def __init__(
        self,
        batch_type: str,
        *,
        chunk_size: int,
        retry: Retry,
        hooks: Hooks,
        parser: Parser,
        validator: Validator,
        mapper: Mapper,
        plan: UpsertPlan,
    ) -> None:
        self.batch_type = batch_type
        self.chunk_size = chunk_size
        self.retry = retry
        self.hooks = hooks
        self.target: str | None = plan.relation.label
        self.plan = plan
        self._parser = parser
        self._validator = validator
        self._mapper = mapper
        self._writer: ChunkWriter | None = None
        self._sees_records = any(name in hooks for name in _RECORD_HOOKS)

    def check_header(self, header: Sequence[str], required: Sequence[str]) -> list[str]:
        """What is wrong with a text source's header, one message each; empty when it is fine."""
        return self._parser.check_header(header, required)

    def prepare(self, chunk: Sequence[Record]) -> Prepared:
        """Everything that needs neither a hook nor the database."""
        parsed = self._parser(chunk)
        rows = None if self._sees_records else self._encoded(self._mapped(chunk, self._validator(parsed)))
        return Prepared(chunk, parsed, rows, Attempts())

    def expected(self, prepared: Prepared) -> OutcomeBlock | None:
        """The outcomes that `process` gives if the database refuses nothing; None: nobody knows."""
        return None if prepared.rows is None else prepared.rows.expected

    def process(self, prepared: Prepared, context: ImportContext) -> Sequence[Outcome]:
        """Call the hooks, write the rows; one outcome per record, in order, or up to one that ends the batch."""
        calls = Calls(self.hooks, context)
        failures = Failures(calls, context)
        if failures.may_stop:
            return self._to_a_stop(prepared, calls, context, failures)
        return self._through(prepared, calls, context)

    def _through(self, prepared: Prepared, calls: Calls, context: ImportContext) -> Sequence[Outcome]:
        """All records, through their hooks, where they have some, into the table."""
        rows = prepared.rows
        if rows is None:
            valid = self._hooked(prepared, RecordHooks(calls, context), prepared.attempts)
            if "process_item" in self.hooks:
                chunk = ItemChunk(prepared.records, valid.data, valid.problems, prepared.attempts, prepared.parsed.data)
                return write_items(chunk, calls, context)
            rows = self._mapped(prepared.records, valid)
        return self._write(rows, context, prepared.attempts)

    def _to_a_stop(
        self, prepared: Prepared, calls: Calls, context: ImportContext, failures: Failures
    ) -> Sequence[Outcome]:
        """Where a failed item ends the batch: only what comes before it, and the item itself."""
        cursor = driver_cursor(context.transaction.between_calls())
        cursor.execute("SAVEPOINT ri_chunk")
        mark = context.journal.mark()
        outcomes = self._through(prepared, calls, context)
        count = self._first_stop(prepared, outcomes, failures)
        context.transaction.between_calls()
        if count is None:
            return outcomes
        if self._went_too_far(prepared, count):
            cursor.execute("ROLLBACK TO SAVEPOINT ri_chunk")
            context.journal.forget_attempt(mark)
            prepared = prepared.first(count)
            # A new attempt for the calls that used the database: what they wrote is gone with the savepoint.
            outcomes = self._through(prepared, calls, context)
            self._first_stop(prepared, outcomes, failures)
            context.transaction.between_calls()
        return [*outcomes[:-1], outcomes[-1]._replace(stop=True)]

    def _first_stop(self, prepared: Prepared, outcomes: Sequence[Outcome], failures: Failures) -> int | None:
        """How many records the batch has had when a failed one ends it; None: it goes on."""
        if "process_item" in self.hooks:  # its items were asked about one by one
            return len(outcomes) if outcomes[-1].stop else None
        return failures.first_stop(prepared.records, prepared.parsed.data, outcomes, prepared.attempts)

    def _went_too_far(self, prepared: Prepared, count: int) -> bool:
        """Whether something was written for records behind the one that ends the batch."""
        behind = prepared.records[count:]
        if "process_item" in self.hooks:
            return any(record.index in prepared.attempts.wrote for record in behind)
        return bool(behind)

    def _hooked(self, prepared: Prepared, hooks: RecordHooks, attempts: Attempts) -> Chunk:
        """What is valid after transform_item, the schema, and validate_item where no process_item follows it."""
        attempts.refused.clear()
        attempts.wrote.clear()
        valid = self._validator(hooks.transform(prepared.records, prepared.parsed, attempts))
        return valid if "process_item" in self.hooks else hooks.validate(prepared.records, valid, attempts)

    def _mapped(self, records: Sequence[Record], valid: Chunk) -> Rows:
        columns, positions, judged = self._mapper(valid)
        numbers, lines = list(indexes_of(records)), list(lines_of(records))
        if len(positions) < len(records):
            numbers, lines = [numbers[position] for position in positions], [lines[position] for position in positions]
        return Rows(records, judged.data, judged.problems, StagedRows(numbers, lines, columns), positions)

    def _encoded(self, rows: Rows) -> Rows:
        """With what will be sent, as far as it can be told beforehand; no hook has a say in what becomes of them."""
        promised = self._writer.encode(rows.staged) if self._writer is not None else None
        if promised is None:
            return rows
        expected = with_refused(indexes_of(rows.records), promised, rows.positions, rows.problems)
        return rows._replace(promised=promised, expected=expected)

    def _write(self, rows: Rows, context: ImportContext, attempts: Attempts) -> Sequence[Outcome]:
        """One outcome per record, in order."""
        if self._writer is None:
            self._writer = self._make_writer(context.batch)
        cursor = driver_cursor(context.transaction.between_calls())
        written = self._writer.write(cursor, rows.staged, isolate=context.transaction.isolate)
        if rows.expected is not None and written is rows.promised:
            return rows.expected
        if isinstance(written, OutcomeBlock) and len(written) == len(rows.records):
            return _with_values(written, rows.data)
        outcomes: list[Outcome | None] = [None] * len(rows.records)
        for position, outcome in zip(rows.positions, written, strict=True):
            told = _with_value(outcome.problems, rows.data[position]) if outcome.problems else ()
            outcomes[position] = outcome._replace(problems=told) if told else outcome
        for position, problems in rows.problems.items():
            index = rows.records[position].index
            skipped = index in attempts.refused and attempts.refused[index].skipped
            outcomes[position] = Outcome(index, ItemStatus.SKIPPED if skipped else ItemStatus.FAILED, problems=problems)
        return [outcome for outcome in outcomes if outcome is not None]

    def _make_writer(self, batch: Batch) -> ChunkWriter:
        facts = RunFacts(batch.id, batch.started_at, batch.source_name)
        upsert = Upsert(self.plan, facts)
        lineage = Lineage(batch.books, batch.lineage, reprocessing=batch.parent_batch_id is not None)
        direct, sieve, unchanged = None, None, None
        if is_direct(self.plan):
            cells = RowCells(self.plan, facts)
            direct, asking = Direct(self.plan, cells), Sieve(self.plan, cells)
            sieve = asking if asking.is_useful else None
            # A record that is taken again may have been overtaken by a later one, which then has the key's row.
            if not lineage.reprocessing and can_be_compared(self.plan):
                unchanged = Unchanged(self.plan, cells)
        return ChunkWriter(upsert, Duplicates(upsert, lineage), direct, sieve, unchanged)


def _with_values(written: OutcomeBlock, data: Sequence[Mapping[str, Any] | None]) -> OutcomeBlock:
    problems = list(written.columns.problems)
    if not any(problems):
        return written
    for position, why in enumerate(problems):
        if why:
            problems[position] = _with_value(why, data[position])
    return OutcomeBlock(written.columns._replace(problems=problems))


def _with_value(why: tuple[Problem, ...], data: Mapping[str, Any] | None) -> tuple[Problem, ...]:
    """What the database says of a record, with the value that it speaks of."""
    [problem] = why
    if problem.field is None or problem.code not in _WITH_VALUE or problem.field not in (data or {}):
        return why
    assert data is not None
    return (problem._replace(message=f"{quoted(data[problem.field])} {problem.message}"),)
