"""`--json` of every command is what docs/json says, strictly, in good times and in bad."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.class_project import write_class
from support.command_line import PEOPLE, REPOSITORY, CommandLine, Said

from ri_declarative.cli import reference

SCHEMAS = {
    schema["properties"]["schema"]["const"]: schema
    for schema in (json.loads(path.read_text(encoding="utf-8")) for path in (REPOSITORY / "docs/json").iterdir())
}
# A column's name, a cell, a code of the database: objects whose keys are not ours.
OPEN = {"source_data", "details", "metadata"}


def validated(said: Said) -> list[dict[str, Any]]:
    """The objects on stdout, one a line, each valid."""
    objects: list[dict[str, Any]] = [json.loads(line) for line in said.out.splitlines()]
    assert objects, said
    for made in objects:
        checker = jsonschema.Draft202012Validator(
            SCHEMAS[made["schema"]], format_checker=jsonschema.FormatChecker(["uuid"])
        )
        assert [error.message for error in checker.iter_errors(made)] == []
    return objects


def objects_in(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema that speaks of an object, with the property it stands under."""
    if isinstance(schema, list):
        for part in schema:
            yield from objects_in(part, name)
    elif isinstance(schema, dict):
        if schema.get("type") == "object":
            yield name, schema
        for key, part in schema.items():
            under_properties = key == "properties" and isinstance(part, dict)
            for inner, value in part.items() if under_properties else [(name, part)]:
                yield from objects_in(value, inner)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_is_valid_and_strict(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"]
    for name, part in objects_in(schema):
        assert "additionalProperties" in part, name
        assert part["additionalProperties"] is False or name in OPEN, name
        assert set(part.get("required", ())) <= set(part.get("properties", ()))


def test_every_shape_of_the_source_has_a_schema_and_no_other() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "ri_declarative/cli").rglob("*.py")]
    assert {found for text in sources for found in re.findall(r'"(ri\.[a-z.]+/\d+)"', text)} == set(SCHEMAS)


def test_a_schema_is_named_like_its_shape() -> None:
    named = {path.name for path in (REPOSITORY / "docs/json").iterdir()}
    assert named == {f"{shape.replace('/', '.')}.schema.json" for shape in SCHEMAS}


# Words of a command → the shapes that it prints, in a project with the pipelines people, broken and strict,
# and with one batch that has a failed record. {batch}: its id; {item}: that of its failed record.
SHAPES: list[tuple[str, Sequence[str]]] = [
    ("init new", ["init"]),
    ("init ri.yaml", ["error"]),
    ("list", ["list"]),
    ("list --database host=/nowhere", ["list"]),
    ("check", ["check"]),
    ("check people", ["check"]),
    ("check --offline", ["check"]),
    ("check people --database host=/nowhere", ["check"]),
    ("check nobody", ["error"]),
    ("explain people", ["explain"]),
    ("explain people --offline", ["explain"]),
    ("explain schema.format", ["code"]),
    ("explain nothing", ["error"]),
    ("run people good.csv", ["run"]),
    ("run people bad.csv good.csv", ["run", "run"]),
    ("run people missing.csv good.csv", ["error", "run"]),
    ("run strict bad.csv", ["run"]),
    ("run broken good.csv", ["error"]),
    ("run people", ["error"]),
    ("run people good.csv --database host=/nowhere", ["error"]),
    ("reprocess {batch}", ["run"]),
    ("resume {batch}", ["error"]),
    ("rescue", ["rescue"]),
    ("abandon {batch}", ["error"]),
    ("reprocess {batch} --from good.csv", ["error"]),
    ("status", ["batches"]),
    ("status --pipeline nobody", ["batches"]),
    ("status {batch}", ["status"]),
    ("status feed", ["error"]),
    ("status --stats", ["status.stats"]),
    ("status --stats --days 30", ["status.stats"]),
    ("status {batch} --stats", ["error"]),
    ("errors {batch}", ["errors"]),
    ("errors {batch} --csv fix.csv", ["export"]),
    ("errors {batch} --csv nowhere/fix.csv", ["error"]),
    ("errors {batch} --dismiss --item {item}", ["dismiss"]),
    ("db migrate", ["db"]),
    ("db status", ["db"]),
    ("db stop", ["db"]),
    ("db migrate --check", ["db"]),
    ("db reset", ["db"]),
    ("db url", ["error"]),
    ("db dump", ["error"]),
    ("doctor", ["doctor"]),
    ("doctor --database host=/nowhere", ["doctor"]),
    ("schema --output new.schema.json", ["schema"]),
    ("schema --output nowhere/new.schema.json", ["error"]),
    ("completion bash", ["completion"]),
    ("completion tcsh", ["error"]),
    ("runn", ["error"]),
]


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    command_line.people()
    command_line.bench.file("ri.yaml", "defaults: {chunk_size: 100}\n")
    command_line.bench.pipeline("broken", PEOPLE + "limit: 1\n")
    command_line.bench.pipeline("strict", PEOPLE + "limits: {max_failed: 0}\n")
    command_line.bench.file("good.csv", "email,name\na@x.org,A\n")
    command_line.bench.file("bad.csv", "email,name\nnowhere,A\n\xff\nb@x.org,B\n".encode("latin-1"))
    return command_line


