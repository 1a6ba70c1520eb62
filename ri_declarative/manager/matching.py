"""The files of a folder and the pipelines that take them (`source.match`), in the order in which to import them.

Asks no database and runs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ri_declarative.errors import ConfigError, Diagnostic, SourceError, UsageError
from ri_declarative.spec.dependencies import in_order
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import PIPELINES_FOLDER, Project, pipeline_names

_MOST_PATTERNS = 5  # told in a hint


class Matched(NamedTuple):
    """The files that one pipeline takes."""

    pipeline: str
    requires: tuple[str, ...]
    files: tuple[Path, ...]  # by name


class FolderPlan(NamedTuple):
    """What is to be imported from a folder."""

    matched: tuple[Matched, ...]  # each behind those that it requires; never empty
    unmatched: tuple[str, ...]  # names of files that no pipeline takes


def plan_folder(project: Project, folder: str | Path) -> FolderPlan:
    """The files of a folder (not of folders in it, none that is hidden), each with its pipeline.

    Every pipeline must be sound: a broken one might take a file, too. Raises ConfigError, UsageError
    "ambiguous-file", "nothing-matches" and "requires-cycle", SourceError when the folder cannot be read.
    """
    pipelines = _all(project)
    takers = {file: [p for p in pipelines if p.spec.source.matches(file.name)] for file in _files(Path(folder))}
    _refuse_ambiguous(takers)
    files: dict[str, list[Path]] = {}
    for file, taken_by in takers.items():
        for pipeline in taken_by:
            files.setdefault(pipeline.name, []).append(file)
    if not files:
        raise _nothing_matches(folder, pipelines)
    known = {pipeline.name: pipeline for pipeline in pipelines}
    order = in_order(_required(files, known))
    matched = (Matched(name, tuple(known[name].spec.requires), tuple(files[name])) for name in order if name in files)
    return FolderPlan(tuple(matched), tuple(file.name for file, taken_by in takers.items() if not taken_by))


def _all(project: Project) -> list[Pipeline]:
    loaded: list[Pipeline] = []
    wrong: list[Diagnostic] = []
    for name in pipeline_names(project):
        try:
            loaded.append(load_pipeline(project, name))
        except ConfigError as error:
            wrong += error.diagnostics
    if wrong:
        raise ConfigError(list(dict.fromkeys(wrong)))
    return loaded


def _required(names: Iterable[str], known: Mapping[str, Pipeline]) -> dict[str, list[str]]:
    """What each of the pipelines requires, and those in turn, also where nothing is to be imported with them."""
    behind: set[str] = set()
    todo = set(names)
    while todo:
        behind |= todo
        todo = {other for name in todo for other in known[name].spec.requires if other in known} - behind
    return {name: known[name].spec.requires for name in sorted(behind)}


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError as error:
        raise SourceError("source-unreadable", f"{folder}: cannot be read: {error.strerror}") from error
    return [folder / name for name in sorted(names)]


def _refuse_ambiguous(takers: Mapping[Path, Sequence[Pipeline]]) -> None:
    found = [(file, taken_by) for file, taken_by in takers.items() if len(taken_by) > 1]
    if not found:
        return
    file, taken_by = found[0]
    more = f"; {len(found) - 1} more such files" if len(found) > 1 else ""
    raise UsageError(
        "ambiguous-file",
        f"{file.name} fits source.match of {' and of '.join(_patterns(taken_by))}{more}; nothing was imported",
        hint="narrow one of the patterns, or keep the files in folders of their own",
    )


def _nothing_matches(folder: str | Path, pipelines: Iterable[Pipeline]) -> UsageError:
    patterns = list(_patterns(pipeline for pipeline in pipelines if pipeline.spec.source.match))
    more = f" and {len(patterns) - _MOST_PATTERNS} more" if len(patterns) > _MOST_PATTERNS else ""
    hint = f"they take: {', '.join(patterns[:_MOST_PATTERNS])}{more}"
    if not patterns:
        hint = (
            f'no pipeline says which files it takes; write in {PIPELINES_FOLDER}/: source: {{match: "customers_*.csv"}}'
        )
    return UsageError("nothing-matches", f"no pipeline takes a file of {folder}", hint=hint)


def _patterns(pipelines: Iterable[Pipeline]) -> Iterable[str]:
    """Each pipeline with what it matches."""
    for pipeline in pipelines:
        yield f"{pipeline.name} ({', '.join(pipeline.spec.source.match or ())})"
