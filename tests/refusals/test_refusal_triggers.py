"""What users' triggers do to a row in silence: swallow it, rewrite it, change its key, store it elsewhere."""

from __future__ import annotations

import pytest
from support.workbench import Workbench, csv_text

from refusals.refusal_causes import trigger
from ri_declarative.records import BatchSummary

PIPELINE = "target: {{table: t, key: k, columns: {{k: k, v: v}}, {more}}}\nchunk_size: {size}\n"


def prepare(workbench: Workbench, ddl: str, *, key: str = "k int", size: int = 25, more: str = "") -> None:
    """A table t (k, v), what comes with it, and a pipeline p."""
    workbench.sql(f"CREATE TABLE t ({key} PRIMARY KEY, v text); {ddl}")
    workbench.pipeline("p", PIPELINE.format(size=size, more=more))


def load(workbench: Workbench, *rows: str) -> BatchSummary:
    """The batch of these rows of k and v."""
    return workbench.run("p", csv_text("k,v", rows))


def actions(batch: BatchSummary) -> tuple[int, int, int, int]:
    """(inserted, updated, unchanged, failed)."""
    return batch.inserted_items, batch.updated_items, batch.unchanged_items, batch.failed_items


def rows(workbench: Workbench) -> list[tuple[object, ...]]:
    return workbench.sql("SELECT * FROM t ORDER BY 1")


# ── swallowed ────────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_a_trigger_swallows_on_insert_fails_alone(workbench: Workbench) -> None:
    prepare(workbench, trigger("IF NEW.v = 'drop' THEN RETURN NULL; END IF; RETURN NEW;", when="BEFORE INSERT"))
    batch = load(workbench, "1,a", "2,drop", "3,b", "4,drop")
    assert actions(batch) == (2, 0, 0, 2)
    assert workbench.failures(batch) == [(3, "target.not_stored", None), (5, "target.not_stored", None)]
    assert rows(workbench) == [(1, "a"), (3, "b")]


def test_a_row_that_a_trigger_swallows_on_update_fails_alone(workbench: Workbench) -> None:
    prepare(workbench, trigger("IF NEW.v = 'drop' THEN RETURN NULL; END IF; RETURN NEW;", when="BEFORE UPDATE"))
    load(workbench, "1,a", "2,a", "3,a")
    batch = load(workbench, "1,drop", "2,b", "3,a", "4,drop")
    assert actions(batch) == (1, 1, 1, 1)
    assert workbench.failures(batch) == [(2, "target.not_stored", None)]
    assert rows(workbench) == [(1, "a"), (2, "b"), (3, "a"), (4, "drop")]


def test_a_row_that_exists_out_of_the_roles_sight_fails_alone(
    workbench: Workbench, as_role: Workbench, role: str
) -> None:
    ddl = f"INSERT INTO t VALUES (2, 'hidden'); GRANT SELECT, INSERT, UPDATE ON t TO {role}; "
    policy = "CREATE POLICY p ON t USING (v <> 'hidden')"
    prepare(workbench, f"{ddl}; ALTER TABLE t ENABLE ROW LEVEL SECURITY; {policy}")
    batch = load(as_role, "1,a", "2,b", "3,c")
    assert [line for line, _, _ in workbench.failures(batch)] == [3]
    assert rows(workbench) == [(1, "a"), (2, "hidden"), (3, "c")]


def test_a_statement_trigger_that_returns_null_swallows_nothing(workbench: Workbench) -> None:
    body = "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
    prepare(workbench, body + "CREATE TRIGGER quiet BEFORE INSERT ON t EXECUTE FUNCTION quiet()")
    assert actions(load(workbench, "1,a", "2,b")) == (2, 0, 0, 0)


# ── rewritten ────────────────────────────────────────────────────────────────────────────────────