@pytest.mark.parametrize("command", dict.fromkeys(words.split()[0] for words, _ in SHAPES))
def test_the_json_of_a_command_is_valid(project: CommandLine, command: str) -> None:
    tried = [(words, shapes) for words, shapes in SHAPES if words.split()[0] == command]
    names = {}
    if any("{" in words for words, _ in tried):
        names["batch"] = project.failed_batch()
        names["item"] = project.ri("errors", "last", "--json").json["items"][0]["item_id"]
    for words, shapes in tried:
        said = project.ri(*words.format(**names).split(), "--json")
        assert [made["schema"] for made in validated(said)] == [f"ri.{shape}/1" for shape in shapes], words
        assert "Traceback" not in said.err


def test_the_json_of_a_list_with_batches_of_all_kinds_is_valid(project: CommandLine) -> None:
    project.failed_batch()
    project.ri("run", "strict", "bad.csv")
    validated(project.ri("resume", "last", "--max-failed", "100%", "--json"))
    project.ri("run", "strict", "bad.csv")
    validated(project.ri("abandon", "last", "--json"))
    project.ri("reprocess", "last")
    for words in (("list",), ("status",), ("status", "last"), ("errors", "last")):
        validated(project.ri(*words, "--json"))


def test_the_json_about_a_processor_class_is_valid(classes: CommandLine) -> None:
    classes.people()
    name = write_class(classes.root)
    classes.bench.file("bad.csv", "email,name\nnowhere,A\n")
    for words, shape in {
        f"run {name} bad.csv": "run",
        "reprocess last": "run",
        "list": "list",
        f"check {name}": "check",
        f"explain {name}": "explain.class",
        "status last": "status",
        "errors last": "errors",
    }.items():
        assert [made["schema"] for made in validated(classes.ri(*words.split(), "--json"))] == [f"ri.{shape}/1"], words


def test_the_json_of_a_folder_is_a_line_for_each_batch_and_each_refusal(project: CommandLine) -> None:
    (project.root / "pipelines/broken.yaml").unlink()
    project.bench.pipeline(
        "people", PEOPLE.replace("format: csv", "format: csv, match: a.csv") + "requires: [strict]\n"
    )
    project.bench.pipeline("strict", PEOPLE.replace("format: csv", "match: b.csv") + "limits: {max_failed: 0}\n")
    project.bench.file("inbox/a.csv", "email,name\na@x.org,A\n")
    project.bench.file("inbox/b.csv", "email,name\nnowhere,A\n")
    said = project.ri("run", "--all", "inbox", "--json")
    assert [made["schema"] for made in validated(said)] == ["ri.run/1", "ri.error/1"]


def test_the_json_of_a_batch_that_a_hook_stopped_is_valid(project: CommandLine) -> None:
    project.bench.file("hooks/people.py", "def validate_batch(ctx): return False\n")
    assert validated(project.ri("run", "people", "good.csv", "--json"))[0]["stop_reason"] == "hook"
    for words in (("list",), ("status",), ("status", "last"), ("explain", "people")):
        validated(project.ri(*words, "--json"))


def test_the_json_of_a_running_embedded_server_is_valid(
    project_folder: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project_folder / "pipelines").mkdir()
    monkeypatch.chdir(project_folder)
    monkeypatch.delenv("RI_DATABASE_URL")
    for verb in (["start"], ["status"], ["url"], ["migrate"], ["dump", "copy.sql"], ["reset", "--yes"], ["stop"]):
        made = validated(command_line.ri("db", *verb, "--json"))
        assert [(one["schema"], one["action"]) for one in made] == [("ri.db/1", verb[0])]


def test_every_command_takes_json_and_is_among_these() -> None:
    leaves = [found for found in reference.commands() if not hasattr(found.command, "commands")]
    leaves = [found for found in leaves if found.path != "ri"]
    without = [f.path for f in leaves if "--json" not in [o for p in f.command.params for o in p.opts]]
    assert without == ["ri db psql"], "psql prints what it likes"
    tried = {f"ri {words}" for words, _ in SHAPES}
    untried = {f.path for f in leaves if not any(t == f.path or t.startswith(f"{f.path} ") for t in tried)}
    assert untried == {"ri db start", "ri db psql"}, "the first has a test of its own"
