"""Run SQL files in the embedded database of this project: `python examples/apply_sql.py FILE.sql …`.

Prints the rows when a file ends with a query. Takes no address on purpose: it asks `ri` for that of the embedded
database, which must be running (`ri db start`), and refuses one that is not reached through a socket, so it cannot
hit another by mistake.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

ROOT = Path(__file__).resolve().parent.parent
RI = Path(sys.executable).with_name("ri")
FOREIGN = ("DATABASE_URL", "RI_DATABASE_URL")


def embedded_dsn() -> str:
    """Where the embedded database listens; ends the program when it does not run or is not the embedded one."""
    answer = subprocess.run([str(RI), "db", "url"], cwd=ROOT, env=own_environment(), stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        sys.exit(answer.returncode)  # ri has said why
    dsn = answer.stdout.strip().replace("postgresql+psycopg2://", "postgresql://")
    if not parse_dsn(dsn).get("host", "").startswith("/"):
        sys.exit("refused: the demo's SQL runs in the embedded database only, and this one is reached by network")
    return dsn


def own_environment() -> dict[str, str]:
    """The environment without the database that the shell happens to point at."""
    return {k: v for k, v in os.environ.items() if k not in FOREIGN and not k.startswith("PG")}


def main() -> None:
    """Each file is one transaction."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    dsn = make_dsn(embedded_dsn(), options="-c client_min_messages=warning")
    for path in map(Path, sys.argv[1:]):
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(path.read_text(encoding="utf-8"))
            for row in cursor.fetchall() if cursor.description else ():
                print("  " + "".join(f"{value!s:<14}" for value in row).rstrip())


if __name__ == "__main__":
    main()