def test_values_that_a_trigger_rewrites_are_counted_by_what_happened(workbench: Workbench) -> None:
    prepare(workbench, trigger("NEW.v := upper(NEW.v); RETURN NEW;"))
    assert actions(load(workbench, "1,a", "2,B")) == (2, 0, 0, 0)
    assert rows(workbench) == [(1, "A"), (2, "B")]
    # a differs from A, so the row is written again; B equals B
    assert actions(load(workbench, "1,a", "2,B")) == (0, 1, 1, 0)
    assert actions(load(workbench, "1,c", "2,B", "3,d")) == (1, 1, 1, 0)
    assert rows(workbench) == [(1, "C"), (2, "B"), (3, "D")]


def test_a_value_that_a_trigger_mends_is_not_refused(workbench: Workbench) -> None:
    ddl = "ALTER TABLE t ALTER v SET NOT NULL, ADD CHECK (v = upper(v)); "
    prepare(workbench, ddl + trigger("NEW.v := upper(COALESCE(NEW.v, 'none')); RETURN NEW;"))
    batch = load(workbench, "1,a", "2,")
    assert workbench.failures(batch) == []
    assert rows(workbench) == [(1, "A"), (2, "NONE")]


@pytest.mark.parametrize("size", [1, 25])
def test_a_key_that_a_trigger_rewrites_is_inserted_once(workbench: Workbench, size: int) -> None:
    prepare(workbench, trigger("NEW.k := lower(NEW.k); RETURN NEW;"), key="k text", size=size)
    first = load(workbench, "Ann,1", "bob,2", "CLEO,3")
    assert actions(first) == (3, 0, 0, 0)
    assert {item.target_id for item in workbench.items(first)} == {"ann", "bob", "cleo"}
    again = load(workbench, "Ann,1", "bob,2", "CLEO,9")
    assert again.failed_items == 0
    assert again.inserted_items == 0
    assert rows(workbench) == [("ann", "1"), ("bob", "2"), ("cleo", "9")]


@pytest.mark.parametrize("size", [1, 2, 25])
def test_keys_that_a_trigger_makes_equal_apply_in_file_order(workbench: Workbench, size: int) -> None:
    prepare(workbench, trigger("NEW.k := lower(NEW.k); RETURN NEW;"), key="k text", size=size)
    batch = load(workbench, "ANN,1", "bob,2", "Ann,3", "ann,4", "Bob,5")
    assert actions(batch) == (2, 3, 0, 0)
    assert rows(workbench) == [("ann", "4"), ("bob", "5")]


def test_a_key_that_a_trigger_rewrites_does_not_overwrite_what_was_there_before(workbench: Workbench) -> None:
    ddl = trigger("NEW.k := lower(NEW.k); RETURN NEW;") + "INSERT INTO t VALUES ('ann', 'old')"
    prepare(workbench, ddl, key="k text", more="on_conflict: ignore, on_duplicate: first")
    batch = load(workbench, "ANN,1", "bob,2")
    assert rows(workbench) == [("ann", "old"), ("bob", "2")]
    assert (batch.inserted_items, batch.completed_items + batch.skipped_items + batch.failed_items) == (1, 2)


def test_a_key_that_a_trigger_makes_up_is_a_new_row_each_time(workbench: Workbench) -> None:
    ddl = "CREATE SEQUENCE s START 1000; "
    prepare(workbench, ddl + trigger("NEW.k := nextval('s'); RETURN NEW;", when="BEFORE INSERT"))
    batch = load(workbench, "1,a", "2,b", "3,c")
    assert actions(batch) == (3, 0, 0, 0)
    assert sorted(v for _, v in rows(workbench)) == ["a", "b", "c"]


# ── stored elsewhere ─────────────────────────────────────────────────────────────────────────────

