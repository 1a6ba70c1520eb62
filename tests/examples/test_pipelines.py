"""The pipelines in the repository: valid, and about the sample files and tables beside them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ri_declarative.spec.models import PipelineSpec

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["customer_data", "product_catalog", "transaction_feed"]
SAMPLES = {"customer_data": "customers.csv", "transaction_feed": "transactions.csv"}


def spec_of(name: str) -> PipelineSpec:
    text = (ROOT / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8")
    return PipelineSpec.model_validate(yaml.safe_load(text))


def schema_of(name: str) -> dict[str, Any]:
    schema = spec_of(name).record_schema
    if isinstance(schema, str):
        schema = json.loads((ROOT / "schema" / schema).read_text(encoding="utf-8"))
    assert isinstance(schema, dict)
    return schema


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_valid_pipeline_with_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_names_the_schema_of_the_language_for_editors(name: str) -> None:
    first = (ROOT / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema/pipeline.schema.json"


@pytest.mark.parametrize(("name", "sample"), SAMPLES.items())
def test_every_header_of_the_sample_file_is_read_into_a_field(name: str, sample: str) -> None:
    with (ROOT / "examples" / "data" / sample).open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    headers_of_fields = [field.from_ or [] for field in spec_of(name).source.fields.values()]
    assert [sum(cell in headers for headers in headers_of_fields) for cell in header] == [1] * len(header)


@pytest.mark.parametrize("name", ["customer_data", "transaction_feed"])
def test_every_column_is_made_from_a_field_of_the_schema(name: str) -> None:
    columns = spec_of(name).target.columns or {}
    used = {field for column in columns.values() for field in column.fields}
    assert used == set(schema_of(name)["properties"]) == set(spec_of(name).source.fields)


def test_every_country_of_the_schema_is_in_the_look_up_table() -> None:
    codes = re.findall(r"\(\d+, '([A-Z]{2})'", (ROOT / "examples" / "setup.sql").read_text(encoding="utf-8"))
    assert schema_of("customer_data")["properties"]["country"]["enum"] == codes


def test_every_sample_product_is_valid() -> None:
    validator = Draft202012Validator(schema_of("product_catalog"))
    lines = (ROOT / "examples" / "data" / "products.jsonl").read_text(encoding="utf-8").splitlines()
    assert [error.message for line in lines for error in validator.iter_errors(json.loads(line))] == []
