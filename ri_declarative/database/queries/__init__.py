"""The fixed SQL of ri, one `.sql` file per area; each query has a name and a line of description."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(area: str) -> dict[str, str]:
    """Name → text of every query in `area`.sql.

    >>> "relation" in queries("catalogue")
    True
    """
    text = files(__package__).joinpath(f"{area}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}
