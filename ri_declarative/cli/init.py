"""`ri init`: a small project that can be checked and run at once. Needs no database and loads no driver."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import click

from ri_declarative.cli import exits, options, output
from ri_declarative.errors import UsageError

EPILOG = """\b
Examples:
  ri init                                   in this folder
  ri init imports                           in a new folder"""

# Place in the project → file in ri_declarative/templates.
TEMPLATES = {
    "ri.yaml": "ri.yaml",
    "pipelines/contacts.yaml": "contacts.yaml",
    "data/contacts.csv": "contacts.csv",
    ".gitignore": "gitignore",
}
LANGUAGE_SCHEMA = "schema/pipeline.schema.json"

_DATABASE_VARIABLES = ("RI_DATABASE_URL", "DATABASE_URL", "PGHOST", "PGSERVICE")


@click.command("init", epilog=EPILOG, short_help="Make a small project to start from.")
@click.argument("folder", metavar="[DIR]", required=False, default=".", type=click.Path(file_okay=False))
@options.json
@options.diagnostics
def command(folder: str, as_json: bool) -> int:
    """Make a small project in DIR (default: this folder), ready to be checked and run.

    Files that are there already are kept as they are.
    """
    root = Path(folder)
    made: list[str] = []
    kept: list[str] = []
    for name, text in _files():
        (made if _write_new(root / name, text) else kept).append(name)
    steps = _next_steps()
    if as_json:
        facts = {"root": str(root.resolve()), "created": made, "kept": kept, "next": steps}
        output.say_json({"schema": "ri.init/1", **facts})
        return exits.ALL_GOOD
    for word, names in (("created", made), ("kept", kept)):
        for name in names:
            output.say(f"{word:<8} {output.printable(str(root / name))}")
    _tell_of_outer_project(root)
    go_there = [] if root.resolve() == Path.cwd() else [f"cd {shlex.quote(str(root))}"]
    output.say("\n".join(["", "next:", *(f"  {output.printable(step)}" for step in [*go_there, *steps])]))
    return exits.ALL_GOOD


def _files() -> Iterator[tuple[str, str]]:
    """Every file of a new project and its text; ri.yaml, which makes the folder a project, last."""
    from ri_declarative.spec.json_schema import rendered

    templates = files("ri_declarative").joinpath("templates")
    for name, template in reversed(TEMPLATES.items()):
        yield name, templates.joinpath(template).read_text(encoding="utf-8")
        if name == "pipelines/contacts.yaml":
            yield LANGUAGE_SCHEMA, rendered()


def _write_new(path: Path, text: str) -> bool:
    """Whether the file was made. One that exists is never touched, not even when it appears this very moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():  # also one that leads nowhere: somebody meant something by it
            return False
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        if not path.parent.is_dir():
            raise _not_written(path, error) from error
        return False
    except OSError as error:
        raise _not_written(path, error) from error
    return True


def _not_written(path: Path, error: OSError) -> UsageError:
    return UsageError("file-not-written", f"cannot write {path}: {error.strerror}")


def _tell_of_outer_project(root: Path) -> None:
    from ri_declarative.spec.project import project_root

    if outer := project_root(root.resolve().parent):
        output.note(f"note: this is a project of its own inside the one in {output.printable(str(outer))}")


def _next_steps() -> list[str]:
    """Three commands to type next. A database of one's own gets ri's tables by a command of its own."""
    own_database = any(os.environ.get(name, "") not in ("", "embedded") for name in _DATABASE_VARIABLES)
    run = "ri run contacts data/contacts.csv"
    return ["ri db migrate", "ri check", run] if own_database else ["ri check", run, "ri status"]
