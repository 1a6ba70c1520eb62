"""`ri schema`: the JSON Schema of the pipeline language, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from ri_declarative.cli import completing, exits, options, output
from ri_declarative.errors import UsageError

EPILOG = """\b
Examples:
  ri schema --output schema/pipeline.schema.json
  ri schema | jq '.properties | keys'

\b
The first line of a pipeline makes an editor with the YAML language server (VS Code: the
extension YAML by Red Hat) use the file: completion, descriptions, and errors as you type.
  # yaml-language-server: $schema=../schema/pipeline.schema.json"""


@click.command("schema", epilog=EPILOG, short_help="Write the language's JSON Schema, for editors.")
@click.option(
    "--output",
    "target",
    metavar="FILE",
    help="Write it here instead of to stdout; a file that is there is replaced.",
    shell_complete=completing.files,
)
@options.json
@options.diagnostics
def command(target: str | None, as_json: bool) -> int:
    """Write the JSON Schema (draft 2020-12) of a file in pipelines/, as this version of ri reads it.

    With --output, --json tells what was written: an object ri.schema/1.
    """
    from ri_declarative.spec.json_schema import rendered

    text = rendered()
    if target is None or target == "-":
        output.say(text, end="")
        return exits.ALL_GOOD
    changed = _write(Path(target), text)
    if as_json:
        output.say_json({"schema": "ri.schema/1", "path": target, "changed": changed})
    else:
        output.note(f"{'wrote' if changed else 'already current:'} {output.printable(target)}")
    return exits.ALL_GOOD


def _write(path: Path, text: str) -> bool:
    """Whether the file is another one now."""
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError("file-not-written", f"cannot write {path}: {error.strerror}") from error
    return True
