"""`ri completion`: the script by which a shell asks `ri` what may come next."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from ri_declarative.cli import exits, options, output

EPILOG = """\b
Examples:
  ri completion bash > ~/.local/share/bash-completion/completions/ri
  ri completion zsh > "${fpath[1]}/_ri"
  ri completion fish > ~/.config/fish/completions/ri.fish

\b
For this shell only:
  eval "$(ri completion bash)"
  eval "$(ri completion zsh)"
  ri completion fish | source"""

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_RI_COMPLETE"  # by which the script calls back; main.py looks for it, too


@click.command("completion", epilog=EPILOG, short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@options.json
@options.diagnostics
def command(shell: str, as_json: bool) -> int:
    """Print the script that makes SHELL (bash, zsh or fish) complete commands, options, pipelines, batches and files.

    Bash needs version 4.4 or newer. Put the script where your shell looks for completions, then
    open a new shell.
    """
    script = _script(shell)
    if as_json:
        output.say_json({"schema": "ri.completion/1", "shell": shell, "script": script})
    else:
        output.say(script, end="")
    return exits.ALL_GOOD


def _script(shell: str) -> str:
    made_by = get_completion_class(shell)
    assert made_by is not None, "click knows these shells"
    # ShellComplete's own: that of bash would run a bash, to complain of old ones
    return ShellComplete.source(made_by(click.Command("ri"), {}, "ri", VARIABLE)).strip() + "\n"
