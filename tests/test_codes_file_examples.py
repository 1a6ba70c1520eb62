"""The examples of findings in files are what `ri` really says about a project with that mistake."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from support.workbench import Workbench

from ri_declarative.codes import CODES, Origin
from ri_declarative.errors import ConfigError
from ri_declarative.spec.hook_file import read_hook_file
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import find_project

TARGET = "target: {table: customers, key: email, columns: {email: email}}\n"
EMAIL = TARGET + "schema: {properties: {email: {%s}}}"

PIPELINES = {
    "duplicate-key": TARGET + TARGET,
    "file-empty": "# nothing yet\n",
    "file-encoding": b"description: J\xf6rg",
    "file-limit": "source: " + "[" * 60,
    "yaml-alias": TARGET + "schema: &s {}\nsource: *s",
    "yaml-ambiguous": TARGET + "schema: {properties: {email: {}, country: {enum: [DE, NO]}}}",
    "yaml-anchor": TARGET + "schema: &s {}",
    "yaml-documents": TARGET + "---\n",
    "yaml-empty": TARGET + "source: {fields: {balance: {decimal: ,}}}",
    "yaml-key": TARGET + "schema: {properties: {email: {}, 2024: {}}}",
    "yaml-merge-key": TARGET + "source: {<<: {format: csv}}",
    "yaml-number": TARGET + "schema: {properties: {email: {}, balance: {minimum: .inf}}}",
    "yaml-syntax": TARGET + "source:\n\tformat: csv",
    "yaml-tag": TARGET + "description: !!str 5",
    "duplicate-header": TARGET + "source: {fields: {email: {from: [E-mail]}, login: {from: [E-mail]}}}",
    "invalid-value": TARGET + "chunk_size: 0",
    "missing-key": "target: {key: email, columns: {email: email}}",
    "unknown-field": TARGET.replace("email: email", "email: emial") + "schema: {properties: {email: {}}}",
    "unknown-key": TARGET + "limit: {max_failed: 1}",
    "unknown-value": TARGET + "source: {unknown_fields: warn}",
    "wrong-type": TARGET + "chunk_size: many",
    "schema-file": TARGET + "schema: customers.json",
    "schema-format": EMAIL % "format: e-mail",
    "schema-invalid": EMAIL % "type: text",
    "schema-keyword": EMAIL % "minLenght: 1",
    "schema-pattern": EMAIL % "pattern: '^(abc$'",
    "schema-ref": EMAIL % "$ref: '#/$defs/mail'",
}
HOOKS = {
    "hook-kind": "async def validate_item(item, ctx): return True",
    "hook-none": "class Hooks:\n    def validate_item(self, item, ctx): return True",
    "hook-signature": "def on_item_error(item, ctx): return True",
    "hook-star": "from myapp.shared import *",
    "hook-syntax": "def validate_item(item, ctx)\n    return True",
    "hook-twice": "\n\n\ndef transform_item(item, ctx): return item\ndef transform_chunk(items, ctx): return items",
    "hook-unknown": "def on_item_eror(item, error, ctx): return True",
    "hook-value": "def transform_item(item, ctx):\n    item.data.update(country='DE')",
}
SCHEMAS = {"json-number": '{"minimum": NaN}', "json-syntax": '{"required": ["email",]}'}

TABLES = """
    CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE, name text);
    CREATE TABLE customers (email text, name text NOT NULL, country_id int,
                            full_name text GENERATED ALWAYS AS (lower(name)) STORED);
    CREATE TABLE accounts (id int PRIMARY KEY);
    CREATE MATERIALIZED VIEW report AS SELECT 1 AS id;
    CREATE VIEW totals AS SELECT count(*) AS id FROM accounts
"""
AGAINST_THE_DATABASE = """
    target:
      table: customers
      key: email
      columns:
        email: email
        emial: email
        full_name: name
        country_id: {lookup: countries, match: {name: country}, take: id}
"""
# They need another user of the system or the database, or a variable: tests of their own have them.
ELSEWHERE = {"file-unreadable", "missing-variable", "privilege"}
# Shown in tests/check/: test_check_examples.py, test_check_command.py, test_check_classes.py.
BY_CHECK = {"column-type", "create-table", "date-format", "hook-file", "key-trigger", "requires-cycle",
            "requires-unknown", "row-security", "pipeline-name", "duplicate-batch-type", "processor-class",
            "processor-import"}  # fmt: skip


def findings(folder: Path, pipeline: str | bytes) -> dict[str, str]:
    """Code → message of every finding about this pipeline."""
    file = folder / "pipelines" / "customer_data.yaml"
    file.parent.mkdir()
    file.write_bytes(pipeline if isinstance(pipeline, bytes) else pipeline.encode())
    with pytest.raises(ConfigError) as wrong:
        load_pipeline(find_project(folder), "customer_data")
    return {d.code: d.message for d in wrong.value.diagnostics}


@pytest.mark.parametrize("code", PIPELINES)
def test_the_example_of_a_finding_in_a_pipeline(tmp_path: Path, code: str) -> None:
    assert findings(tmp_path, PIPELINES[code])[code] == CODES[code].example


@pytest.mark.parametrize("code", SCHEMAS)
def test_the_example_of_a_finding_in_a_schema(tmp_path: Path, code: str) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "customers.json").write_text(SCHEMAS[code], encoding="utf-8")
    assert findings(tmp_path, TARGET + "schema: customers.json")[code] == CODES[code].example


@pytest.mark.parametrize("code", HOOKS)
def test_the_example_of_a_finding_in_a_hook_file(tmp_path: Path, code: str) -> None:
    file = tmp_path / "hooks" / "customer_data.py"
    file.parent.mkdir()
    file.write_text(HOOKS[code], encoding="utf-8")
    found = read_hook_file(file, "hooks/customer_data.py").diagnostics
    assert {d.code: d.message for d in found} == {code: CODES[code].example}


def test_the_examples_of_a_pipeline_that_does_not_fit_the_database(workbench: Workbench) -> None:
    workbench.sql(TABLES)
    said = against_the_database(workbench, AGAINST_THE_DATABASE)
    for table in ("custmers", "report", "totals"):
        said = against_the_database(workbench, f"target: {{table: {table}, key: id, columns: {{id: id}}}}") | said
    assert said == {code: CODES[code].example for code in CATALOGUE_CODES}


CATALOGUE_CODES = {"generated-column", "key-index", "lookup-index", "statement", "target-kind", "unfilled-column",
                   "unknown-column", "unknown-table"}  # fmt: skip


def against_the_database(workbench: Workbench, pipeline: str) -> dict[str, str]:
    workbench.pipeline("customer_data", textwrap.dedent(pipeline))
    with pytest.raises(ConfigError) as wrong:
        workbench.run("customer_data", "email\n")
    return {d.code: d.message for d in wrong.value.diagnostics}


def test_every_finding_is_shown_for_real() -> None:
    registered = {code for code, entry in CODES.items() if Origin.FILE in entry.origins}
    assert registered - PIPELINES.keys() - SCHEMAS.keys() - HOOKS.keys() - CATALOGUE_CODES == ELSEWHERE | BY_CHECK
