"""`requires:`: names that mean something, no pipeline that waits for itself, and an order to run in.

Reads no more of another pipeline than what it requires.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from ri_declarative.errors import Position, UsageError
from ri_declarative.spec.outline import Name, outline
from ri_declarative.spec.positions import Finding, clip, deepest
from ri_declarative.spec.project import PIPELINES_FOLDER, Project
from ri_declarative.spec.strict_yaml import read_yaml
from ri_declarative.words import did_you_mean


class Requirement(NamedTuple):
    """A pipeline or class that another pipeline requires."""

    name: str
    place: Position


def check_requires(pipeline: str, requires: Sequence[Name], known: Collection[str] | None) -> Iterator[Finding]:
    """Every finding about the names; `known` are those that may be required, None when that cannot be told."""
    texts = [text for _, text in requires]
    for index, (path, name) in enumerate(requires):
        if name == pipeline:
            message = f"a pipeline cannot wait for itself: {_arrows([name, name])}"
            yield Finding(path, "requires-cycle", message)
        elif name in texts[:index]:
            yield Finding(path, "invalid-value", f'"{clip(name)}" is there twice')
        elif known is not None and name not in known:
            mend = did_you_mean(name, set(known) - {pipeline}) or "; is it a class? name its package under processors"
            yield Finding(path, "requires-unknown", f'there is no pipeline "{clip(name)}"{mend}')


def requirements(project: Project, pipeline: str) -> tuple[Requirement, ...]:
    """What the pipeline's file says that it requires; () when it says nothing that can be read."""
    file = f"{PIPELINES_FOLDER}/{pipeline}.yaml"
    data, positions, _, _ = read_yaml(project.root / file, file)
    written = outline(data).requires if isinstance(data, dict) else ()
    return tuple(Requirement(text, deepest(positions, path, file)) for path, text in written)


def in_order(requires: Mapping[str, Sequence[str]]) -> list[str]:
    """The names (the keys), each behind those that it requires. UsageError "requires-cycle" with the path.

    >>> in_order({"orders": ["customers", "products"], "products": [], "customers": ["products"]})
    ['products', 'customers', 'orders']
    """
    found = cycle(requires)
    if found:
        raise UsageError("requires-cycle", in_words(found), hint="remove one of them from the other's `requires`")
    return [name for name in TopologicalSorter(requires).static_order() if name in requires]


def cycles(requires: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Cycles that must be broken before there is an order: each as its path, `[a, b, a]`, from its first name on."""
    left = {name: [*others] for name, others in requires.items()}
    while found := cycle(left):
        yield found
        left[found[-2]].remove(found[-1])


def cycle(requires: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The path of one cycle, from its first name in the alphabet on; None when there is none.

    >>> cycle({"b": ["a"], "a": ["b"]})
    ['a', 'b', 'a']
    """
    try:
        TopologicalSorter(requires).prepare()
    except CycleError as error:
        path = error.args[1][:0:-1]  # each required by the one behind it; the first stands at both ends
        start = path.index(min(path))
        return [*path[start:], *path[:start], path[start]]
    return None


def in_words(path: Sequence[str]) -> str:
    """What is wrong with a cycle.

    >>> in_words(["a", "b", "a"])
    'each waits for the next, so that none can ever run: a → b → a'
    """
    return f"each waits for the next, so that none can ever run: {_arrows(path)}"


def _arrows(path: Sequence[str]) -> str:
    return " → ".join(clip(name) for name in path)
