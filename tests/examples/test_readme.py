"""What the README shows is what happens: its YAML gives its output, its commands for a first project run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from support.command_line import REPOSITORY, CommandLine
from support.workbench import Workbench

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def command_line(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """`ri` in an empty project, the current folder, with a database that has the bookkeeping tables."""
    monkeypatch.chdir(workbench.root)
    monkeypatch.setenv("RI_DATABASE_URL", workbench.dsn)
    return CommandLine(workbench)


def block(language: str, beginning: str) -> str:
    """The block of the README in this language that begins so."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if text.startswith(beginning))


def problems(text: str) -> list[str]:
    """The lines of a summary that count: `6 × schema.format on email  e.g. …`."""
    return [line.strip() for line in text.splitlines() if "×" in line]


def test_the_yaml_of_the_readme_gives_the_output_of_the_readme(command_line: CommandLine) -> None:
    command_line.bench.pipeline("customer_data", block("yaml", "# pipelines/customer_data.yaml"))
    command_line.bench.sql((REPOSITORY / "examples/setup.sql").read_text(encoding="utf-8"))
    shutil.copy(REPOSITORY / "examples/data/customers.csv", command_line.root)
    said = command_line.ri("run", "customer_data", "customers.csv")
    shown = block("console", "$ ri run customer_data customers.csv")
    assert said.code == 1
    assert problems(said.out)[: len(problems(shown))] == problems(shown)
    for line in ("472 completed (472 inserted, 0 updated, 0 unchanged)", "28 failed"):
        assert line in shown
        assert line in said.out


def test_the_yaml_of_the_readme_is_that_of_the_repository_with_parts_left_out() -> None:
    shown = yaml.safe_load(block("yaml", "# pipelines/customer_data.yaml"))
    whole = yaml.safe_load((REPOSITORY / "pipelines/customer_data.yaml").read_text(encoding="utf-8"))
    assert shown["schema"] == whole["schema"]
    assert shown["source"]["fields"].keys() == whole["source"]["fields"].keys()
    assert shown["target"]["columns"].items() <= {**whole["target"]["columns"], "address": "address"}.items()


def test_the_first_project_of_the_readme_runs(
    command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = [line.partition("  #")[0].strip() for line in block("sh", "pip install").splitlines()]
    elsewhere: Path = tmp_path_factory.mktemp("elsewhere")
    said = command_line.shell(f"cd {elsewhere} && " + " && ".join(words[1:]))
    assert said.code == 0, said
    assert re.search(r"[1-9]\d* completed", said.out), said.out


def test_the_readme_installs_the_package_by_its_name() -> None:
    name = re.search(r'^name = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert name is not None
    assert f'pip install "{name[1]}[embedded]"' in README
