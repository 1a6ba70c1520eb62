"""`ri schema`, and what an editor makes of the language's JSON Schema.

The tests with yaml-language-server run when `node` is installed and RI_TEST_YAML_SERVER names the folder in
which `npm install yaml-language-server` was run; else they are skipped. Nothing is fetched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.command_line import REPOSITORY, CommandLine
from support.workbench import Workbench

from check.language_server import SERVER, LanguageServer, language_server
from ri_declarative.spec.json_schema import language_schema, project_schema, rendered
from ri_declarative.spec.strict_yaml import load_yaml

INSTALLED = os.environ.get("RI_TEST_YAML_SERVER", "")
MODELINE = "# yaml-language-server: $schema=../schema/pipeline.schema.json\n"
VALIDATOR = jsonschema.Draft202012Validator(language_schema())


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """`ri` in an empty folder: the schema needs neither a project nor a database."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(Workbench(tmp_path, ""))


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def test_the_schema_goes_to_stdout(command_line: CommandLine) -> None:
    assert command_line.ri("schema").out == rendered()


def test_the_file_is_written_and_left_alone_when_it_is_current(command_line: CommandLine) -> None:
    said = command_line.ri("schema", "--output", "s.json")
    assert (said.code, said.out, said.err) == (0, "", "wrote s.json\n")
    file = command_line.root / "s.json"
    assert file.read_text(encoding="utf-8") == rendered()
    before = file.stat().st_mtime_ns
    assert command_line.ri("schema", "--output", "s.json", "--json").json == {
        "schema": "ri.schema/1",
        "path": "s.json",
        "changed": False,
    }
    assert file.stat().st_mtime_ns == before


def test_a_folder_that_is_not_there_is_told(command_line: CommandLine) -> None:
    said = command_line.ri("schema", "--output", "nowhere/s.json")
    assert said.code == 2
    assert said.err.startswith("error[file-not-written] cannot write nowhere/s.json")


# ── the schema ───────────────────────────────────────────────────────────────────────────────────


def column(text: str) -> list[str]:
    """What the schema has against a column."""
    data = load_yaml(f"target: {{table: t, key: k, columns: {{k: {text}}}}}", "x").data
    return [error.message for error in VALIDATOR.iter_errors(data)]


