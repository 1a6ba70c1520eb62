"""An ordinary role for one test: roles belong to the server, which all tests share."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from itertools import count

from support.workbench import Workbench

_numbers = count(1)


@contextlib.contextmanager
def ordinary_role(workbench: Workbench) -> Iterator[str]:
    """Within: a role that can log in and use the books; it owns nothing, and is gone afterwards."""
    name = f"clerk_{next(_numbers)}"
    workbench.sql(
        f"CREATE ROLE {name} LOGIN; GRANT SELECT ON import_schema_migrations TO {name}; "
        f"GRANT SELECT, INSERT, UPDATE ON import_batches, import_batch_items, import_logs TO {name}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"
    )
    try:
        yield name
    finally:
        workbench.sql(f"SET TRANSACTION READ WRITE; DROP OWNED BY {name}; DROP ROLE {name}")


def connected_as(workbench: Workbench, role: str) -> Workbench:
    """The same project and database, entered as this role."""
    return dataclasses.replace(workbench, dsn=workbench.dsn.replace("//ri@", f"//{role}@"))
