"""Law 5 on other targets: partitioned tables, composite keys, updatable views, triggers that rewrite."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping

import pytest
from law_oracle import Policy, Row, Table
from law_records import Sample
from law_runs import Case, compare
from support.workbench import Workbench

POLICY_SAMPLE = [Policy(), Policy("update", "first"), Policy("ignore", "last"), Policy("error", "error")]


def _row(cells: Mapping[str, str | None]) -> Row:
    return {"k": int(cells["k"] or 0), "region": cells["region"], "v": int(cells["v"] or 0)}


def _homeless(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    return ("db.check", None) if new["k"] >= 15 or new["region"] == "XX" else None


def _out_of_sight(rows: Mapping[Hashable, Row], key: Hashable, new: Row) -> tuple[str, None] | None:
    return ("db.view_check", None) if new["v"] >= 5 else None


def _case(ddl: str, *rules: object, key: str = "[k, region]", target: str = "t") -> Case:
    names = [name.strip() for name in key.strip("[]").split(",")]
    return Case(
        ddl=f"DROP TABLE IF EXISTS t CASCADE; {ddl}; INSERT INTO t VALUES (1, 'DE', 1), (2, 'FR', 2);",
        columns="{k: k, region: region, v: v}",
        key=key,
        table=lambda: Table(
            lambda row: tuple(row[name] for name in names),
            _row,
            rules=rules,  # type: ignore[arg-type]
            rows={
                tuple(row[name] for name in names): dict(row)
                for row in ({"k": 1, "region": "DE", "v": 1}, {"k": 2, "region": "FR", "v": 2})
            },
        ),
        select="SELECT k, region, v FROM t",
        schema="{properties: {k: {type: integer}, region: {type: string}, v: {type: integer}}}",
        numbers=("k", "v"),
        target=target,
        tells_fields=False,
    )


_HASHED = """
    CREATE TABLE t (k int, region text, v int, PRIMARY KEY (k, region)) PARTITION BY HASH (k);
    CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)
"""
_RANGED = """
    CREATE TABLE t (k int PRIMARY KEY, region text, v int) PARTITION BY RANGE (k);
    CREATE TABLE t0 PARTITION OF t FOR VALUES FROM (0) TO (8);
    CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (8) TO (15)
"""
_LISTED = """
    CREATE TABLE t (k int, region text, v int, PRIMARY KEY (k, region)) PARTITION BY LIST (region);
    CREATE TABLE t0 PARTITION OF t FOR VALUES IN ('DE') PARTITION BY RANGE (k);
    CREATE TABLE t00 PARTITION OF t0 FOR VALUES FROM (0) TO (15);
    CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('FR') PARTITION BY RANGE (k);
    CREATE TABLE t10 PARTITION OF t1 FOR VALUES FROM (0) TO (15)
"""
_VIEWED = """
    CREATE TABLE t (k int PRIMARY KEY, region text, v int);
    CREATE VIEW seen AS SELECT * FROM t WHERE v < 5 WITH CHECK OPTION
"""
CASES = {
    "hash partitions": _case(_HASHED),
    "range partitions without a default": _case(_RANGED, _homeless, key="k"),
    "partitions of partitions": _case(_LISTED, _homeless),
    "updatable view": _case(_VIEWED, _out_of_sight, key="k", target="seen"),
    "composite key": _case("CREATE TABLE t (k int, region text, v int, UNIQUE (region, k))"),
}


PAIRS = [(name, POLICY_SAMPLE[(n + more) % 4]) for n, name in enumerate(CASES) for more in (0, 1)]


@pytest.mark.parametrize(("name", "policy"), PAIRS, ids=str)
def test_any_target_gives_what_one_at_a_time_gives(workbench: Workbench, name: str, policy: Policy) -> None:
    seed = f"{name}-{policy}"
    rng = random.Random(seed)
    regions = ["DE", "FR"] if name in ("hash partitions", "composite key") else ["DE", "DE", "FR", "XX"]
    if CASES[name].key == "k":
        regions = ["DE", "FR"]
    highest = 19 if name.startswith(("range", "partitions")) else 14
    samples = [
        Sample({"k": str(rng.randint(0, highest)), "region": rng.choice(regions), "v": rng.choice("1236")})
        for _ in range(60)
    ]
    compare(workbench, CASES[name], samples, policy=policy, sizes=(3, 60), seed=seed)


def test_a_trigger_that_numbers_rows_sees_them_in_file_order(workbench: Workbench) -> None:
    case = Case(
        ddl="""
        DROP TABLE IF EXISTS t;
        CREATE TABLE t (k int PRIMARY KEY, place int);
        CREATE OR REPLACE FUNCTION number_it() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.place := (SELECT count(*) FROM t); RETURN NEW; END $$;
        CREATE TRIGGER number_it BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION number_it();
        """,
        columns="{k: k}",
        key="k",
        table=lambda: Table(
            lambda row: row["k"],
            lambda cells: {"k": int(cells["k"] or 0)},
        ),
        select="SELECT k FROM t",
    )
    samples = [Sample({"k": str(k)}) for k in (5, 3, 9, 1, 3, 7)]
    for size in (1, 4, 100):
        compare(workbench, case, samples, policy=Policy(), sizes=(size,), seed="places")
        assert workbench.sql("SELECT k, place FROM t ORDER BY place") == [(5, 0), (3, 1), (9, 2), (1, 3), (7, 4)]
