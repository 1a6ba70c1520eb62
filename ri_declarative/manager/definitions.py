"""What a batch type means: a pipeline's file or a processor class, as something that makes a processor for a source."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from sqlalchemy import Connection

from ri_declarative.compiler.compile import compile_pipeline, required_fields
from ri_declarative.engine.limits import Limits
from ri_declarative.errors import SourceError, UsageError
from ri_declarative.processors.base import BaseProcessor, hooks_of_class, retry_of
from ri_declarative.processors.hooks import NO_HOOKS, Hooks, load_hooks, make_importable
from ri_declarative.processors.per_item import PerItem
from ri_declarative.processors.protocol import Processor
from ri_declarative.processors.registry import ProcessorRegistry, Registered
from ri_declarative.sources.source import Source
from ri_declarative.spec.hook_names import TWINS
from ri_declarative.spec.models import SourceSpec
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import PIPELINES_FOLDER, Project, find_project, load_project, pipeline_names


class Definition(Protocol):
    """One batch type, ready to make the processor of a run."""

    @property
    def batch_type(self) -> str: ...

    @property
    def fingerprint(self) -> str | None:
        """Changes when what happens to a record may change; None: it cannot be told."""

    @property
    def source(self) -> SourceSpec:
        """How its files are read."""

    @property
    def limits(self) -> Limits: ...

    @property
    def concurrency(self) -> Literal["one", "many"]:
        """Whether several batches of it may be worked on at once."""

    @property
    def requires(self) -> Sequence[str]:
        """Batch types that must have completed before."""

    @property
    def hooks(self) -> Hooks: ...

    def processor(self, connection: Connection, source: Source, *, checks_header: bool) -> Processor:
        """For one run. Raises ConfigError or SourceError; may create the target table in the open transaction."""


@dataclass(frozen=True)
class PipelineDefinition:
    """A file in pipelines/, with its hooks."""

    pipeline: Pipeline
    hooks: Hooks = NO_HOOKS

    @property
    def batch_type(self) -> str:
        return self.pipeline.name

    @property
    def fingerprint(self) -> str | None:
        return self.pipeline.fingerprint

    @property
    def source(self) -> SourceSpec:
        return self.pipeline.spec.source

    @property
    def limits(self) -> Limits:
        return Limits.parse(self.pipeline.spec.limits.max_failed)

    @property
    def concurrency(self) -> Literal["one", "many"]:
        return self.pipeline.spec.concurrency

    @property
    def requires(self) -> Sequence[str]:
        return self.pipeline.spec.requires

    def processor(self, connection: Connection, source: Source, *, checks_header: bool) -> Processor:
        header = source.info.header
        processor = compile_pipeline(
            connection, self.pipeline, textual=source.textual, fields=len(header or ()), hooks=self.hooks
        )
        if header is not None and checks_header:
            messages = processor.check_header(header, self._required_headers())
            if messages:
                raise SourceError("source-header", f"{source.info.name}: " + "; ".join(messages))
        return processor

    def _required_headers(self) -> Sequence[str]:
        """Empty where a hook may add what the file lacks."""
        return () if any(name in self.hooks for name in TWINS) else required_fields(self.pipeline)


@dataclass(frozen=True)
class ClassDefinition:
    """A subclass of BaseProcessor."""

    batch_type: str
    cls: type[BaseProcessor]
    source = SourceSpec()
    limits = Limits()
    requires: Sequence[str] = ()

    @property
    def concurrency(self) -> Literal["one", "many"]:
        return self.cls.concurrency

    @cached_property
    def fingerprint(self) -> str | None:
        """Of the class's source file: what it calls elsewhere is not seen."""
        file = inspect.getsourcefile(self.cls)
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file and Path(file).is_file() else None

    @cached_property
    def hooks(self) -> Hooks:
        """Of an object that is made for one run."""
        return hooks_of_class(self.cls)

    def processor(self, connection: Connection, source: Source, *, checks_header: bool) -> Processor:
        return PerItem(self.batch_type, self.hooks, chunk_size=self.cls.chunk_size, retry=retry_of(self.cls))


def registry_here(folder: Path | None) -> ProcessorRegistry:
    """Of the project that `folder` lies in; empty outside of one."""
    try:
        project = find_project(folder)
    except UsageError as error:
        if error.code != "no-project":
            raise
        return ProcessorRegistry()
    return registry_of(project)


def registry_of(project: Project) -> ProcessorRegistry:
    """The pipelines of a project and the classes in the packages that its ri.yaml names."""
    registry = ProcessorRegistry()
    folder = project.root / PIPELINES_FOLDER
    if folder.is_dir():
        registry.discover_pipelines(folder)
    if project.spec.processors:
        make_importable(project.root)
    for package in project.spec.processors:
        registry.discover(package)
    return registry


def define_pipeline(pipeline: Pipeline) -> PipelineDefinition:
    """The pipeline with its hooks, whose file is run now. Raises UsageError "hook-import"."""
    path = pipeline.hooks_path
    return PipelineDefinition(pipeline, NO_HOOKS if path is None else load_hooks(path, path.parents[1]))


@dataclass(frozen=True)
class Definitions:
    """What there is for batch types: what is registered, and pipelines written since."""

    registry: ProcessorRegistry
    folder: Path | None  # the project is searched from here; None: from the current folder

    def of(self, batch_type: str) -> Definition:
        """What processes the batches of a type, a pipeline's file read now.

        Raises UsageError naming the types there are, ConfigError with every finding about the pipeline.
        """
        self.refuse_unknown(batch_type)
        return self.named(batch_type)

    def named(self, name: str) -> Definition:
        """As `of`, by a name that a person gave: UsageError looks for near names and misnamed files, too."""
        if name in self.registry.names():
            return _definition(self.registry.get(name))
        try:
            return define_pipeline(load_pipeline(find_project(self.folder), name))
        except UsageError as error:
            if error.code == "unknown-pipeline" and any(map(self._is_class, self.registry.names())):
                self.registry.get(name)  # names the classes, too
            raise

    def refuse_unknown(self, batch_type: str) -> None:
        """Raise UsageError naming the types there are when this is none of them."""
        if batch_type not in self.registry.names() and not self._has_pipeline(batch_type):
            self.registry.get(batch_type)

    def _has_pipeline(self, name: str) -> bool:
        try:
            return name in pipeline_names(find_project(self.folder))
        except UsageError:
            return False

    def _is_class(self, name: str) -> bool:
        return self.registry.get(name).processor is not None


def fingerprint_now(registry: ProcessorRegistry, batch_type: str) -> str | None:
    """What a batch would be marked with now; None: there is no such batch type any more. Runs no hook's file."""
    if batch_type not in registry.names():
        return None
    found = registry.get(batch_type)
    if found.processor is not None:
        return ClassDefinition(batch_type, found.processor).fingerprint
    assert found.pipeline is not None
    return load_pipeline(load_project(found.pipeline.parents[1]), batch_type).fingerprint


def _definition(found: Registered) -> Definition:
    if found.pipeline is not None:
        project = load_project(found.pipeline.parents[1])
        return define_pipeline(load_pipeline(project, found.batch_type))
    assert found.processor is not None
    return ClassDefinition(found.batch_type, found.processor)
