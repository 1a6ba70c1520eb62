"""What ri predicts from the catalogue is what the database would have said: no more, no less, and of the right row."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from support.workbench import Workbench, csv_text

from refusals.refusal_causes import BY_NAME, raising, trigger

PIPELINE = """
target:
  table: t
  key: [k]
  columns: {{k: k, v: v}}
  on_duplicate: {on_duplicate}
  on_conflict: {on_conflict}
chunk_size: {size}
"""


def prepare(workbench: Workbench, ddl: str, *, size: int = 25, **words: str) -> None:
    """These tables, and a pipeline p of t (k, v)."""
    workbench.sql(ddl)
    workbench.pipeline("p", PIPELINE.format(size=size, **{"on_duplicate": "last", "on_conflict": "update", **words}))


class Fine(NamedTuple):
    """A cell that the database takes although a rule read carelessly would refuse it."""

    name: str
    ddl: str
    cell: str
    needs: str = "SELECT true"  # does this server have what the table is made of?


_PG18 = "SELECT current_setting('server_version_num')::int >= 180000"
_ICU = "SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')"
_CI = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
FINE = [
    Fine("check_of_null", "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad'))", ""),
    Fine("check_not_enforced", "CREATE TABLE t (k int PRIMARY KEY, v text CHECK (v <> 'bad') NOT ENFORCED)", "bad",
         _PG18),
    Fine("check_by_the_columns_collation",
         'CREATE TABLE t (k int PRIMARY KEY, v text COLLATE "C" CHECK (v = lower(v)))', "É"),
    Fine("check_by_a_collation_without_case",
         f"{_CI} CREATE TABLE t (k int PRIMARY KEY, v text COLLATE ci CHECK (v IN ('red', 'green')))", "RED", _ICU),
    Fine("check_of_a_padded_text", "CREATE TABLE t (k int PRIMARY KEY, v char(5) CHECK (octet_length(v) = 5))", "ab"),
    Fine("check_of_a_filled_scale", "CREATE TABLE t (k int PRIMARY KEY, v numeric(6,2) CHECK (scale(v) = 2))", "9.5"),
    Fine("foreign_key_of_null", "CREATE TABLE parent (v text PRIMARY KEY); "
         "CREATE TABLE t (k int PRIMARY KEY, v text REFERENCES parent)", ""),
    Fine("foreign_key_not_enforced", "CREATE TABLE parent (v text PRIMARY KEY); "
         "CREATE TABLE t (k int PRIMARY KEY, v text REFERENCES parent NOT ENFORCED)", "bad", _PG18),
    Fine("foreign_key_by_the_parents_collation", f"{_CI} CREATE TABLE parent (v text COLLATE ci PRIMARY KEY); "
         "INSERT INTO parent VALUES ('red'); "
         "CREATE TABLE t (k int PRIMARY KEY, v text COLLATE ci REFERENCES parent)", "RED", _ICU),
    Fine("foreign_key_of_another_type", "CREATE TABLE parent (v bigint PRIMARY KEY); INSERT INTO parent VALUES (7); "
         "CREATE TABLE t (k int PRIMARY KEY, v int REFERENCES parent)", "7"),
]  # fmt: skip


@pytest.mark.parametrize("fine", FINE, ids=[fine.name for fine in FINE])
def test_what_the_database_takes_is_not_predicted_away(workbench: Workbench, fine: Fine) -> None:
    if workbench.sql(fine.needs) == [(False,)]:
        pytest.skip("this PostgreSQL has no such tables")
    prepare(workbench, fine.ddl)
    workbench.sql("INSERT INTO t VALUES (1, %s)", [fine.cell or None])  # the database does take it
    batch = workbench.run("p", csv_text("k,v", [f"2,{fine.cell}"]))
    assert workbench.failures(batch) == []
    assert workbench.sql("SELECT count(DISTINCT v), count(*) FROM t") == [(1 if fine.cell else 0, 2)]


def test_a_check_that_is_not_validated_yet_judges_new_rows(workbench: Workbench) -> None:
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'bad'); "
    prepare(workbench, ddl + "ALTER TABLE t ADD CONSTRAINT late CHECK (v <> 'bad') NOT VALID")
    batch = workbench.run("p", "k,v\n1,bad\n2,bad\n3,good\n")
    # row 1 is the same as what is there: nothing is written, so nothing is refused
    assert (batch.unchanged_items, batch.failed_items, batch.inserted_items) == (1, 1, 1)


def test_a_refused_parent_takes_its_children_with_it(workbench: Workbench) -> None:
    prepare(workbench, "CREATE TABLE t (k int PRIMARY KEY CHECK (k <> 2), v int CONSTRAINT above REFERENCES t)")
    batch = workbench.run("p", csv_text("k,v", ["1,", "2,1", "3,2", "4,1", "5,4"]))
    assert [(line, code) for line, code, _ in workbench.failures(batch)] == [(3, "db.check"), (4, "db.foreign_key")]
    assert workbench.sql("SELECT k FROM t ORDER BY k") == [(1,), (4,), (5,)]


def test_a_refusal_in_another_table_does_not_blame_a_field_of_the_same_name(workbench: Workbench) -> None:
    body = "INSERT INTO audit (v) VALUES (NULLIF(NEW.v, 'bad')); RETURN NEW;"
    ddl = "CREATE TABLE t (k int PRIMARY KEY, v text); CREATE TABLE audit (v text NOT NULL); "
    prepare(workbench, ddl + trigger(body))
    batch = workbench.run("p", "k,v\n1,a\n2,bad\n")
    (problem,) = [problem for item in workbench.items(batch) for problem in item.problems]
    assert (problem.code, problem.details["table"]) == ("db.not_null", "audit")
    assert problem.field is None


# ── the same key several times, some of them refused ─────────────────────────────────────────────

REFUSERS = {
    "predicted": "ALTER TABLE t ADD CHECK (v <> 'bad')",
    "walked": raising("P0001"),
    "swallowed": BY_NAME["swallowed"].after,
}


@pytest.mark.parametrize("size", [1, 2, 25])
@pytest.mark.parametrize("refuser", REFUSERS)
class TestRefusedDuplicates:
    """Records are applied one at a time, whatever the chunks."""

    def load(self, workbench: Workbench, refuser: str, size: int, **words: str) -> list[tuple[str, str | None]]:
        """(status, action) of every record."""
        table = "CREATE TABLE t (k int PRIMARY KEY, v text, secret text); INSERT INTO t VALUES (9, 'old'); "
        prepare(workbench, table + REFUSERS[refuser], size=size, **words)
        batch = workbench.run("p", csv_text("k,v", ["1,bad", "1,a", "1,bad", "1,b", "2,c", "2,bad", "9,bad", "9,new"]))
        return [(item.status.value, item.action.value if item.action else None) for item in workbench.items(batch)]

    def test_the_last_that_is_not_refused_wins(self, workbench: Workbench, refuser: str, size: int) -> None:
        assert self.load(workbench, refuser, size) == [
            ("failed", None), ("completed", "inserted"), ("failed", None), ("completed", "updated"),
            ("completed", "inserted"), ("failed", None), ("failed", None), ("completed", "updated"),
        ]  # fmt: skip
        assert workbench.sql("SELECT k, v FROM t ORDER BY k") == [(1, "b"), (2, "c"), (9, "new")]

    def test_the_first_keeps_its_key_though_it_is_refused(self, workbench: Workbench, refuser: str, size: int) -> None:
        assert self.load(workbench, refuser, size, on_duplicate="first") == [
            ("failed", None), ("skipped", None), ("skipped", None), ("skipped", None),
            ("completed", "inserted"), ("skipped", None), ("failed", None), ("skipped", None),
        ]  # fmt: skip

    def test_a_row_of_this_batch_is_no_conflict(self, workbench: Workbench, refuser: str, size: int) -> None:
        assert self.load(workbench, refuser, size, on_conflict="error") == [
            ("failed", None), ("completed", "inserted"), ("failed", None), ("completed", "updated"),
            ("completed", "inserted"), ("failed", None), ("failed", None), ("failed", None),
        ]  # fmt: skip
        assert workbench.sql("SELECT k, v FROM t ORDER BY k") == [(1, "b"), (2, "c"), (9, "old")]
