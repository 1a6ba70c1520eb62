"""The invariants can fail: each lie that is told to the tables, the sessions or the files is found out."""

from __future__ import annotations

import contextlib
import json

import psycopg2
import pytest

from faults.conftest import Make
from faults.support.invariants import check_invariants, digest_of
from faults.support.project import FaultProject, Said, Shape
from faults.support.records import BAD, PLANTED_DOMAIN, records
from faults.support.server import PASSWORD

pytestmark = pytest.mark.faults

FILE = "members.csv"

# What could go wrong in a chunk → the shape it is tried on, and the SQL that fakes it.
LIES = {
    "a counter too high": ("sets", "UPDATE import_batches SET completed = completed + 1, total = total + 1"),
    "an item lost": ("sets", "DELETE FROM import_batch_items WHERE item_index = 7"),
    "an item lost at the end": ("sets", "DELETE FROM import_batch_items WHERE item_index = 59"),
    "an item lost, and the counters know": (
        "sets",
        "DELETE FROM import_batch_items WHERE item_index = 59; "
        "UPDATE import_batches SET completed = completed - 1, inserted = inserted - 1, total = total - 1",
    ),
    "another source": ("sets", 'UPDATE import_batch_items SET source_data = source_data || \'{"name": "Eve"}\''),
    "another line": ("sets", "UPDATE import_batch_items SET source_line = 999 WHERE item_index = 7"),
    "failed without a reason": ("sets", "UPDATE import_batch_items SET problems = NULL WHERE status = 'failed'"),
    "failed for another reason": (
        "sets",
        "UPDATE import_batch_items SET problems = jsonb_set(problems, '{0,code}', '\"db.raised\"') "
        "WHERE status = 'failed'",
    ),
    "failed without a fault": (
        "sets",
        "UPDATE import_batch_items SET status = 'failed', action = NULL, error_message = 'x', "
        'problems = \'[{"code": "db.raised", "field": null}]\' WHERE item_index = 7; '
        "UPDATE import_batches SET completed = completed - 1, inserted = inserted - 1, failed = failed + 1; "
        "DELETE FROM members WHERE email = (SELECT min(email) FROM members)",
    ),
    "a row lost": ("sets", "DELETE FROM members WHERE email = (SELECT min(email) FROM members)"),
    "a row lost, by hooks": ("process_item", "DELETE FROM members WHERE email = (SELECT min(email) FROM members)"),
    "another value": ("sets", "UPDATE members SET balance = 1"),
    "a row that no record made": (
        "walk",
        "INSERT INTO members SELECT 'eve', name, joined_on, balance, country_id, greeting, 9999, imported_in "
        "FROM members LIMIT 1",
    ),
    "an insert undone and repeated": (
        "sets",
        "UPDATE members SET audit_id = public.audited() WHERE email = (SELECT min(email) FROM members)",
    ),
    "a row written once more": ("walk", "UPDATE members SET greeting = greeting"),
    "a hook applied twice": ("process_item", "INSERT INTO ledger (batch, line) SELECT batch, line FROM ledger LIMIT 1"),
    "a hook not applied": ("process_item", "DELETE FROM ledger WHERE line = (SELECT min(line) FROM ledger)"),
    "inserted again as unchanged": (
        "sets",
        "UPDATE import_batch_items SET action = 'unchanged' WHERE item_index = 7; "
        "UPDATE import_batches SET inserted = inserted - 1, unchanged = unchanged + 1",
    ),
    "processing without an owner": (
        "sets",
        "UPDATE import_batches SET status = 'processing', completed_at = NULL, "
        "lease_expires_at = clock_timestamp() - interval '1 s', lease_token = gen_random_uuid()",
    ),
    "stopped": ("sets", "UPDATE import_batches SET status = 'failed', stop_reason = 'lost'"),
    "an owner for ever": ("sets", "UPDATE import_batches SET lease_token = gen_random_uuid()"),
    "a password in a log": (
        "sets",
        "INSERT INTO import_logs (batch_id, log_level, message) "
        f"SELECT id, 'error', 'cannot connect as importer:{PASSWORD}' FROM import_batches",
    ),
    "a cell in a log": (
        "sets",
        "INSERT INTO import_logs (batch_id, log_level, message, details) "
        f"SELECT id, 'error', 'x', '{{\"row\": \"m7@{PLANTED_DOMAIN}\"}}' FROM import_batches",
    ),
    "a cell in a batch": ("sets", f"UPDATE import_batches SET error_message = 'Key (email)=(m7@{PLANTED_DOMAIN})'"),
}


