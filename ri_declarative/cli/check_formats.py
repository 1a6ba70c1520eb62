"""What `ri check` found, for programs: `ri.check/1`, GitHub's workflow commands, SARIF 2.1.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ri_declarative.cli import output, shapes
from ri_declarative.codes import CODES
from ri_declarative.errors import Diagnostic, RiError, Severity

_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@dataclass(frozen=True)
class Report:
    """All that was found."""

    by_pipeline: Mapping[str, Sequence[Diagnostic]]
    findings: Sequence[Diagnostic]  # each once, by place
    offline: bool
    database: str | None  # None: none was asked, or none answered
    trouble: RiError | None = None  # what stands between the database and any run
    only_a_warning: bool = False  # of the trouble: it does not keep the pipelines from being sound
    classes: Mapping[str, str] = field(default_factory=dict)  # batch type → processor class, as it is imported

    @property
    def severity_of_trouble(self) -> Severity:
        """A warning where the pipelines could be checked all the same."""
        return Severity.WARNING if self.only_a_warning else Severity.ERROR

    def count(self, severity: Severity) -> int:
        """How many findings of this severity; the trouble with the database is one."""
        extra = 1 if self.trouble is not None and self.severity_of_trouble is severity else 0
        return sum(1 for found in self.findings if found.severity is severity) + extra

    @property
    def is_sound(self) -> bool:
        """Whether nothing forbids a run."""
        return self.count(Severity.ERROR) == 0


def as_json(report: Report) -> str:
    """`ri.check/1`, one line."""
    return output.json_text(
        {
            "schema": "ri.check/1",
            "ok": report.is_sound,
            "offline": report.offline,
            "database": report.database,
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
            "pipelines": [
                {
                    "name": name,
                    "errors": sum(1 for found in told if found.severity is Severity.ERROR),
                    "warnings": sum(1 for found in told if found.severity is Severity.WARNING),
                }
                for name, told in report.by_pipeline.items()
            ],
            "classes": [{"name": name, "processor": place} for name, place in report.classes.items()],
            "diagnostics": [shapes.diagnostic(found) for found in report.findings],
            "database_error": _trouble(report),
        }
    )


def as_github(report: Report) -> str:
    """One workflow command a finding, which GitHub shows beside the line of a pull request."""
    return "\n".join(_commands(report))


def _commands(report: Report) -> Iterator[str]:
    for found in report.findings:
        path, line, column = found.position
        place = f"file={_property(path)},line={line},col={column},title={_property(found.code)}"
        yield f"::{found.severity} {place}::{_data(found.message)}"
    if report.trouble is not None:
        head = f"{report.severity_of_trouble} title={_property(report.trouble.code)}"
        yield f"::{head}::{_data(_sentence(report.trouble))}"


def _data(text: str) -> str:
    """GitHub's toolkit, packages/core/src/command.ts: escapeData."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The same: escapeProperty."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(report: Report, version: str) -> str:
    """SARIF 2.1.0, one line; paths are relative to the project's root."""
    codes = list(dict.fromkeys(found.code for found in report.findings))
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "ri", "semanticVersion": version, "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"PROJECT": {"description": {"text": "the project's root"}}},
        "results": [_result(found, codes) for found in report.findings],
        "invocations": [_invocation(report)],
    }
    return output.json_text({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


def _rule(code: str) -> dict[str, Any]:
    entry = CODES[code]
    return {"id": code, "shortDescription": {"text": entry.cause}, "help": {"text": entry.cure}}


def _result(found: Diagnostic, codes: list[str]) -> dict[str, Any]:
    path, line, column = found.position
    region = {"startLine": line, "startColumn": column}
    location = {"artifactLocation": {"uri": _uri(path), "uriBaseId": "PROJECT"}, "region": region}
    return {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": str(found.severity),
        "message": {"text": found.message},
        "locations": [{"physicalLocation": location}],
    }


def _invocation(report: Report) -> dict[str, Any]:
    if report.trouble is None:
        return {"executionSuccessful": True}
    notice = {
        "descriptor": {"id": report.trouble.code},
        "level": str(report.severity_of_trouble),
        "message": {"text": _sentence(report.trouble)},
    }
    return {"executionSuccessful": report.only_a_warning, "toolExecutionNotifications": [notice]}


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _trouble(report: Report) -> dict[str, Any] | None:
    if report.trouble is None:
        return None
    told = report.trouble
    return {"severity": str(report.severity_of_trouble), "code": told.code, "message": told.message, "hint": told.hint}


def _sentence(error: RiError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
