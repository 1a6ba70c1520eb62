"""Runs whose chunks say beforehand what becomes of them: what each attempt promised, and faults in between."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ri_declarative.blocks import OutcomeBlock
from ri_declarative.compiler.processor import CompiledProcessor
from ri_declarative.database.items import KeptRecords
from ri_declarative.processors.retry import Retry


class Attempt(NamedTuple):
    """One attempt at a chunk."""

    first: int  # index of its first record
    promised: OutcomeBlock | None
    is_kept: bool  # the processor gave that very block
    target_ids: tuple[str | None, ...]


class Attempts(list[Attempt]):
    """In their order. What is promised of a run's second chunk hangs on whether the first one's writer was faster."""

    def of(self, first: int) -> list[Attempt]:
        """The attempts at the chunk that begins with this record; not with the second chunk's."""
        return [attempt for attempt in self if attempt.first == first]

    def ends(self, first: int) -> list[str]:
        """In words: kept, broken or none."""
        return ["none" if a.promised is None else "kept" if a.is_kept else "broken" for a in self.of(first)]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    """Of all chunks, without pauses; a chunk that keeps its promise stores the rows that were made with it."""
    found = Attempts()
    process, rows_with = CompiledProcessor.process, KeptRecords.rows_with

    def watched(processor: CompiledProcessor, prepared: Any, context: Any) -> Any:
        promised = processor.expected(prepared)
        first = prepared.records[0].index
        try:
            outcomes = process(processor, prepared, context)
        except BaseException:
            found.append(Attempt(first, promised, False, ()))
            raise
        ids = tuple(outcome.target_id for outcome in outcomes)
        found.append(Attempt(first, promised, promised is not None and outcomes is promised, ids))
        return outcomes

    def stored(kept: KeptRecords, ends: Any, target: str | None) -> Any:
        rows = rows_with(kept, ends, target)
        last = found[-1] if found else None
        if last is not None and last.promised is not None and last.is_kept and ends is last.promised.columns:
            assert rows is kept.rows
        return rows

    monkeypatch.setattr(CompiledProcessor, "process", watched)
    monkeypatch.setattr(KeptRecords, "rows_with", stored)
    monkeypatch.setattr(Retry, "pause_s", lambda retry, attempt: 0.001)
    return found


# ── faults that pass ─────────────────────────────────────────────────────────────────────────────

TIRED = (
    "CREATE SEQUENCE tries; CREATE FUNCTION tire() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
    "IF nextval('shop.tries') <= {times} THEN {fault}; END IF; END $$; "
    "CREATE FUNCTION tired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM shop.tire(); RETURN NEW; END $$; "
    "CREATE FUNCTION awake(n int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
    "IF n = {key} THEN PERFORM shop.tire(); END IF; RETURN true; END $$; "
)
PLACES = {
    "in the table": "ALTER TABLE t ADD CHECK (shop.awake(k))",
    "in the items": "CREATE TRIGGER tired BEFORE INSERT ON public.import_batch_items FOR EACH ROW "
    "WHEN (NEW.item_index = {key} - 1) EXECUTE FUNCTION tired()",
    "at the fence": "CREATE TRIGGER tired BEFORE UPDATE ON public.import_batches FOR EACH ROW "
    "WHEN (OLD.next_index < {key} AND NEW.next_index >= {key}) EXECUTE FUNCTION tired()",
}
RAISE = "RAISE USING ERRCODE = '{}'"
LOSE = "PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(5)"


def tiring(place: str, key: int, *, times: int = 1, fault: str = RAISE.format("40001")) -> str:
    """DDL by which the chunk with this key meets so many faults; a sequence survives rollbacks."""
    return f"; {TIRED}{PLACES[place]}".format(times=times, key=key, fault=fault)
