"""The `ri` command with its subcommands, each imported only when it is asked for."""

from __future__ import annotations

import importlib

import click

from ri_declarative.cli.options import diagnostics
from ri_declarative.words import did_you_mean

# In the order of a day's work; each is a module here.
COMMANDS = (
    *("init", "list", "check", "explain", "run", "resume", "reprocess", "status", "errors"),
    *("rescue", "abandon", "db", "doctor", "schema", "completion"),
)

EPILOG = """\b
Examples:
  ri check                                  what is wrong with the pipelines, before a run
  ri run customer_data customers.csv        import a file
  ri errors last                            what failed, and why
  ri resume                                 finish what was interrupted
  ri errors last --csv fix.csv              the failed records, to be repaired
  ri reprocess last --from fix.csv          take the repaired records in

\b
Exit codes: 0 every record completed or skipped, 1 finished but some (or on_batch_complete)
failed, 2 usage or configuration error before the first write, 3 stopped by the world, 4 stopped
by a limit or by validate_batch, 130/143 interrupted. Several files: the highest of them."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ri_declarative.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f'no command "{args[0]}"{did_you_mean(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="ri-declarative", message="ri %(version)s")
@diagnostics
def cli() -> None:
    """Import files into PostgreSQL: every record of the file is accounted for, completed,
    failed with a reason, or skipped with a reason."""
