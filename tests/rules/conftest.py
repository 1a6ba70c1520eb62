"""The tests of the rules share one database per module, emptied after each test: ten times cheaper than a copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2
import pytest
from support.postgres import Server

_EMPTY = """
DELETE FROM import_batch_items; DELETE FROM import_logs; DELETE FROM import_batches;
DO $$
DECLARE thing text;
BEGIN
    FOR thing IN SELECT format('SCHEMA %I', nspname) FROM pg_namespace
                 WHERE nspname !~ '^(pg_|information_schema$|public$)'
        UNION ALL SELECT format('EXTENSION %I', extname) FROM pg_extension WHERE extname <> 'plpgsql'
        UNION ALL SELECT format(CASE relkind WHEN 'v' THEN 'VIEW %I' ELSE 'TABLE %I' END, relname) FROM pg_class
                 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
                   AND relname !~ '^(import_|failed_imports_|ri_)'
        UNION ALL SELECT format('TYPE %I', t.typname) FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                 WHERE t.typnamespace = 'public'::regnamespace AND t.typelem = 0
                   AND t.typtype IN ('e', 'd', 'r', 'c') AND COALESCE(c.relkind, 'c') = 'c'
        UNION ALL SELECT format('FUNCTION %s', oid::regprocedure) FROM pg_proc
                 WHERE pronamespace = 'public'::regnamespace
                   AND oid NOT IN (SELECT objid FROM pg_depend WHERE deptype IN ('e', 'i'))
    LOOP
        EXECUTE 'DROP ' || replace(thing, ' ', ' IF EXISTS ') || ' CASCADE';
    END LOOP;
END $$;
"""


@pytest.fixture(scope="module")
def _shared_database(server: Server) -> Iterator[str]:
    with server.fresh_database() as url:
        yield url


@pytest.fixture
def database(_shared_database: str) -> Iterator[str]:
    """The URL of a database that holds the bookkeeping tables only."""
    yield _shared_database
    with (
        contextlib.closing(psycopg2.connect(_shared_database)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_EMPTY)
