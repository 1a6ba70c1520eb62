"""Customers of the CRM by hand: what pipelines/customer_data.yaml of this repository says in 40 lines."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ri_declarative import BaseProcessor, ImportContext, ImportItem

COUNTRIES = frozenset(["BR", "CZ", "DE", "ES", "FR", "GR", "IN", "JP", "KR", "PL", "SE", "TR", "US", "VN"])
REQUIRED = ("email", "first_name", "last_name", "country")
ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
NUMBER = re.compile(r"[+-]?\d+(,\d+)?")

FIND = """\
SELECT id, first_name, last_name, address, signed_up_on, balance, country_id, source
FROM public.customers WHERE email = :email FOR UPDATE"""
INSERT = """\
INSERT INTO public.customers
    (email, first_name, last_name, address, signed_up_on, balance, country_id, source, imported_in, created_by)
VALUES
    (:email, :first_name, :last_name, :address, :signed_up_on, :balance, :country_id, :source, :batch, 'import')
RETURNING id"""
UPDATE = """\
UPDATE public.customers
SET first_name = :first_name, last_name = :last_name, address = :address, signed_up_on = :signed_up_on,
    balance = :balance, country_id = :country_id, source = :source, imported_in = :batch
WHERE id = :id"""


class CustomerDataProcessor(BaseProcessor):
    """Its batches are of the type `customer_data`, by its name. One object is made for each batch."""

    countries: Mapping[str, int]

    def on_batch_start(self, ctx: ImportContext) -> None:
        self.countries = {row["code"]: row["id"] for row in ctx.execute("SELECT code, id FROM public.countries")}

    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        _, reasons = read(item.data)
        for reason in reasons:
            ctx.warning(reason)
        return not reasons

    def process_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, Any]:
        customer, _ = read(item.data)
        row = self._row(customer)
        known = ctx.execute_one(FIND, {"email": row["email"]})
        if known is None:
            inserted = ctx.execute_one(INSERT, row | {"batch": ctx.batch.id})
            return written(inserted["id"], "inserted")  # type: ignore[index]
        if row["address"] is None:
            row["address"] = known["address"]  # an export without an address does not erase ours
        if all(known[column] == row[column] for column in known if column != "id"):
            return written(known["id"], "unchanged")
        ctx.execute(UPDATE, row | {"id": known["id"], "batch": ctx.batch.id})
        return written(known["id"], "updated")

    def _row(self, customer: Mapping[str, Any]) -> dict[str, Any]:
        code = customer["country"]
        if code not in self.countries:
            raise LookupError(f"public.countries has no {code}")
        row = {column: customer.get(column) for column in ("email", "first_name", "last_name", "address")}
        row |= {"signed_up_on": customer.get("signup_date"), "balance": customer.get("balance")}
        return row | {"country_id": self.countries[code], "source": "crm"}


def written(customer_id: int, action: str) -> dict[str, Any]:
    """What is stored with the item."""
    return {"target_table": "public.customers", "target_id": customer_id, "action": action}


def read(cells: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The fields that have a value, and why the record is no customer: all reasons at once."""
    found: dict[str, Any] = {
        "email": cells.get("E-mail", "").strip().lower(),
        "first_name": name(cells.get("First name", "")),
        "last_name": name(cells.get("Last name", "")),
        "address": unicodedata.normalize("NFC", cells.get("Address", "").strip()),
        "signup_date": cells.get("Signed up", ""),
        "balance": cells.get("Balance", ""),
        "country": cells.get("Country", "").strip().upper(),
    }
    customer = {field: value for field, value in found.items() if value}
    reasons = [f"{field} is missing" for field in REQUIRED if field not in customer]
    for field, reader in (("email", address), ("signup_date", day), ("balance", amount), ("country", country)):
        if field in customer:
            try:
                customer[field] = reader(customer[field])
            except ValueError as error:
                reasons.append(f"{field}: {error}")
    return customer, reasons


def name(cell: str) -> str:
    """Without superfluous blanks, composed."""
    return unicodedata.normalize("NFC", " ".join(cell.split()))


def address(cell: str) -> str:
    """An e-mail address. ValueError when it is none."""
    if not ADDRESS.fullmatch(cell):
        raise ValueError(f'expected an e-mail address, got "{cell}"')
    return cell


def day(cell: str) -> date:
    """A date like 31/12/2026. ValueError when it is none."""
    try:
        return datetime.strptime(cell, "%d/%m/%Y").date()
    except ValueError:
        raise ValueError(f'expected a date like 31/12/2026, got "{cell}"') from None


def amount(cell: str) -> Decimal:
    """Not below zero, with a comma. ValueError otherwise."""
    if not NUMBER.fullmatch(cell):
        raise ValueError(f'expected a number like 1234,56, got "{cell}"')
    number = Decimal(cell.replace(",", "."))
    if number < 0:
        raise ValueError(f"expected 0 or more, got {number}")
    return number


def country(cell: str) -> str:
    """A country that we sell to. ValueError otherwise."""
    if cell not in COUNTRIES:
        raise ValueError(f'"{cell}" is none of {", ".join(sorted(COUNTRIES))}')
    return cell
