"""`requires:`: names, cycles, and the order that comes of them."""

from __future__ import annotations

import random

import pytest

from ri_declarative.errors import UsageError
from ri_declarative.spec.dependencies import cycles, in_order

from .spec_texts import Findings, Load, Write

SMALL = "target: {table: t, key: a, columns: {a: a}}\n"


def test_one_name_may_stand_without_brackets(load: Load, write: Write) -> None:
    write("pipelines/a.yaml", "")
    assert load(SMALL + "requires: a\n").spec.requires == ["a"]
    assert load(SMALL).spec.requires == []


def test_what_must_run_before_is_the_same_pipeline(load: Load, write: Write) -> None:
    write("pipelines/a.yaml", "")
    assert load(SMALL + "requires: a\n").fingerprint == load(SMALL).fingerprint


@pytest.mark.parametrize(
    ("written", "column", "code", "told"),
    [
        ("[catalog, custmers]", 21, "requires-unknown", 'did you mean "customers"?'),
        ("zzz", 1, "requires-unknown", "is it a class? name its package under processors"),
        ("[p]", 12, "requires-cycle", "cannot wait for itself: p → p"),
        ("[catalog, catalog]", 21, "invalid-value", '"catalog" is there twice'),
        ("[5]", 12, "wrong-type", "expected a text"),
        ("{a: b}", 1, "wrong-type", "expected a text or a list of texts"),
    ],
)
def test_a_mistake_is_told_at_its_place(
    findings: Findings, write: Write, written: str, column: int, code: str, told: str
) -> None:
    write("pipelines/catalog.yaml", "")
    write("pipelines/customers.yaml", "")
    (finding,) = findings(f"requires: {written}\n{SMALL}")
    assert finding.code == code
    assert told in finding.message
    assert finding.position == ("pipelines/p.yaml", 1, column)


def test_where_there_are_classes_any_name_may_be_one(findings: Findings, write: Write) -> None:
    write("ri.yaml", "processors: [myapp.processors]\n")
    assert findings(SMALL + "requires: [anything]\n") == []
    assert [d.code for d in findings(SMALL + "requires: [p]\n")] == ["requires-cycle"]


def test_each_comes_behind_those_that_it_requires() -> None:
    chooser = random.Random(4)
    names = [f"n{number}" for number in range(30)]
    chooser.shuffle(names)
    requires = {name: chooser.sample(names[:place], k=min(place, 3)) for place, name in enumerate(names)}
    shuffled = dict(sorted(requires.items()))
    ordered = in_order(shuffled)
    assert sorted(ordered) == sorted(names)
    assert all(ordered.index(other) < ordered.index(name) for name in names for other in requires[name])


def test_what_is_only_required_is_not_in_the_order() -> None:
    assert in_order({"orders": ["customers"]}) == ["orders"]


def test_a_cycle_is_refused_with_its_path_in_the_direction_of_requires() -> None:
    with pytest.raises(UsageError, match="none can ever run") as caught:
        in_order({"x": ["a"], "c": ["a"], "a": ["d"], "d": ["c"]})
    assert caught.value.code == "requires-cycle"
    assert caught.value.message.endswith(": a → d → c → a")


def test_a_pipeline_that_requires_itself_is_a_cycle() -> None:
    with pytest.raises(UsageError, match="a → a"):
        in_order({"a": ["a"]})


def test_every_cycle_is_found() -> None:
    requires = {"a": ["b"], "b": ["a"], "c": ["d", "a"], "d": ["c"], "e": ["a"]}
    assert sorted(cycles(requires)) == [["a", "b", "a"], ["c", "d", "c"]]
    assert requires["a"] == ["b"]  # what was given is as before
