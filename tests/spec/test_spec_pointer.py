"""What a `$ref` refers to: for the check of the schema, for the fields it declares and for how a cell is read alike."""

from __future__ import annotations

from typing import Any

import pytest
from support.workbench import Workbench

from ri_declarative.spec.pointer import NowhereError, follow, part_at
from spec.spec_texts import Findings

INTEGER = {"type": "integer"}
SCHEMA = {"$defs": {"a b": INTEGER, "c/~d": {"allOf": [{}, INTEGER]}, "e": {"$anchor": "here", **INTEGER}, "%20": {}}}


@pytest.mark.parametrize(
    "reference", ["#/$defs/a b", "#/$defs/a%20b", "#/%24defs/a%20b", "#/$defs/c~1~0d/allOf/1", "#here"]
)
def test_a_reference_leads_to_its_part(reference: str) -> None:
    assert follow(SCHEMA, reference)["type"] == "integer"


@pytest.mark.parametrize(
    ("reference", "name", "known"),
    [
        ("#/$defs/f", "f", ["a b", "c/~d", "e", "%20"]),
        ("#/$defs/%20", " ", ["a b", "c/~d", "e", "%20"]),
        ("#/$defs/c~1~0d/allOf/2", "2", []),
        ("#/$defs/e/type/x", "x", []),
        ("#her", "her", ["here"]),
        ("other.json#/$defs/e", "other.json#/$defs/e", []),
    ],
)
def test_a_reference_to_nothing_says_where_it_ends_and_what_is_there(
    reference: str, name: str, known: list[str]
) -> None:
    with pytest.raises(NowhereError) as nowhere:
        follow(SCHEMA, reference)
    assert (nowhere.value.name, nowhere.value.known) == (name, known)


@pytest.mark.parametrize("reference", [None, 5, ["#"], "#/nope"])
def test_what_is_no_reference_leads_to_no_part(reference: Any) -> None:
    assert part_at(SCHEMA, reference) is None


REFERENCES = {"#/$defs/a%20b": "a b: {%s}", "#/$defs/a~1b": "a/b: {%s}", "#named": "x: {$anchor: named, %s}"}


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_field_behind_any_reference_is_declared(findings: Findings, reference: str) -> None:
    definition = REFERENCES[reference] % "properties: {late: {}}"
    schema = f"{{properties: {{k: {{}}}}, $ref: '{reference}', $defs: {{{definition}}}}}"
    assert findings(f"schema: {schema}\ntarget: {{table: t, key: k, columns: {{k: k, v: late}}}}\n") == []


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_cell_is_read_as_the_type_behind_any_reference(workbench: Workbench, reference: str) -> None:
    workbench.sql("CREATE TABLE t (k text PRIMARY KEY, v integer)")
    definition = REFERENCES[reference] % "type: integer, minimum: 1"
    schema = f"{{properties: {{k: {{}}, v: {{$ref: '{reference}'}}}}, $defs: {{{definition}}}}}"
    workbench.pipeline("p", f"schema: {schema}\ntarget: {{table: t, key: k}}\n")
    assert workbench.failures(workbench.run("p", "k,v\na,7\nb,0\n")) == [(3, "schema.minimum", "v")]
    assert workbench.sql("SELECT * FROM t") == [("a", 7)]
