"""`ri explain`: a pipeline with everything it means, and error codes."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2
import pytest
from support.command_line import PEOPLE, REPOSITORY, CommandLine
from support.workbench import Workbench

from ri_declarative.codes import CODES
from ri_declarative.spec.pipeline import load_pipeline
from ri_declarative.spec.project import load_project

EVERYTHING = """\
source:
  null_values: ["", "n/a", "NO"]
  fields:
    email: {from: [E-mail, "null"], clean: [trim, lower]}
    born: {date: "%d/%m/%Y"}
    debt: {decimal: ","}
schema:
  required: [email]
  properties:
    email: {type: string, format: email, pattern: '^[^"\\\\]+$'}
    born: {type: string, format: date}
    debt: {type: number, minimum: -0.50}
    country: {enum: ["DE", "NO", "1e5", "12:30", " x", "é", ~]}
target:
  table: people
  key: email
  columns:
    email: email
    born: {field: born, on_missing: keep}
    debt: {field: debt, on_update: fill}
    country_id: {lookup: countries, match: {code: country}, take: id, missing: "null"}
    rate: {value: 1.50}
    note: {value: null}
    made: {run: started_at}
    maker: {value: "yes", on_update: keep}
  on_conflict: ignore
  on_duplicate: first
limits: {max_failed: 12.5%}
"""
TABLES = (
    "CREATE TABLE countries (id int PRIMARY KEY, code text UNIQUE); "
    "CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE, born date, "
    "debt numeric(6,2) CHECK (debt < 100), country_id int REFERENCES countries, rate numeric, note text, "
    "made timestamptz, maker text)"
)


@pytest.fixture
def everything(command_line: CommandLine) -> CommandLine:
    command_line.bench.sql(TABLES)
    command_line.bench.pipeline("everything", EVERYTHING)
    return command_line


# ── the pipeline with all defaults ───────────────────────────────────────────────────────────────


def completed(bench: Workbench, name: str, tmp: Path) -> tuple[str, str]:
    """The fingerprints of a pipeline and of its explained form, read in a project without defaults of its own."""
    bench_project = load_project(bench.root)
    said = CommandLine(bench).ri("explain", name, "--yaml")
    assert said.code == 0, said
    (tmp / "pipelines").mkdir(parents=True)
    (tmp / "pipelines" / f"{name}.yaml").write_text(said.out, encoding="utf-8")
    return load_pipeline(bench_project, name).fingerprint, load_pipeline(load_project(tmp), name).fingerprint


def test_the_yaml_with_all_defaults_means_the_same(everything: CommandLine, tmp_path: Path) -> None:
    before, after = completed(everything.bench, "everything", tmp_path / "other")
    assert before == after


def test_defaults_of_the_project_are_filled_in(everything: CommandLine, tmp_path: Path) -> None:
    everything.bench.file("ri.yaml", "defaults: {chunk_size: 77, source: {encoding: latin-1}}\n")
    before, after = completed(everything.bench, "everything", tmp_path / "other")
    assert before == after
    assert "chunk_size: 77" in everything.ri("explain", "everything", "--yaml").out


def test_columns_that_were_left_out_are_written_out(command_line: CommandLine, tmp_path: Path) -> None:
    command_line.people()
    text = command_line.ri("explain", "people", "--yaml").out
    assert '    email: {field: email, on_update: set, on_missing: "null"}\n' in text
    before, after = completed(command_line.bench, "people", tmp_path / "other")
    assert before == after


@pytest.mark.parametrize("name", ["customer_data", "product_catalog", "transaction_feed"])
def test_the_examples_survive_it_too(name: str, command_line: CommandLine) -> None:
    for folder in ("pipelines", "schema"):
        for file in (REPOSITORY / folder).iterdir():
            command_line.bench.file(f"{folder}/{file.name}", file.read_bytes())
    before = load_pipeline(load_project(command_line.root), name).fingerprint
    said = command_line.ri("explain", name, "--yaml", "--offline")
    command_line.bench.file(f"pipelines/{name}.yaml", said.out)
    assert load_pipeline(load_project(command_line.root), name).fingerprint == before


# ── what is said about a pipeline ────────────────────────────────────────────────────────────────


def test_every_stage_is_told_in_words(everything: CommandLine) -> None:
    out = everything.ri("explain", "everything").out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for told in (
        'email "E-mail" or "null" trim lower text required, type string, format email, pattern "^[^\\"\\\\\\\\]+$"',
        'born "born" date written like 31/12/2026 type string, format date',
        'debt "debt" exact number with a decimal comma type number, minimum -0.50',
        "email text field email key",
        "born date field born kept when the record has no value",
        "debt numeric(6,2) field debt written over NULL only when the row exists",
        "country_id integer id of the row in countries with code = field country no such row: NULL",
        "made timestamp with time zone when the batch began written only when another column changes",
        "maker text always \"yes\" kept when the row exists",
        "a record whose row was there before the batch is skipped (target.exists)",
        "more than 12.5% failed records stop the batch, counted from 1,000 records on and at the end",
    ):  # fmt: skip
        assert told in lines, told
    assert any(line.startswith("db.check debt breaks the rule") for line in lines)
    assert any("set by set" in line for line in lines)


def test_the_sql_is_what_the_server_plans(everything: CommandLine) -> None:
    sql = everything.ri("explain", "everything", "--sql").out
    stage = "n int8, line int8, wave int, grp int8, own boolean, " + ", ".join(
        f"{name} text" for name in sorted(set(re.findall(r'"([ca]\d+)"', sql)))
    )
    everything.bench.sql(f"CREATE TEMPORARY TABLE ri_stage ({stage}); EXPLAIN {sql}")
    with pytest.raises(psycopg2.errors.SyntaxError):
        everything.bench.sql(f"CREATE TEMPORARY TABLE ri_stage ({stage}); EXPLAIN {sql.replace('SELECT', 'SELEC', 1)}")


def test_why_rows_are_written_one_by_one_is_told(everything: CommandLine) -> None:
    everything.bench.sql("ALTER TABLE people ADD CONSTRAINT one_maker UNIQUE (maker)")
    said = everything.ri("explain", "everything")
    assert 'row by row on the server: two records could meet in "one_maker"' in said.out
    made = everything.ri("explain", "everything", "--json").json["writing"]
    assert (made["way"], made["why"]) == ("row_by_row", 'two records could meet in "one_maker"')


def test_json_holds_all_of_it(everything: CommandLine) -> None:
    made = everything.ri("explain", "everything", "--json").json
    assert (made["schema"], made["pipeline"], made["path"]) == (
        "ri.explain/1",
        "everything",
        "pipelines/everything.yaml",
    )
    assert [column["name"] for column in made["columns"]][:2] == ["email", "born"]
    assert made["writing"]["sql"] == everything.ri("explain", "everything", "--sql").out.rstrip("\n")
    assert made["yaml"] == everything.ri("explain", "everything", "--yaml").out
    assert {p["code"] for p in made["writing"]["predictions"]} >= {"db.not_null", "db.check"}
    assert made["writing"]["staging"][0] == "c0: email"


def test_offline_asks_no_database(everything: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RI_DATABASE_URL", "host=/nowhere")
    said = everything.ri("explain", "everything", "--offline")
    assert said.code == 0
    assert "no database asked" in said.out
    assert "SELECT" not in said.out
    assert everything.ri("explain", "everything", "--offline", "--json").json["writing"] is None


def test_a_pipeline_that_cannot_run_is_told_with_its_findings(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE)
    said = command_line.ri("explain", "people")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("pipelines/people.yaml:7:10: error[unknown-table]")
    assert "^^^^^" in said.err


def test_a_table_that_would_be_made_is_explained_and_not_left_behind(command_line: CommandLine) -> None:
    command_line.bench.pipeline("people", PEOPLE.replace("key: email", "key: email, create: true"))
    assert 'INSERT INTO "public"."people"' in command_line.ri("explain", "people", "--sql").out
    assert command_line.bench.sql("SELECT to_regclass('public.people')") == [(None,)]


# ── codes ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = CODES[code]
    said = CommandLine(Workbench(Path.cwd(), "")).ri("explain", code, "--code")
    assert said.code == 0
    for part in (code, entry.ends, entry.cause, entry.example, f"What to do: {entry.cure}"):
        assert part in said.out


def test_codes_need_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: CommandLine) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir("/")
    assert command_line.ri("explain", "key-index").code == 0


def test_the_pipeline_wins_over_a_code_of_its_name_and_says_how_to_get_the_code(command_line: CommandLine) -> None:
    command_line.people()
    command_line.bench.pipeline("usage", PEOPLE)
    said = command_line.ri("explain", "usage", "--offline")
    assert said.out.startswith("usage · pipelines/usage.yaml")
    assert said.err == "usage is an error code, too: ri explain --code usage\n"
    assert command_line.ri("explain", "--code", "usage").out.startswith("usage: an error of a run (exit 2)")


@pytest.mark.parametrize(("word", "meant"), [("peple", "people"), ("schema.formt", "schema.format")])
def test_an_unknown_word_gets_the_nearest_pipeline_or_code(command_line: CommandLine, word: str, meant: str) -> None:
    command_line.people()
    said = command_line.ri("explain", word)
    assert said.code == 2
    assert f'"{word}" is neither a pipeline here nor an error code; did you mean "{meant}"?' in said.err