def imported(make: Make, writes: str) -> FaultProject:
    """A project that has run a file with a bad record of each kind."""
    project = make(Shape(writes=writes, chunk_size=20))
    project.file(FILE, records(60, bad=tuple(BAD)))
    if writes == "by_hand":
        program = "import json; MANAGER.process_batch(MANAGER.create_batch('members', json.loads(sys.argv[1])))"
        assert project.python(program, json.dumps(project.items())).code == 0
    else:
        assert project.ri("run", "members", FILE).code == 1
    return project


@pytest.mark.parametrize("writes", ["sets", "walk", "process_item", "by_hand"])
def test_an_undisturbed_run_keeps_them_all(make: Make, writes: str) -> None:
    project = imported(make, writes)
    check_invariants(project)
    check_invariants(project, reference=digest_of(project), finished=False, in_order=False)


def test_so_does_a_file_that_comes_twice_and_a_repaired_one(make: Make) -> None:
    project = imported(make, "walk")
    assert project.repair() == len(BAD)
    first = project.sql("SELECT id::text FROM import_batches")[0][0]
    assert project.ri("reprocess", first, "--from", "fix.csv").code == 0
    assert project.ri("run", "members", FILE).code == 1
    project.file("other.csv", [*records(60, label="n"), *records(60)[40:]])
    assert project.ri("run", "members", "other.csv").code == 1
    check_invariants(project)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(make: Make, lie: str) -> None:
    writes, statements = LIES[lie]
    project = imported(make, writes)
    check_invariants(project)
    project.sql(statements)
    with pytest.raises(AssertionError):
        check_invariants(project)


@pytest.mark.parametrize("writes", ["sets", "walk"])
def test_another_end_than_that_of_the_quiet_run_is_found(make: Make, writes: str) -> None:
    project = imported(make, writes)
    reference = digest_of(project)
    project.sql("UPDATE import_batch_items SET metadata = '{\"again\": 1}' WHERE item_index = 7")
    check_invariants(project)
    with pytest.raises(AssertionError, match="items: differs"):
        check_invariants(project, reference=reference)


def test_a_session_that_waits_in_its_transaction_is_found(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = imported(make, "sets")
    monkeypatch.setattr("faults.support.invariants.GONE_WITHIN_S", 0.2)
    with contextlib.closing(psycopg2.connect(project.database.url)) as connection:
        connection.cursor().execute("SELECT 1")
        with pytest.raises(AssertionError, match="idle in transaction"):
            check_invariants(project)
        connection.rollback()
        connection.cursor().execute("CREATE TEMPORARY TABLE left_over ()")
        connection.commit()
        with pytest.raises(AssertionError, match="left_over"):
            check_invariants(project)


def test_a_file_that_stays_is_found(make: Make) -> None:
    project = imported(make, "sets")
    (project.root / "tmp/spool").touch()
    with pytest.raises(AssertionError, match="spool"):
        check_invariants(project)


@pytest.mark.parametrize(
    "said",
    [
        Said(3, "", "Traceback (most recent call last):\n"),
        Said(3, "", "error[internal] KeyError: x\n"),
        Said(3, "", "something went wrong\n"),
        Said(1, "", f"could not insert m7@{PLANTED_DOMAIN}\n"),
        Said(0, f"postgresql://importer:{PASSWORD}@127.0.0.1\n", ""),
        Said(77, "", ""),
    ],
    ids=lambda said: (said.out + said.err).strip()[:30] or "exit code",
)
def test_what_must_not_be_said_is_heard(make: Make, said: Said) -> None:
    project = make(Shape())
    check_invariants(project)
    project.said.append(said)
    with pytest.raises(AssertionError):
        check_invariants(project)
