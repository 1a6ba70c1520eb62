"""Import customers that a program has, not a file: `python main.py DSN`. Needs the tables of examples/setup.sql."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from ri_declarative import BatchManager

CUSTOMERS = Path(__file__).parents[1] / "data" / "customers.csv"


def main(dsn: str) -> None:
    """Prints how many came in, and how many did when the failed ones were tried again."""
    with BatchManager(dsn) as manager, CUSTOMERS.open(encoding="utf-8", newline="") as file:
        manager.registry.discover("myapp.processors")
        items = ({key: cell or "" for key, cell in row.items() if key} for row in csv.DictReader(file))
        batch_id = manager.create_batch("customer_data", items, source_info={"name": "CRM"})
        summary = manager.process_batch(batch_id)
        print(f"{summary.completed_items}/{summary.total_items}")
        again = manager.reprocess_batch(batch_id, failed_items_only=True)
        if again is not None:
            print(f"{manager.get_batch_summary(again).failed_items} failed again")


if __name__ == "__main__":
    main(sys.argv[1])
