"""docs/errors.md, made of the registry."""

from __future__ import annotations

from collections.abc import Iterator

from ri_declarative.codes import GROUPS
from ri_declarative.codes.entry import Code, Group, Origin

_HEAD = """\
<!-- made by: python -m ri_declarative.codes > docs/errors.md -->
# Error codes

Every problem that `ri` reports has a code. Codes are stable: scripts may rely on them. Messages are for people and may
change.

- **A problem of a record** (`email: schema.format …`): this record failed or was skipped, its neighbours were imported.
  See them with `ri errors BATCH`. Repair: `ri errors BATCH --csv fix.csv`, correct the cells in an editor, then
  `ri reprocess BATCH --from fix.csv`. When the pipeline or the database was wrong, mend that and `ri reprocess BATCH`,
  which takes the records as they were read. When the reading was wrong (`source.…`: encoding, quotes, cells), run the
  mended file again instead. [More](repair.md).
- **A finding in a file** (`pipelines/customer_data.yaml:14:5: error[unknown-column] …`): nothing was read or written.
- **An error of a run** (`error[not-migrated] …`): the command ended. What a run had committed stays.

| exit code | what it means |
|---|---|
| 0 | every record completed or was skipped |
| 1 | finished, some records failed, or the hook `on_batch_complete` did |
| 2 | usage, pipeline or configuration error, before the first write |
| 3 | stopped by the world; what is committed stays, run it again |
| 4 | stopped by a limit of the pipeline (`limits.max_failed`), or refused by its hook `validate_batch` |
| 130, 143 | interrupted; what is committed stays, run it again |

Of several files the highest code counts.
"""
_KINDS = {Origin.RECORD: "problem of a record", Origin.FILE: "finding in a file", Origin.RUN: "error of a run"}


def rendered() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_contents(), *(line for group in GROUPS for line in _section(group))])


def anchor(heading: str) -> str:
    """The link target that GitHub makes of a heading.

    >>> anchor("schema.required"), anchor("Runs: the source file")
    ('schemarequired', 'runs-the-source-file')
    """
    kept = (character for character in heading.lower() if character.isalnum() or character in " -_")
    return "".join(kept).replace(" ", "-")


def _contents() -> Iterator[str]:
    for group in GROUPS:
        codes = " ".join(f"[`{entry.code}`](#{anchor(entry.code)})" for entry in group.codes)
        yield f"- [{group.title}](#{anchor(group.title)}): {codes}"
    yield ""


def _section(group: Group) -> Iterator[str]:
    yield f"## {group.title}\n\n{group.intro}\n"
    for entry in group.codes:
        yield _entry(entry)


def _entry(entry: Code) -> str:
    kind = " or ".join(_KINDS[origin] for origin in entry.origins)
    return (
        f"### {entry.code}\n\n"
        f"*{kind[0].upper()}{kind[1:]}: {entry.ends}.* {entry.cause}\n\n"
        f"```text\n{entry.example}\n```\n\n"
        f"What to do: {entry.cure}\n"
    )
