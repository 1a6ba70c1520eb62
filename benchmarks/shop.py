"""The project that is imported into: pipelines, target tables, files, and a fresh start for each run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import records
from processes import RI, Run, timed
from server import Server, clean_environment

HERE = Path(__file__).parent

SCHEMA = """\
schema:
  required: [email, first_name, last_name]
  properties:
    email: {type: string, format: email}
    first_name: {type: string, minLength: 1}
    last_name: {type: string, minLength: 1}
    phone: {type: string}
    country: {type: string, minLength: 2}
    city: {type: string}
    signup_date: {type: string, format: date}
    balance: {type: number, minimum: 0}
    points: {type: integer, minimum: 0}
    active: {type: boolean}
"""
TARGET = """\
target:
  table: public.customers
  key: [email]
"""
LOOKED_UP = """\
  columns:
    email: email
    first_name: first_name
    last_name: last_name
    phone: phone
    country_id: {lookup: public.countries, match: {code: country}, take: id}
    city: city
    signup_date: signup_date
    balance: balance
    points: points
    active: active
"""
NO_OP_HOOK = "def transform_item(item, ctx):\n    return item.data\n"
PIPELINES = {
    "customers": SCHEMA + TARGET,
    "hooked": SCHEMA + TARGET,
    "looked_up": SCHEMA + TARGET + LOOKED_UP,
    "wide": SCHEMA + "".join(f"    {name}: {{type: string}}\n" for name in records.WIDER) + TARGET,
}

# A table for each case: what differs is the rule that refuses records, or a column.
CUSTOMERS = """\
DROP TABLE IF EXISTS customers, countries, floor_items;
DROP DOMAIN IF EXISTS few_points, no_points;
CREATE TABLE countries (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE);
CREATE DOMAIN few_points AS integer CHECK (VALUE < %(allowed)s);
CREATE DOMAIN no_points AS integer CHECK (VALUE < 0);
CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    phone text,
    country text,
    city text,
    signup_date date,
    balance numeric(12,2),
    points integer,
    active boolean
);
CREATE TABLE floor_items (
    batch_id uuid, item_index bigint, source_data jsonb NOT NULL, PRIMARY KEY (batch_id, item_index)
);
"""
PLAIN = ""
FOREIGN_KEY = f"""\
DELETE FROM countries WHERE code = '{records.COUNTRIES.split()[-1]}';
ALTER TABLE customers ADD FOREIGN KEY (country) REFERENCES countries (code);
"""
NO_COUNTRIES = "DELETE FROM countries;"
CHECK = f"ALTER TABLE customers ADD CONSTRAINT few_points CHECK (points < {records.POINTS_ALLOWED});"
DOMAIN = "ALTER TABLE customers ALTER points TYPE few_points;"
DOMAIN_OF_NONE = "ALTER TABLE customers ALTER points TYPE no_points;"
COUNTRY_ID = "ALTER TABLE customers DROP country, ADD country_id int;"
WIDE = "ALTER TABLE customers " + ", ".join(f"ADD {name} text" for name in records.WIDER) + ";"
BOOKS = "import_batches, import_batch_items, import_logs"


@dataclass(frozen=True)
class Shop:
    """A project folder whose database is the server's, with bookkeeping tables."""

    server: Server
    folder: Path

    def with_database(self, name: str) -> Shop:
        """The same project with a new database that has bookkeeping tables."""
        shop = replace(self, server=self.server.new_database(name))
        shop.ri("db", "migrate")
        return shop

    def ri(self, *words: str | Path, code: int = 0, **more: str) -> Run:
        """A whole `ri`; `more` are environment variables."""
        environment = {**clean_environment(), "RI_DATABASE_URL": self.server.url, **more}
        return timed([RI, *words], cwd=self.folder, environment=environment, code=code)

    def psql(self, script: Path, stdin: Path) -> Run:
        """A whole psql that runs a script."""
        words = ["-X", "-q", "-d", self.server.url, "-f", script]
        psql = self.server.bin_dir / "psql"
        return timed([psql, *words], cwd=self.folder, environment=clean_environment(), stdin=stdin)

    def file(self, name: str, write: Callable[[Path], None]) -> Path:
        """The file of that name, written when it is wanted for the first time."""
        path = self.folder / name
        if not path.exists():
            write(path)
        return path

    def csv(self, count: int) -> Path:
        """Clean records."""
        return self.file(f"clean-{count}.csv", lambda path: records.write_csv(path, records.clean(count)))

    def start_afresh(self, tables: str = PLAIN) -> None:
        """Nothing; new tables and empty books, everything on the disk: no run pays for the one before."""
        self.server.run(CUSTOMERS, {"allowed": records.POINTS_ALLOWED})
        self.fill_countries()
        self.server.run(f"{tables} TRUNCATE {BOOKS};")
        self.settle()

    def fill_countries(self) -> None:
        """Nothing; all countries are there."""
        fill = "INSERT INTO countries (code) SELECT unnest(%(codes)s) ON CONFLICT DO NOTHING"
        self.server.run(fill, {"codes": records.COUNTRIES.split()})

    def settle(self) -> None:
        """Nothing; tables are as autovacuum leaves them within a minute, and everything is on the disk."""
        self.server.run("VACUUM (ANALYZE)")
        self.server.run("CHECKPOINT")


def open_shop(server: Server) -> Shop:
    """The project, written into the server's folder, with a database of its own."""
    folder = server.home / "project"
    for name in ("pipelines", "hooks"):
        (folder / name).mkdir(parents=True)
    (folder / "ri.yaml").write_text("{}\n")
    for name, text in PIPELINES.items():
        (folder / "pipelines" / f"{name}.yaml").write_text(text)
    (folder / "hooks/hooked.py").write_text(NO_OP_HOOK)
    return Shop(server, folder).with_database("shop")
