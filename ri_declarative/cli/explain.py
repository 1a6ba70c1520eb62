"""`ri explain`: a pipeline with everything it means, a processor class, or an error code with cause and cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ri_declarative.cli import completing, exits, explanations, options, output, prints
from ri_declarative.cli.session import opened
from ri_declarative.codes import CODES, Code
from ri_declarative.errors import UsageError
from ri_declarative.words import did_you_mean

if TYPE_CHECKING:
    from ri_declarative.compiler.explain import Explanation
    from ri_declarative.manager.classes import Classes

EPILOG = """\b
Examples:
  ri explain customer_data                  defaults, stages, SQL, and which way of writing is used
  ri explain customer_data --sql            only the SQL
  ri explain customer_data --offline        without a database, so without SQL
  ri explain schema.format                  an error code: cause, example, what to do"""


@click.command("explain", epilog=EPILOG, short_help="Explain a pipeline, a processor class, or an error code.")
@click.argument("subject", metavar="PIPELINE|CODE", shell_complete=completing.names)
@click.option("--code", "as_code", is_flag=True, help="Take the word for an error code, also when a pipeline has it.")
@click.option("--sql", "only_sql", is_flag=True, help="Print only the SQL.")
@click.option("--yaml", "only_yaml", is_flag=True, help="Print only the pipeline with all defaults, as YAML.")
@click.option("--offline", is_flag=True, help="Ask no database and import nothing: without types, predictions and SQL.")
@options.database
@options.json
@options.diagnostics
def command(
    subject: str,
    as_code: bool,
    only_sql: bool,
    only_yaml: bool,
    offline: bool,
    database: str | None,
    as_json: bool,
) -> int:
    """Print PIPELINE with all defaults filled in, what its stages do, and the SQL that it runs;
    or the cause of an error CODE, an example, and what to do.

    Of a processor class, named by its batch type, where it is and what it defines.
    """
    if sum((only_sql, only_yaml, as_json)) > 1 or (only_sql and offline) or (offline and database is not None):
        raise UsageError("usage", "these options contradict each other", hint="see: ri explain --help")
    names = _pipelines() if not as_code else []
    if subject in names:
        _pipeline(subject, offline=offline, database=database, shape=(as_json, only_sql, only_yaml))
        return exits.ALL_GOOD
    classes = _classes() if not (as_code or offline) and STEM.fullmatch(subject) else None
    if classes is not None and subject in classes.by_type:
        _class(subject, classes, as_json=as_json, only_part=only_sql or only_yaml)
    elif subject in CODES:
        _code(CODES[subject], as_json=as_json)
    else:
        raise _unknown(subject, [*names, *(classes.by_type if classes else ())])
    return exits.ALL_GOOD


def _pipelines() -> list[str]:
    """The names of the project's pipelines; outside of a project there are none."""
    from ri_declarative.spec.project import find_project, pipeline_names

    try:
        return pipeline_names(find_project())
    except UsageError:
        return []


STEM = re.compile(r"[a-z][a-z0-9_]*")  # that of a batch type; most codes look otherwise, and need no import


def _classes() -> Classes | None:
    """The project's processor classes, with a note of what could not be imported; None outside of a project."""
    from ri_declarative.spec.project import find_project

    try:
        project = find_project()
    except UsageError:
        return None
    if not project.spec.processors:
        return None
    from ri_declarative.manager.classes import find_classes

    with prints.to_stderr():
        found = find_classes(project)
    for finding in found.findings:
        output.note(output.printable(str(finding)))
    return found


def _class(name: str, classes: Classes, *, as_json: bool, only_part: bool) -> None:
    from ri_declarative.manager.classes import explain_class
    from ri_declarative.spec.project import find_project

    if only_part:
        raise UsageError("usage", f"{name} is a processor class: it has neither YAML nor SQL of ours")
    found = explain_class(find_project(), name, classes.by_type[name])
    if as_json:
        output.say_json(explanations.class_as_object(found))
    else:
        output.say("\n".join(explanations.class_as_text(found)))
        if name in CODES:
            output.note(f"{name} is an error code, too: ri explain --code {name}")


def _unknown(subject: str, names: list[str]) -> UsageError:
    near = did_you_mean(subject, [*names, *CODES])
    hint = f"pipelines here: {', '.join(names)}" if names else "all codes with their cures: docs/errors.md"
    return UsageError("unknown-subject", f'"{subject}" is neither a pipeline here nor an error code{near}', hint=hint)


def _pipeline(name: str, *, offline: bool, database: str | None, shape: tuple[bool, bool, bool]) -> None:
    as_json, only_sql, only_yaml = shape
    if offline or only_yaml:
        label, found = None, _from_files(name)
    else:
        with opened(database) as manager:
            label, found = manager.database_label, manager.explain(name)
    if as_json:
        output.say_json(explanations.as_object(found, label))
    elif only_yaml:
        output.say(found.yaml, end="")
    elif only_sql:
        output.say(found.writing.sql if found.writing else "")
    else:
        output.say("\n".join(explanations.as_text(found, label)))
        if name in CODES:
            output.note(f"{name} is an error code, too: ri explain --code {name}")


def _from_files(name: str) -> Explanation:
    from ri_declarative.compiler.explain import explain_files
    from ri_declarative.compiler.reading import check_reading
    from ri_declarative.errors import ConfigError
    from ri_declarative.spec.pipeline import load_pipeline
    from ri_declarative.spec.project import find_project

    pipeline = load_pipeline(find_project(), name)
    if wrong := check_reading(pipeline):
        raise ConfigError(wrong)
    return explain_files(pipeline)


def _code(entry: Code, *, as_json: bool) -> None:
    if as_json:
        output.say_json(_code_object(entry))
    else:
        output.say("\n".join(_code_text(entry)))


def _code_object(entry: Code) -> dict[str, Any]:
    origins = [str(origin) for origin in entry.origins]
    return {"schema": "ri.code/1", **entry._asdict(), "origins": origins}


def _code_text(entry: Code) -> Iterator[str]:
    """A code as docs/errors.md tells it."""
    kinds = {"record": "a problem of a record", "file": "a finding in a file", "run": "an error of a run"}
    yield output.styled(entry.code, bold=True) + f": {' or '.join(kinds[o] for o in entry.origins)} ({entry.ends})"
    yield from ("", entry.cause, "", f"  {entry.example}", "", f"What to do: {entry.cure}")
