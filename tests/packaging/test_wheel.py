"""The wheel and the sdist hold what a user needs: ri runs from the wheel alone, without this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "ri_declarative"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both built from a copy, so that nothing of this checkout's building lies around."""
    folder = tmp_path_factory.mktemp("dist")
    copy = folder / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", ".venv-peers", ".ri", "__pycache__", "*_cache", "dist", "build")
    shutil.copytree(REPOSITORY, copy, ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=copy, check=True, capture_output=True
    )
    return {"wheel": next(folder.glob("*.whl")), "sdist": next(folder.glob("*.tar.gz"))}


def package_files() -> set[str]:
    """Everything in the package that is no by-product."""
    found = (p.relative_to(REPOSITORY) for p in PACKAGE.rglob("*") if p.is_file())
    return {p.as_posix() for p in found if "__pycache__" not in p.parts}


def test_the_wheel_holds_every_file_of_the_package(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = set(wheel.namelist())
    assert package_files() <= names
    assert "ri_declarative/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"ri_declarative"}


def test_the_sdist_holds_the_package_its_licence_and_its_tests(distributions: dict[str, Path]) -> None:
    with tarfile.open(distributions["sdist"]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    assert package_files() | {"LICENSE", "README.md", "pyproject.toml", "tests/conftest.py"} <= names


def test_ri_makes_and_checks_a_project_from_the_wheel_alone(distributions: dict[str, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        wheel.extractall(tmp_path / "installed")
    project = tmp_path / "project"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}

    def ri(*arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "ri_declarative.cli", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = [sys.executable, "-P", "-c", "import ri_declarative; print(ri_declarative.__file__)"]
    loaded = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert loaded.startswith(str(tmp_path / "installed"))
    ri("init", str(project))
    assert (project / "pipelines/contacts.yaml").is_file()
    environment["PWD"] = str(project)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ri_declarative.cli", "check", "--offline"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
