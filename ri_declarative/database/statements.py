"""The fixed statements of store.sql, for one schema of books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from ri_declarative.database.queries import queries


class Statements:
    """Runs them by name. `lease_s`: how long a batch belongs to a runner that is silent."""

    def __init__(self, schema: str, *, lease_s: float) -> None:
        self.schema = schema
        self.lease_s = lease_s
        self._texts = {name: text(sql.format(schema=f'"{schema}"')) for name, sql in queries("store").items()}

    def execute(self, connection: Connection, name: str, parameters: Mapping[str, Any]) -> Any:
        """The result of a statement in an open transaction."""
        return connection.execute(self._texts[name], parameters)
