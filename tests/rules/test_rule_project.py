"""DESIGN section 2: the schema's three places, what ri.yaml says, and which database is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg2 import sql
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, DatabaseError, UsageError
from ri_declarative.manager import BatchManager

TARGET = "target: {table: t, key: k, columns: {k: k, v: v}}\n"
SCHEMA = {"required": ["k"], "properties": {"k": {"type": "integer"}, "v": {"type": "string", "minLength": 2}}}


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    return workbench


# ── the schema ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (f"schema: {json.dumps(SCHEMA)}\n", None),
        ("", "schema/p.json"),
        ("schema: shared.json\n", "schema/shared.json"),
        ("schema: crm/people.json\n", "schema/crm/people.json"),
    ],
)
def test_the_schema_is_inline_or_of_the_pipeline_s_name_or_named(
    bench: Workbench, words: str, file: str | None
) -> None:
    if file:
        bench.file(file, json.dumps(SCHEMA))
    bench.pipeline("p", TARGET + words)
    assert bench.failures(bench.run("p", "k,v\n1,ab\n2,a\n")) == [(3, "schema.minLength", "v")]


def test_an_inline_schema_wins_over_the_file_of_the_pipeline_s_name(bench: Workbench) -> None:
    bench.file("schema/p.json", json.dumps(SCHEMA))
    bench.pipeline("p", TARGET + "schema: {properties: {k: {type: integer}, v: {}}}")
    assert bench.run("p", "k,v\n2,a\n").failed_items == 0


def test_a_schema_file_that_is_not_there_is_refused_with_the_nearest_name(bench: Workbench) -> None:
    bench.file("schema/shared.json", json.dumps(SCHEMA))
    bench.pipeline("p", TARGET + "schema: shraed.json\n")
    with pytest.raises(ConfigError, match=r'p\.yaml:2:1: error\[schema-file\].*did you mean "shared\.json"'):
        bench.run("p", "k,v\n1,ab\n")


# ── ri.yaml ──────────────────────────────────────────────────────────────────────────────────────


def test_defaults_of_ri_yaml_stand_under_every_pipeline_s_own_words(bench: Workbench) -> None:
    bench.file("ri.yaml", "defaults: {source: {null_values: ['-'], unknown_fields: ignore}, chunk_size: 1}\n")
    bench.pipeline("p", TARGET + "source: {fields: {v: {}}, null_values: ['?']}\n")
    bench.run("p", "k,v,more\n1,-,x\n2,?,x\n")
    assert bench.sql("TABLE t ORDER BY k") == [(1, "-"), (2, None)]
    assert bench.sql("SELECT count(DISTINCT processed_at) FROM import_batch_items") == [(2,)]


def test_a_default_limit_stops_a_batch_unless_the_pipeline_has_its_own(bench: Workbench) -> None:
    bench.file("ri.yaml", "defaults: {limits: {max_failed: 0}}\n")
    bench.pipeline("p", TARGET)
    bench.pipeline("q", TARGET + "limits: {max_failed: 5}\n")
    stops = [bench.run(name, "k,v\nx,a\n").stop_reason for name in ("p", "q")]
    assert stops == ["max_failed", None]


def test_a_mistake_in_ri_yaml_is_told_with_its_place(bench: Workbench) -> None:
    bench.file("ri.yaml", "defaults:\n  chunk_siz: 5\n")
    bench.pipeline("p", TARGET)
    with pytest.raises(ConfigError, match=r'ri\.yaml:2:3: error\[unknown-key\].*did you mean "chunk_size"'):
        bench.run("p", "k,v\n1,a\n")


@pytest.mark.parametrize("schema", ["The Books", 'x"; DROP TABLE y; --', "%s {} :a", "x" * 64])
def test_the_schema_of_the_books_has_a_plain_name(bench: Workbench, schema: str) -> None:
    bench.file("ri.yaml", f"bookkeeping_schema: '{schema}'\n")
    with pytest.raises(ConfigError, match="bookkeeping_schema: expected a name of a-z"):
        bench.manager()


@pytest.mark.parametrize("schema", ["books", "select", "_2"])
def test_the_books_live_in_the_schema_that_ri_yaml_names(bench: Workbench, schema: str) -> None:
    bench.file("ri.yaml", f"bookkeeping_schema: '{schema}'\n")
    bench.pipeline("p", TARGET + "chunk_size: 2\n")
    with bench.manager() as manager:
        manager.migrate()
    batch = bench.run("p", "k,v\n1,a\nx,b\n3,c\n")
    assert bench.failures(batch) == [(3, "field.integer", "k")]
    books = sql.Identifier(schema)
    count = sql.SQL(
        "SELECT (SELECT count(*) FROM {0}.import_batch_items), (SELECT count(*) FROM {0}.failed_imports_report)"
    )
    assert bench.sql(count.format(books)) == [(3, 1)]
    assert bench.sql("SELECT count(*) FROM public.import_batches") == [(0,)]


@pytest.mark.parametrize("policy", ["on_duplicate: first", "on_conflict: ignore"])
def test_keys_are_compared_with_the_books_of_the_named_schema(bench: Workbench, policy: str) -> None:
    bench.file("ri.yaml", "bookkeeping_schema: books\n")
    bench.pipeline("p", TARGET.replace("}}", f"}}, {policy}}}") + "chunk_size: 1\n")
    with bench.manager() as manager:
        manager.migrate()
    batch = bench.run("p", "k,v\n1,a\n1,b\n")
    assert batch.failed_items == 0
    with bench.manager() as manager:
        assert manager.reprocess_batch(batch.batch_id) is None


def test_an_external_database_is_not_migrated_by_a_run(bench: Workbench) -> None:
    bench.file("ri.yaml", "bookkeeping_schema: books\n")
    bench.pipeline("p", TARGET)
    with pytest.raises(DatabaseError, match="ri db migrate"):
        bench.run("p", "k,v\n1,a\n")
    assert bench.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'books'") == [(0,)]


# ── which database ───────────────────────────────────────────────────────────────────────────────


def import_one(bench: Workbench) -> int:
    path = bench.file("data/p.csv", "k,v\n1,a\n")
    with BatchManager(project=bench.root) as manager:
        return manager.run_pipeline("p", path).completed_items


def test_variables_in_database_are_filled_from_the_environment(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _, host = bench.dsn.partition("?")
    monkeypatch.setenv("RULE_NAME", before.rpartition("/")[2])
    monkeypatch.setenv("RULE_HOST", host)
    bench.file("ri.yaml", f"database: {before.rpartition('/')[0]}/${{RULE_NAME}}?${{RULE_HOST}}\n")
    bench.pipeline("p", TARGET)
    assert import_one(bench) == 1
    assert bench.sql("TABLE t") == [(1, "a")]


def test_a_variable_that_is_not_set_is_refused_with_its_place(bench: Workbench) -> None:
    bench.file("ri.yaml", "database: postgresql:///${RULE_NOT_SET}\n")
    bench.pipeline("p", TARGET)
    with pytest.raises(ConfigError, match=r"ri\.yaml:1:1: error\[missing-variable\].*RULE_NOT_SET"):
        import_one(bench)


@pytest.mark.parametrize("variable", ["RI_DATABASE_URL", "DATABASE_URL"])
def test_the_environment_s_database_wins_over_that_of_ri_yaml(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    bench.file("ri.yaml", "database: postgresql:///nowhere?host=/nowhere\n")
    bench.pipeline("p", TARGET)
    monkeypatch.setenv(variable, bench.dsn)
    assert import_one(bench) == 1


def test_a_variable_anywhere_else_is_refused(bench: Workbench) -> None:
    bench.pipeline("p", TARGET.replace("table: t", "table: '${TABLE}'"))
    with pytest.raises(ConfigError):
        bench.run("p", "k,v\n1,a\n")


# ── the pipeline's name ──────────────────────────────────────────────────────────────────────────


def test_a_pipeline_is_found_from_any_subfolder(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.pipeline("p", TARGET)
    path = bench.file("data/deep/p.csv", "k,v\n1,a\n")
    monkeypatch.chdir(path.parent)
    with BatchManager(bench.dsn) as manager:
        assert manager.run_pipeline("p", Path("p.csv")).batch_type == "p"


def test_an_unknown_pipeline_is_refused_with_the_nearest_name(bench: Workbench) -> None:
    bench.pipeline("customers", TARGET)
    with pytest.raises(UsageError, match='no pipeline "custmers"; did you mean "customers"'):
        bench.run("custmers", "k,v\n1,a\n")
