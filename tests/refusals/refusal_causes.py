"""Every way in which a database refuses one row (CASES 18), each as a table, good cells and bad cells.

All tables have a key `k`, a `note` and a column `secret` that no record has: the server's DETAIL prints it.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping
from typing import NamedTuple

SECRET = "sesame"  # stands in every row, in no file: only DETAIL texts could bring it into the books

Cells = Callable[[int], str]  # key → the CSV cells between key and note


class Cause(NamedTuple):
    """A table that takes `good` cells and refuses `bad` ones with `code`, `field` and `details`."""

    name: str
    code: str
    columns: str = "v text"
    field: str | None = None
    details: Mapping[str, str] = {}
    good: Cells = lambda k: f"v{k}"
    bad: Cells = lambda k: "bad"
    header: str = "v"
    before: str = ""
    after: str = ""
    options: str = ""  # behind the table's closing bracket
    primary_key: str = "k"
    table: str = "t"  # what the pipeline writes into
    mapping: str = ""  # default: every column of the header from its field
    by_role: bool = False  # by an ordinary role, not by a superuser

    @property
    def ddl(self) -> str:
        """The table and all that belongs to it."""
        return (
            f"{self.before}; CREATE TABLE t (k int NOT NULL, {self.columns}, note text, "
            f"secret text DEFAULT '{SECRET}', PRIMARY KEY ({self.primary_key})) {self.options}; {self.after}"
        )

    def pipeline(self, *, chunk_size: int) -> str:
        """The pipeline's YAML."""
        names = ["k", *self.header.split(","), "note"]
        mapping = self.mapping or "".join(f"    {name}: {name}\n" for name in names)
        return (
            f"target:\n  table: {self.table}\n  key: [{self.primary_key}]\n  columns:\n{mapping}\n"
            f"chunk_size: {chunk_size}\n"
        )


def trigger(body: str, *, when: str = "BEFORE INSERT OR UPDATE", table: str = "t", declare: str = "") -> str:
    """DDL of a row trigger; the body ends with RETURN."""
    return (
        f"CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $f$ {declare} BEGIN {body} END $f$; "
        f"CREATE TRIGGER judge {when} ON {table} FOR EACH ROW EXECUTE FUNCTION judge();"
    )


def raising(sqlstate: str, *, options: str = "", when: str = "BEFORE INSERT OR UPDATE") -> str:
    """DDL of a trigger that refuses v = 'bad' with this SQLSTATE."""
    return trigger(
        f"IF NEW.v = 'bad' THEN RAISE EXCEPTION USING ERRCODE = '{sqlstate}', MESSAGE = 'not this one', "
        f"DETAIL = 'the secret is ' || NEW.secret, HINT = NEW.secret{options}; END IF; RETURN NEW;",
        when=when,
    )


def _incompressible(k: int) -> str:
    letters = random.Random(k).choices(string.ascii_letters + string.digits, k=9000)
    return "".join(letters)


_PARENT = (
    "CREATE TABLE parent (v text PRIMARY KEY); INSERT INTO parent SELECT 'v' || g FROM generate_series(1, 20000) g"
)
_PAIRS = (
    "CREATE TABLE parent (a int, b text, PRIMARY KEY (a, b)); "
    "INSERT INTO parent SELECT g, 'b' || g FROM generate_series(1, 20000) g"
)
_TAKEN = "INSERT INTO t (k, v) VALUES (0, 'bad');"
_ON_PARENT = {"sqlstate": "23503", "constraint": "t_v_fkey", "column": "v"}
_ON_UNIQUE = {"sqlstate": "23505", "constraint": "t_v_key", "column": "v"}
_DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
_ODD_MAPPING = "    k: k\n    country_id: {lookup: countries, match: {code: v}, take: id}\n    note: note\n"

