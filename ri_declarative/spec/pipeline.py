"""One pipeline, read and checked as far as that goes without a database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ri_declarative.errors import ConfigError, Diagnostic, Position, Severity, UsageError
from ri_declarative.spec.cross_checks import cross_check
from ri_declarative.spec.dependencies import check_requires
from ri_declarative.spec.diagnose import validate
from ri_declarative.spec.hook_file import HookFile, read_hook_file
from ri_declarative.spec.models import ColumnSpec, PipelineSpec
from ri_declarative.spec.outline import outline
from ri_declarative.spec.positions import Finding, Positions, clip, deepest, to_diagnostics
from ri_declarative.spec.project import PIPELINES_FOLDER, STEM, Project, pipeline_names
from ri_declarative.spec.record_schema import check_schema
from ri_declarative.spec.strict_json import read_json
from ri_declarative.spec.strict_yaml import read_yaml
from ri_declarative.words import did_you_mean

SCHEMA_FOLDER = "schema"
HOOKS_FOLDER = "hooks"
# Of PipelineSpec, about what happens to a record; the schema is in the fingerprint by itself.
_DECIDES_NOTHING: dict[str, Any] = {
    "description": True,
    "record_schema": True,
    "requires": True,
    "retry": True,
    "source": {"match": True, "same_file": True},
    "concurrency": True,
}
_NO_HOOKS = HookFile(frozenset())


@dataclass(frozen=True)
class Pipeline:
    """A pipeline without errors. `spec` holds the defaults of ri.yaml, too."""

    name: str
    path: Path  # of its YAML file
    spec: PipelineSpec
    record_schema: Mapping[str, Any]  # {}: every record is valid
    fingerprint: str  # sha256 of everything that decides what happens to a record
    positions: Positions = field(repr=False)  # ("schema", …) may lie in a file of schema/
    hooks_path: Path | None = None  # None: it has no hooks
    hooks: frozenset[str] = frozenset()  # the names that its hook file defines
    warnings: tuple[Diagnostic, ...] = ()

    def at(self, *keys: str | int) -> Position:
        """The position of the deepest known key on the path; the file's start when none is."""
        return deepest(self.positions, keys, f"{PIPELINES_FOLDER}/{self.path.name}")

    @cached_property
    def columns(self) -> dict[str, ColumnSpec]:
        """Column → where its value comes from, in the order written; never empty."""
        return _columns(self.spec, self.record_schema)


def load_pipeline(project: Project, name: str) -> Pipeline:
    """The pipeline of that name. UsageError "unknown-pipeline", ConfigError with every finding."""
    path = _path(project, name)
    file = f"{PIPELINES_FOLDER}/{path.name}"
    data, positions, diagnostics, suspects = read_yaml(path, file)
    hooks_path = _hooks_path(project, name)
    hook_file = read_hook_file(hooks_path, f"{HOOKS_FOLDER}/{hooks_path.name}") if hooks_path else _NO_HOOKS
    if data is None:
        raise ConfigError([*diagnostics, *hook_file.diagnostics])
    merged = _with_defaults(project, data, positions)
    schema = _record_schema(project, name, merged)
    all_positions = {**merged.positions, **schema.positions}
    spec = validate(PipelineSpec, merged.data)
    findings = [
        *(() if isinstance(spec, PipelineSpec) else spec),
        *schema.findings,
        *_parts(project, name, merged.data, schema.data, hook_file),
    ]
    judged = [finding for finding in findings if finding.path not in suspects]
    found = [*diagnostics, *schema.diagnostics, *hook_file.diagnostics]
    found += to_diagnostics(judged, all_positions, file)
    if not isinstance(spec, PipelineSpec) or any(f.severity is Severity.ERROR for f in found):
        raise ConfigError(found)
    return Pipeline(
        name,
        path,
        spec,
        schema.data,
        _fingerprint(spec, schema.data, hooks_path),
        all_positions,
        hooks_path,
        hook_file.names,
        tuple(found),
    )


class _Merged(NamedTuple):
    data: Any
    positions: Positions


