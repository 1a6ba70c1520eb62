"""Full books without importing for hours: a batch that ri has imported, copied many times inside the database.

Copies whatever columns the tables have; an item's id is made of its batch's and its index (docs/decisions/0004).
"""

from __future__ import annotations

from server import Server

_COUNTERS = ("total", "next_index", "completed", "failed", "skipped", "inserted", "updated", "unchanged")
_ITEM_ID = "CAST(left(CAST({batch} AS text), 28) || lpad(to_hex({index}), 8, '0') AS uuid)"


def grow(server: Server, batch_id: str, *, times: int) -> None:
    """Nothing; the batch has that many times the items, with the same outcomes over and over."""
    total = server.value("SELECT total FROM import_batches WHERE id = " + _quoted(batch_id))
    copies = f"generate_series(1, {times - 1}) AS copy (number)"
    _copy_items(server, batch_id, batch="i.batch_id", index=f"i.item_index + copy.number * {total}", copies=copies)
    counters = ", ".join(f"{name} = {name} * {times}" for name in _COUNTERS)
    server.run(f"UPDATE import_batches SET {counters} WHERE id = {_quoted(batch_id)}")


def repeat(server: Server, batch_id: str, *, batches: int) -> None:
    """Nothing; there are so many more batches like this one."""
    new_id = _ITEM_ID.format(batch="gen_random_uuid()", index="0")
    server.run(f"CREATE TABLE new_batches AS SELECT {new_id} AS id FROM generate_series(1, {batches})")
    columns = _columns(server, "import_batches", but=("id",))
    server.run(
        f"INSERT INTO import_batches (id, {columns}) SELECT copy.id, {_of('b', columns)}"
        f" FROM import_batches AS b CROSS JOIN new_batches AS copy WHERE b.id = {_quoted(batch_id)}"
    )
    _copy_items(server, batch_id, batch="copy.id", index="i.item_index", copies="new_batches AS copy")
    server.run("DROP TABLE new_batches")


def _copy_items(server: Server, batch_id: str, *, batch: str, index: str, copies: str) -> None:
    columns = _columns(server, "import_batch_items", but=("batch_id", "item_index", "id"))
    server.run(
        f"INSERT INTO import_batch_items (batch_id, item_index, id, {columns})"
        f" SELECT {batch}, {index}, {_ITEM_ID.format(batch=batch, index=index)}, {_of('i', columns)}"
        f" FROM {copies} CROSS JOIN import_batch_items AS i WHERE i.batch_id = {_quoted(batch_id)}"
    )


def _columns(server: Server, table: str, *, but: tuple[str, ...]) -> str:
    names = server.run(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %(table)s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        {"table": table},
    )
    return ", ".join(name for (name,) in names if name not in but)


def _of(alias: str, columns: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns.split(", "))


def _quoted(batch_id: str) -> str:
    return f"CAST('{batch_id}' AS uuid)"
