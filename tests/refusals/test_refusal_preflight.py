"""Before the first write: what cannot work is told once, with its place in the pipeline, and nothing is booked."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from support.workbench import Workbench

from refusals.refusal_texts import diagnosed, place

PIPELINE = """
target:
  table: t
  key: [k]
  columns:
    k: k
    v: v
"""
TABLE = "CREATE TABLE t (k int PRIMARY KEY, v text)"
COUNTRIES = "CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE, name text)"


def adding(line: str) -> str:
    """The pipeline with one more column."""
    return f"{PIPELINE}    {line}\n"


class Wrong(NamedTuple):
    """A database and a pipeline that do not fit: the code, the place and the words of the one finding."""

    name: str
    ddl: str
    code: str
    at: str  # what stands at the finding's position
    says: tuple[str, ...]
    pipeline: str = PIPELINE


def _without_key(name: str, index: str, *says: str) -> Wrong:
    return Wrong(
        name, f"CREATE TABLE t (k int NOT NULL, v text); {index}", "key-index", "key:", ("public.t", "(k)", *says)
    )


WRONG = [
    Wrong("missing_table", "CREATE TABLE customers (k int)", "unknown-table", "table:",
          ("custmers", 'did you mean "customers"?'), PIPELINE.replace("table: t", "table: custmers")),
    Wrong("missing_table_of_a_schema", "CREATE SCHEMA crm; CREATE TABLE crm.customers (k int)", "unknown-table",
          "table:", ("crm.custmers", 'did you mean "crm.customers"?'),
          PIPELINE.replace("table: t", "table: crm.custmers")),
    Wrong("missing_column", "CREATE TABLE t (k int PRIMARY KEY, v text, email text)", "unknown-column", "emial: v",
          ("target.columns.emial", "public.t", '"emial"', 'did you mean "email"?'), adding("emial: v")),
    Wrong("column_in_another_case", 'CREATE TABLE t (k int PRIMARY KEY, "V" text)', "unknown-column", "v: v",
          ('"v"', 'did you mean "V"?')),
    Wrong("missing_key_column", "CREATE TABLE t (k2 int UNIQUE, v text)", "unknown-column", "k: k",
          ('"k"', 'did you mean "k2"?')),
    Wrong("generated_column", f"{TABLE}; ALTER TABLE t ADD g text GENERATED ALWAYS AS (v || '!') STORED",
          "generated-column", "g: v", ("target.columns.g", "public.t"), adding("g: v")),
    Wrong("identity_always", f"{TABLE}; ALTER TABLE t ADD g int GENERATED ALWAYS AS IDENTITY", "generated-column",
          "g: v", ("target.columns.g",), adding("g: v")),
    _without_key("no_key_index", "", "CREATE UNIQUE INDEX"),
    _without_key("index_not_unique", "CREATE INDEX i ON t (k)"),
    _without_key("partial_index", "CREATE UNIQUE INDEX i ON t (k) WHERE v IS NOT NULL", '"i"', "partial"),
    _without_key("deferrable_index", "ALTER TABLE t ADD CONSTRAINT i UNIQUE (k) DEFERRABLE", '"i"', "deferrable"),
    _without_key("invalid_index", "CREATE UNIQUE INDEX i ON t (k); UPDATE pg_index SET indisvalid = false "
                 "WHERE indexrelid = 'i'::regclass", '"i"', "invalid"),
    _without_key("expression_index", "CREATE UNIQUE INDEX i ON t (abs(k))"),
    _without_key("key_and_more", "ALTER TABLE t ADD PRIMARY KEY (k, v)"),
    Wrong("key_is_too_long", TABLE, "key-index", "key:", ("(k, v)",), PIPELINE.replace("[k]", "[k, v]")),
    Wrong("no_lookup_table", TABLE + "; " + COUNTRIES + "; ALTER TABLE t ADD c int", "unknown-table", "lookup:",
          ("target.columns.c.lookup", "contries", 'did you mean "countries"?'),
          adding("c: {lookup: contries, match: {code: v}, take: id}")),
    Wrong("no_lookup_column", TABLE + "; " + COUNTRIES + "; ALTER TABLE t ADD c int", "unknown-column", "take:",
          ("target.columns.c.take", '"idd"', 'did you mean "id"?'),
          adding("c: {lookup: countries, match: {code: v}, take: idd}")),
    Wrong("lookup_without_index", TABLE + "; " + COUNTRIES + "; ALTER TABLE t ADD c int", "lookup-index", "match:",
          ("target.columns.c.match", "public.countries", "(name)"),
          adding("c: {lookup: countries, match: {name: v}, take: id}")),
    Wrong("lookup_with_partial_index", f"{TABLE}; {COUNTRIES}; ALTER TABLE t ADD c int; "
          "CREATE UNIQUE INDEX ON countries (name) WHERE id > 0", "lookup-index", "match:",
          ("(name)",), adding("c: {lookup: countries, match: {name: v}, take: id}")),
    Wrong("unfilled_column", f"{TABLE}; ALTER TABLE t ADD born date NOT NULL", "unfilled-column", "columns:",
          ('"born"', "public.t", "NOT NULL")),
    Wrong("constant_of_another_type", f"{TABLE}; ALTER TABLE t ADD num int", "invalid-value", "value:",
          ("target.columns.num.value", '"many"'), adding("num: {value: many}")),
    Wrong("constant_too_long", f"{TABLE}; ALTER TABLE t ADD num varchar(3)", "invalid-value", "value:",
          ("target.columns.num.value", "3"), adding("num: {value: many}")),
    Wrong("constant_without_label", f"CREATE TYPE mood AS ENUM ('good'); {TABLE}; ALTER TABLE t ADD num mood",
          "invalid-value", "value:", ('"god"', '"good"'), adding("num: {value: god}")),
    Wrong("constant_null_for_not_null", f"{TABLE}; ALTER TABLE t ADD num int NOT NULL", "invalid-value", "value:",
          ("target.columns.num.value", "NOT NULL"), adding("num: {value: null}")),
    Wrong("materialized_view", "CREATE MATERIALIZED VIEW t AS SELECT 1 AS k, 'a' AS v", "target-kind", "table:",
          ("public.t", "materialized view")),
    Wrong("view_without_index", "CREATE TABLE b (k int, v text); CREATE VIEW t AS SELECT * FROM b", "statement",
          "target:", ("unique",)),
    Wrong("view_of_two_tables", "CREATE TABLE b (k int PRIMARY KEY); CREATE TABLE c (k int PRIMARY KEY, v text); "
          "CREATE VIEW t AS SELECT * FROM b JOIN c USING (k)", "statement", "target:", ('"t"',)),
    Wrong("rule_on_the_table", f"{TABLE}; CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", "statement", "target:",
          ('"t"', "0A000")),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.name for wrong in WRONG])
def test_a_pipeline_that_does_not_fit_is_refused_at_its_place(workbench: Workbench, wrong: Wrong) -> None:
    workbench.sql(wrong.ddl)
    workbench.pipeline("p", wrong.pipeline)
    (finding,) = diagnosed(workbench)
    assert finding.code == wrong.code
    assert tuple(finding.position) == place(wrong.pipeline, wrong.at)
    assert [words for words in wrong.says if words not in finding.message] == []


def test_all_findings_are_told_at_once_in_file_order(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int, v text, must int NOT NULL, g int GENERATED ALWAYS AS (1) STORED)")
    workbench.pipeline("p", PIPELINE + "    g: v\n    w: v\n")
    found = [(finding.position.line, finding.code) for finding in diagnosed(workbench)]
    assert found == [(4, "key-index"), (5, "unfilled-column"), (8, "generated-column"), (9, "unknown-column")]


def test_a_finding_reads_as_one_line(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text, email text)")
    workbench.pipeline("p", adding("emial: v"))
    (finding,) = diagnosed(workbench)
    assert str(finding) == (
        "pipelines/p.yaml:8:5: error[unknown-column] target.columns.emial: "
        'public.t has no column "emial"; did you mean "email"?'
    )


def test_a_not_null_column_that_a_trigger_may_fill_is_no_finding(workbench: Workbench) -> None:
    workbench.sql(
        "CREATE TABLE t (k int PRIMARY KEY, v text, made timestamptz NOT NULL); "
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.made := now(); RETURN NEW; END'; "
        "CREATE TRIGGER stamp BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stamp()"
    )
    workbench.pipeline("p", PIPELINE)
    assert workbench.run("p", "k,v\n1,a\n").completed_items == 1


def test_a_key_in_another_order_than_its_index_is_no_finding(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int, v text, PRIMARY KEY (v, k))")
    workbench.pipeline("p", PIPELINE.replace("[k]", "[k, v]"))
    assert workbench.run("p", "k,v\n1,a\n1,b\n1,a\n").inserted_items == 2


def test_an_index_that_includes_more_columns_stands_behind_the_key(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int, v text); CREATE UNIQUE INDEX ON t (k) INCLUDE (v)")
    workbench.pipeline("p", PIPELINE)
    assert workbench.run("p", "k,v\n1,a\n1,b\n").updated_items == 1
