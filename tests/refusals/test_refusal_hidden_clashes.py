"""Two records can meet in an index that the mapping does not name: then order decides, whatever the chunk size."""

from __future__ import annotations

import pytest
from support.workbench import Workbench, csv_text

from ri_declarative.errors import ConfigError

TARGETS = {
    "generated column": (
        "CREATE TABLE t (k int PRIMARY KEY, v text, low text GENERATED ALWAYS AS (lower(v)) STORED UNIQUE)"
    ),
    "index of one partition": (
        "CREATE TABLE t (k int PRIMARY KEY, v text) PARTITION BY RANGE (k);"
        "CREATE TABLE t_one PARTITION OF t FOR VALUES FROM (0) TO (100);"
        "CREATE UNIQUE INDEX ON t_one (v)"
    ),
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("chunk_size", [1, 5000])
def test_a_value_that_a_later_record_gives_up_is_taken_until_then(
    workbench: Workbench, target: str, chunk_size: int
) -> None:
    workbench.sql(target)
    workbench.sql("INSERT INTO t (k, v) VALUES (9, 'taken')")
    workbench.pipeline("p", f"chunk_size: {chunk_size}\ntarget: {{table: t, key: k, columns: {{k: k, v: v}}}}\n")
    batch = workbench.run("p", csv_text("k,v", ["1,taken", "9,free", "2,taken"]))
    with workbench.manager() as manager:
        assert "two records could meet in" in str(manager.explain("p").writing.row_by_row)
    assert workbench.failures(batch) == [(2, "db.unique", None if "GENERATED" in target else "v")]
    assert workbench.sql("SELECT k, v FROM t ORDER BY k") == [(2, "taken"), (9, "free")]


def test_a_unique_index_of_one_partition_backs_no_key(workbench: Workbench) -> None:
    workbench.sql(TARGETS["index of one partition"])
    workbench.pipeline("p", "target: {table: t, key: v, columns: {k: k, v: v}}\n")
    with pytest.raises(ConfigError, match=r'key-index.*"t_one_v_idx" is of one partition only'):
        workbench.run("p", csv_text("k,v", ["1,a"]))