ROUTING = """
    CREATE TABLE t_low (CHECK (k < 100), PRIMARY KEY (k)) INHERITS (t);
    CREATE TABLE t_high (CHECK (k >= 100), PRIMARY KEY (k)) INHERITS (t);
""" + trigger(
    "IF NEW.k < 100 THEN INSERT INTO t_low VALUES (NEW.*); ELSE INSERT INTO t_high VALUES (NEW.*); END IF; "
    "RETURN NULL;",
    when="BEFORE INSERT",
)  # fmt: skip


def test_rows_that_a_trigger_stores_in_a_child_are_completed(workbench: Workbench) -> None:
    prepare(workbench, ROUTING)
    batch = load(workbench, "1,a", "100,b", "2,c")
    assert actions(batch) == (3, 0, 0, 0)
    assert workbench.sql("SELECT * FROM ONLY t") == []
    assert workbench.sql("SELECT * FROM t_high") == [(100, "b")]


def test_rows_in_a_child_are_found_again(workbench: Workbench) -> None:
    prepare(workbench, ROUTING)
    load(workbench, "1,a", "100,b", "2,c")
    batch = load(workbench, "1,a", "100,z", "3,d")
    assert actions(batch) == (1, 1, 1, 0)
    assert rows(workbench) == [(1, "a"), (2, "c"), (3, "d"), (100, "z")]


def test_a_row_that_the_child_refuses_fails_alone(workbench: Workbench) -> None:
    prepare(workbench, ROUTING + "ALTER TABLE t_low ADD CONSTRAINT not_bad CHECK (v <> 'bad')")
    batch = load(workbench, "1,a", "2,bad", "100,bad")
    (problem,) = [problem for item in workbench.items(batch) for problem in item.problems]
    assert (problem.code, problem.details["constraint"], problem.details["table"]) == ("db.check", "not_bad", "t_low")
    assert rows(workbench) == [(1, "a"), (100, "bad")]


# ── the trigger's own work ───────────────────────────────────────────────────────────────────────


def test_what_a_trigger_wrote_for_a_refused_row_is_undone(workbench: Workbench) -> None:
    ddl = "CREATE TABLE audit (k int); " + trigger("INSERT INTO audit VALUES (NEW.k); RETURN NEW;")
    prepare(workbench, ddl + "ALTER TABLE t ADD CHECK (length(v) < 3)")
    batch = load(workbench, "1,a", "2,long", "3,b")
    assert workbench.failures(batch)[0][:2] == (3, "db.check")
    assert workbench.sql("SELECT k FROM audit ORDER BY k") == [(1,), (3,)]


def test_a_refusal_in_a_table_that_a_trigger_writes_names_that_table(workbench: Workbench) -> None:
    ddl = "CREATE TABLE audit (v text CONSTRAINT short CHECK (length(v) < 3)); "
    prepare(workbench, ddl + trigger("INSERT INTO audit VALUES (NEW.v); RETURN NEW;", when="AFTER INSERT"))
    batch = load(workbench, "1,a", "2,long", "3,b")
    (problem,) = [problem for item in workbench.items(batch) for problem in item.problems]
    assert (problem.code, problem.details["constraint"], problem.details["table"]) == ("db.check", "short", "audit")
    assert workbench.sql("SELECT v FROM audit ORDER BY v") == [("a",), ("b",)]


def test_a_deferred_trigger_judges_the_chunk_that_it_belongs_to(workbench: Workbench) -> None:
    body = "IF (SELECT count(*) FROM t WHERE v = 'only') > 1 THEN RAISE 'one is enough'; END IF; RETURN NULL;"
    deferred = trigger(body, when="AFTER INSERT").replace("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
    prepare(workbench, deferred.replace("ON t FOR", "ON t DEFERRABLE INITIALLY DEFERRED FOR"), size=2)
    batch = load(workbench, "1,a", "2,only", "3,b", "4,only", "5,c", "6,only")
    assert [line for line, _, _ in workbench.failures(batch)] == [5, 7]
    assert [k for k, _ in rows(workbench)] == [1, 2, 3, 5]
