"""What must hold after every fault, once the one command has been given: `check_invariants(project)`.

    check_invariants(project)                       all batches have ended, each was begun after the one before
    check_invariants(project, reference=digest)     and everything is as `digest_of(project)` was after a quiet run
    check_invariants(project, finished=False)       right after the fault, before the command: what is stored is true
    check_invariants(project, in_order=False)       batches worked side by side: no oracle of the whole history

Fails with AssertionError. Looks at tables, sessions, files and at all that the project's commands have said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from support.embedded import eventually

from faults.support.oracle import Codes, Expected, Read, Row, Table, judge, key_of, read_csv, row_of
from faults.support.project import FaultProject
from faults.support.records import PLANTED_DOMAIN, csv_of, repaired
from faults.support.server import PASSWORD, ROLE

EXIT_CODES = (0, 1, 2, 3, 4, 129, 130, 143, -1, -2, -9, -15)
CAUSE = re.compile(r"^(?:.*: )?error\[[\w.-]+\]", re.MULTILINE)
GONE_WITHIN_S = 15.0  # a session whose client was killed
Digest = Mapping[str, Sequence[Any]]


def check_invariants(
    project: FaultProject,
    *,
    reference: Digest | None = None,
    finished: bool = True,
    in_order: bool = True,
) -> None:
    """Nothing; AssertionError says what does not hold, and in which batch."""
    nobody_is_left(project)
    batches = batches_of(project)
    for batch in batches:
        accounts_agree(batch)
        if finished:
            has_ended(batch)
        items_are_the_file(project, batch)
    target_is_what_the_items_say(project, batches)
    audit_shows_nothing_twice(project, batches)
    if in_order:
        history_is_the_oracles(project, batches)
    nothing_is_left_over(project, finished=finished)
    nothing_is_told(project)
    if reference is not None:
        is_like_undisturbed(project, reference)


# ── what is stored ───────────────────────────────────────────────────────────────────────────


class Item(NamedTuple):
    """A row of import_batch_items."""

    index: int
    line: int | None
    status: str
    action: str | None
    codes: Codes
    cells: dict[str, str]
    error_message: str | None

    @property
    def place(self) -> int:
        """The line that its row in the target has."""
        return self.line or self.index + 1


class Batch(NamedTuple):
    """A row of import_batches with its items."""

    id: str
    parent: str | None
    row: dict[str, Any]
    items: list[Item]

    def __str__(self) -> str:
        return f"batch {self.id} ({self.row['status']}, {self.row['stop_reason']})"


def batches_of(project: FaultProject) -> list[Batch]:
    """All batches in the order in which they were begun, those that were not begun last."""
    rows = project.sql("SELECT to_jsonb(b) FROM import_batches b ORDER BY started_at NULLS LAST, created_at, id")
    return [Batch(row["id"], row["parent_batch_id"], row, _items(project, row["id"])) for (row,) in rows]


def _items(project: FaultProject, batch_id: str) -> list[Item]:
    rows = project.sql(
        "SELECT item_index, source_line, status, action, COALESCE(problems, '[]'), source_data, error_message "
        "FROM import_batch_items WHERE batch_id = %s ORDER BY item_index",
        (batch_id,),
    )
    return [
        Item(index, line, status, action, tuple((p["code"], p["field"]) for p in problems), cells, message)
        for index, line, status, action, problems, cells, message in rows
    ]


# ── law 1 ────────────────────────────────────────────────────────────────────────────────────


def accounts_agree(batch: Batch) -> None:
    """The counters are the items; every refusal has a reason; read = completed + failed + skipped + pending."""
    ends = Counter([item.status for item in batch.items] + [item.action for item in batch.items if item.action])
    words = ("completed", "failed", "skipped", "inserted", "updated", "unchanged")
    assert {word: batch.row[word] for word in words} == {word: ends[word] for word in words}, batch
    total = batch.row["total"]
    if total is not None:
        assert total == len(batch.items), batch
        assert total == sum(ends[word] for word in ("completed", "failed", "skipped", "pending")), batch
    for item in batch.items:
        assert (item.status == "completed") == (item.action is not None), (batch, item)
        if item.status in ("failed", "skipped"):
            assert item.codes, (batch, item)
            assert item.error_message, (batch, item)


def has_ended(batch: Batch) -> None:
    """It was read to its end, or somebody has said that nobody will finish it."""
    if batch.row["stop_reason"] == "abandoned":
        return
    assert batch.row["status"] == "completed", (batch, batch.row["error_message"])
    assert batch.row["stop_reason"] is None, batch
    assert batch.row["total"] == len(batch.items), batch
    assert not [item for item in batch.items if item.status == "pending"], batch
    assert batch.row["lease_token"] is None, batch
    assert batch.row["lease_expires_at"] is None, batch


# ── the items, the target, the audit ─────────────────────────────────────────────────────────


def source_of(project: FaultProject, batch: Batch) -> list[Read]:
    """The records that the batch was given: of the file, as items of create_batch, or as corrected by reprocessing."""
    info = batch.row["source_info"]
    if batch.parent is not None:
        return [Read(item.index, item.line, item.cells) for item in batch.items]
    text = project.contents.get(info.get("sha256", "")) or csv_of(project.files[info.get("name", "members.csv")])
    records = read_csv(text)
    if info.get("format"):
        return records
    return [Read(record.index, None, {k: v for k, v in record.cells.items() if v}) for record in records]


def items_are_the_file(project: FaultProject, batch: Batch) -> None:
    """Each item is the file's record at its place, ends as the record deserves, and none is missing between them."""
    records = source_of(project, batch)
    if batch.row["status"] == "completed":
        assert len(batch.items) == len(records), batch
    for item, record in zip(batch.items, records, strict=False):
        assert (item.index, item.line, item.cells) == record, (batch, item, record)
        if item.status in ("completed", "failed"):
            assert item.codes == judge(record.cells, project.shape), (batch, item)
    if batch.parent is not None:
        _repeats_its_parent(project, batch)


