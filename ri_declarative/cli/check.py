"""`ri check`: what is wrong with pipelines, before anything is read or written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import click

from ri_declarative.cli import check_formats, completing, exits, options, output, prints, texts
from ri_declarative.cli.check_formats import Report
from ri_declarative.cli.excerpts import with_excerpts
from ri_declarative.cli.session import opened
from ri_declarative.errors import ConfigError, DatabaseError, Diagnostic, Severity, UsageError

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager
    from ri_declarative.manager.checks import FileFindings
    from ri_declarative.spec.project import Project

Format = Literal["text", "json", "github", "sarif"]

EPILOG = """\b
Examples:
  ri check                                  all pipelines, against the database
  ri check customer_data
  ri check --offline                        the files only: no database is needed
  ri check --offline --format github        in a workflow: shown beside the lines of a pull request

\b
Exit codes: 0 sound (there may be warnings), 2 something would keep a run from beginning."""


@click.command("check", epilog=EPILOG, short_help="Find what is wrong with pipelines, without running them.")
@click.argument("pipelines", metavar="[PIPELINE...]", nargs=-1, shell_complete=completing.names)
@click.option("--offline", is_flag=True, help="Look at the files only: no database is needed, and nothing is imported.")
@click.option(
    "--format",
    "form",
    metavar="text|json|github|sarif",
    type=click.Choice(("text", "json", "github", "sarif")),
    help="How findings are printed: for a person (default), as ri.check/1, as GitHub's workflow commands, as SARIF "
    "2.1.0.",
)
@options.database
@options.json
@options.diagnostics
def command(pipelines: tuple[str, ...], offline: bool, form: Format | None, database: str | None, as_json: bool) -> int:
    """Check PIPELINEs (default: all): language, JSON Schema, and the target in the live database.

    The packages with processor classes that ri.yaml names are imported; hooks are read, never run.
    Every finding is told at once, with its place. Nothing is written: a table that `create: true`
    would make is made in a transaction that is rolled back.
    """
    if as_json and form not in (None, "json"):
        raise UsageError("usage", f"--json and --format {form} contradict each other")
    if offline and database is not None:
        raise UsageError("usage", "--offline asks no database; leave --database out")
    report = _report(pipelines, offline=offline, database=database)
    _print(report, "json" if as_json else form or "text")
    return exits.ALL_GOOD if report.is_sound else exits.USAGE


def _report(names: tuple[str, ...], *, offline: bool, database: str | None) -> Report:
    from ri_declarative.manager.checks import check_files
    from ri_declarative.spec.project import find_project

    try:
        project = find_project()
    except ConfigError as error:  # ri.yaml itself: nothing can be read without it
        return Report({}, error.diagnostics, offline, None)
    if offline:
        files = check_files(project, names)
        return Report(files.by_pipeline, files.all, True, None)
    files, classes = _with_classes(project, names)
    report = Report(files.by_pipeline, files.all, False, None, classes=classes)
    try:
        with opened(database) as manager:
            return _against(manager, files, report)
    except ConfigError as error:  # a variable of ri.yaml's `database:`
        return replace(report, findings=[*error.diagnostics, *files.all])
    except DatabaseError as error:
        return replace(report, trouble=error)


def _with_classes(project: Project, names: Sequence[str]) -> tuple[FileFindings, dict[str, str]]:
    """What the files say and what the classes do; the classes that were asked for, each with its place."""
    from ri_declarative.manager.checks import FileFindings, check_files
    from ri_declarative.spec.project import pipeline_names

    if not project.spec.processors:
        return check_files(project, names), {}
    from ri_declarative.manager.classes import find_classes, place_of, unknown_requirements

    with prints.to_stderr():
        found = find_classes(project)
    wanted = [name for name in found.by_type if name in names or not names]
    pipelines = [name for name in names if name not in wanted]
    files = check_files(project, pipelines) if pipelines or not names else FileFindings({}, {})
    unknown = (
        () if found.findings else unknown_requirements(files.sound.values(), {*found.by_type, *pipeline_names(project)})
    )
    files = replace(files, elsewhere=(*files.elsewhere, *found.findings, *unknown))
    return files, {name: place_of(found.by_type[name]) for name in wanted}


def _against(manager: BatchManager, files: FileFindings, report: Report) -> Report:
    from ri_declarative.manager.checks import in_order

    trouble = manager.targets.not_ready()
    found: dict[str, list[Diagnostic]] = {}
    if trouble is None or trouble.code != "read-only":  # a server that only reads refuses every trial
        found = manager.targets.check(files.sound.values())
    by_pipeline = {name: in_order([*told, *found.get(name, ())]) for name, told in files.by_pipeline.items()}
    everything = in_order([*files.all, *(finding for told in by_pipeline.values() for finding in told)])
    may_wait = trouble is not None and trouble.code == "not-migrated"
    return replace(
        report,
        by_pipeline=by_pipeline,
        findings=everything,
        database=manager.database_label,
        trouble=trouble,
        only_a_warning=may_wait,
    )


def _print(report: Report, form: Format) -> None:
    if form == "json":
        output.say(check_formats.as_json(report))
    elif form == "sarif":
        from importlib.metadata import version

        output.say(check_formats.as_sarif(report, version("ri-declarative")))
    elif form == "github":
        if text := check_formats.as_github(report):
            output.say(text)
        output.note(_summary(report))
    else:
        _print_text(report)


def _print_text(report: Report) -> None:
    if report.findings:
        output.say(with_excerpts(report.findings, sys.stdout))
    if report.trouble is not None:
        head = f"{report.severity_of_trouble}[{report.trouble.code}]"
        hint = f"\n  {report.trouble.hint}" if report.trouble.hint else ""
        output.say("\n".join(map(output.printable, f"{head} {report.trouble.message}{hint}".split("\n"))))
    output.say(_summary(report))


def _summary(report: Report) -> str:
    """One line: how many were looked at, against what, and what came of it."""
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    against = "files only" if report.offline else f"database {output.printable(report.database or 'not reached')}"
    found = [texts.counted(errors, "error"), texts.counted(warnings, "warning")]
    verdict = "no findings" if not errors + warnings else ", ".join(found)
    if errors and (code := next((f.code for f in report.findings if f.severity is Severity.ERROR), None)):
        verdict += f" · what a code means: ri explain {code}"
    looked_at = texts.counted(len(report.by_pipeline), "pipeline")
    if report.classes:
        looked_at += f" and {len(report.classes)} {'class' if len(report.classes) == 1 else 'classes'}"
    return f"{looked_at} checked ({against}): {verdict}"
