"""What runs out, or is rationed: disk, time, locks, the right to write. No record fails for it.

The settings that a database's administrator gives to a role (`ALTER ROLE … SET`) are the ones that `ri` meets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO

import psycopg2
import pytest
from psycopg2.sql import SQL, Identifier, Literal

from faults.conftest import Make
from faults.support.disk import SmallDisk, small_disk
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape
from faults.support.proxy import AtCommit, Moment, running_proxy
from faults.support.records import PLANTED_DOMAIN
from faults.support.server import ROLE, Database, FaultServer
from faults.support.undisturbed import FILE, RUN, Undisturbed, assert_finished, undisturbed_run, write_file

pytestmark = pytest.mark.faults

REFUSED_BEFORE_ANYTHING, STOPPED_BY_WORLD = 2, 3
QUICK_RETRY = "retry: {backoff: 20ms}\n"


@pytest.fixture
def quiet(fault_server: FaultServer) -> Undisturbed:
    """What a run leaves that nothing disturbs."""
    return undisturbed_run(fault_server, Shape())


@pytest.fixture
def project(make: Make) -> FaultProject:
    """With the file, and nothing imported yet; passing faults do not take long."""
    project = make(Shape(pipeline=QUICK_RETRY))
    write_file(project)
    return project


def by_default(project: FaultProject, **settings: str) -> None:
    """Nothing; new sessions of the importing role begin with these settings."""
    for name, value in settings.items():
        statement = SQL("ALTER ROLE {} IN DATABASE {} SET {} TO {}")
        where = Identifier(ROLE), Identifier(project.database.name)
        project.sql(statement.format(*where, Identifier(name), Literal(value)))


# ── disk ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def disk(fault_database: Database) -> Iterator[SmallDisk]:
    """A small one."""
    with small_disk(fault_database) as mounted:
        yield mounted


@pytest.mark.parametrize(
    ("tables", "leaving"),
    [
        (["public.members"], 32_768),
        (["public.members_audit"], 16_384),
        (["public.import_batch_items"], 65_536),
        (["public.import_batch_items", "public.members"], 98_304),
    ],
    ids=["target", "audit", "items", "both"],
)
def test_a_full_disk_stops_the_run_until_there_is_room(
    tables: list[str], leaving: int, disk: SmallDisk, project: FaultProject, quiet: Undisturbed
) -> None:
    disk.hold(*tables)
    disk.fill(leaving=leaving)
    said = project.ri(*RUN)
    assert said.code == STOPPED_BY_WORLD, said
    assert "error[db.world]" in said.err
    assert "53100" in said.err
    assert 0 < project.sql("SELECT completed FROM import_batches")[0][0] < 297
    check_invariants(project, finished=False)
    assert project.ri("resume").code == STOPPED_BY_WORLD  # still full
    check_invariants(project, finished=False)
    disk.free()
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("tables", [["public.import_batches"], ["public.import_logs"]], ids=["batches", "logs"])
def test_a_disk_too_full_for_the_books_stops_the_run_before_the_first_record(
    tables: list[str], disk: SmallDisk, project: FaultProject, quiet: Undisturbed
) -> None:
    disk.hold(*tables)
    disk.fill(leaving=0)
    said = project.ri(*RUN)
    assert said.code in (REFUSED_BEFORE_ANYTHING, STOPPED_BY_WORLD), said
    assert "53100" in said.err
    assert not project.sql("SELECT 1 FROM import_batch_items")
    check_invariants(project, finished=False)
    disk.free()
    assert_finished(project.ri(*RUN, "--wait"))
    check_invariants(project, reference=quiet.digest)


def test_a_full_disk_for_temporary_tables_stops_the_run_until_there_is_room(
    disk: SmallDisk, project: FaultProject, quiet: Undisturbed
) -> None:
    by_default(project, temp_tablespaces="small")
    disk.fill(leaving=12_288)  # an empty table is made before anything is read; it has a page
    said = project.ri(*RUN)
    assert said.code == STOPPED_BY_WORLD, said
    assert "53100" in said.err
    check_invariants(project, finished=False)
    disk.free()
    assert_finished(project.ri("resume"))
    check_invariants(project, reference=quiet.digest)


# ── time and locks ───────────────────────────────────────────────────────────────────────────

# A trigger without effect, but for the time that some rows take. `ri` writes row by row where it meets one.
SLOW = """
CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.line BETWEEN 80 AND 120 THEN PERFORM pg_sleep(0.01); END IF; RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON public.members FOR EACH ROW EXECUTE FUNCTION public.slow();
"""


def test_a_chunk_that_takes_longer_than_statement_timeout_is_written_in_parts(
    project: FaultProject, quiet: Undisturbed
) -> None:
    project.sql(SLOW)  # some 400 ms for a chunk
    by_default(project, statement_timeout="200ms")
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


@contextlib.contextmanager
def busy(project: FaultProject, what: str) -> Iterator[None]:
    """Within: another session has locked it in a transaction, which is rolled back."""
    with contextlib.closing(psycopg2.connect(project.database.admin_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(BUSY[what])
        yield
        connection.rollback()


def until_it_says(text: str, stream: IO[str] | None) -> None:
    """Nothing; a line with the text has come."""
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(seen)


BUSY = {
    "row": (
        "INSERT INTO public.members (email, name, country_id, line, imported_in, audit_id) "
        f"VALUES ('m270@{PLANTED_DOMAIN}', 'another', 1, 0, gen_random_uuid(), 0)"
    ),
    "table": "LOCK TABLE public.members IN ACCESS EXCLUSIVE MODE",
    "lookup": "LOCK TABLE public.countries IN ACCESS EXCLUSIVE MODE",
}


@pytest.mark.parametrize("what", BUSY)
def test_a_run_waits_longer_than_lock_timeout_for_a_lock_that_somebody_holds_for_a_while(
    what: str, fault_server: FaultServer, project: FaultProject, quiet: Undisturbed
) -> None:
    by_default(project, lock_timeout="100ms")
    with running_proxy(("127.0.0.1", fault_server.port)) as proxy:
        with contextlib.ExitStack() as stack:
            proxy.when(AtCommit(Moment.ANSWERED, 4), lambda: stack.enter_context(busy(project, what)))
            process = project.start(*RUN, RI_DATABASE_URL=proxy.url(project.database.url))
            until_it_says("trying the chunk again", process.stderr)
        assert_finished(project.ended(process))
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("what", ["table", "lookup"])
def test_a_lock_on_a_table_ends_a_run_before_anything(what: str, project: FaultProject, quiet: Undisturbed) -> None:
    by_default(project, lock_timeout="100ms")
    with busy(project, what):
        said = project.ri(*RUN)
    assert said.code == REFUSED_BEFORE_ANYTHING, said
    assert "error[db.passing]" in said.err
    assert not project.sql("SELECT 1 FROM import_batches")
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


def test_a_run_stops_for_a_lock_that_nobody_lets_go_and_no_record_fails_for_it(
    project: FaultProject, quiet: Undisturbed
) -> None:
    by_default(project, lock_timeout="50ms")
    with busy(project, "row"):
        said = project.ri(*RUN)
    assert said.code == STOPPED_BY_WORLD, said
    assert "error[db.passing]" in said.err
    check_invariants(project, finished=False)
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


def test_idle_in_transaction_session_timeout_does_not_meet_a_hook_that_thinks(make: Make) -> None:
    project = make(Shape(writes="process_item", lease="5s"))
    write_file(project)
    path = project.root / "hooks/members.py"
    thoughtful = '    if item.index % 100 == 50:\n        time.sleep(0.3)\n    old = ctx.execute_one(f"SELECT {COLUMNS}'
    text = path.read_text().replace('    old = ctx.execute_one(f"SELECT {COLUMNS}', thoughtful)
    path.write_text(text.replace("from datetime", "import time\nfrom datetime", 1))
    by_default(project, idle_in_transaction_session_timeout="100ms")
    assert_finished(project.ri(*RUN, "--give-up-after", "1"))
    check_invariants(project)


@pytest.mark.parametrize(
    "settings",
    [
        {"default_transaction_isolation": "serializable"},
        {"default_transaction_isolation": "repeatable read"},
        {"default_transaction_isolation": "serializable", "default_transaction_deferrable": "on"},
        {"idle_in_transaction_session_timeout": "50ms", "lock_timeout": "1s", "statement_timeout": "5s"},
        {"synchronous_commit": "off", "work_mem": "64kB", "enable_hashjoin": "off", "jit": "off"},
    ],
    ids=lambda settings: ",".join(f"{name}={value}" for name, value in settings.items())[:60],
)
def test_a_run_is_the_same_under_settings_of_its_role(
    settings: dict[str, str], project: FaultProject, quiet: Undisturbed
) -> None:
    by_default(project, **settings)
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_two_runs_at_once_whose_role_is_serializable_both_end(level: str, make: Make) -> None:
    project = make(Shape(pipeline=f"{QUICK_RETRY}concurrency: many\n"))
    write_file(project)
    project.file("again.csv", list(reversed(project.files[FILE])))
    by_default(project, default_transaction_isolation=level)
    both = [project.start("run", "members", name) for name in (FILE, "again.csv")]
    for process in both:
        assert_finished(project.ended(process))
    check_invariants(project, in_order=False)


# ── the right to write ───────────────────────────────────────────────────────────────────────


def test_a_database_that_only_reads_is_refused_before_anything(project: FaultProject, quiet: Undisturbed) -> None:
    """As a standby is, or a database whose disk is nearly full at some hosts."""
    by_default(project, default_transaction_read_only="on")
    for words in (RUN, ("resume",), ("rescue",)):
        said = project.ri(*words)
        assert said.code == REFUSED_BEFORE_ANYTHING, said
        assert "read-only" in said.err, said
    by_default(project, default_transaction_read_only="off")
    assert not project.sql("SELECT 1 FROM import_batches")
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)


def test_a_database_that_only_reads_from_now_on_stops_the_run(
    fault_server: FaultServer, project: FaultProject, quiet: Undisturbed
) -> None:
    """After a switch-over the old address may be that of a standby."""
    with running_proxy(("127.0.0.1", fault_server.port)) as proxy:

        def demote() -> None:
            by_default(project, default_transaction_read_only="on")
            proxy.cut()

        proxy.when(AtCommit(Moment.DONE, 5), demote)
        said = project.ri(*RUN, "--give-up-after", "2", RI_DATABASE_URL=proxy.url(project.database.url))
    assert said.code == STOPPED_BY_WORLD, said
    check_invariants(project, finished=False)
    by_default(project, default_transaction_read_only="off")
    assert_finished(project.ri(*RUN, "--wait"))
    check_invariants(project, reference=quiet.digest)
