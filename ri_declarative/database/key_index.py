"""The unique index behind a pipeline's key, which may be taken away while a run is writing."""

from __future__ import annotations

from psycopg2.sql import SQL, Composed, Literal

from ri_declarative.database.plan import UpsertPlan


def has_key_index(plan: UpsertPlan) -> Composed:
    """SQL that tells whether the unique index of the key is what it was: nothing else refuses a key twice."""
    index = plan.relation.key_index(plan.key)
    return SQL(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = {} AND c.relname = {} AND i.indisunique AND i.indisvalid)"
    ).format(Literal(plan.relation.oid), Literal(index.name if index else None))