def _repeats_its_parent(project: FaultProject, batch: Batch) -> None:
    """A record that is taken again is the parent's, or what it was corrected to."""
    parent = {item.index: item for item in _items(project, batch.parent or "")}
    for item in batch.items:
        before = parent[item.index]
        assert item.line == before.line, (batch, item)
        assert item.cells in (before.cells, repaired(before.cells)), (batch, item, before)


def target_is_what_the_items_say(project: FaultProject, batches: Sequence[Batch]) -> None:
    """Every row comes from a completed item that changed it, and every completed item's key has a row."""
    written = {(batch.id, item.place): item for batch in batches for item in batch.items if item.status == "completed"}
    rows = rows_in(project)
    for key, (row, batch_id) in rows.items():
        item = written.get((batch_id, row.line))
        assert item is not None, f"{key} is in the target, but no completed item of batch {batch_id} says so"
        assert item.action in ("inserted", "updated"), (batch_id, item)
        assert (key, row) == (key_of(item.cells), row_of(_as_read(item))), (batch_id, item, row)
    missing = {key_of(item.cells) for item in written.values()} - rows.keys()
    assert not missing, f"completed, but not in the target: {sorted(missing)[:3]}"


def rows_in(project: FaultProject) -> dict[str, tuple[Row, str]]:
    """The target by key, each row with the batch that wrote it last."""
    rows = project.sql(
        "SELECT email, name, joined_on, balance, country_id, greeting, line, imported_in::text FROM public.members"
    )
    return {key: (Row(*values), batch_id) for key, *values, batch_id in rows}


