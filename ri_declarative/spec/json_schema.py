"""The JSON Schema of the pipeline language, for editors: `python -m ri_declarative.spec.json_schema`."""

from __future__ import annotations

import json
import sys
from typing import Any

from ri_declarative.spec.models import PipelineSpec
from ri_declarative.spec.record_schema import DIALECT


def language_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a file in pipelines/, generated from the models.

    >>> language_schema()["required"]
    ['target']
    """
    generated = PipelineSpec.model_json_schema(by_alias=True, mode="validation")
    generated.pop("title")
    body: dict[str, Any] = _tidied(generated)
    return {"$schema": DIALECT, "title": "ri pipeline", **body}


def rendered() -> str:
    """The text of schema/pipeline.schema.json."""
    return json.dumps(language_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidied(node: Any) -> Any:
    """Without what only repeats: titles made from names, defaults that are None or whole mappings."""
    if isinstance(node, list):
        return [_tidied(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {key: _tidied(value) for key, value in node.items() if not _is_noise(key, value)}


def _is_noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (
        key == "default" and (value is None or isinstance(value, dict))
    )


if __name__ == "__main__":
    sys.stdout.write(rendered())
