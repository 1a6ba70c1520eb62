"""The processor classes of a project: imported to be looked at, never made or called."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ri_declarative.compiler.hooks_in_words import in_order_of_calls
from ri_declarative.errors import Diagnostic, UsageError
from ri_declarative.manager.definitions import ClassDefinition
from ri_declarative.processors.base import BaseProcessor, retry_of
from ri_declarative.processors.hooks import make_importable
from ri_declarative.processors.registry import ProcessorRegistry
from ri_declarative.processors.retry import Retry
from ri_declarative.spec.hook_names import HOOKS
from ri_declarative.spec.pipeline import Pipeline
from ri_declarative.spec.positions import clip, deepest, dotted
from ri_declarative.spec.project import PIPELINES_FOLDER, PROJECT_FILE, Project
from ri_declarative.words import did_you_mean


class Classes(NamedTuple):
    """What the packages that ri.yaml names hold."""

    by_type: Mapping[str, type[BaseProcessor]]  # sorted by batch type
    findings: tuple[Diagnostic, ...] = ()  # each at its package's line in ri.yaml


class ClassExplanation(NamedTuple):
    """What a run would make of a class."""

    batch_type: str
    place: str  # "myapp.processors.CustomerDataProcessor"
    file: str | None  # relative to the project where it lies in it
    line: int | None
    description: str | None  # its docstring
    chunk_size: int
    retry: Retry
    hooks: tuple[str, ...]  # those that it defines, in the order of the calls
    fingerprint: str | None


def find_classes(project: Project) -> Classes:
    """Every class of the packages that ri.yaml names, as far as they can be imported, and what is wrong with them."""
    if not project.spec.processors:
        return Classes({})
    registry = ProcessorRegistry()
    folder = project.root / PIPELINES_FOLDER
    if folder.is_dir():
        registry.discover_pipelines(folder)
    make_importable(project.root)
    findings = []
    for index, package in enumerate(project.spec.processors):
        place = deepest(project.positions, ("processors", index), PROJECT_FILE)
        try:
            registry.discover(package)
        except UsageError as error:
            findings.append(Diagnostic(place, error.code, f"processors: {' '.join(error.message.split())}"))
    classes = {name: cls for name in registry.names() if (cls := registry.get(name).processor) is not None}
    return Classes(classes, tuple(findings))


def place_of(cls: type[BaseProcessor]) -> str:
    """How a class is imported: module and name."""
    return f"{cls.__module__}.{cls.__qualname__}"


def unknown_requirements(pipelines: Iterable[Pipeline], known: Collection[str]) -> Iterator[Diagnostic]:
    """What pipelines require that is neither a pipeline nor a class; `known`: the names of all of these."""
    for pipeline in pipelines:
        for index, name in enumerate(pipeline.spec.requires):
            if name not in known:
                mend = did_you_mean(name, set(known) - {pipeline.name})
                message = f'{dotted(("requires", index))}: there is no pipeline and no class "{clip(name)}"{mend}'
                yield Diagnostic(pipeline.at("requires", index), "requires-unknown", message)


def explain_class(project: Project, batch_type: str, cls: type[BaseProcessor]) -> ClassExplanation:
    """What can be said about the class without making an object of it."""
    file = inspect.getsourcefile(cls)
    return ClassExplanation(
        batch_type,
        place_of(cls),
        None if file is None else _shown(Path(file), project.root),
        None if file is None else inspect.getsourcelines(cls)[1],
        inspect.cleandoc(cls.__doc__) if cls.__doc__ else None,
        cls.chunk_size,
        retry_of(cls),
        in_order_of_calls([name for name in HOOKS if _defines(cls, name)]),
        ClassDefinition(batch_type, cls).fingerprint,
    )


def _defines(cls: type[BaseProcessor], name: str) -> bool:
    default = vars(BaseProcessor).get(name)
    return default is not None and getattr(cls, name) is not default


def _shown(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
