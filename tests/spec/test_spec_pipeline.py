"""Loading a pipeline: merging, schema files, cross-checks, fingerprint."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ri_declarative.errors import ConfigError, Diagnostic, Position, UsageError
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import find_project

from .spec_texts import CUSTOMERS, Findings, Load, Write


def brief(found: list[Diagnostic]) -> list[tuple[int, int, str]]:
    return [(d.position.line, d.position.column, d.code) for d in found]


def test_the_example_of_the_design_loads(load: Load) -> None:
    pipeline = load(CUSTOMERS)
    assert pipeline.spec.target.key == ["email"]
    assert pipeline.columns["country_id"].match == {"code": "country"}
    assert pipeline.record_schema["properties"]["balance"] == {"type": "number", "minimum": 0}


def test_a_small_pipeline_loads_in_a_few_milliseconds(load: Load) -> None:
    load(CUSTOMERS)
    started = time.perf_counter()
    load(CUSTOMERS)
    assert time.perf_counter() - started < 0.02


MISTAKES = """\
description: 5
source:
  format: cvs
  encodng: utf-8
  delimiter: ";;"
  fields:
    email: {from: [E-mail, email], clean: [trm]}
    mail: {from: email}
    born: {date: "%Q"}
schema:
  requried: [email]
  required: [emial]
  properties:
    email: {type: strng, format: emial}
    name: {type: string, minLenght: 1}
    country: {type: string, enum: [NO, DE]}
    link: {$ref: "http://example.com/x"}
    code: {pattern: "("}
target:
  key: [emial]
  colums: {}
  columns:
    email: email
    name: nmae
    country: {field: country, value: x}
    run_id: {run: batchid}
  create: "yes"
  on_conflict: update
  on_conflict: ignore
