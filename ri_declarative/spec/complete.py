"""A pipeline with every default filled in: as data, and as YAML that means exactly the same."""

from __future__ import annotations

from typing import Any

from ri_declarative.spec.models import ColumnSpec
from ri_declarative.spec.pipeline import SCHEMA_FOLDER, Pipeline
from ri_declarative.spec.positions import KeyPath
from ri_declarative.spec.yaml_text import yaml_text

_NULL_MEANS: dict[KeyPath, str] = {
    ("source", "match"): "no file by its name",
    ("source", "format"): "from the file's ending",
    ("source", "encoding"): "the byte-order mark if there is one, else utf-8",
    ("source", "delimiter"): "a comma for csv, a tab for tsv",
    ("limits", "max_failed"): "never stop",
}


def complete(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline's data with the defaults of the language and of ri.yaml, and its columns written out."""
    spec = pipeline.spec
    data: dict[str, Any] = spec.model_dump(by_alias=True)
    if spec.description is None:
        del data["description"]
    data["schema"] = _schema(pipeline)
    for name, field in data["source"]["fields"].items():
        field["from"] = field["from"] or [name]
        data["source"]["fields"][name] = {key: value for key, value in field.items() if value is not None}
    data["target"]["columns"] = {name: complete_column(column) for name, column in pipeline.columns.items()}
    return data


def complete_yaml(pipeline: Pipeline) -> str:
    """The same as YAML; a comment says what a null stands for. Loads to the same fingerprint."""
    data = complete(pipeline)
    notes = {path: note for path, note in _NULL_MEANS.items() if _value_at(data, path) is None}
    return yaml_text(data, notes)


def complete_column(column: ColumnSpec) -> dict[str, Any]:
    """One column with the defaults that have a meaning for it."""
    kind = column.kind
    told = [kind, *(("match", "take", "missing") if kind == "lookup" else ()), "on_update"]
    if kind in ("field", "lookup"):
        told.append("on_missing")
    return {key: getattr(column, key) for key in told}


def _schema(pipeline: Pipeline) -> Any:
    """The name of its file where it has one."""
    file = pipeline.at("schema").path
    folder = f"{SCHEMA_FOLDER}/"
    return file.removeprefix(folder) if file.startswith(folder) else pipeline.record_schema


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data.get(part, "")
    return data
