"""The registry of error codes: what each means and what to do. A leaf: imports nothing of ours but its own parts.

`python -m ri_declarative.codes` prints docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from ri_declarative.codes import databases, files, hook_files, hooks, keywords, reading, runs, stops, writing
from ri_declarative.codes.entry import Code, Group, Origin

__all__ = ["CODES", "GROUPS", "Code", "Group", "Origin"]

GROUPS: tuple[Group, ...] = (
    reading.SOURCE,
    reading.FIELD,
    keywords.SCHEMA,
    writing.TARGET,
    writing.DATABASE,
    hooks.HOOK,
    files.TEXT,
    files.LANGUAGE,
    files.SCHEMA_FILES,
    hook_files.HOOK_FILES,
    files.CATALOGUE,
    runs.USAGE,
    runs.SOURCE,
    stops.REPAIR,
    hooks.PROCESSOR,
    databases.DATABASE,
    databases.EMBEDDED,
    stops.STOPPED,
)

CODES: Mapping[str, Code] = {entry.code: entry for group in GROUPS for entry in group.codes}
