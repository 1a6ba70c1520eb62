"""`ri check --format`: JSON, GitHub's workflow commands, SARIF."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from support.command_line import PEOPLE, CommandLine

# What SARIF 2.1.0's schema asks of the parts that we write (sections 3.13, 3.14, 3.27 to 3.30).
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_REGION = {
    "type": "object",
    "properties": {k: {"type": "integer", "minimum": 1} for k in ("startLine", "startColumn")},
    "required": ["startLine", "startColumn"],
    "additionalProperties": False,
}
_LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                },
                "region": _REGION,
            },
        }
    },
}
_RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
    "properties": {
        "message": _TEXT,
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": _LEVEL,
        "locations": {"type": "array", "items": _LOCATION},
    },
    "additionalProperties": False,
}
_NOTIFICATION = {"type": "object", "required": ["message"], "properties": {"message": _TEXT, "level": _LEVEL}}
_INVOCATION = {
    "type": "object",
    "required": ["executionSuccessful"],
    "properties": {
        "executionSuccessful": {"type": "boolean"},
        "toolExecutionNotifications": {"type": "array", "items": _NOTIFICATION},
    },
}
_RULE = {"type": "object", "required": ["id"], "properties": {"shortDescription": _TEXT, "help": _TEXT}}
_DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {"rules": {"type": "array", "items": _RULE, "uniqueItems": True}},
}
_RUN = {
    "type": "object",
    "required": ["tool", "results"],
    "properties": {
        "tool": {"type": "object", "required": ["driver"], "properties": {"driver": _DRIVER}},
        "results": {"type": "array", "items": _RESULT},
        "invocations": {"type": "array", "items": _INVOCATION},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": _RUN, "minItems": 1}},
    "additionalProperties": {"type": "string"},
}
WRONG = PEOPLE + 'limits: {max_failed: "20 %, or\\nso"}\nlimit: 1\n'


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    """A pipeline with two errors, and a file that only deserves a warning."""
    command_line.bench.pipeline("people", WRONG)
    command_line.bench.file("pipelines/some people.yml", PEOPLE)
    return command_line


def sarif(project: CommandLine, *words: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(project.ri("check", *words, "--format", "sarif").out)
    jsonschema.Draft202012Validator(SARIF).validate(made)
    return made


def test_sarif_has_a_result_for_every_finding_and_a_rule_for_every_code(project: CommandLine) -> None:
    (run,) = sarif(project, "--offline")["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert [(r["ruleId"], r["level"]) for r in run["results"]] == [
        ("invalid-value", "error"),
        ("unknown-key", "error"),
        ("pipeline-name", "warning"),
    ]
    place = run["results"][2]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pipelines/some%20people.yml"
    assert run["invocations"] == [{"executionSuccessful": True}]


def test_sarif_of_a_sound_project_is_valid(command_line: CommandLine) -> None:
    command_line.people()
    (run,) = sarif(command_line)["runs"]
    assert run["results"] == []


def test_sarif_says_when_the_database_could_not_be_asked(project: CommandLine) -> None:
    (run,) = sarif(project, "--database", "host=/nowhere")["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["descriptor"] == {"id": "database-unreachable"}


def test_github_gets_one_command_a_line_with_everything_escaped(project: CommandLine) -> None:
    said = project.ri("check", "--offline", "--format", "github")
    assert said.code == 2
    first, second, third = said.out.splitlines()
    assert first == (
        "::error file=pipelines/people.yaml,line=8,col=10,title=invalid-value::limits.max_failed: expected a count, "
        "or a share from 0%25 to 100%25 like 20%25"
    )
    assert second.startswith("::error file=pipelines/people.yaml,line=9,col=1,title=unknown-key::limit: unknown key;")
    assert third.startswith("::warning file=pipelines/some people.yml,line=1,col=1,title=pipeline-name::")
    assert said.err == (
        "1 pipeline checked (files only): 2 errors, 1 warning · what a code means: ri explain invalid-value\n"
    )


def test_githubs_properties_escape_what_separates_them(command_line: CommandLine) -> None:
    command_line.bench.file("pipelines/a,b:c%.yaml", PEOPLE)
    (line,) = command_line.ri("check", "--offline", "--format", "github").out.splitlines()
    assert "file=pipelines/a%2Cb%3Ac%25.yaml,line=1" in line


def test_github_of_a_sound_project_says_nothing_on_stdout(command_line: CommandLine) -> None:
    command_line.people()
    said = command_line.ri("check", "--format", "github")
    assert (said.code, said.out) == (0, "")


def test_json_is_one_line_and_the_same_under_both_names(project: CommandLine) -> None:
    said = project.ri("check", "--offline", "--format", "json")
    assert said.out == project.ri("check", "--offline", "--json").out
    assert said.out.count("\n") == 1
    made = said.json
    assert (made["schema"], made["ok"], made["errors"], made["warnings"]) == ("ri.check/1", False, 2, 1)
    assert made["diagnostics"][1] == {
        "path": "pipelines/people.yaml",
        "line": 9,
        "column": 1,
        "severity": "error",
        "code": "unknown-key",
        "message": 'limit: unknown key; did you mean "limits"?',
    }


def test_a_usage_error_is_json_when_json_was_asked_for(project: CommandLine) -> None:
    for words in (["--json"], ["--format", "json"], ["--format=json"]):
        assert project.ri("check", "nobody", *words).json["code"] == "unknown-pipeline", words


def test_text_has_no_colour_in_a_pipe(project: CommandLine) -> None:
    assert not re.search("\x1b", project.ri("check", "--offline").out)
