"""repair.py turns an export of failed customers into one that is right in every row."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from test_sample_files import HEADER, faults, rows_of

REPAIR = Path(__file__).resolve().parents[2] / "examples" / "repair.py"
OWN = ["_ri_item", "_ri_code", "_ri_error"]


def item_id(place: int) -> str:
    """An item of a batch: its place in the file is in the last eight digits."""
    return f"3f1c9d52-7a04-4c1e-9b60-a1b2{place:08x}"


def write_export(path: Path) -> list[int]:
    """What `ri errors --csv` writes; gives the places of its rows. Ragged ones have no cells of their own."""
    bad = {place: row for place, row in enumerate(rows_of("customers.csv")[1:]) if faults(row)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, *OWN])
        for place, row in bad.items():
            code = faults(row)[0]
            cells = [""] * len(HEADER) if code == "source.ragged" else row
            writer.writerow([*cells, item_id(place), code, "why"])
    return list(bad)


def repair(failed: Path, repaired: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", REPAIR, failed, repaired], capture_output=True, text=True)


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    write_export(tmp_path / "failed.csv")
    assert repair(tmp_path / "failed.csv", tmp_path / "repaired.csv").returncode == 0
    with (tmp_path / "repaired.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_every_repaired_row_is_good(rows: list[dict[str, str]]) -> None:
    assert [faults([row[column] for column in HEADER]) for row in rows] == [[]] * 28


def test_a_repaired_row_keeps_its_item(rows: list[dict[str, str]], tmp_path: Path) -> None:
    places = write_export(tmp_path / "again.csv")
    assert [row["_ri_item"] for row in rows] == [item_id(place) for place in places]


def test_repair_changes_the_bad_cell_only(rows: list[dict[str, str]]) -> None:
    written = rows_of("customers.csv")[1:]
    for row in rows:
        before = written[int(row["_ri_item"][-8:], 16)]
        changed = [column for column, cell in zip(HEADER, before, strict=False) if row[column] != cell]
        assert len(changed) == (0 if row["_ri_code"] == "source.ragged" else 1)


def test_all_transactions_find_their_customer_after_the_repair(rows: list[dict[str, str]]) -> None:
    good = {row[0].strip().lower() for row in rows_of("customers.csv")[1:] if not faults(row)}
    repaired = {row["E-mail"].strip().lower() for row in rows}
    assert len(good | repaired) == 500
    assert {row[1] for row in rows_of("transactions.csv")[1:]} <= good | repaired


def test_a_file_that_is_no_export_is_refused_with_the_missing_columns(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("E-mail\nanna@example.org\n", encoding="utf-8")
    ended = repair(other, tmp_path / "repaired.csv")
    assert ended.returncode == 1
    assert "no column Address" in ended.stderr
    assert not (tmp_path / "repaired.csv").exists()
