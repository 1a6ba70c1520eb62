"""Law 10: no password and no cell value in logs and error texts, beyond what the item itself stores."""

from __future__ import annotations

import logging
import traceback

import pytest
from support.workbench import Workbench

from ri_declarative.errors import RiError
from ri_declarative.manager import BatchManager
from ri_declarative.records import Progress

PASSWORD = "S3cret-Passw0rd"
CANARY = "C4nary-1n-4-c3ll"
_PIPELINE = """
    schema: {properties: {k: {type: integer}, w: {type: string, maxLength: 30}, v: {type: integer}}}
    target: {table: t, key: k, columns: {k: k, w: w, v: v}}
    chunk_size: 4
"""
# One of each stage: parse, schema, map, predicted, walked, source, and good ones.
_ROWS = [
    f"{CANARY},a,1",
    f"2,{CANARY}{CANARY},1",
    f"99999999999,{CANARY},1",
    f"4,{CANARY},950",
    f"5,{CANARY},13",
    f"6,{CANARY},1,{CANARY}",
    f"7,{CANARY},1",
    f"8,{CANARY},2",
    f"9,{CANARY},3",
]


def _bench(workbench: Workbench) -> Workbench:
    workbench.sql(
        "CREATE TABLE t (k int PRIMARY KEY, w text, v int CHECK (v < 900),"
        " g int GENERATED ALWAYS AS (100 / (v - 13)) STORED)"
    )
    workbench.pipeline("p", _PIPELINE)
    workbench.file("data/p.csv", "k,w,v\n" + "\n".join(_ROWS) + "\n")
    workbench.dsn = workbench.dsn.replace("ri@", f"ri:{PASSWORD}@")
    return workbench


def _books(workbench: Workbench) -> str:
    """All that the books say, but the items."""
    rows = workbench.sql("SELECT row_to_json(b)::text FROM import_batches b")
    return str(rows + workbench.sql("SELECT row_to_json(l)::text FROM import_logs l"))


def test_logs_and_batches_hold_no_cell_and_no_password(workbench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    bench = _bench(workbench)
    caplog.set_level(logging.DEBUG)
    with bench.manager() as manager:
        batch = manager.run_pipeline("p", bench.root / "data/p.csv")
        manager.reprocess_batch(batch.batch_id)
        said = manager.database_label + str(manager.warnings)
    assert batch.failed_items == 6
    for text in (caplog.text, _books(bench), said):
        assert CANARY not in text
        assert PASSWORD not in text
    assert PASSWORD not in str(bench.sql("SELECT row_to_json(i)::text FROM import_batch_items i"))


def test_the_error_that_stops_a_run_holds_no_cell_and_no_password(
    workbench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    bench = _bench(workbench)
    caplog.set_level(logging.DEBUG)

    def vanish(_: Progress) -> None:
        bench.sql("DROP TABLE IF EXISTS t")

    with bench.manager() as manager, pytest.raises(RiError) as stopped:
        manager.run_pipeline("p", bench.root / "data/p.csv", on_progress=vanish)
    shown = "".join(traceback.format_exception(stopped.value))
    for text in (caplog.text, _books(bench), str(stopped.value), shown):
        assert PASSWORD not in text
        assert CANARY not in text


@pytest.mark.parametrize("wrong", ["/no_such_database?", "/x?bad_option=1&", "/x?port=1&"])
def test_a_database_that_cannot_be_reached_is_named_without_its_password(workbench: Workbench, wrong: str) -> None:
    bench = _bench(workbench)
    dsn = bench.dsn.partition("/test_")[0] + wrong + bench.dsn.partition("?")[2].partition("&")[0]
    with pytest.raises(RiError) as refused, BatchManager(dsn, project=bench.root) as manager:
        manager.run_pipeline("p", bench.root / "data/p.csv")
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))


def test_the_servers_detail_about_other_columns_is_not_stored(workbench: Workbench) -> None:
    workbench.sql(
        "CREATE TABLE t (k int PRIMARY KEY, w text, hidden text DEFAULT 'H1dden', CHECK (w <> hidden || 'x'),"
        f" u text UNIQUE DEFAULT '{CANARY}')"
    )
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w}}")
    batch = workbench.run("p", "k,w\n1,H1ddenx\n2,a\n3,b\n")
    assert [code for _, code, _ in workbench.failures(batch)] == ["db.check", "db.unique"]
    problems = str([item.problems for item in workbench.items(batch)])
    assert "H1dden" not in problems
    assert CANARY not in problems
