from support.workbench import Workbench, csv_text


def test_good_rows_complete(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    workbench.pipeline(
        "p",
        """
        target:
          table: t
          key: k
          columns: {k: k, v: v}
        """,
    )
    batch = workbench.run("p", csv_text("k,v", ["1,a", "2,b", "2,c", "x,d"]))
    assert (batch.completed_items, batch.failed_items) == (3, 1)
    assert workbench.failures(batch) == [(5, "field.integer", "k")]
    assert workbench.sql("SELECT * FROM t ORDER BY k") == [(1, "a"), (2, "c")]