def audit_shows_nothing_twice(project: FaultProject, batches: Sequence[Batch]) -> None:
    """What was written, as the database itself has booked it, is once what the items say."""
    ends = Counter(
        (batch.id, item.place, item.action) for batch in batches for item in batch.items if item.action is not None
    )
    if project.shape.writes == "sets":
        booked = project.sql("SELECT id FROM public.members_audit ORDER BY id")
        kept = project.sql("SELECT audit_id FROM public.members ORDER BY audit_id")
        assert booked == kept, "rows were inserted that are not there any more, or one twice"
        assert len(booked) == sum(n for (_, _, action), n in ends.items() if action == "inserted")
        return
    words = {"INSERT": "inserted", "UPDATE": "updated"}
    audit = Counter(
        (batch, line, words[op])
        for batch, line, op in project.sql("SELECT batch::text, line, op FROM public.members_audit")
    )
    changes = Counter({end: n for end, n in ends.items() if end[2] != "unchanged"})
    assert audit == changes, f"too much: {audit - changes}, too little: {changes - audit}"
    if project.shape.is_written_by_hooks:
        ledger = Counter(project.sql("SELECT batch::text, line FROM public.ledger"))
        completed = Counter((batch_id, place) for batch_id, place, _ in ends.elements())
        assert ledger == completed, f"too much: {ledger - completed}, too little: {completed - ledger}"


def history_is_the_oracles(project: FaultProject, batches: Sequence[Batch]) -> None:
    """Batch after batch, what became of each record and what is in the target are what plain Python says."""
    table = Table(project.shape)
    for batch in batches:
        done = [item for item in batch.items if item.status != "pending"]
        records = source_of(project, batch)[: len(done)]
        expected = table.apply(records, completed_before=_completed_in_lineage(batch, batches))
        for item, end in zip(done, expected, strict=True):
            assert item[:6] == end, f"{batch}: expected {_told(end)}, found {item}"
    found = {key: row for key, (row, _) in rows_in(project).items()}
    assert found == table.rows, _difference(found, table.rows)


def _completed_in_lineage(batch: Batch, batches: Sequence[Batch]) -> list[Read]:
    """The completed records of the batches that this one descends from, and of those that descend from them."""
    lineage = {batch.id, batch.parent} - {None}
    while found := {b.id for b in batches if b.parent in lineage} | {b.parent for b in batches if b.id in lineage}:
        if found - {None} <= lineage:
            break
        lineage |= found - {None}
    earlier = [b for b in batches[: batches.index(batch)] if b.id in lineage]
    return [_as_read(item) for b in earlier for item in b.items if item.status == "completed"]


def _as_read(item: Item) -> Read:
    return Read(item.index, item.line, item.cells)


def _told(end: Expected) -> str:
    return f"{end.status} {end.action} {end.codes} at index {end.index}, line {end.line}, {end.cells}"


def _difference(found: Mapping[str, Row], wanted: Mapping[str, Row]) -> str:
    keys = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    return "; ".join(f"{key}: found {found.get(key)}, expected {wanted.get(key)}" for key in sorted(keys)[:3])


# ── who and what is left ─────────────────────────────────────────────────────────────────────


def nobody_is_left(project: FaultProject) -> None:
    """No session is in a transaction or at work, no lock is held, no temporary table and no prepared transaction."""

    def left() -> list[tuple[Any, ...]]:
        return project.sql(_LEFT, {"role": ROLE, "database": project.database.name})

    # The server sees that a client was killed when it next writes to it, or reads from it.
    assert eventually(lambda: not left(), within_s=GONE_WITHIN_S), left()


_LEFT = """
SELECT 'session', state, query FROM pg_stat_activity
WHERE datname = %(database)s AND usename = %(role)s AND state <> 'idle'
UNION ALL
SELECT 'lock', l.mode, a.query FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = %(database)s) AND l.pid <> pg_backend_pid()
  AND a.usename = %(role)s  -- not those of a test, nor of autovacuum
UNION ALL
SELECT 'temporary table', relname, NULL FROM pg_class WHERE relpersistence = 't'
UNION ALL
SELECT 'prepared transaction', gid, NULL FROM pg_prepared_xacts
"""


