"""Checking pipelines as files: everything that can be found without a database. Imports no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ri_declarative.compiler.reading import check_reading
from ri_declarative.errors import ConfigError, Diagnostic, Position, Severity
from ri_declarative.spec.dependencies import Requirement, cycles, in_words, requirements
from ri_declarative.spec.edit_distance import near
from ri_declarative.spec.pipeline import HOOKS_FOLDER, Pipeline, load_pipeline
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
        found[name] = [*pipeline.warnings, *check_reading(pipeline)]
        sound[name] = pipeline
    for name, finding in _cycles(project, list(found), sound):
        found[name].append(finding)
    return FileFindings(found, sound, () if names else (*_misnamed(project), *_stray_hooks(project)))


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


def _cycles(project: Project, names: Sequence[str], sound: Mapping[str, Pipeline]) -> Iterator[tuple[str, Diagnostic]]:
    """Each cycle of `requires` once, with the first of the pipelines named that is part of it."""
    graph = _with_those_behind(project, names, sound)
    for path in cycles({name: [other.name for other in graph[name]] for name in graph}):
        mine = next((name for name in path if name in names), None)
        if mine is None or len(path) == 2:  # a pipeline that waits for itself is told when it is loaded
            continue
        start = path.index(mine)
        turned = [*path[start:-1], *path[:start], mine]
        place = next(other.place for other in graph[mine] if other.name == turned[1])
        yield mine, Diagnostic(place, "requires-cycle", f"requires: {in_words(turned)}")


def _with_those_behind(
    project: Project, names: Sequence[str], sound: Mapping[str, Pipeline]
) -> dict[str, tuple[Requirement, ...]]:
    """What each pipeline requires, and those in turn. Of a pipeline that is loaded no file is read again."""
    graph: dict[str, tuple[Requirement, ...]] = {}
    todo, known = list(names), set(pipeline_names(project))
    while todo:
        name = todo.pop()
        if name in known and name not in graph:
            graph[name] = _required_by(sound[name]) if name in sound else requirements(project, name)
            todo += (other.name for other in graph[name])
    return graph


def _required_by(pipeline: Pipeline) -> tuple[Requirement, ...]:
    written = enumerate(pipeline.spec.requires)
    return tuple(Requirement(name, pipeline.at("requires", index)) for index, name in written)


def _stray_hooks(project: Project) -> Iterator[Diagnostic]:
    """Hook files that no pipeline finds, but one without hooks has nearly this name; others are helpers."""
    folder = project.root / HOOKS_FOLDER
    names = pipeline_names(project)
    without = [name for name in names if not (folder / f"{name}.py").is_file()]
    for file in sorted(folder.glob("*.py")):
        if file.stem in names or file.stem.startswith("_"):
            continue
        if meant := near(file.stem.replace("-", "_"), without):
            message = f'belongs to no pipeline, so nothing calls its hooks; did you mean "{meant}.py"?'
            yield Diagnostic(Position(f"{HOOKS_FOLDER}/{file.name}", 1, 1), "hook-file", message, Severity.WARNING)
