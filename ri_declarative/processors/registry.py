"""Which batch types there are: processor classes, and the pipelines of a folder."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ri_declarative.errors import UsageError
from ri_declarative.processors.base import BaseProcessor, batch_type_of, retry_of
from ri_declarative.processors.blame import cause_of
from ri_declarative.spec.hook_names import TWINS
from ri_declarative.spec.project import PIPELINES_FOLDER, STEM, load_project, pipeline_names
from ri_declarative.words import did_you_mean


class Registered(NamedTuple):
    """One batch type: a class, or a pipeline's file."""

    batch_type: str
    place: str  # for people: "myapp.processors.CustomerDataProcessor", "pipelines/customer_data.yaml"
    processor: type[BaseProcessor] | None = None
    pipeline: Path | None = None


class ProcessorRegistry:
    """Batch types by name. Safe to share between threads."""

    def __init__(self) -> None:
        self._known: dict[str, Registered] = {}
        self._lock = threading.Lock()

    def register(self, batch_type: str, cls: type[BaseProcessor]) -> None:
        """Let `cls` process the batches of that type. UsageError naming both places when there is another."""
        if not (inspect.isclass(cls) and issubclass(cls, BaseProcessor)):
            raise UsageError("processor-class", f"{cls!r} is no subclass of BaseProcessor")
        place = f"{cls.__module__}.{cls.__qualname__}"
        if not STEM.fullmatch(batch_type):
            raise UsageError(
                "processor-class",
                f'{place}: "{batch_type}" cannot be a batch type',
                hint="name it with small letters, digits and _, beginning with a letter",
            )
        if not isinstance(cls.chunk_size, int) or isinstance(cls.chunk_size, bool) or cls.chunk_size < 1:
            raise UsageError("processor-class", f"{place}: chunk_size is {cls.chunk_size!r}, expected 1 or more")
        if unknown := [name for name in TWINS if callable(getattr(cls, name, None))]:
            raise UsageError("processor-class", f"{place}: {unknown[0]} is a pipeline's hook; do it in process_item")
        try:
            retry_of(cls)
        except ValueError as error:
            raise UsageError("processor-class", f"{place}: {error}") from None
        if missing := sorted(getattr(cls, "__abstractmethods__", ())):
            raise UsageError("processor-class", f"{place} lacks {' and '.join(missing)}")
        self._add(Registered(batch_type, place, processor=cls))

    def get(self, batch_type: str) -> Registered:
        """What processes the batches of that type. UsageError naming the types there are."""
        found = self._known.get(batch_type)
        if found is None:
            available = ", ".join(self.names()) or "none"
            raise UsageError(
                "unknown-batch-type",
                f"No processor registered for batch type '{batch_type}'. Available types: {available}"
                + did_you_mean(batch_type, self.names()),
            )
        return found

    def names(self) -> list[str]:
        """All batch types, sorted."""
        return sorted(self._known)

    def discover(self, package: str) -> list[str]:
        """Register every concrete processor class that is defined in a package, however deep; their batch types.

        Raises UsageError naming the module that could not be imported, and the cause.
        """
        found: dict[str, None] = {}
        for module in _modules(package):
            for cls in _processors_of(module):
                self.register(batch_type_of(cls), cls)
                found[batch_type_of(cls)] = None
        return list(found)

    def discover_pipelines(self, path: str | Path) -> list[str]:
        """Register every pipeline of a project's pipelines/ folder; their names."""
        folder = Path(path)
        if folder.name != PIPELINES_FOLDER or not folder.is_dir():
            raise UsageError("no-project", f"{folder} is no folder named {PIPELINES_FOLDER}")
        names = pipeline_names(load_project(folder.parent.resolve()))
        for name in names:
            file = folder.resolve() / f"{name}.yaml"
            self._add(Registered(name, f"{PIPELINES_FOLDER}/{file.name}", pipeline=file))
        return names

    def _add(self, new: Registered) -> None:
        with self._lock:
            known = self._known.get(new.batch_type)
            if known is not None and not _is_same(known, new):
                places = (known.place, new.place)
                if known.place == new.place:  # of two projects
                    places = (str(known.pipeline), str(new.pipeline))
                raise UsageError(
                    "duplicate-batch-type",
                    f"batch type {new.batch_type} is defined twice: {places[0]} and {places[1]}",
                    hint="rename one of them; a class names its type with batch_type",
                )
            self._known[new.batch_type] = new


def _is_same(known: Registered, new: Registered) -> bool:
    """The same thing registered again, perhaps after its module was reloaded."""
    return known.place == new.place and known.pipeline == new.pipeline


def _modules(package: str) -> Iterator[ModuleType]:
    top = _imported(package)
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{package}.", onerror=_refuse):
        yield _imported(found.name)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may call sys.exit
        raise _unimportable(name, error) from error


def _refuse(name: str) -> None:
    """For walk_packages, which swallows the errors of nested packages otherwise."""
    _imported(name)


def _unimportable(name: str, error: BaseException) -> UsageError:
    return UsageError(
        "processor-import",
        f"{name} cannot be imported: {cause_of(error)}",
        hint="is the package on the import path (the project's folder is), and are its own imports installed?",
    )


def _processors_of(module: ModuleType) -> Iterator[type[BaseProcessor]]:
    """Classes defined in the module itself: those imported from elsewhere are found there."""
    for value in vars(module).values():
        is_one = inspect.isclass(value) and issubclass(value, BaseProcessor) and value.__module__ == module.__name__
        if is_one and not inspect.isabstract(value):
            yield value
