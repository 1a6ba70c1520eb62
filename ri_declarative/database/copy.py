"""Columns of texts as COPY's text format takes them. PostgreSQL manual, COPY, "Text Format"."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import Composable

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
Cells = Sequence[str | None]  # of one column; None is NULL


def copy_in(cursor: Cursor, statement: str | Composable, text: bytes) -> None:
    """Run a `COPY … FROM STDIN` with this input.

    In one piece: psycopg2 takes the interpreter's lock for each piece that it reads, and the thread that
    prepares the next chunk lets go of it only every few milliseconds.
    """
    cursor.copy_expert(statement, BytesIO(text), size=max(1, len(text)))


def copy_text(columns: Sequence[Cells], *, beginnings: Sequence[str] | None = None, joint: str = "") -> bytes:
    r"""UTF-8 bytes of all rows; the columns, at least one where there are no `beginnings`, are of one length.

    To escape each value takes as long as all the rest, so that it is done only when the joined text
    shows that a value needs it. `beginnings`: what the rows begin with, in COPY's format already, and `joint`: what
    follows in each of them.

    >>> copy_text([["1", "2", "3"], ["a", None, "\\N"]])
    b'1\ta\n2\t\\N\n3\t\\\\N\n'
    """
    if not columns:
        return "".join(f"{beginning}{joint}\n" for beginning in beginnings or ()).encode()
    count = len(columns[0])
    if not count:
        return b""
    nulls = sum(column.count(None) for column in columns)
    rows = _rows(columns)
    text = "\n".join(rows)
    as_it_should = (
        text.count("\t") == count * (len(columns) - 1)
        and text.count("\n") == count - 1
        and text.count("\\") == nulls
        and "\r" not in text
    )
    if not as_it_should:
        rows = _rows([_escaped(column) for column in columns])
        text = "\n".join(rows)
    if beginnings is not None:
        text = "\n".join(map(f"{joint}\t".join, zip(beginnings, rows, strict=True)))
    return f"{text}\n".encode()


def _rows(columns: Sequence[Cells]) -> list[str]:
    texts = [[NULL if c is None else c for c in column] if None in column else column for column in columns]
    return list(map("\t".join, zip(*texts, strict=True)))


def _escaped(column: Cells) -> Cells:
    text = "".join(filter(None, column))
    if "\\" in text or "\t" in text or "\n" in text or "\r" in text:
        return [None if cell is None else cell.translate(_ESCAPES) for cell in column]
    return column
