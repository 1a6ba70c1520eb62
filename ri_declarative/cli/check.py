"""`ri check`: what is wrong with pipelines, before anything is read or written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from ri_declarative.cli import check_formats, completing, exits, options, output, texts
from ri_declarative.cli.check_formats import Report
from ri_declarative.cli.excerpts import with_excerpts
from ri_declarative.cli.session import opened
from ri_declarative.errors import ConfigError, DatabaseError, Diagnostic, Severity, UsageError

if TYPE_CHECKING:
    from ri_declarative.manager import BatchManager
    from ri_declarative.manager.checks import FileFindings

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
@click.argument("pipelines", metavar="[PIPELINE...]", nargs=-1, shell_complete=completing.pipelines)
@click.option("--offline", is_flag=True, help="Look at the files only; no database is needed.")
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
        files = check_files(find_project(), names)
    except ConfigError as error:  # ri.yaml itself: nothing can be read without it
        return Report({}, error.diagnostics, offline, None)
    if offline:
        return Report(files.by_pipeline, files.all, True, None)
    try:
        with opened(database) as manager:
            return _against(manager, files)
    except ConfigError as error:  # a variable of ri.yaml's `database:`
        return Report(files.by_pipeline, [*error.diagnostics, *files.all], False, None)
    except DatabaseError as error:
        return Report(files.by_pipeline, files.all, False, None, trouble=error)


def _against(manager: BatchManager, files: FileFindings) -> Report:
    from ri_declarative.manager.checks import in_order

    trouble = manager.targets.not_ready()
    found: dict[str, list[Diagnostic]] = {}
    if trouble is None or trouble.code != "read-only":  # a server that only reads refuses every trial
        found = manager.targets.check(files.sound.values())
    by_pipeline = {name: in_order([*told, *found.get(name, ())]) for name, told in files.by_pipeline.items()}
    everything = in_order([*files.all, *(finding for told in by_pipeline.values() for finding in told)])
    may_wait = trouble is not None and trouble.code == "not-migrated"
    return Report(by_pipeline, everything, False, manager.database_label, trouble, may_wait)


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
    return f"{texts.counted(len(report.by_pipeline), 'pipeline')} checked ({against}): {verdict}"