limits: {max_failed: 200%}
chunk_size: 010
"""


def test_all_mistakes_of_a_file_are_named_in_one_go(findings: Findings) -> None:
    assert brief(findings(MISTAKES)) == [
        (1, 1, "wrong-type"),
        (3, 3, "unknown-value"),
        (4, 3, "unknown-key"),
        (5, 3, "invalid-value"),
        (7, 44, "unknown-value"),
        (8, 12, "duplicate-header"),
        (9, 12, "invalid-value"),
        (11, 3, "schema-keyword"),
        (12, 14, "unknown-field"),
        (14, 13, "schema-invalid"),
        (14, 26, "schema-format"),
        (15, 26, "schema-keyword"),
        (16, 36, "yaml-ambiguous"),
        (17, 12, "schema-ref"),
        (18, 12, "schema-pattern"),
        (19, 1, "missing-key"),
        (20, 9, "unknown-column"),
        (21, 3, "unknown-key"),
        (24, 5, "unknown-field"),
        (25, 5, "invalid-value"),
        (26, 14, "unknown-value"),
        (27, 3, "wrong-type"),
        (29, 3, "duplicate-key"),
        (30, 10, "invalid-value"),
        (31, 13, "yaml-ambiguous"),
    ]


def test_a_finding_reads_as_the_design_says(findings: Findings) -> None:
    (finding,) = findings("target: {table: t, key: a, columns: {a: a}, colums: {}}")
    assert (
        str(finding) == 'pipelines/p.yaml:1:45: error[unknown-key] target.colums: unknown key; did you mean "columns"?'
    )


def test_an_unknown_pipeline_names_the_nearest_and_the_others(write: Write, tmp_path: Path) -> None:
    write("pipelines/customers.yaml", "")
    write("pipelines/orders.yaml", "")
    with pytest.raises(UsageError) as caught:
        load_pipeline(find_project(tmp_path), "custmers")
    assert caught.value.code == "unknown-pipeline"
    assert 'did you mean "customers"?' in str(caught.value)
    assert "customers, orders" in str(caught.value)


@pytest.mark.parametrize(("file", "name"), [("a.yml", "a"), ("Bad.yaml", "Bad"), ("a-b.yaml", "a-b")])
def test_a_file_that_cannot_be_a_pipelines_says_why(write: Write, tmp_path: Path, file: str, name: str) -> None:
    write(f"pipelines/{file}", "")
    with pytest.raises(UsageError) as caught:
        load_pipeline(find_project(tmp_path), name)
    assert caught.value.code == "pipeline-name"
    assert f"pipelines/{file}" in str(caught.value)


def test_a_pipelines_name_is_never_a_path(write: Write, tmp_path: Path) -> None:
    write("pipelines/a.yaml", "")
    write("secret.yaml", "")
    with pytest.raises(UsageError) as caught:
        load_pipeline(find_project(tmp_path), "../secret")
    assert caught.value.code == "unknown-pipeline"


# --- positions


def test_at_gives_the_deepest_known_key(load: Load) -> None:
    pipeline = load("target:\n  table: t\n  key: a\n  columns:\n    a: {field: b}\n")
    assert pipeline.at("target", "columns", "a") == Position("pipelines/p.yaml", 5, 5)
    assert pipeline.at("target", "columns", "zzz") == Position("pipelines/p.yaml", 4, 3)
    assert pipeline.at("nowhere") == Position("pipelines/p.yaml", 1, 1)


# --- defaults of ri.yaml

SMALL = "target: {table: t, key: a, columns: {a: a}}\n"


def test_defaults_lie_under_the_pipelines_own_words(write: Write, load: Load) -> None:
    write(
        "ri.yaml",
        "defaults: {chunk_size: 7, limits: {max_failed: 5}, source: {delimiter: ';', encoding: latin-1}}\n",
    )
    spec = load(SMALL + "source: {encoding: utf-8}\n").spec
    assert (spec.chunk_size, spec.limits.max_failed) == (7, 5)
    assert (spec.source.delimiter, spec.source.encoding) == (";", "utf-8")


def test_the_position_of_a_default_is_in_ri_yaml(write: Write, load: Load) -> None:
    write("ri.yaml", "defaults:\n  source:\n    delimiter: ';'\n")
    pipeline = load(SMALL + "source: {encoding: utf-8}\n")
    assert pipeline.at("source", "delimiter") == Position("ri.yaml", 3, 5)
    assert pipeline.at("source", "encoding") == Position("pipelines/p.yaml", 2, 10)


# --- where the schema comes from

SCHEMA = '{\n  "properties": {\n    "a": {"type": "string"}\n  }\n}\n'
NO_COLUMNS = "target: {table: t, key: a}\n"


def test_a_schema_may_be_named(write: Write, load: Load) -> None:
    write("schema/other.json", SCHEMA)
    assert load("schema: other.json\n" + NO_COLUMNS).record_schema == {"properties": {"a": {"type": "string"}}}


def test_a_schema_of_the_same_stem_needs_no_word(write: Write, load: Load) -> None:
    write("schema/p.json", SCHEMA)
    pipeline = load(NO_COLUMNS)
    assert list(pipeline.columns) == ["a"]
    assert pipeline.at("schema", "properties", "a") == Position("schema/p.json", 3, 5)


def test_without_a_schema_every_record_is_valid(load: Load) -> None:
    assert load(SMALL).record_schema == {}


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/passwd", "a/../../x.json", "http://x/y.json", "..\\\\x.json", "~/x"]
)
def test_a_schema_outside_the_folder_is_refused(write: Write, findings: Findings, name: str) -> None:
    write("x.json", SCHEMA)
    assert brief(findings(f"schema: '{name}'\n" + SMALL)) == [(1, 1, "schema-file")]


def test_a_link_out_of_the_schema_folder_is_refused(write: Write, findings: Findings, tmp_path: Path) -> None:
    outside = write("outside.json", SCHEMA)
    write("schema/other.json", SCHEMA)
    (tmp_path / "schema" / "link.json").symlink_to(outside)
    assert brief(findings("schema: link.json\n" + SMALL)) == [(1, 1, "schema-file")]


def test_a_missing_schema_file_names_the_nearest(write: Write, findings: Findings) -> None:
    write("schema/customers.json", SCHEMA)
    (finding,) = findings("schema: custmers.json\n" + SMALL)
    assert finding.message.endswith('did you mean "customers.json"?')


def test_findings_in_a_schema_file_have_positions_there(write: Write, findings: Findings) -> None:
    write("schema/p.json", '{\n  "properties": {\n    "a": {"type": "strng"}\n  },\n  "requried": []\n}\n')
    assert [d.position for d in findings(NO_COLUMNS)] == [
        Position("schema/p.json", 3, 11),
        Position("schema/p.json", 5, 3),
    ]


def test_a_schema_file_that_is_no_json_says_so_beside_other_findings(write: Write, findings: Findings) -> None:
    write("schema/p.json", "{")
    found = findings(SMALL + "chunk_size: 0\n")
    assert [(d.position.path, d.code) for d in found] == [
        ("pipelines/p.yaml", "invalid-value"),
        ("schema/p.json", "json-syntax"),
    ]


def test_a_schema_file_that_holds_no_object_is_refused(write: Write, findings: Findings) -> None:
    write("schema/p.json", "true")
    assert [d.code for d in findings(SMALL)] == ["schema-invalid"]


# --- columns


def test_columns_left_out_are_the_schema_properties_in_order(load: Load) -> None:
    pipeline = load("schema: {properties: {b: {}, a: {}}}\n" + NO_COLUMNS)
    assert [(name, column.field) for name, column in pipeline.columns.items()] == [("b", "b"), ("a", "a")]


def test_neither_columns_nor_properties_is_an_error(findings: Findings) -> None:
    assert brief(findings(NO_COLUMNS)) == [(1, 1, "missing-key")]


# --- cross-checks


def columns(text: str, *, schema: str = "{properties: {email: {}, b: {}}}", key: str = "k") -> str:
    return f"schema: {schema}\ntarget:\n  table: t\n  key: {key}\n  columns:\n    k: b\n    {text}\n"


@pytest.mark.parametrize("column", ["c: emial", "c: {field: emial}", "c: {lookup: t, match: {x: emial}, take: id}"])
def test_a_column_of_an_unknown_field_names_the_nearest(findings: Findings, column: str) -> None:
    (finding,) = findings(columns(column))
    assert (finding.position.line, finding.code) == (7, "unknown-field")
    assert finding.message.endswith('did you mean "email"?')


def test_a_field_is_known_from_source_fields_too(findings: Findings) -> None:
    assert findings(columns("c: extra") + "source: {fields: {extra: {from: Extra}}}\n") == []


def test_without_schema_properties_any_header_passes_through(findings: Findings) -> None:
    assert findings(columns("c: whatever", schema="{}")) == []
    assert findings(columns("c: whatever", schema="{}") + "source: {fields: {b: {clean: [trim]}}}\n") == []


@pytest.mark.parametrize(
    "schema",
    [
        "{properties: {b: {}}, allOf: [{properties: {late: {}}}]}",
        "{properties: {b: {}}, $ref: '#/$defs/more', $defs: {more: {properties: {late: {}}}}}",
        "{properties: {b: {}}, if: {required: [b]}, then: {properties: {late: {}}}}",
        "{properties: {b: {}}, patternProperties: {^la: {}}}",
    ],
)
def test_a_field_is_known_from_any_part_of_the_schema(findings: Findings, schema: str) -> None:
    assert findings(columns("c: late", schema=schema)) == []


def test_a_source_field_that_nothing_uses_but_is_near_one_is_a_misspelling(findings: Findings, write: Write) -> None:
    text = columns("c: email") + "source: {fields: {emial: {clean: [trim]}}}\n"
    assert brief(findings(text)) == [(8, 19, "unknown-field")]
    write("hooks/p.py", "def transform_item(item, ctx): return item\n")
    assert findings(text) == []


def test_a_key_column_must_be_among_the_columns(findings: Findings) -> None:
    (finding,) = findings(columns("email: email", key="[k, emial]"))
    assert (finding.position.line, finding.position.column, finding.code) == (4, 12, "unknown-column")
    assert finding.message.endswith('did you mean "email"?')


def test_a_key_column_is_checked_against_the_properties_when_columns_are_left_out(findings: Findings) -> None:
    assert brief(findings("schema: {properties: {email: {}}}\n" + NO_COLUMNS)) == [(2, 20, "unknown-column")]


@pytest.mark.parametrize(
    "column", ["x: {run: batch_id}", "x: {field: b, on_update: keep}", "x: {field: b, on_update: fill}"]
)
def test_a_key_column_must_tell_rows_apart(findings: Findings, column: str) -> None:
    assert brief(findings(columns(column, key="[k, x]"))) == [(4, 12, "invalid-value")]


def test_a_key_names_a_column_once(findings: Findings) -> None:
    assert brief(findings(columns("x: b", key="[k, k]"))) == [(4, 12, "invalid-value")]


@pytest.mark.parametrize(
    ("fields", "column"),
    [("{k: {from: X}, b: {from: [Z, X]}}", 47), ("{k: {}, b: {from: k}}", 30), ("{b: {from: [X, X]}}", 33)],
)
def test_a_header_feeds_one_field_once(findings: Findings, fields: str, column: int) -> None:
    assert brief(findings(f"source: {{fields: {fields}}}\n" + SMALL)) == [(1, column, "duplicate-header")]


# --- fingerprint


def fingerprint(load: Load, text: str) -> str:
    return load(text).fingerprint


def test_formatting_key_order_and_description_do_not_change_the_fingerprint(load: Load) -> None:
    one = fingerprint(load, "chunk_size: 5\ntarget: {table: t, key: a, columns: {a: a, b: b}}\n")
    other = "# why\ndescription: new\ntarget:\n  columns: {b: 'b', a: a}\n  key: a\n  table: t\nchunk_size: 5\n"
    assert fingerprint(load, other) == one
    assert len(one) == 64


def test_a_schema_moved_into_a_file_keeps_the_fingerprint(load: Load, write: Write) -> None:
    inline = fingerprint(load, "schema: {properties: {a: {type: string}}}\n" + SMALL)
    write("schema/p.json", SCHEMA)
    assert fingerprint(load, SMALL) == inline


def test_what_decides_about_a_record_changes_the_fingerprint(load: Load, write: Write) -> None:
    told = [fingerprint(load, SMALL), fingerprint(load, SMALL + "chunk_size: 9\n")]
    for value in ("1.5", "1.50", "'1.50'"):
        told.append(fingerprint(load, f"target: {{table: t, key: a, columns: {{a: a, b: {{value: {value}}}}}}}\n"))
    told.append(fingerprint(load, "schema: {properties: {a: {}}}\n" + SMALL))
    write("hooks/p.py", "def validate_item(item, ctx): return True\n")
    told.append(fingerprint(load, SMALL))
    write("hooks/p.py", "def validate_item(item, ctx): return False\n")
    told.append(fingerprint(load, SMALL))
    write("ri.yaml", "defaults: {source: {encoding: latin-1}}\n")
    told.append(fingerprint(load, SMALL))
    assert len(set(told)) == len(told)


def test_a_file_that_is_not_yaml_is_one_clear_error(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"pipelines/p\.yaml:1:1: error\[file-empty\] is empty"):
        load("")


def test_a_key_that_names_a_field_is_told_its_column(findings: Findings) -> None:
    (finding,) = findings("target: {table: t, key: delivery, columns: {nr: delivery}}")
    assert finding.code == "unknown-column"
    assert finding.message.endswith('names columns of the table; the field "delivery" goes to the column "nr"')


@pytest.mark.parametrize("name", ["pipelines/customers.yaml", "customers.yaml", "./pipelines/customers.yaml"])
def test_a_pipelines_file_is_told_to_be_named_by_its_stem(write: Write, tmp_path: Path, name: str) -> None:
    write("pipelines/customers.yaml", "")
    with pytest.raises(UsageError, match='did you mean "customers"'):
        load_pipeline(find_project(tmp_path), name)
