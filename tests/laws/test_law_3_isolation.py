"""Law 3: one bad record changes only its own fate, whatever refuses it and wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from law_records import FORMATS, STAGES, Sample, rendered, spoiled
from support.workbench import Workbench

RECORDS = 40
_TABLES = """
    CREATE TABLE ref (id int PRIMARY KEY);
    INSERT INTO ref VALUES (1), (2);
    CREATE TABLE t (k int PRIMARY KEY, v int CHECK (v < 900), w varchar(5), r int REFERENCES ref,
                    g int GENERATED ALWAYS AS (100 / (v - 13)) STORED);
"""
_PIPELINE = """
    schema: {properties: {k: {type: integer}, v: {type: integer, minimum: 0}, w: {type: string}, r: {type: integer}}}
    target: {table: t, key: k, columns: {k: k, v: v, w: w, r: r}}
    chunk_size: 16
"""


def _good(k: int) -> dict[str, str | None]:
    return {"k": str(k), "v": str(k + 20), "w": f"w{k}", "r": str(k % 2 + 1)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_bad_record_fails_alone_at_every_place(workbench: Workbench, stage: str) -> None:
    workbench.sql(_TABLES)
    workbench.pipeline("p", _PIPELINE)
    format = FORMATS[list(STAGES).index(stage) % 3]  # noqa: A001
    with workbench.manager() as manager:
        for place in _places(list(STAGES).index(stage)):
            file = rendered([spoiled(_good(k), stage if k == place else None) for k in range(RECORDS)], format,
                            numbers=("k", "v", "r"))  # fmt: skip
            batch = manager.run_pipeline("p", _written(workbench, file.text, format))
            in_text, in_json, field = STAGES[stage]
            code = in_json if format == "jsonl" else in_text
            found = [(i.line, p.code, p.field) for i in manager.iter_items(batch.batch_id) for p in i.problems]
            assert found == [(file.lines[place], code, field)], f"place {place}"
            assert batch.completed_items == RECORDS - 1
            rows = [(k, k + 20, f"w{k}", k % 2 + 1) for k in range(RECORDS) if k != place]
            assert workbench.sql("DELETE FROM t RETURNING k, v, w, r") == rows, f"place {place}"


def _places(turn: int) -> list[int]:
    """The ends of file and chunks for every stage; all places between, each with two or three stages."""
    return [place for place in range(RECORDS) if place in (0, 15, 16, RECORDS - 1) or (place + turn) % 3 == 0]


def _written(workbench: Workbench, text: str, format: str) -> Path:  # noqa: A002
    return workbench.file(f"data/p.{format}", text)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("bad", ["all", "one in three", "two adjacent"])
def test_any_number_of_bad_records_harms_no_other(workbench: Workbench, bad: str, format: str) -> None:  # noqa: A002
    workbench.sql(_TABLES)
    workbench.pipeline("p", _PIPELINE)
    stages = list(STAGES)
    chosen = {"all": range(RECORDS), "one in three": range(0, RECORDS, 3), "two adjacent": (15, 16)}[bad]
    samples: list[Sample] = [
        spoiled(_good(k), stages[k % len(stages)] if k in chosen else None) for k in range(RECORDS)
    ]
    batch = workbench.run("p", rendered(samples, format, numbers=("k", "v", "r")).text, ending=format)
    assert [item.index for item in workbench.items(batch) if item.status == "failed"] == list(chosen)
    assert workbench.sql("SELECT k FROM t ORDER BY k") == [(k,) for k in range(RECORDS) if k not in chosen]