CAUSES = [
    # ── what a trigger raises ────────────────────────────────────────────────────────────────
    Cause("raise", "db.raised", details={"sqlstate": "P0001"}, after=raising("P0001")),
    Cause("raise_after", "db.raised", details={"sqlstate": "P0001"},
          after=raising("P0001", when="AFTER INSERT OR UPDATE")),
    Cause("raise_own_class", "db.raised", field="v",
          details={"sqlstate": "RI042", "constraint": "my_rule", "column": "v"},
          after=raising("RI042", options=", CONSTRAINT = 'my_rule', COLUMN = 'v'")),
    Cause("raise_external", "db.raised", details={"sqlstate": "38001"}, after=raising("38001")),
    Cause("assert", "db.raised", details={"sqlstate": "P0004"},
          after=trigger("ASSERT NEW.v <> 'bad', 'never that'; RETURN NEW;")),
    Cause("cardinality_in_trigger", "db.raised", details={"sqlstate": "21000"},
          after=trigger("IF NEW.v = 'bad' THEN NEW.v := (SELECT x FROM (VALUES ('a'), ('b')) AS two (x)); END IF; "
                        "RETURN NEW;")),
    Cause("constraint_trigger_at_commit", "db.raised", details={"sqlstate": "P0001"},
          after=raising("P0001", when="AFTER INSERT OR UPDATE").replace("CREATE TRIGGER", "CREATE CONSTRAINT TRIGGER")
          .replace("ON t FOR", f"ON t {_DEFERRED} FOR")),
    Cause("case_not_found", "db.raised", details={"sqlstate": "20000"},
          after=trigger("CASE WHEN NEW.v <> 'bad' THEN NULL; END CASE; RETURN NEW;")),
    Cause("statement_trigger", "db.raised", details={"sqlstate": "P0001"},
          after="CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN IF EXISTS (SELECT FROM fresh "
                "WHERE v = 'bad') THEN RAISE 'one of them is bad'; END IF; RETURN NULL; END $f$; "
                "CREATE TRIGGER a AFTER INSERT ON t REFERENCING NEW TABLE AS fresh EXECUTE FUNCTION judge(); "
                "CREATE TRIGGER b AFTER UPDATE ON t REFERENCING NEW TABLE AS fresh EXECUTE FUNCTION judge()"),
    Cause("swallowed", "target.not_stored",
          after=trigger("IF NEW.v = 'bad' THEN RETURN NULL; END IF; RETURN NEW;")),
    # ── constraints ──────────────────────────────────────────────────────────────────────────
    Cause("check", "db.check", columns="v text CHECK (v <> 'bad')", field="v",
          details={"sqlstate": "23514", "constraint": "t_v_check", "column": "v"}),
    Cause("check_of_two", "db.check", columns="a int, b int, CONSTRAINT ordered CHECK (a < b)", header="a,b",
          good=lambda k: f"{k},{k + 1}", bad=lambda k: f"{k},{k}",
          details={"sqlstate": "23514", "constraint": "ordered", "column": "a, b"}),
    Cause("check_that_raises", "db.data", columns="v int CHECK (100 / v > 0)",
          good=lambda k: str(k % 50 + 1), bad=lambda k: "0", details={"sqlstate": "22012"}),
    Cause("check_behind_a_trigger", "db.check", columns="v text CHECK (v <> 'bad')", field="v",
          details={"sqlstate": "23514", "constraint": "t_v_check", "column": "v"}, after=trigger("RETURN NEW;")),
    Cause("check_of_the_whole_row", "db.check", details={"sqlstate": "23514", "constraint": "whole"},
          after="CREATE FUNCTION fine(t) RETURNS bool LANGUAGE sql AS $$ SELECT $1.v <> 'bad' $$; "
                "ALTER TABLE t ADD CONSTRAINT whole CHECK (fine(t) AND k > 0)"),
    Cause("check_with_an_unmapped_column", "db.check", details={"sqlstate": "23514", "constraint": "mixed"},
          after="ALTER TABLE t ADD CONSTRAINT mixed CHECK (v || secret <> 'badsesame')"),
    Cause("not_null", "db.not_null", columns="v text NOT NULL", field="v", bad=lambda k: "",
          details={"sqlstate": "23502", "column": "v"}),
    Cause("not_null_behind_a_trigger", "db.not_null", columns="v text NOT NULL", field="v", bad=lambda k: "",
          details={"sqlstate": "23502", "column": "v"}, after=trigger("RETURN NEW;")),
    Cause("unique", "db.unique", columns="v text UNIQUE", field="v", details=_ON_UNIQUE, after=_TAKEN),
    Cause("unique_deferred", "db.unique", columns=f"v text UNIQUE {_DEFERRED}", field="v", details=_ON_UNIQUE,
          after=_TAKEN),
    Cause("exclusion", "db.exclusion", columns="during int4range, EXCLUDE USING gist (during WITH &&)",
          header="during", field="during", good=lambda k: f'"[{10 * k},{10 * k + 5})"', bad=lambda k: '"[0,3)"',
          details={"sqlstate": "23P01", "constraint": "t_during_excl", "column": "during"},
          after="INSERT INTO t (k, during) VALUES (0, '[0,5)');"),
    Cause("foreign_key", "db.foreign_key", before=_PARENT, columns="v text REFERENCES parent", field="v",
          details=_ON_PARENT),
    Cause("foreign_key_deferred", "db.foreign_key", before=_PARENT, columns=f"v text REFERENCES parent {_DEFERRED}",
          field="v", details=_ON_PARENT),
    Cause("foreign_key_of_two", "db.foreign_key", before=_PAIRS, header="a,b",
          columns="a int, b text, CONSTRAINT pair FOREIGN KEY (a, b) REFERENCES parent",
          good=lambda k: f"{k},b{k}", bad=lambda k: f"{k},b{k + 1}",
          details={"sqlstate": "23503", "constraint": "pair", "column": "a, b"}),
    Cause("foreign_key_half_null", "db.foreign_key", before=_PAIRS, header="a,b",
          columns="a int, b text, CONSTRAINT pair FOREIGN KEY (a, b) REFERENCES parent MATCH FULL",
          good=lambda k: f"{k},b{k}", bad=lambda k: f"{k},",
          details={"sqlstate": "23503", "constraint": "pair", "column": "a, b"}),
    Cause("domain", "db.check", before="CREATE DOMAIN positive AS int CONSTRAINT above_zero CHECK (VALUE > 0)",
          columns="v positive", good=str, bad=lambda k: f"-{k}",
          details={"sqlstate": "23514", "constraint": "above_zero"}),
    # ── what the table cannot make of a row ──────────────────────────────────────────────────
    Cause("generated_column", "db.data", columns="v int, g int GENERATED ALWAYS AS (100 / v) STORED",
          good=str, bad=lambda k: "0", details={"sqlstate": "22012"}),
    Cause("index_row_too_large", "db.too_large", after="CREATE INDEX wide ON t (v)", bad=_incompressible,
          details={"sqlstate": "54000"}),
    Cause("index_expression", "db.data", columns="v int", after="CREATE INDEX ON t ((100 / v))",
          good=str, bad=lambda k: "0", details={"sqlstate": "22012"}),
    Cause("uncastable", "db.data", columns="v inet", good=lambda k: f"10.0.0.{k % 250}", bad=lambda k: "10.0.0.999",
          details={"sqlstate": "22P02"}),
    Cause("view_check", "db.view_check", table="w", details={"sqlstate": "44000"},
          after="CREATE VIEW w AS SELECT k, v, note FROM t WHERE v <> 'bad' WITH CHECK OPTION"),
    Cause("no_partition", "db.check", columns="region text", header="region", primary_key="k, region",
          good=lambda k: "ab"[k % 2], bad=lambda k: "zz", options="PARTITION BY LIST (region)",
          details={"sqlstate": "23514"},
          after="CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); "
                "CREATE TABLE t_b PARTITION OF t FOR VALUES IN ('b')"),
    Cause("row_security", "db.row_security", by_role=True, details={"sqlstate": "42501"},
          after="ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true) WITH CHECK (v <> 'bad')"),
    # ── what ri finds before the database does ───────────────────────────────────────────────
    Cause("lookup", "lookup.missing", columns="country_id int", mapping=_ODD_MAPPING, field="v",
          before="CREATE TABLE countries (id serial PRIMARY KEY, code text UNIQUE); "
                 "INSERT INTO countries (code) SELECT 'v' || g FROM generate_series(1, 20000) g"),
    Cause("varchar_length", "field.length", columns="v varchar(5)", field="v", good=lambda k: f"é{k % 999}",
          bad=lambda k: "éééééé"),
    Cause("numeric_scale", "field.scale", columns="v numeric(6,2)", field="v", good=lambda k: f"{k % 99}.25",
          bad=lambda k: "1.005"),
    Cause("numeric_overflow", "field.range", columns="v numeric(6,2)", field="v", good=lambda k: "9999.99",
          bad=lambda k: "10000"),
    Cause("integer_overflow", "field.range", columns="v int", field="v", good=lambda k: "2147483647",
          bad=lambda k: "2147483648"),
    Cause("enum", "field.enum", before="CREATE TYPE mood AS ENUM ('good', 'fair')", columns="v mood", field="v",
          good=lambda k: "fair"),
    Cause("nul", "field.nul", field="v", bad=lambda k: "a\0b"),
]  # fmt: skip

BY_NAME = {cause.name: cause for cause in CAUSES}
