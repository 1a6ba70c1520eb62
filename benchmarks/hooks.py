"""What hooks cost a compiled pipeline: 100,000 records of 10 fields, whole runs, each hook doing nothing.

    python benchmarks/hooks.py 'postgresql://…' [--json]

Every run imports the same CSV into an empty table. Makes and drops a schema, `ri_bench`.
"""

from __future__ import annotations

import time
from pathlib import Path

from rounds import SCHEMA, arguments, committed, drop_schema, empty_schema, project, seconds_of, tell

from ri_declarative import BatchManager

RECORDS, ROUNDS = 100_000, 5
HOOKS = {
    "no hooks": "",
    "transform_item": "def transform_item(item, ctx):\n    return item.data\n",
    "validate_item": "def validate_item(item, ctx):\n    return True\n",
    "transform_chunk": "def transform_chunk(items, ctx):\n    return [item.data for item in items]\n",
}
HEADER = "email,first_name,last_name,street,city,zip,country,balance,signed_up_on,points"
PIPELINE = f"""
source:
  format: csv
  fields:
    email:        {{clean: [trim, lower]}}
    first_name:   {{clean: [trim]}}
    last_name:    {{clean: [trim]}}
    street:       {{clean: [trim]}}
    city:         {{clean: [trim]}}
    zip:          {{}}
    country:      {{clean: [upper]}}
    balance:      {{}}
    signed_up_on: {{date: "%d/%m/%Y"}}
    points:       {{}}
schema:
  required: [email, last_name]
  properties:
    email:        {{type: string, format: email}}
    first_name:   {{type: string}}
    last_name:    {{type: string, minLength: 1}}
    street:       {{type: string}}
    city:         {{type: string}}
    zip:          {{type: string}}
    country:      {{type: string, enum: [DE, FR, GB]}}
    balance:      {{type: number}}
    signed_up_on: {{type: string, format: date}}
    points:       {{type: integer, minimum: 0}}
target:
  table: {SCHEMA}.people
  create: true
  key: [email]
"""


def write_files(folder: Path, records: int) -> Path:
    """The file to import; a pipeline for each of HOOKS is written beside it."""
    for name in ("pipelines", "hooks"):
        (folder / name).mkdir()
    for hook, body in HOOKS.items():
        (folder / "pipelines" / f"{_batch_type(hook)}.yaml").write_text(PIPELINE)
        if body:
            (folder / "hooks" / f"{_batch_type(hook)}.py").write_text(body)
    lines = [
        f"user{n}@example.com,Ada,Lovelace {n},{n} Rue de la Paix,Paris,{n:05},{('de', 'fr', 'gb')[n % 3]},"
        f"{n}.50,{n % 28 + 1:02}/{n % 12 + 1:02}/2026,{n % 100}"
        for n in range(records)
    ]
    file = folder / "people.csv"
    file.write_text("\n".join([HEADER, *lines, ""]))
    return file


def _batch_type(hook: str) -> str:
    return hook.replace(" ", "_")


def run(dsn: str, hook: str, file: Path, records: int) -> float:
    """Seconds of one import, into an empty table and empty books."""
    empty_schema(dsn)
    with BatchManager(dsn, project=file.parent) as manager:
        manager.migrate()
        begun = time.perf_counter()
        summary = manager.run_pipeline(_batch_type(hook), file)
        taken = time.perf_counter() - begun
    assert summary.inserted_items == records, summary
    with committed(dsn) as cursor:
        cursor.execute(f"SELECT count(*) FROM {SCHEMA}.people WHERE country IN ('DE', 'FR', 'GB') AND balance > 0")
        assert cursor.fetchone() == (records,)
    return taken


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, records=RECORDS, rounds=ROUNDS)
    with project() as folder:
        file = write_files(folder, given.records)
        ways = {hook: lambda hook=hook: run(given.dsn, hook, file, given.records) for hook in HOOKS}
        taken = seconds_of(ways, rounds=given.rounds)
    drop_schema(given.dsn)
    tell(taken, records=given.records, as_json=given.json)


if __name__ == "__main__":
    main()
