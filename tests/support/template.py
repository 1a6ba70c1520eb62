"""What every test database holds: the bookkeeping tables."""

from __future__ import annotations

import sqlalchemy
from psycopg2.extensions import connection as Connection

from ri_declarative.database.migrations import migrate


def prepare_template(connection: Connection) -> None:
    """Apply the migrations to the template database that `connection` is open on."""
    engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: connection)
    migrate(engine, "public")
