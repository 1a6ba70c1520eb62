"""Finding the project and reading ri.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from ri_declarative.errors import ConfigError, UsageError
from ri_declarative.spec.project import find_project, pipeline_names

from .spec_texts import Write


def test_the_project_is_found_from_any_folder_below(write: Write, tmp_path: Path) -> None:
    write("pipelines/a.yaml", "")
    write("deep/er/x.txt", "")
    assert find_project(tmp_path / "deep" / "er").root == tmp_path.resolve()


def test_a_folder_with_only_ri_yaml_is_a_project(write: Write, tmp_path: Path) -> None:
    path = write("ri.yaml", "processors: [myapp.processors]\n")
    project = find_project(tmp_path)
    assert (project.path, project.spec.processors) == (path, ["myapp.processors"])


def test_ri_yaml_is_optional_and_may_be_empty(write: Write, tmp_path: Path) -> None:
    write("pipelines/a.yaml", "")
    assert find_project(tmp_path).path is None
    write("ri.yaml", "# nothing yet\n")
    assert find_project(tmp_path).spec.bookkeeping_schema == "public"


def test_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ri init") as caught:
        find_project(tmp_path)
    assert caught.value.code == "no-project"


def test_every_finding_about_ri_yaml_comes_at_once(write: Write, tmp_path: Path) -> None:
    write(
        "ri.yaml",
        """\
        databse: x
        processors: [NO]
        bookkeeping_schema: "${X}"
        defaults:
          source: {encodng: utf-8, fields: {a: {}}}
          limits: {max_failed: many}
          chunk_size: 0
        """,
    )
    with pytest.raises(ConfigError) as caught:
        find_project(tmp_path)
    assert [(d.position.line, d.position.column, d.code) for d in caught.value.diagnostics] == [
        (1, 1, "unknown-key"),
        (2, 14, "yaml-ambiguous"),
        (3, 1, "invalid-value"),
        (3, 1, "invalid-value"),
        (5, 12, "unknown-key"),
        (5, 28, "unknown-key"),
        (6, 12, "invalid-value"),
        (7, 3, "invalid-value"),
    ]


def test_variables_are_filled_in_for_the_database(write: Write, tmp_path: Path) -> None:
    write("ri.yaml", "database: postgresql://app:${PASSWORD}@${HOST}/app\n")
    project = find_project(tmp_path)
    assert project.database({"PASSWORD": "s$1", "HOST": "db"}) == "postgresql://app:s$1@db/app"
    assert "s$1" not in repr(project)


def test_a_missing_variable_is_named_only_when_the_database_is_asked_for(write: Write, tmp_path: Path) -> None:
    write("ri.yaml", "\ndatabase: postgresql://${HOST}/${NAME}\n")
    project = find_project(tmp_path)
    with pytest.raises(ConfigError) as caught:
        project.database({"HOST": "secret"})
    assert "ri.yaml:2:1: error[missing-variable]" in str(caught.value)
    assert "NAME" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_something_like_a_variable_that_is_none_is_refused(write: Write, tmp_path: Path) -> None:
    write("ri.yaml", "database: postgresql://${1x}/a\n")
    with pytest.raises(ConfigError, match=r"write it as \$\{NAME\}"):
        find_project(tmp_path)


def test_pipeline_names_are_the_stems_that_may_name_one(write: Write, tmp_path: Path) -> None:
    for name in ("b.yaml", "a_2.yaml", "Bad.yaml", "c.yml", "2x.yaml", "d-e.yaml", "notes.txt"):
        write(f"pipelines/{name}", "")
    assert pipeline_names(find_project(tmp_path)) == ["a_2", "b"]
