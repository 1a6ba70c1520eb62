"""What the server says decides what a run does: try again, or stop, to be resumed. No record fails for it."""

from __future__ import annotations

import pytest
from psycopg2.sql import SQL, Identifier, Literal

from faults.conftest import Make
from faults.support.invariants import check_invariants
from faults.support.project import FaultProject, Shape
from faults.support.records import PLANTED_DOMAIN
from faults.support.server import ROLE, FaultServer
from faults.support.undisturbed import RUN, Undisturbed, assert_finished, undisturbed_run, write_file

pytestmark = pytest.mark.faults

STOPPED_BY_WORLD = 3


@pytest.fixture
def quiet(fault_server: FaultServer) -> Undisturbed:
    """What a run leaves that nothing disturbs."""
    return undisturbed_run(fault_server, Shape())


@pytest.fixture
def project(make: Make) -> FaultProject:
    """With the file, and nothing imported yet; passing faults do not take long."""
    project = make(Shape(pipeline="retry: {backoff: 20ms}\n"))
    write_file(project)
    return project


# A function of the target's CHECK that fails once, at the 120th row, however often the row is written again.
TRIP = """
CREATE SEQUENCE public.trip;
GRANT USAGE ON SEQUENCE public.trip TO {role};
CREATE OR REPLACE FUNCTION public.is_welcome(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF nextval('public.trip') = 120 THEN RAISE EXCEPTION USING ERRCODE = {state}, MESSAGE = {message}; END IF;
    IF name LIKE 'Refused%' THEN RAISE EXCEPTION 'not welcome'; END IF;
    RETURN true;
END $$;
"""


def trip(project: FaultProject, state: str, message: str) -> None:
    """Nothing; writing the target fails once in mid-run."""
    project.sql(SQL(TRIP).format(role=Identifier(ROLE), state=Literal(state), message=Literal(message)))


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014"])
def test_a_passing_fault_is_tried_again(state: str, project: FaultProject, quiet: Undisturbed) -> None:
    trip(project, state, f"a trigger may say anything of x@{PLANTED_DOMAIN}")
    said = project.ri(*RUN)
    assert_finished(said)
    assert "trying the chunk again" in said.err
    check_invariants(project, reference=quiet.digest)


@pytest.mark.parametrize("state", ["53100", "58030", "XX000", "42P01", "55000", "25006"])
def test_a_fault_that_is_no_records_stops_the_run_which_can_be_resumed(
    state: str, project: FaultProject, quiet: Undisturbed
) -> None:
    trip(project, state, "out of something")
    said = project.ri(*RUN)
    assert said.code == STOPPED_BY_WORLD, said
    assert state in said.err
    check_invariants(project, finished=False)
    assert_finished(project.ri(*RUN))
    check_invariants(project, reference=quiet.digest)
