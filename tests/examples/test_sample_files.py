"""The sample files hold what the README promises of them; read here by the standard library, not by ri."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DATA = EXAMPLES / "data"
HEADER = ["E-mail", "First name", "Last name", "Address", "Signed up", "Balance", "Country"]
BAD = {
    "schema.format": 6,
    "schema.required": 4,
    "field.date": 5,
    "schema.minimum": 3,
    "schema.enum": 3,
    "field.number": 3,
    "source.ragged": 2,
    "db.check": 2,
}


def rows_of(name: str) -> list[list[str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


@pytest.fixture(scope="module")
def customers() -> list[list[str]]:
    return rows_of("customers.csv")[1:]


@pytest.fixture(scope="module")
def transactions() -> list[dict[str, str]]:
    header, *rows = rows_of("transactions.csv")
    return [dict(zip(header, row, strict=True)) for row in rows]


def country_codes() -> set[str]:
    return set(re.findall(r"\(\d+, '([A-Z]{2})'", (EXAMPLES / "setup.sql").read_text(encoding="utf-8")))


def date_fault(cell: str) -> str | None:
    try:
        read = datetime.strptime(cell, "%d/%m/%Y")
    except ValueError:
        return "field.date"
    return "db.check" if read < datetime(1998, 5, 1) else None


def balance_fault(cell: str) -> str | None:
    if not re.fullmatch(r"-?[0-9]+,[0-9]{2}", cell):
        return "field.number"
    return "schema.minimum" if Decimal(cell.replace(",", ".")) < 0 else None


def faults(row: list[str]) -> list[str]:
    """Everything wrong with a row, by the rules of customer_data.yaml and setup.sql."""
    if len(row) != len(HEADER):
        return ["source.ragged"]
    email, first, last, _, signed_up, balance, country = (cell.strip() for cell in row)
    found = [
        None if re.fullmatch(r"[\w.-]+@(\w+\.)+\w+", email, re.ASCII) else "schema.format",
        None if first and last else "schema.required",
        date_fault(signed_up) if signed_up else None,
        balance_fault(balance) if balance else None,
        None if country.upper() in country_codes() else "schema.enum",
    ]
    return [fault for fault in found if fault]


def test_28_of_500_customers_are_bad_in_8_different_ways(customers: list[list[str]]) -> None:
    assert len(customers) == 500
    assert Counter(fault for row in customers for fault in faults(row)) == BAD
    assert sum(BAD.values()) == 28


def test_a_bad_customer_is_bad_in_one_way_only(customers: list[list[str]]) -> None:
    assert {len(faults(row)) for row in customers} == {0, 1}


def test_the_addresses_of_good_customers_are_unique(customers: list[list[str]]) -> None:
    emails = Counter(row[0].strip().lower() for row in customers if not faults(row))
    assert len(emails) == 472


def test_the_last_row_and_two_neighbours_are_bad(customers: list[list[str]]) -> None:
    bad = [place for place, row in enumerate(customers) if faults(row)]
    assert {262, 263, 499} <= set(bad)


@pytest.mark.parametrize("text", [",", "\n", '"', "ß", "佐藤", "Παπαδόπουλος"])
def test_good_cells_hold_what_breaks_careless_readers(text: str, customers: list[list[str]]) -> None:
    assert any(text in cell for row in customers if not faults(row) for cell in row)


def test_good_cells_need_their_cleaners(customers: list[list[str]]) -> None:
    good = [row for row in customers if not faults(row)]
    assert any(row[0] != row[0].strip() for row in good)
    assert any(row[0] != row[0].lower() for row in good)
    assert any(row[6].islower() for row in good)
    assert any(row[4] == "" for row in good)
    assert any(row[5] == "" for row in good)


def test_six_of_2000_transactions_were_sent_twice(transactions: list[dict[str, str]]) -> None:
    numbers = Counter(row["Transaction"] for row in transactions)
    assert len(transactions) == 2000
    assert sorted(numbers.values())[-7:] == [1, 2, 2, 2, 2, 2, 2]


def test_every_transaction_can_be_stored(transactions: list[dict[str, str]]) -> None:
    for row in transactions:
        assert re.fullmatch(r"TX-2026-\d{6}", row["Transaction"])
        assert datetime.fromisoformat(row["Booked at"]).tzinfo is not None
        assert re.fullmatch(r"-?[0-9]{1,10}\.[0-9]{2}", row["Amount"])
        assert Decimal(row["Amount"]) != 0
        assert row["Currency"] in {"EUR", "GBP", "USD"}


def test_twelve_transactions_wait_for_customers_that_must_be_repaired_first(
    customers: list[list[str]], transactions: list[dict[str, str]]
) -> None:
    good = {row[0].strip().lower() for row in customers if not faults(row)}
    assert sum(row["Customer"] not in good for row in transactions) == 12


def test_300_products_have_their_own_number_and_nested_attributes() -> None:
    lines = (DATA / "products.jsonl").read_text(encoding="utf-8").splitlines()
    products: list[dict[str, Any]] = [json.loads(line, parse_float=Decimal) for line in lines]
    assert len({product["sku"] for product in products}) == len(products) == 300
    assert all(product["attributes"]["size_cm"]["height"] > 0 for product in products)
    assert all(product["price"] == round(product["price"], 2) for product in products)
    assert any("released_on" not in product for product in products)
