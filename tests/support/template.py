"""What every test's database begins with."""

from __future__ import annotations

from psycopg2.extensions import connection


def prepare_template(connection: connection) -> None:
    """Nothing; the template database, which every test's database is a copy of, has been filled."""
