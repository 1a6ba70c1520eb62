"""A data folder of another major version of PostgreSQL: refused, with a way out that works."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ri_process import people, ri, write_people

from ri_declarative.database.embedded.binaries import find_binaries
from ri_declarative.errors import DatabaseError

OLD = 15


@pytest.fixture
def old_and_new() -> tuple[str, str]:
    """The bin folders of two PostgreSQL."""
    try:
        old, new = find_binaries(major=OLD, environ={}), find_binaries(environ={})
    except DatabaseError:
        pytest.skip(f"needs a PostgreSQL {OLD} and a newer one")
    if new.version == OLD:
        pytest.skip(f"needs a PostgreSQL newer than {OLD}")
    return str(old.bin_dir), str(new.bin_dir)


def test_data_of_another_major_version_is_refused_and_the_way_out_brings_them_along(
    project_folder: Path, old_and_new: tuple[str, str]
) -> None:
    old, new = old_and_new
    write_people(project_folder)
    assert ri(project_folder, "run", "people", "-", stdin=people("a", 3), RI_PG_BIN=old).returncode == 0
    assert ri(project_folder, "db", "stop", RI_PG_BIN=old).returncode == 0

    refused = ri(project_folder, "run", "people", "-", stdin=people("b", 3), RI_PG_BIN=new)
    assert refused.returncode == 2
    assert f"error[embedded-version] the embedded database was made by PostgreSQL {OLD}" in refused.stderr
    for word in ("RI_PG_BIN", "ri db dump", "ri db reset", "ri db psql -- -f"):
        assert word in refused.stderr

    assert ri(project_folder, "db", "dump", "copy.sql", RI_PG_BIN=old).returncode == 0
    assert ri(project_folder, "db", "stop", RI_PG_BIN=old).returncode == 0
    assert ri(project_folder, "db", "reset", "--yes", RI_PG_BIN=new).returncode == 0
    restored = ri(project_folder, "db", "psql", "--", "-qf", "copy.sql", "-v", "ON_ERROR_STOP=1", RI_PG_BIN=new)
    assert restored.returncode == 0, restored.stderr
    again = ri(project_folder, "run", "people", "-", stdin=people("a", 4), RI_PG_BIN=new)
    assert "1 inserted, 0 updated, 3 unchanged" in again.stdout
