"""The files of the suite's project: target, pipeline, hooks, and a processor class. Only texts; project.py writes them.

The target can tell what was applied twice. `walk` and the hooks that write by themselves: an append-only trigger
books every insert and update with batch and line. `sets`: a trigger would make `ri` write row by row, so a default
books each inserted row instead.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE public.countries (id int PRIMARY KEY, code text NOT NULL UNIQUE);
INSERT INTO public.countries VALUES (1, 'DE'), (2, 'FR'), (3, 'JP'), (4, 'US');

CREATE TABLE public.members_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    op text NOT NULL, email text, batch uuid, line int, xact bigint NOT NULL DEFAULT txid_current()
);
CREATE FUNCTION public.never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit only grows'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON public.members_audit
    FOR EACH ROW EXECUTE FUNCTION public.never();
CREATE FUNCTION public.audited() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ INSERT INTO public.members_audit (op) VALUES ('INSERT') RETURNING id $$;

CREATE FUNCTION public.is_welcome(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF name LIKE 'Refused%' THEN RAISE EXCEPTION 'not welcome'; END IF;
    RETURN true;
END $$;

CREATE TABLE public.members (
    email text PRIMARY KEY,
    name text NOT NULL CHECK (public.is_welcome(name)),
    joined_on date,
    balance numeric(12, 2) CHECK (balance <= 1000000),
    country_id int NOT NULL REFERENCES public.countries,
    greeting text,
    line int NOT NULL,
    imported_in uuid NOT NULL,
    audit_id bigint {audit_id}
);
CREATE TABLE public.ledger (id bigint GENERATED ALWAYS AS IDENTITY, batch uuid NOT NULL, line int NOT NULL);
"""
AUDIT_BY_DEFAULT = "NOT NULL DEFAULT public.audited()"  # not UNIQUE: a second unique column is written row by row, too
AUDIT_BY_TRIGGER = """
CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.members_audit (op, email, batch, line) VALUES (TG_OP, NEW.email, NEW.imported_in, NEW.line);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON public.members FOR EACH ROW EXECUTE FUNCTION public.audit();
"""

PIPELINE = """\
description: Members, exported every night
source:
  format: csv
  fields:
    email:   {clean: [trim, lower]}
    joined:  {date: "%d/%m/%Y"}
    balance: {decimal: ","}
schema:
  required: [email, name, country]
  properties:
    email:    {type: string, format: email}
    name:     {type: string, minLength: 1}
    joined:   {type: string, format: date}
    balance:  {type: number, minimum: 0}
    country:  {type: string}
    greeting: {type: string}
target:
  table: public.members
  key: email
  columns:
    email: email
    name: name
    joined_on: joined
    balance: balance
    country_id: {lookup: countries, match: {code: country}, take: id}
    greeting: greeting
    line: {run: line}
    imported_in: {run: batch_id}
"""

PURE = '''\
"""Nothing but thinking: every record gets a greeting."""


def transform_item(item, ctx):
    item.data["greeting"] = "Dear " + item.data.get("name", "?")
    return item.data
'''

WRITE = '''
COLUMNS = "name, joined_on, balance, country_id, greeting"


def write(item, ctx):
    """One member and one line in the ledger, which nothing protects from being written twice."""
    data = item.data
    country = ctx.execute_one("SELECT id FROM public.countries WHERE code = :code", {"code": data["country"]})
    if country is None:
        raise ValueError("no such country")
    row = {
        "name": data["name"],
        "joined_on": _date(data.get("joined")),
        "balance": _number(data.get("balance")),
        "country_id": country["id"],
        "greeting": "Dear " + data["name"],
    }
    facts = {**row, "email": data["email"].strip().lower(), "line": item.line or item.index + 1, "batch": ctx.batch.id}
    old = ctx.execute_one(f"SELECT {COLUMNS} FROM public.members WHERE email = :email", facts)
    if old is None:
        values = ":email, :name, :joined_on, :balance, :country_id, :greeting, :line, :batch"
        ctx.execute(f"INSERT INTO public.members (email, {COLUMNS}, line, imported_in) VALUES ({values})", facts)
    elif old != row:
        ctx.execute(
            "UPDATE public.members SET name = :name, joined_on = :joined_on, balance = :balance, "
            "country_id = :country_id, greeting = :greeting, line = :line, imported_in = :batch WHERE email = :email",
            facts,
        )
    ctx.execute("INSERT INTO public.ledger (batch, line) VALUES (:batch, :line)", facts)
    action = "inserted" if old is None else "unchanged" if old == row else "updated"
    return {"target_table": "public.members", "target_id": facts["email"], "action": action}


def _date(value):
    if not isinstance(value, str):
        return value
    return datetime.strptime(value, "%d/%m/%Y").date() if "/" in value else date.fromisoformat(value)


def _number(value):
    return value if value is None else Decimal(str(value).replace(",", "."))
'''
IMPORTS = "from datetime import date, datetime\nfrom decimal import Decimal\n"
PROCESS_ITEM = f'''\
"""Writes by itself, with statements of its own."""

{IMPORTS}

def process_item(item, ctx):
    return write(item, ctx)

{WRITE}'''

PROCESSOR = f'''\
{IMPORTS}
from ri_declarative import BaseProcessor


class MembersProcessor(BaseProcessor):
    """The pipeline, by hand."""

    chunk_size = {{chunk_size}}

    def validate_item(self, item, ctx):
        if "@" not in item.data["email"]:
            ctx.warning("no address")
            return False
        return True

    def process_item(self, item, ctx):
        return write(item, ctx)

{WRITE}'''
