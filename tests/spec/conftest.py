"""A project in a temporary folder, written file by file."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from ri_declarative.errors import ConfigError, Diagnostic
from ri_declarative.spec.pipeline import Pipeline, load_pipeline
from ri_declarative.spec.project import find_project

from .spec_texts import Findings, Load, Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the project: path, text."""

    def write_file(path: str, text: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def load(tmp_path: Path, write: Write) -> Load:
    """The pipeline `p` with this text."""

    def load_text(text: str) -> Pipeline:
        write("pipelines/p.yaml", text)
        return load_pipeline(find_project(tmp_path), "p")

    return load_text


@pytest.fixture
def findings(load: Load) -> Findings:
    """Every finding about the pipeline `p` with this text; [] when it is right."""

    def findings_of(text: str) -> list[Diagnostic]:
        try:
            load(text)
        except ConfigError as error:
            return list(error.diagnostics)
        return []

    return findings_of
