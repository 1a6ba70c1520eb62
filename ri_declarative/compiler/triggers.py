"""What a row trigger may do to the key of a row, as far as the text of its function tells. Needs no database.

Only a reason to warn: whatever a trigger does, the writer finds out and every record keeps its own fate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ri_declarative.database.catalogue import RowTrigger

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_WHOLE_ROW = re.compile(r"\bnew\s*:?=(?!=)|\binto\s+(?:strict\s+)?new\b(?!\s*\.)", re.IGNORECASE)
_NOTHING_STORED = re.compile(r"\breturn\s+null\b", re.IGNORECASE)


def may_touch_key(trigger: RowTrigger, key: Sequence[str]) -> str | None:
    """What the trigger may do to rows that makes them hard to find again; None: nothing that can be told.

    >>> may_touch_key(RowTrigger("t", "plpgsql", "f", "BEGIN NEW.email := 'x'; RETURN NEW; END"), ["email"])
    'writes "email", which is part of the key: chunks in which it changes one are written row by row'
    """
    if trigger.language == "internal":  # PostgreSQL's own: none of them writes a column that is not named to it
        return None
    if trigger.language != "plpgsql":
        return f"is written in {trigger.language}: whether it changes the key cannot be told"
    body = _LITERAL.sub("''", _COMMENT.sub(" ", trigger.source))
    slow = "chunks in which it changes one are written row by row"
    for name in key:
        if _assigns(body, name):
            return f'writes "{name}", which is part of the key: {slow}'
    if _WHOLE_ROW.search(body):
        return f"replaces the whole row, the key with it: {slow}"
    if _NOTHING_STORED.search(body):
        return "may refuse rows in silence (RETURN NULL): their records fail with target.not_stored"
    return None


def _assigns(body: str, column: str) -> bool:
    """`NEW.column := …`, `NEW.column = …` as a statement, or `INTO … NEW.column`."""
    name = rf'new\s*\.\s*(?:"{re.escape(column)}"|{re.escape(column)}\b)'
    assigned = rf"(?:^|;|\b(?:begin|then|else|loop)\b)\s*{name}\s*:?=|{name}\s*:="
    return re.search(rf"{assigned}|\binto\b[^;]*?{name}", body, re.IGNORECASE) is not None
