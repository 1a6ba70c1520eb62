"""Every command with its options and examples, as told by the commands themselves.

`python -m ri_declarative.cli.reference` prints docs/commands.md.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

import click

from ri_declarative.cli.group import cli

INTRO = """\
# The command line

Results go to stdout, progress, notes and logs to stderr. With `--json` every command prints versioned objects, one on
a line; their JSON Schemas are in [json/](json/). `NO_COLOR` is honoured, and a table is never cut when it is piped.
`BATCH` is an id, the unambiguous beginning of one, or `last`; `-` is standard input or output. This page is made from
the commands: `python -m ri_declarative.cli.reference > docs/commands.md`.
"""

_REMARK = re.compile(r"\s{3,}(.*)")  # beside a command, in its examples


class Documented(NamedTuple):
    """One command where it stands in the tree."""

    path: str  # "ri db start"
    command: click.Command

    @property
    def context(self) -> click.Context:
        """A context to ask the command for its texts."""
        return click.Context(self.command, info_name=self.path, max_content_width=100, terminal_width=100)


def commands() -> Iterator[Documented]:
    """`ri` itself, then every command and subcommand in the order of the help."""
    yield from _below(Documented("ri", cli))


def examples(command: click.Command) -> list[str]:
    """The lines of a shell that the command's help shows, without the remarks beside them.

    >>> examples(click.Command("x", epilog="Examples:\\n  ri x a.csv      a remark"))
    ['ri x a.csv']
    """
    lines = (command.epilog or "").splitlines()
    return [_REMARK.sub("", line.strip()) for line in lines if line.startswith("  ")]


def options(command: click.Command) -> list[click.Option]:
    """Those that help shows, --help itself left out."""
    return [param for param in command.params if isinstance(param, click.Option) and not param.hidden]


def rendered() -> str:
    """The text of docs/commands.md."""
    return "\n".join([INTRO, *map(_section, commands())])


def _below(found: Documented) -> Iterator[Documented]:
    yield found
    if isinstance(found.command, click.Group):
        for name in found.command.list_commands(found.context):
            command = found.command.get_command(found.context, name)
            if command is not None:
                yield from _below(Documented(f"{found.path} {name}", command))


def _section(found: Documented) -> str:
    usage = " ".join([found.path, *found.command.collect_usage_pieces(found.context)])
    parts = [f"## `{found.path}`", _text(found.command), f"```text\n{usage}\n```"]
    if options(found.command):
        rows = [_row(option, found.context) for option in options(found.command)]
        parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    parts += [_paragraph(part) for part in (found.command.epilog or "").split("\b\n") if part.strip()]
    return "\n\n".join(parts) + "\n"


def _text(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\b\n", "")


def _row(option: click.Option, ctx: click.Context) -> str:
    record = option.get_help_record(ctx)
    assert record is not None, "hidden options are left out"
    names, text = (part.replace("|", "\\|").replace("\n", " ") for part in record)
    return f"| `{names}` | {text} |"


def _paragraph(text: str) -> str:
    """A part of the epilog: its title, then what is indented below it as lines of a shell."""
    lines = text.strip("\n").splitlines()
    title = [line for line in lines if not line.startswith("  ")]
    shell = [_REMARK.sub(r"  # \1", line[2:]) for line in lines if line.startswith("  ")]
    return "\n".join([*title, *(["", "```sh", *shell, "```"] if shell else [])])


if __name__ == "__main__":
    print(rendered(), end="")
