"""docs/pipeline-reference.md: every key of the language, current, with an example that loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from support.command_line import REPOSITORY

from ri_declarative.spec.diagnose import annotation_at
from ri_declarative.spec.models import PipelineSpec
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import load_project
from ri_declarative.spec.project_models import ProjectSpec
from ri_declarative.spec.reference import Key, keys, rendered
from ri_declarative.spec.yaml_text import yaml_text

KEYS = keys()
BASE = {"target": {"table": "public.customers", "key": "email", "columns": {"email": "email"}}}
MODELS = {"pipelines/NAME.yaml": PipelineSpec, "ri.yaml": ProjectSpec}


def test_the_page_is_current() -> None:
    page = REPOSITORY / "docs" / "pipeline-reference.md"
    hint = "run: python -m ri_declarative.spec.reference > docs/pipeline-reference.md"
    assert page.read_text(encoding="utf-8") == rendered(), hint


def test_it_is_linked() -> None:
    for page, link in (("README.md", "docs/pipeline-reference.md"), ("docs/pipelines.md", "pipeline-reference.md")):
        assert f"]({link})" in (REPOSITORY / page).read_text(encoding="utf-8"), page


def _written(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key below a model, read from the models alone."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield (*path, key)
        for steps in ((key,), (key, "NAME")):
            inner = annotation_at(model, steps)
            inner = get_args(inner)[0] if get_origin(inner) is Annotated else inner
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _written(inner, (*path, *steps))


@pytest.mark.parametrize("file", MODELS)
def test_every_key_of_the_models_is_there(file: str) -> None:
    assert [key.path for key in KEYS if key.file == file] == list(_written(MODELS[file]))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.file}:{key.title}")
def test_every_key_is_told_with_type_and_meaning(key: Key) -> None:
    assert key.type not in ("", "array")
    assert key.meaning.endswith("."), key.meaning


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    for name in under.keys() & over.keys():
        if isinstance(under[name], dict) and isinstance(over[name], dict):
            merged[name] = _merged(under[name], over[name])
    return merged


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.file}:{key.title}")
def test_every_example_loads_and_says_something(key: Key, tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    if key.file == "ri.yaml":
        (tmp_path / "ri.yaml").write_text(yaml_text(key.example), encoding="utf-8")
        assert load_project(tmp_path).spec != ProjectSpec()
        return
    text = yaml_text(_merged(BASE, key.example))
    (tmp_path / "pipelines" / "p.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "pipelines" / "product_catalog.yaml").touch()  # that an example requires
    spec = load_pipeline(load_project(tmp_path), "p").spec
    said: Any = spec.model_dump(by_alias=True)
    step: Any = key.example
    for part in key.path:
        name = next(iter(step)) if part == "NAME" else part
        said, step = said[name], step[name]
    assert said not in (None, {}, [])
