"""Which hooks of a pipeline run, and where on a record's way. They are known by name: none of them is run for this."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ri_declarative.spec.hook_names import TWINS
from ri_declarative.spec.pipeline import HOOKS_FOLDER, Pipeline

_BEFORE = ("validate_batch", "on_batch_start")
_AFTER = ("on_item_error", "on_batch_complete")
_WAY = ("parse", *TWINS, "schema", "validate_item", "map", "write")
_CALLS = (*_BEFORE, *TWINS, "validate_item", "process_item", *_AFTER)
_STAGES = frozenset({"parse", "schema", "map", "write"})
_MEANS: Mapping[str, str] = {
    "validate_batch": "before the first record; False ends the batch (exit code 4)",
    "on_batch_start": "before the first record",
    "on_item_error": "for each record that fails; False stops the batch",
    "on_batch_complete": "at the end, in one transaction with the end of the batch",
}


def hooks_in_order(pipeline: Pipeline) -> tuple[str, ...]:
    """The names of the pipeline's hooks, in the order in which they are called."""
    return in_order_of_calls(pipeline.hooks)


def in_order_of_calls(names: Collection[str]) -> tuple[str, ...]:
    """The hooks of these names, of a file or of a class, in the order in which they are called."""
    return tuple(name for name in _CALLS if name in names)


def hook_rules(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for the way of a record through the hooks, and one for each hook beside it; none without hooks."""
    if not pipeline.hooks or pipeline.hooks_path is None:
        return
    file = f"{HOOKS_FOLDER}/{pipeline.hooks_path.name}"
    for name in _BEFORE:
        if name in pipeline.hooks:
            yield f"{name} ({file}) is called {_MEANS[name]}"
    way = _way(pipeline)
    if not _STAGES.issuperset(way):
        yield f"a record's way with the hooks of {file}: {' → '.join(way)}"
    if "process_item" in pipeline.hooks:
        yield "process_item writes each record, in a savepoint of its own: columns, key and SQL told here are not used"
    for name in _AFTER:
        if name in pipeline.hooks:
            yield f"{name} ({file}) is called {_MEANS[name]}"


def _way(pipeline: Pipeline) -> list[str]:
    """The stages of a record, the hooks that exist among them."""
    way = [stage for stage in _WAY if stage in _STAGES or stage in pipeline.hooks]
    return [*way[: way.index("map")], "process_item"] if "process_item" in pipeline.hooks else way
