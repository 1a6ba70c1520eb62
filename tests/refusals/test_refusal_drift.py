"""The schema changes, or the batch gets another owner, while a run goes on: stop once, keep what is committed."""

from __future__ import annotations

import pytest
from support.workbench import Workbench

from refusals.refusal_runs import Disturbance, kept, prepare, run_keys
from ri_declarative.errors import LostOwnership, StoppedError
from ri_declarative.records import BatchStatus, StopReason

DRIFTS = [
    pytest.param("ALTER TABLE t DROP COLUMN v", "column t.v", id="column_dropped"),
    pytest.param("ALTER TABLE t RENAME COLUMN v TO w", "column t.v", id="column_renamed"),
    pytest.param("ALTER TABLE t ALTER v TYPE date USING NULL", "date", id="type_changed"),
    pytest.param("ALTER TABLE t RENAME TO t2", "t", id="table_renamed"),
    pytest.param("DROP TABLE t", "t", id="table_dropped"),
    pytest.param("ALTER TABLE t DROP CONSTRAINT t_pkey", "ON CONFLICT", id="key_index_dropped"),
    pytest.param("ALTER TABLE t DROP v; ALTER TABLE t ADD v text GENERATED ALWAYS AS ('x') STORED", '"v"',
                 id="column_generated"),
    pytest.param("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nowhere(); RETURN NEW; END'; "
                 "CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", "nowhere",
                 id="trigger_broken"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "named"), DRIFTS)
def test_a_schema_that_changes_under_a_run_stops_it_at_once(workbench: Workbench, change: str, named: str) -> None:
    prepare(workbench, size=10)
    ended = run_keys(workbench, 60, on_progress=Disturbance(lambda: workbench.sql(change), after=20))
    assert isinstance(ended.error, StoppedError)
    assert ended.error.exit_code == 3
    assert named in str(ended.error)
    assert ended.batch.completed_items == 20
    assert ended.batch.failed_items == 0
    assert (ended.batch.status, ended.batch.stop_reason) == (BatchStatus.FAILED, StopReason.DATABASE)
    assert named in (ended.batch.error_message or "")
    assert len(workbench.items(ended.batch)) == 20


def test_what_stops_a_run_names_target_and_role(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    change = Disturbance(lambda: workbench.sql("ALTER TABLE t ALTER v TYPE date USING NULL"), after=20)
    ended = run_keys(workbench, 60, on_progress=change)
    assert "public.t" in str(ended.error)
    assert "role ri" in str(ended.error)


def test_committed_chunks_stay_when_a_schema_changes(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    rename = Disturbance(lambda: workbench.sql("ALTER TABLE t RENAME COLUMN v TO w"), after=20)
    run_keys(workbench, 60, on_progress=rename)
    assert kept(workbench) == (20, 20, 20)
    assert workbench.sql("SELECT k, w FROM t ORDER BY k") == [(k, f"v{k}") for k in range(1, 21)]


def test_the_same_file_ends_as_it_should_once_the_schema_is_repaired(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    rename = Disturbance(lambda: workbench.sql("ALTER TABLE t RENAME COLUMN v TO w"), after=20)
    run_keys(workbench, 60, on_progress=rename)
    workbench.sql("ALTER TABLE t RENAME COLUMN w TO v")
    ended = run_keys(workbench, 60)
    assert ended.error is None
    assert (ended.batch.unchanged_items, ended.batch.inserted_items) == (0, 60)
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(1,)]


def test_a_privilege_that_is_taken_away_stops_the_run(workbench: Workbench, as_role: Workbench, role: str) -> None:
    prepare(workbench, f"GRANT SELECT, INSERT, UPDATE ON t TO {role}", size=10)
    revoke = Disturbance(lambda: workbench.sql(f"REVOKE INSERT ON t FROM {role}"), after=20)
    ended = run_keys(as_role, 60, on_progress=revoke)
    assert isinstance(ended.error, StoppedError)
    assert "permission denied for table t" in ended.error.message
    assert (ended.batch.completed_items, ended.batch.failed_items) == (20, 0)
    assert kept(workbench) == (20, 20, 20)


def test_a_rule_of_the_table_that_comes_later_refuses_rows_and_not_the_run(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    add = Disturbance(lambda: workbench.sql("ALTER TABLE t ADD CHECK (k <> 33)"), after=20)
    ended = run_keys(workbench, 60, on_progress=add)
    assert ended.error is None
    assert (ended.batch.completed_items, ended.batch.failed_items) == (59, 1)
    assert [(line, code) for line, code, _ in workbench.failures(ended.batch)] == [(34, "db.check")]


# ── the fence ────────────────────────────────────────────────────────────────────────────────────

TAKEN = "UPDATE import_batches SET lease_token = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'"


def test_a_runner_that_lost_its_batch_keeps_nothing_more(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    ended = run_keys(workbench, 60, on_progress=Disturbance(lambda: workbench.sql(TAKEN), after=20))
    assert isinstance(ended.error, LostOwnership)
    assert ended.error.exit_code == 3
    assert kept(workbench) == (20, 20, 20)


def test_a_runner_that_lost_its_batch_leaves_it_to_its_new_owner(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    ended = run_keys(workbench, 60, on_progress=Disturbance(lambda: workbench.sql(TAKEN), after=20))
    assert (ended.batch.status, ended.batch.stop_reason) == (BatchStatus.PROCESSING, None)
    assert workbench.sql("SELECT lease_token::text, completed, next_index FROM import_batches") == [
        ("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", 20, 20)
    ]


def test_a_batch_that_is_taken_before_its_last_commit_is_not_finished_by_its_old_owner(workbench: Workbench) -> None:
    prepare(workbench, size=10)
    ended = run_keys(workbench, 60, on_progress=Disturbance(lambda: workbench.sql(TAKEN), after=60))
    assert isinstance(ended.error, LostOwnership)
    assert ended.batch.status is BatchStatus.PROCESSING


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE import_batches SET next_index = next_index + 10",
        "UPDATE import_batches SET status = 'failed', stop_reason = 'interrupted', lease_token = NULL",
        "DELETE FROM import_batches",
    ],
    ids=["chunk_booked_by_another", "batch_ended_by_another", "batch_deleted"],
)
def test_a_chunk_is_booked_once_or_not_at_all(workbench: Workbench, change: str) -> None:
    prepare(workbench, size=10)
    stopped = Disturbance(lambda: workbench.sql(change), after=20)
    with pytest.raises(StoppedError, match=r"was taken over|has lost what it had committed"):
        _run_to_its_error(workbench, stopped)
    assert workbench.sql("SELECT count(*) FROM t") == [(20,)]
    assert workbench.sql("SELECT count(*) FROM import_batch_items") == [(20,)]


def _run_to_its_error(workbench: Workbench, disturbance: Disturbance) -> None:
    file = workbench.file("data/p.csv", "k,v\n" + "".join(f"{k},v{k}\n" for k in range(1, 61)))
    with workbench.manager() as manager:
        manager.run_pipeline("p", file, on_progress=disturbance)
