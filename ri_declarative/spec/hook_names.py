"""The hooks that a module in hooks/ may define: their names, and what each is called with. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping

HOOKS: Mapping[str, tuple[str, ...]] = {
    "transform_item": ("item", "ctx"),
    "transform_chunk": ("items", "ctx"),
    "validate_item": ("item", "ctx"),
    "process_item": ("item", "ctx"),
    "on_item_error": ("item", "error", "ctx"),
    "validate_batch": ("ctx",),
    "on_batch_start": ("ctx",),
    "on_batch_complete": ("ctx", "success"),
}
TWINS = ("transform_item", "transform_chunk")  # the same work, by record and by chunk: a file has one of them
# The hooks that may use any field of a record.
SEE_RECORDS = frozenset({*TWINS, "validate_item", "process_item", "on_item_error"})
# What comes of a hook that never gives a value.
WITHOUT_VALUE: Mapping[str, str] = {
    "transform_item": "every record would be skipped; return the record",
    "transform_chunk": "no record would have a result; return one for each",
    "validate_item": "every record would fail; return True or False",
    "validate_batch": "no batch could begin; return True or False",
}