def nothing_is_left_over(project: FaultProject, *, finished: bool) -> None:
    """No owner without life, and no file that the commands were to clean up."""
    dead = project.sql("SELECT id, lease_expires_at, clock_timestamp() FROM import_batches WHERE status = 'processing'")
    if not finished:
        return
    assert not dead, "processing, but all commands have ended"
    assert not list((project.root / "tmp").iterdir()), list((project.root / "tmp").iterdir())
    home = project.root / ".ri"
    spooled = (
        [path for path in home.rglob("*") if path.is_file() and path.name != ".gitignore"] if home.exists() else []
    )
    assert not spooled, spooled


def nothing_is_told(project: FaultProject) -> None:
    """No password and no planted cell in what was said and logged; every code has its cause in one line."""
    for said in project.said:
        assert said.code in EXIT_CODES, said
        assert "Traceback" not in said.err, said.err
        assert "error[internal]" not in said.err, said.err
        if said.code in (2, 3):
            assert len(CAUSE.findall(said.err)) == 1, said
    logs = project.sql("SELECT message, details::text FROM import_logs")
    batches = project.sql("SELECT (to_jsonb(b) - 'source_info')::text FROM import_batches b")
    for text in [*(said.out + said.err for said in project.said), *(str(row) for row in [*logs, *batches])]:
        assert PASSWORD not in text, text
        assert PLANTED_DOMAIN not in text, text


# ── as after a quiet run ─────────────────────────────────────────────────────────────────────


def digest_of(project: FaultProject) -> Digest:
    """All tables without ids and times, and without what tells how often work was begun."""
    return {name: [row for (row,) in project.sql(query)] for name, query in _DIGEST.items()}


_DIGEST = {
    "batches": """
        SELECT (to_jsonb(b) - ARRAY['id', 'created_at', 'started_at', 'completed_at', 'parent_batch_id', 'retry_count',
                                    'owner', 'begun_by', 'lease_token', 'lease_expires_at', 'source_info'])
               || jsonb_build_object('source_info', b.source_info - ARRAY['path', 'mtime', 'corrections_path'],
                                     'reprocesses', b.parent_batch_id IS NOT NULL)
        FROM import_batches b ORDER BY b.started_at, b.created_at""",
    "items": """
        SELECT to_jsonb(i) - ARRAY['id', 'batch_id', 'parent_item_id', 'created_at', 'processed_at']
               || jsonb_build_object('repeats', i.parent_item_id IS NOT NULL)
        FROM import_batch_items i JOIN import_batches b ON b.id = i.batch_id
        ORDER BY b.started_at, b.created_at, i.item_index""",
    "logs": """
        SELECT jsonb_build_array(i.item_index, l.log_level, l.message)
        FROM import_logs l JOIN import_batch_items i ON i.id = l.item_id AND i.batch_id = l.batch_id
        ORDER BY i.item_index, l.id""",
    "members": "SELECT to_jsonb(m) - ARRAY['imported_in', 'audit_id'] FROM public.members m ORDER BY m.email",
    "countries": "SELECT to_jsonb(c) FROM public.countries c ORDER BY c.id",
    "audit": "SELECT jsonb_build_array(op, line) FROM public.members_audit ORDER BY line, op",
    "ledger": "SELECT to_jsonb(line) FROM public.ledger ORDER BY line",
}


def is_like_undisturbed(project: FaultProject, reference: Digest) -> None:
    """Table by table what the quiet run has left."""
    found = digest_of(project)
    for name, rows in reference.items():
        for mine, theirs in zip(found[name], rows, strict=False):
            assert mine == theirs, f"{name}: differs from an undisturbed run: {_different_keys(mine, theirs)}"
        assert len(found[name]) == len(rows), f"{name}: {len(found[name])} rows, {len(rows)} after an undisturbed run"


def _different_keys(mine: Any, theirs: Any) -> str:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return f"{mine}, not {theirs}"
    keys = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
    return "; ".join(f"{key}: {mine.get(key)}, not {theirs.get(key)}" for key in keys)
