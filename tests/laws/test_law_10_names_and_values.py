"""Law 10: names and values are data, wherever they stand: nothing executes, nothing is lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from law_names import NAMES, VALUES, quoted
from support.postgres import Server
from support.workbench import Workbench

from ri_declarative.errors import ConfigError


@pytest.fixture(scope="module")
def shared_database(server: Server) -> Iterator[str]:
    """One database for all names: each has a schema of its own."""
    with server.fresh_database() as dsn:
        yield dsn


@pytest.fixture
def shared(shared_database: str, tmp_path: Path) -> Workbench:
    """A project of its own on the shared database."""
    bench = Workbench(tmp_path, shared_database)
    bench.sql("DROP TABLE IF EXISTS y; CREATE TABLE y (a int)")
    return bench


def _pipeline(name: str, table: str, **target: str) -> str:
    """A pipeline in which everything that has a name has this name."""
    return json.dumps(
        {
            "schema": {"properties": {name: {"type": "integer"}, "other": {"type": "string"}}},
            "target": {"table": table, "key": [name], "columns": {name: name, name[:-1] + "2": "other"}, **target},
        },
        ensure_ascii=False,
    )


def _make_tables(workbench: Workbench, name: str, extra: str = "") -> str:
    q, second = quoted(name), quoted(name[:-1] + "2")
    workbench.sql(f"DROP SCHEMA IF EXISTS {q} CASCADE; CREATE SCHEMA {q}")
    workbench.sql(
        f"CREATE TABLE {q}.{q} ({q} int PRIMARY KEY, {second} text, CONSTRAINT {q} CHECK ({second} <> 'bad') {extra})"
    )
    return f"SELECT {q}, {second} FROM {q}.{q} ORDER BY 1"


def _files(name: str, rows: list[tuple[int, str]]) -> dict[str, str]:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([(name, "other"), *rows])
    return {"csv": stream.getvalue(), "jsonl": "".join(json.dumps({name: k, "other": v}) + "\n" for k, v in rows)}


@pytest.mark.parametrize("name", [name for name in NAMES if "." not in name])
def test_a_name_is_only_a_name(shared: Workbench, name: str) -> None:
    select = _make_tables(shared, name)
    shared.pipeline("p", _pipeline(name, f"{name}.{name}"))
    rows = [(1, "a"), (2, "bad"), (1, "b"), (3, "c")]
    for ending, text in _files(name, rows).items():
        batch = shared.run("p", text, ending=ending)
        assert [(item.status, *(p.code for p in item.problems)) for item in shared.items(batch)] == [
            ("completed",),
            ("failed", "db.check"),
            ("completed",),
            ("completed",),
        ]
        assert shared.sql(select) == [(1, "b"), (3, "c")]
    assert shared.sql("SELECT count(*) FROM y") == [(0,)]


@pytest.mark.parametrize("name", [name for name in NAMES if "." not in name])
def test_a_name_is_only_a_name_in_the_walk_and_in_key_hashes(shared: Workbench, name: str) -> None:
    # A rule over the column and one that is not in the pipeline cannot be predicted: the walk.
    select = _make_tables(shared, name, f", unseen int, CHECK ({quoted(name)} < 100 OR unseen = 1)")
    shared.sql(f"INSERT INTO {quoted(name)}.{quoted(name)} VALUES (5, 'old')")
    shared.pipeline("p", _pipeline(name, f"{name}.{name}", on_conflict="ignore", on_duplicate="first"))
    rows = [(1, "a"), (200, "b"), (1, "c"), (5, "new")]
    batch = shared.run("p", _files(name, rows)["csv"])
    assert [(item.status, *(p.code for p in item.problems)) for item in shared.items(batch)] == [
        ("completed",),
        ("completed",),  # NULL is not false
        ("skipped", "target.duplicate"),
        ("skipped", "target.exists"),
    ]
    shared.sql(f"ALTER TABLE {quoted(name)}.{quoted(name)} ALTER unseen SET DEFAULT 0")
    batch = shared.run("p", _files(name, [(6, "a"), (300, "b"), (6, "c"), (7, "d")])["csv"])
    assert [item.action or item.problems[0].code for item in shared.items(batch)] == [
        "inserted",
        "db.check",
        "target.duplicate",
        "inserted",
    ]
    assert [row[0] for row in shared.sql(select)] == [1, 5, 6, 7, 200]


@pytest.mark.parametrize("name", ["ri_books", "select", "x" * 63])
def test_the_books_may_live_in_a_schema_of_their_own(workbench: Workbench, name: str) -> None:
    workbench.file("ri.yaml", json.dumps({"bookkeeping_schema": name}))
    workbench.sql(f"CREATE SCHEMA {quoted(name)}; CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k}, on_duplicate: first}")
    with workbench.manager() as manager:
        manager.migrate()
    batch = workbench.run("p", "k\n1\nx\n1\n")
    assert (batch.completed_items, batch.failed_items, batch.skipped_items) == (1, 1, 1)
    assert workbench.sql("SELECT count(*) FROM import_batches") == [(0,)]
    with workbench.manager() as manager:
        assert manager.reprocess_batch(batch.batch_id) is not None


@pytest.mark.parametrize("name", ["ri books", "%s", ":a", "{}", 'x"y', "x" * 64])
def test_a_schema_for_the_books_has_a_plain_name(workbench: Workbench, name: str) -> None:
    """It stands in SQL that is not made by the driver, so that no other name is let in."""
    workbench.file("ri.yaml", json.dumps({"bookkeeping_schema": name}))
    with pytest.raises(ConfigError, match="bookkeeping_schema"), workbench.manager() as manager:
        manager.migrate()


@pytest.mark.parametrize("walk", [False, True], ids=["set", "walk"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_value_arrives_as_it_is(workbench: Workbench, ending: str, walk: bool) -> None:
    unique = ", d int UNIQUE" if walk else ", d int"
    workbench.sql(f"CREATE TABLE t (k int PRIMARY KEY, w text {unique})")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w, d: d}}\nchunk_size: 10")
    batch = workbench.run("p", _file_of(list(enumerate(VALUES)), ending), ending=ending)
    assert workbench.failures(batch) == []
    assert [w for (w,) in workbench.sql("SELECT w FROM t ORDER BY k")] == VALUES
    assert [item.source_data["w"] for item in workbench.items(batch)] == VALUES  # type: ignore[index]


def _file_of(rows: list[tuple[int, str]], ending: str) -> str:
    if ending == "jsonl":
        return "".join(json.dumps({"k": k, "w": w, "d": k}, ensure_ascii=k % 2 == 0) + "\n" for k, w in rows)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="," if ending == "csv" else "\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("k", "w", "d"), *((k, w, k) for k, w in rows)])
    return stream.getvalue()


def test_rows_that_are_words_of_copy_are_rows(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (w text PRIMARY KEY)")
    workbench.pipeline("p", "target: {table: t, key: w, columns: {w: w}}")
    words = ["\\.", "\\N", "\\", "--", "\\x00"]
    batch = workbench.run("p", "w\n" + "\n".join(words) + "\n")
    assert batch.inserted_items == 5
    assert {w for (w,) in workbench.sql("SELECT w FROM t")} == set(words)
    assert [item.target_id for item in workbench.items(batch)] == words


_UNSTORABLE = {
    "csv": [b"2,a\x00b\n", b"2,caf\xe9\n", b'2,"a\n\xff"\n'],
    "tsv": [b"2\ta\x00b\n", b"2\tcaf\xe9\n", b"2\t\xed\xa0\x80\n"],
    "jsonl": [b'{"k": 2, "w": "a\\u0000b"}\n', b'{"k": 2, "w": "\\ud800"}\n', b'{"k": 2, "w": "caf\xe9"}\n'],
}


@pytest.mark.parametrize(
    ("ending", "line"), [(e, line) for e, lines in _UNSTORABLE.items() for line in lines], ids=repr
)
def test_what_no_text_can_hold_fails_alone_and_can_be_recovered(workbench: Workbench, ending: str, line: bytes) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, w text)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w}}")
    good = {"csv": b"%d,x\n", "tsv": b"%d\tx\n", "jsonl": b'{"k": %d, "w": "x"}\n'}[ending]
    head = {"csv": b"k,w\n", "tsv": b"k\tw\n", "jsonl": b""}[ending]
    batch = workbench.run("p", head + good % 1 + line + good % 3, ending=ending)
    assert [item.status for item in workbench.items(batch)] == ["completed", "failed", "completed"]
    assert workbench.sql("SELECT * FROM t ORDER BY k") == [(1, "x"), (3, "x")]
    kept = workbench.items(batch)[1].source_data
    if isinstance(kept, str):
        assert kept.encode("utf-8", "surrogateescape").rstrip(b"\n") == line.rstrip(b"\n")
    else:
        assert kept["w"] == "a\x00b"


def test_numbers_of_json_are_exact_in_the_item_and_in_the_table(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY, v numeric)")
    workbench.pipeline(
        "p",
        "schema: {properties: {k: {type: integer}, v: {type: number}}}\n"
        "target: {table: t, key: k, columns: {k: k, v: v}}",
    )
    texts = ["1e400", "-1e400", "1e-400", "1" * 30, "0.1", "1.10", "-0.0", "1E+2", "9007199254740993"]
    batch = workbench.run("p", "".join(f'{{"k": {k}, "v": {t}}}\n' for k, t in enumerate(texts)), ending="jsonl")
    assert workbench.failures(batch) == []
    exact = [Decimal(text) for text in texts]
    assert [item.source_data["v"] for item in workbench.items(batch)] == exact  # type: ignore[index]
    assert [v for (v,) in workbench.sql("SELECT v FROM t ORDER BY k")] == exact


def test_hostile_keys_of_json_are_kept(workbench: Workbench) -> None:
    workbench.sql("CREATE TABLE t (k int PRIMARY KEY)")
    workbench.pipeline("p", "source: {unknown_fields: ignore}\ntarget: {table: t, key: k, columns: {k: k}}\n")
    record: dict[str, Any] = {"k": 1, "": 0, "a\x00b": 1, **{name: 1 for name in NAMES if name != "k"}}
    batch = workbench.run("p", json.dumps(record) + "\n" + '{"k": 2}\n', ending="jsonl")
    assert workbench.items(batch)[0].source_data == record
    assert workbench.items(batch)[1].status == "completed"