@pytest.mark.parametrize(
    "text",
    [
        "email",
        "{field: email}",
        "{value: null}",
        "{value: 1.5, on_update: keep}",
        "{run: line}",
        "{lookup: c, match: {a: b}, take: id, missing: 'null'}",
    ],
)
def test_a_column_in_every_form_is_valid(text: str) -> None:
    assert column(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "''",
        "{}",
        "5",
        "{field: a, value: b}",
        "{field: null}",
        "{run: now}",
        "{lookup: c}",
        "{lookup: c, match: {}, take: id}",
        "{field: a, take: id}",
        "{field: a, missing: fail}",
    ],
)
def test_a_column_in_any_other_form_is_not(text: str) -> None:
    assert column(text)


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema."""
    if isinstance(node, dict):
        yield node
        for member in node.values():
            yield from parts(member)
    elif isinstance(node, list):
        for member in node:
            yield from parts(member)


@pytest.mark.parametrize("schema", [language_schema(), project_schema()], ids=["pipeline", "ri.yaml"])
def test_every_word_with_a_meaning_has_one_and_nothing_of_ours_leaks(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in parts(schema):
        assert "meanings" not in part
        if "enumDescriptions" in part:
            assert len(part["enumDescriptions"]) == len(part["enum"])


# ── yaml-language-server ─────────────────────────────────────────────────────────────────────────

WRONG = {
    "descripton: x": (0, "Property descripton is not allowed."),
    "source: {format: cvs}": (17, 'Value is not accepted. Valid values: "csv", "tsv"'),
    "source: {fields: {a: {date: DD.MM.YYYY}}}": (28, "expected directives like %d/%m/%Y"),
    "source: {fields: {a: {clean: [trm]}}}": (30, 'Value is not accepted. Valid values: "trim"'),
    "schema: {properties: {a: {format: e-mail}}}": (34, "Value is not accepted. Valid values:"),
    "target: {table: t, key: k, columns: {a: {field: a, value: b}}}": (51, "needs exactly one of field, value, run"),
    "target: {table: t, key: k, columns: {a: {}}}": (37, "needs exactly one of field, value, run"),
    "target: {table: t, key: k, columns: {a: {lookup: c}}}": (40, "missing property match"),
    "limits: {max_failed: 20 percent}": (21, "expected a count, or a share like 20%"),
    "chunk_size: 0": (12, "Value is below the minimum of 1."),
}


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LanguageServer, Path]]:
    """The server on a project as `ri init` and `ri schema` would make it."""
    if not INSTALLED or not (Path(INSTALLED) / SERVER).is_file() or shutil.which("node") is None:
        pytest.skip("RI_TEST_YAML_SERVER names no folder with yaml-language-server, or there is no node")
    folder = tmp_path_factory.mktemp("project")
    for name in ("pipelines", "schema"):
        (folder / name).mkdir()
    (folder / "schema" / "pipeline.schema.json").write_text(rendered(), encoding="utf-8")
    with language_server(Path(INSTALLED), folder) as server:
        yield server, folder / "pipelines"


def opened(editor: tuple[LanguageServer, Path], name: str, text: str) -> tuple[Path, list[dict[str, Any]]]:
    """A pipeline with the modeline, and what the editor underlines in it."""
    server, folder = editor
    path = folder / f"{name}.yaml"
    path.write_text(MODELINE + text, encoding="utf-8")
    return path, server.diagnostics(path)


@pytest.mark.parametrize("text", WRONG)
def test_the_editor_underlines_a_mistake_at_its_place(editor: tuple[LanguageServer, Path], text: str) -> None:
    rest = "" if text.startswith("target") else "\ntarget: {table: t, key: k, columns: {k: k}}"
    _, found = opened(editor, f"wrong_{abs(hash(text))}", text + rest + "\n")
    place, message = WRONG[text]
    told = [(d["range"]["start"]["line"], d["range"]["start"]["character"]) for d in found if message in d["message"]]
    assert told == [(1, place)], found


@pytest.mark.parametrize("name", ["customer_data", "product_catalog", "transaction_feed"])
def test_the_editor_underlines_nothing_in_the_examples(editor: tuple[LanguageServer, Path], name: str) -> None:
    text = (REPOSITORY / "pipelines" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith(MODELINE)
    assert opened(editor, name, text.removeprefix(MODELINE))[1] == []


def test_the_editor_completes_keys_and_words_with_their_meanings(editor: tuple[LanguageServer, Path]) -> None:
    server, _ = editor
    path, _ = opened(
        editor,
        "completed",
        "source:\n  \n  fields:\n    a: {clean: [trim, ]}\ntarget:\n  table: t\n  key: k\n  columns:\n    k:\n      \n"
        "  on_conflict: \n",
    )
    keys = {item["label"]: item["documentation"] for item in server.completion(path, 2, 2)}
    assert {"format", "encoding", "null_values", "unknown_fields"} <= keys.keys()
    assert keys["null_values"] == "Cells of a text source that mean: no value."
    words = {item["label"]: item["documentation"] for item in server.completion(path, 4, 22)}
    assert words["collapse_spaces"] == "turns each run of white space into one blank"
    assert {"field", "value", "run", "lookup"} <= {item["label"] for item in server.completion(path, 10, 6)}
    assert {item["label"] for item in server.completion(path, 11, 15)} == {"update", "ignore", "error"}


def test_the_editor_shows_what_a_key_means(editor: tuple[LanguageServer, Path]) -> None:
    server, _ = editor
    path, _ = opened(
        editor, "hovered", "target:\n  table: t\n  key: k\n  columns: {k: {run: line}}\n  on_duplicate: first\n"
    )
    assert "a unique index must stand behind them" in server.hover(path, 3, 3)
    shown = server.hover(path, 4, 22)
    assert "the record's first line in the file" in shown
    assert "later ones are skipped" in server.hover(path, 5, 18)
