"""Checking pipelines as files: everything that can be found without a database. Imports no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ri_declarative.compiler.reading import check_reading
from ri_declarative.errors import ConfigError, Diagnostic, Position, Severity
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import PIPELINES_FOLDER, STEM, Project, pipeline_names


@dataclass(frozen=True)
class FileFindings:
    """What the files say: per pipeline its findings, and the pipelines that are sound as far as that goes."""

    by_pipeline: Mapping[str, list[Diagnostic]]
    sound: Mapping[str, Pipeline]  # fit to be checked against a database
    elsewhere: Sequence[Diagnostic] = field(default=())  # about files that are no pipeline's

    @property
    def all(self) -> list[Diagnostic]:
        """Every finding once, by place."""
        return in_order([*self.elsewhere, *(found for told in self.by_pipeline.values() for found in told)])


def check_files(project: Project, names: Sequence[str] | None = None) -> FileFindings:
    """Language, JSON Schema and how the parts fit together, of the pipelines named (default: all).

    Raises UsageError "unknown-pipeline" for a name that is none.
    """
    found: dict[str, list[Diagnostic]] = {}
    sound: dict[str, Pipeline] = {}
    for name in dict.fromkeys(names or pipeline_names(project)):
        try:
            pipeline = load_pipeline(project, name)
        except ConfigError as error:
            found[name] = list(error.diagnostics)
            continue
        found[name] = check_reading(pipeline)
        sound[name] = pipeline
    return FileFindings(found, sound, () if names else tuple(_misnamed(project)))


def in_order(findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each finding once (two pipelines may share a schema file), sorted by place."""
    return sorted(dict.fromkeys(findings), key=lambda found: found.position)


def _misnamed(project: Project) -> Iterator[Diagnostic]:
    """Files that were surely meant to be pipelines, but are passed over for their names."""
    folder = project.root / PIPELINES_FOLDER
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix not in (".yaml", ".yml") or file.name.startswith("."):
            continue
        if not STEM.fullmatch(file.stem):
            cure = "name it with small letters, digits and _, beginning with a letter"
        elif file.suffix == ".yml":
            cure = f"rename it to {file.stem}.yaml"
        else:
            continue
        place = Position(f"{PIPELINES_FOLDER}/{file.name}", 1, 1)
        yield Diagnostic(place, "pipeline-name", f"is not taken for a pipeline: {cure}", Severity.WARNING)
