"""The examples of findings that `ri check` adds are what it really says: its share of test_codes_file_examples.py."""

from __future__ import annotations

from refusals.refusal_roles import connected_as, ordinary_role
from support.workbench import Workbench

from ri_declarative.codes import CODES
from ri_declarative.manager.checks import check_files
from ri_declarative.spec.project import load_project


def said(bench: Workbench) -> dict[str, str]:
    """Code → message of every finding of a check."""
    with bench.manager() as manager:
        return {finding.code: finding.message for finding in manager.check()}


def said_of_files(bench: Workbench) -> dict[str, str]:
    """The same without the database."""
    return {finding.code: finding.message for finding in check_files(load_project(bench.root)).all}


def test_column_type(bench: Workbench) -> None:
    bench.sql("CREATE TABLE customers (email text PRIMARY KEY, born date)")
    schema = "schema: {properties: {email: {}, born: {type: boolean}}}"
    bench.pipeline("customer_data", f"target: {{table: customers, key: email}}\n{schema}\n")
    assert said(bench) == {"column-type": CODES["column-type"].example}


def test_create_table(bench: Workbench) -> None:
    bench.pipeline("catalog", "target: {table: public.products, create: true, key: k, columns: {k: k}}\n")
    with ordinary_role(bench) as role:
        bench.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        assert said(connected_as(bench, role)) == {"create-table": CODES["create-table"].example}


def test_date_format(bench: Workbench) -> None:
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, seen_at timestamptz)")
    bench.pipeline(
        "p",
        'source: {fields: {seen_at: {date: "%d/%m/%Y %H:%M"}}}\ntarget: {table: t, key: k}\n'
        "schema: {properties: {k: {}, seen_at: {type: string, format: date-time}}}\n",
    )
    assert said(bench) == {"date-format": CODES["date-format"].example}


def test_hook_file(bench: Workbench) -> None:
    bench.pipeline("customer_data", "target: {table: t, key: k, columns: {k: k}}\n")
    bench.file("hooks/custmer_data.py", "def validate_item(item, ctx): return True\n")
    assert said_of_files(bench) == {"hook-file": CODES["hook-file"].example}


def test_key_trigger(bench: Workbench) -> None:
    bench.sql(
        "CREATE TABLE customers (email text PRIMARY KEY); CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN NEW.email := lower(NEW.email); RETURN NEW; END'; "
        "CREATE TRIGGER tidy BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION tidy()"
    )
    bench.pipeline("customer_data", "target: {table: customers, key: email, columns: {email: email}}\n")
    assert said(bench) == {"key-trigger": CODES["key-trigger"].example}


def test_requires_cycle(bench: Workbench) -> None:
    for name, other in (("customer_data", "orders"), ("orders", "customer_data")):
        bench.pipeline(name, f"target: {{table: t, key: k, columns: {{k: k}}}}\nrequires: {other}\n")
    assert said_of_files(bench) == {"requires-cycle": CODES["requires-cycle"].example}


def test_requires_unknown(bench: Workbench) -> None:
    bench.pipeline("product_catalog", "target: {table: t, key: k, columns: {k: k}}\n")
    bench.pipeline("orders", "target: {table: t, key: k, columns: {k: k}}\nrequires: [product_catlog]\n")
    assert said_of_files(bench) == {"requires-unknown": CODES["requires-unknown"].example}


def test_row_security(bench: Workbench) -> None:
    with ordinary_role(bench) as role:
        bench.sql(
            "CREATE TABLE customers (email text PRIMARY KEY); ALTER TABLE customers ENABLE ROW LEVEL SECURITY; "
            f"GRANT SELECT, INSERT, UPDATE ON customers TO {role}"
        )
        bench.pipeline("customer_data", "target: {table: customers, key: email, columns: {email: email}}\n")
        found = said(connected_as(bench, role))
        assert found == {"row-security": CODES["row-security"].example.replace("importer", role)}
