"""The examples of hooks' codes in the registry are what `ri` really says."""

from __future__ import annotations

import pytest
from support.hook_codes import HOOKS
from support.workbench import Workbench

from ri_declarative.codes import CODES


@pytest.mark.parametrize("code", HOOKS)
def test_what_a_hook_did_is_told_as_in_the_registry(workbench: Workbench, code: str) -> None:
    workbench.sql("CREATE TABLE orders (id int PRIMARY KEY)")
    workbench.pipeline("orders", "target: {table: orders, key: id, columns: {id: id}}")
    workbench.file("hooks/orders.py", HOOKS[code])
    batch = workbench.run("orders", "id\n1\n")
    (problem,) = workbench.items(batch)[0].problems
    assert (problem.code, problem.message) == (code, CODES[code].example)


def test_a_chunk_of_the_wrong_length_is_told_as_in_the_registry(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE orders (id int PRIMARY KEY)")
    workbench.pipeline("orders", "target: {table: orders, key: id, columns: {id: id}}")
    workbench.file(
        "hooks/orders.py", "def transform_chunk(items, ctx):\n    return [item.data for item in items][:3]\n"
    )
    file = workbench.file("o.csv", "id\n1\n2\n3\n4\n5\n")
    with workbench.manager() as manager, pytest.raises(Exception, match="gave 3 results") as stopped:
        manager.run_pipeline("orders", file)
    assert stopped.value.code == "hook.transform_chunk"  # type: ignore[attr-defined]
    assert stopped.value.message == CODES["hook.transform_chunk"].example  # type: ignore[attr-defined]
