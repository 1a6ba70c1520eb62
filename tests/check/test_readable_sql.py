"""SQL over several lines is the same SQL."""

from __future__ import annotations

import re

import pytest

from ri_declarative.database.readable_sql import readable_sql

WIDE = ", ".join(f'"column_{n}"' for n in range(12))


def bare(sql: str) -> str:
    """Without white space, except in quotes."""
    return re.sub(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\s+""", lambda found: found[1] or "", sql)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {WIDE} FROM t",
        f"SELECT 'a  (b, FROM c', {WIDE} FROM \"odd  (name\" WHERE a = 'it''s' AND b IS NOT DISTINCT FROM c",
        f"WITH m AS (SELECT {WIDE} FROM (SELECT {WIDE} FROM t WHERE x) AS q) INSERT INTO t ({WIDE}) SELECT * FROM m",
        "SELECT CASE WHEN " + " WHEN ".join(f"a{n} THEN {n}" for n in range(30)) + " ELSE 0 END AS x FROM t",
        "SELECT " + "x" * 300,
        f"SELECT ')', '(', \"(\" , {WIDE}",
    ],
)
def test_only_white_space_changes(sql: str) -> None:
    assert bare(readable_sql(sql)) == bare(sql)


def test_clauses_and_entries_stand_below_each_other() -> None:
    lines = readable_sql(f"SELECT {WIDE} FROM t WHERE a = 1").split("\n")
    assert lines[:3] == ["SELECT", '  "column_0",', '  "column_1",']
    assert lines[-2:] == ["FROM t", "WHERE a = 1"]


def test_white_space_inside_quotes_stays() -> None:
    assert readable_sql("SELECT  'a\n  b',\t\"c  d\"") == "SELECT 'a\n  b', \"c  d\""
