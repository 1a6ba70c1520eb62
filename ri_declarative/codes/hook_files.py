"""Codes of findings in hooks/NAME.py, which is read without being run."""

from __future__ import annotations

from ri_declarative.codes.entry import Group, in_file, warning

HOOK_FILES = Group(
    "Files: hooks",
    "Python in hooks/NAME.py for the pipeline NAME. It is read, never run, to find these; what a hook does to a record "
    "comes out when it is called.",
    (
        warning(
            "hook-file",
            cause="The file has the name of no pipeline, so nothing calls its hooks, but the name is very near one.",
            example='belongs to no pipeline, so nothing calls its hooks; did you mean "customer_data.py"?',
            cure="Rename it. A module of helpers may have any name that is not so near a pipeline's.",
        ),
        in_file(
            "hook-kind",
            cause="A hook is called as a plain function. This one is async, a generator, a class or a value.",
            example="validate_item: is async, but nobody awaits it; write def validate_item(item, ctx)",
            cure="Write a plain `def`. What must be awaited can be run in it with `asyncio.run`.",
        ),
        warning(
            "hook-none",
            cause="The file belongs to a pipeline, but none of the names at its top level is a hook's.",
            example="defines no hook at its top level, so nothing calls it; hooks are transform_item, transform_chunk, "
            "validate_item, process_item, on_item_error, validate_batch, on_batch_start, on_batch_complete",
            cure="Define one as a plain function, not inside a class, or remove the file.",
        ),
        in_file(
            "hook-signature",
            cause="The hook cannot be called with the arguments that it gets, which are given by position.",
            example="on_item_error: takes (item, ctx), but is called with (item, error, ctx)",
            cure="Take what the message names, in this order; the parameters may have other names.",
        ),
        in_file(
            "hook-star",
            cause="`from module import *` may bring hooks along, or none: nobody can tell without running it.",
            example="import * hides which hooks this file has; import them by name",
            cure="Import the names that you use.",
        ),
        in_file(
            "hook-syntax",
            cause="The file is not Python.",
            example="expected ':'",
            cure="Mend it at the place named; the message is Python's own.",
        ),
        in_file(
            "hook-twice",
            cause="A hook is defined again, or `transform_item` and `transform_chunk` are, which do the same work.",
            example="transform_chunk: transform_item in line 4 does the same work; keep one of them",
            cure="Keep one. `transform_chunk` is the faster twin: all records of a chunk in one call.",
        ),
        in_file(
            "hook-unknown",
            cause="A function is named almost like a hook: it would never be called.",
            example='on_item_eror: there is no such hook; did you mean "on_item_error"?',
            cure="Correct the name. If it is a helper, let its name begin with _.",
        ),
        in_file(
            "hook-value",
            cause="The hook's value decides about the record, and no path through the function returns one.",
            example="transform_item: never returns a value, so that every record would be skipped; return the record",
            cure="Return it. If no value is really meant, say so: `return None`.",
        ),
    ),
)
