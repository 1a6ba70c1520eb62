"""The project: the folder that holds ri.yaml or pipelines/, and what ri.yaml says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ri_declarative.errors import ConfigError, Diagnostic, UsageError
from ri_declarative.spec.diagnose import validate
from ri_declarative.spec.models import LimitsSpec, PipelineSpec, SourceSpec
from ri_declarative.spec.positions import Finding, KeyPath, Positions, deepest, to_diagnostics
from ri_declarative.spec.project_models import ProjectSpec
from ri_declarative.spec.retry import RetrySpec
from ri_declarative.spec.strict_yaml import read_yaml

PROJECT_FILE = "ri.yaml"
PIPELINES_FOLDER = "pipelines"
STEM = re.compile(r"[a-z][a-z0-9_]*")
_OF_ONE_PIPELINE = frozenset({"fields", "match"})  # of source
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Project:
    """Where the project is and what its ri.yaml says; `path` is ri.yaml, None when there is none."""

    root: Path
    spec: ProjectSpec
    path: Path | None
    positions: Positions = field(default_factory=dict, repr=False)  # of the keys in ri.yaml

    def database(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """`database:` of ri.yaml with its variables filled in. ConfigError naming a missing one.

        Only on demand, so that a run with --database needs no variable, and so that no secret is
        kept in the project.
        """
        written = self.spec.database
        if written is None:
            return None
        missing = [name for name in _VARIABLE.findall(written) if name not in environ]
        if missing:
            raise ConfigError([self._missing(name) for name in dict.fromkeys(missing)])
        return _VARIABLE.sub(lambda found: environ[found[1]], written)

    def _missing(self, name: str) -> Diagnostic:
        message = f"database: the environment variable {name} is not set; set it or use --database"
        return Diagnostic(deepest(self.positions, ("database",), PROJECT_FILE), "missing-variable", message)


def find_project(start: Path | None = None) -> Project:
    """The project that `start` (default: the current folder) lies in; searched upwards.

    UsageError "no-project" when there is none, ConfigError with every finding about ri.yaml.
    """
    folder = (start or Path.cwd()).resolve()
    root = project_root(folder)
    if root is not None:
        return load_project(root)
    raise UsageError(
        "no-project",
        f"neither {PROJECT_FILE} nor {PIPELINES_FOLDER}/ in {folder} or a folder above it",
        hint="go to your project's folder, or make one with: ri init",
    )


def project_root(folder: Path) -> Path | None:
    """The folder, or else the nearest one above it, that makes a project; None when there is none."""
    here = (folder, *folder.parents)
    return next((root for root in here if (root / PROJECT_FILE).is_file() or (root / PIPELINES_FOLDER).is_dir()), None)


def load_project(root: Path) -> Project:
    """The project in exactly this folder. ConfigError with every finding about ri.yaml."""
    path = root / PROJECT_FILE
    if not path.is_file():
        return Project(root, ProjectSpec(), None)
    data, positions, diagnostics, suspects = read_yaml(path, PROJECT_FILE)
    if data is None and [d.code for d in diagnostics] == ["file-empty"]:
        return Project(root, ProjectSpec(), path)  # all of it is optional
    if data is None:
        raise ConfigError(diagnostics)
    spec = validate(ProjectSpec, data)
    findings = [*(() if isinstance(spec, ProjectSpec) else spec), *_defaults(data), *_variables(data)]
    found = [*diagnostics, *to_diagnostics([f for f in findings if f.path not in suspects], positions, PROJECT_FILE)]
    if found or not isinstance(spec, ProjectSpec):
        raise ConfigError(found)
    return Project(root, spec, path, positions)


def pipeline_names(project: Project) -> list[str]:
    """The names of all pipelines, sorted. Files that cannot be a pipeline's are not among them."""
    files = (project.root / PIPELINES_FOLDER).glob("*.yaml")
    return sorted(file.stem for file in files if STEM.fullmatch(file.stem) and file.is_file())


def _defaults(data: Any) -> Iterator[Finding]:
    """Findings about `defaults:`, judged as the parts of a pipeline that they stand for."""
    defaults = data.get("defaults") if isinstance(data, dict) else None
    if not isinstance(defaults, dict):
        return
    parts: list[tuple[str, type[BaseModel]]] = [
        ("source", SourceSpec),
        ("limits", LimitsSpec),
        ("retry", RetrySpec),
    ]
    for name, model in parts:
        part = defaults.get(name, {})
        if isinstance(part, dict):
            yield from _moved(validate(model, part), ("defaults", name))
            for key in part.keys() & _OF_ONE_PIPELINE if name == "source" else ():
                message = "belongs to one pipeline; move it there"
                yield Finding(("defaults", "source", key), "unknown-key", message)
    if isinstance(size := defaults.get("chunk_size"), int):
        checked = validate(PipelineSpec, {"chunk_size": size, "target": {"table": "t", "key": "k"}})
        yield from _moved(checked, ("defaults",))


def _moved(checked: BaseModel | tuple[Finding, ...], prefix: KeyPath) -> Iterator[Finding]:
    if isinstance(checked, tuple):
        yield from (finding._replace(path=(*prefix, *finding.path)) for finding in checked)


def _variables(data: Any, path: KeyPath = ()) -> Iterator[Finding]:
    """`${VAR}` where nothing replaces it, and `${…}` that is no variable."""
    if isinstance(data, str) and "${" in (_VARIABLE.sub("", data) if path == ("database",) else data):
        allowed = "write it as ${NAME}" if path == ("database",) else "variables are allowed in database only"
        yield Finding(path, "invalid-value", f"${{…}} is not replaced here; {allowed}")
    elif isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _variables(value, (*path, key))