class _Schema(NamedTuple):
    data: dict[str, Any]
    positions: Positions = {}  # below ("schema",), when it comes from a file of its own
    findings: tuple[Finding, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def _path(project: Project, name: str) -> Path:
    names = pipeline_names(project)
    if name in names:
        return project.root / PIPELINES_FOLDER / f"{name}.yaml"
    _refuse_misnamed(project, name)
    hint = (
        f"pipelines here: {', '.join(names)}"
        if names
        else "there are no pipelines here yet; make an example with: ri init"
    )
    # Many type the file, with the shell's completion of paths.
    stem = PurePosixPath(name).stem
    mend = f'; did you mean "{stem}"?' if stem in names else did_you_mean(stem, names)
    message = f'there is no pipeline "{clip(name)}"{mend}'
    raise UsageError("unknown-pipeline", message, hint=hint)


def _refuse_misnamed(project: Project, name: str) -> None:
    folder = project.root / PIPELINES_FOLDER
    files = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    for found in (f"{name}.yml", f"{name}.yaml"):
        if found not in files:
            continue
        if not STEM.fullmatch(name):
            cure = "name it with small letters, digits and _, beginning with a letter"
        elif found.endswith(".yml"):
            cure = f"rename it to {name}.yaml"
        else:
            cure = "it is not a file"
        raise UsageError("pipeline-name", f"{PIPELINES_FOLDER}/{found} cannot be a pipeline: {cure}")


def _with_defaults(project: Project, data: Any, positions: Positions) -> _Merged:
    """The pipeline's own words over those of `defaults:` in ri.yaml, mappings merged key by key."""
    defaults = project.spec.defaults.model_dump(exclude_unset=True, exclude_none=True)
    if not isinstance(data, dict) or not defaults:
        return _Merged(data, positions)
    inherited = {path[1:]: place for path, place in project.positions.items() if path[:1] == ("defaults",) and path[1:]}
    return _Merged(_merge(defaults, data), {**inherited, **positions})


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    for key in under.keys() & over.keys():
        if isinstance(under[key], dict) and isinstance(over[key], dict):
            merged[key] = _merge(under[key], over[key])
    return merged


def _record_schema(project: Project, name: str, merged: _Merged) -> _Schema:
    written = merged.data.get("schema") if isinstance(merged.data, dict) else None
    if isinstance(written, dict):
        return _Schema(written, findings=_checked(written))
    if isinstance(written, str):
        return _named_schema(project, written)
    file = project.root / SCHEMA_FOLDER / f"{name}.json"
    says_schema = isinstance(merged.data, dict) and "schema" in merged.data
    return _schema_file(project, file) if file.is_file() and not says_schema else _Schema({})


def _checked(schema: dict[str, Any]) -> tuple[Finding, ...]:
    return tuple(finding._replace(path=("schema", *finding.path)) for finding in check_schema(schema))


def _named_schema(project: Project, written: str) -> _Schema:
    folder = project.root / SCHEMA_FOLDER
    parts = PurePosixPath(written).parts
    file = folder / written
    if written.startswith(("/", "~")) or ".." in parts or "\\" in written or "\0" in written or "://" in written:
        problem = f"must be a file in {SCHEMA_FOLDER}/, without ..; write its name only"
    elif not file.is_file():
        there = sorted(found.relative_to(folder).as_posix() for found in folder.rglob("*.json"))
        problem = f'there is no file "{clip(written)}" in {SCHEMA_FOLDER}/{did_you_mean(written, there)}'
    elif not file.resolve().is_relative_to(folder.resolve()):
        problem = f"leads out of {SCHEMA_FOLDER}/; put the file there"
    else:
        return _schema_file(project, file)
    return _Schema({}, findings=(Finding(("schema",), "schema-file", problem),))


def _schema_file(project: Project, file: Path) -> _Schema:
    shown = file.relative_to(project.root).as_posix()
    data, positions, diagnostics, _ = read_json(file, shown)
    start = Position(shown, 1, 1)
    if diagnostics:
        return _Schema({}, diagnostics=diagnostics)
    if not isinstance(data, dict):
        return _Schema({}, diagnostics=(Diagnostic(start, "schema-invalid", "a record's schema is a JSON object"),))
    placed = {("schema", *path): place for path, place in positions.items()}
    return _Schema(data, {("schema",): start} | placed, _checked(data))


def _hooks_path(project: Project, name: str) -> Path | None:
    path = project.root / HOOKS_FOLDER / f"{name}.py"
    return path if path.is_file() else None


def _parts(project: Project, name: str, data: Any, schema: Mapping[str, Any], hook_file: HookFile) -> Iterator[Finding]:
    """Every finding about names that must fit something else: another part, a hook, another pipeline."""
    if not isinstance(data, dict):
        return
    parts = outline(data)
    yield from cross_check(parts, schema, has_hooks=hook_file.may_see_records)
    if parts.requires:
        # Classes are not imported here: where there may be some, any name may be one's.
        known = None if project.spec.processors else pipeline_names(project)
        yield from check_requires(name, parts.requires, known)


def _columns(spec: PipelineSpec, schema: Mapping[str, Any]) -> dict[str, ColumnSpec]:
    if spec.target.columns is not None:
        return dict(spec.target.columns)
    return {name: ColumnSpec(field=name) for name in schema["properties"]}


def _fingerprint(spec: PipelineSpec, schema: Mapping[str, Any], hooks_path: Path | None) -> str:
    """Formatting, key order, the description and written-out defaults do not change it; the order within lists does.

    Of what is said only what differs from a default counts, so that a new key of the language changes nothing.
    What decides whether and how often something is tried, but about no record, is left out: a stopped batch may be
    resumed with more patience. (chunk_size decides: a limit is looked at between chunks.)
    """
    words = spec.model_dump(by_alias=True, exclude_defaults=True, exclude=_DECIDES_NOTHING)
    if not words.get("source", True):  # said nothing but `match`
        del words["source"]
    columns = {name: column.model_dump(exclude_defaults=True) for name, column in _columns(spec, schema).items()}
    words["target"]["columns"] = columns
    for name, said in words.get("source", {}).get("fields", {}).items():
        if said.get("from") == [name]:
            del said["from"]
    hooks = hooks_path.read_bytes().decode("utf-8", "surrogateescape") if hooks_path else None
    canonical = json.dumps([words, schema, hooks], sort_keys=True, separators=(",", ":"), default=_number)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _number(value: Any) -> Any:
    assert isinstance(value, Decimal)
    return {"decimal": str(value)}  # apart from the text "1.50" and from the number 1.5
