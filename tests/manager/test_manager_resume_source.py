"""What a batch is finished from: its file moved, grown, cut or exchanged meanwhile; a spool; stored items."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from resuming import CONTENT, ROWS, emptied_again, interrupted, pipeline, prepared, refusal, undisturbed
from support.interruptions import final_state, interrupted_after, killed_run
from support.workbench import Workbench, csv_text

from ri_declarative import BatchManager, BatchSummary
from ri_declarative.engine import resumed
from ri_declarative.engine.resumed import Position
from ri_declarative.errors import SourceError, StoppedError
from ri_declarative.records import StopReason


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# ── a file ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["resume", "run"])
def test_a_file_that_was_moved_is_found_by_whom_is_told(workbench: Workbench, by: str) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        moved = Path(shutil.move(file, workbench.root / "archive.csv"))
        missing = refusal(manager.resume_batch, batch.batch_id)
        assert (missing.code, missing.exit_code, str(file) in missing.message) == ("source-missing", 2, True)
        assert manager.get_batch(batch.batch_id) == batch._replace(problems=())
        done = manager.resume_batch(batch.batch_id, file=moved) if by == "resume" else manager.run_pipeline("p", moved)
    assert (done.batch_id, done.status) == (batch.batch_id, "completed")
    assert (done.source_info["name"], done.source_info["path"]) == ("archive.csv", str(moved))


def test_a_file_that_has_grown_is_read_to_its_new_end(workbench: Workbench) -> None:
    file = prepared(workbench)
    longer = CONTENT + "7,l\n8,m\nz,n\n"
    with workbench.manager() as manager:
        file.write_text(longer)
        expected = undisturbed(workbench, manager, file)
        file.write_text(CONTENT)
        batch = interrupted(manager, file)
        file.write_text(longer)
        done = manager.resume_batch(batch.batch_id)
    assert (done.status, done.total_items) == ("completed", len(ROWS) + 3)
    assert (done.source_info["size"], done.source_info["sha256"]) == (len(longer), sha256(file))
    assert final_state(workbench, "t") == expected


def test_a_file_that_has_grown_is_another_content_for_a_run(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        file.write_text(CONTENT + "7,l\n")
        again = manager.run_pipeline("p", file)
    assert again.batch_id != batch.batch_id
    assert again.total_items == len(ROWS) + 1


def test_a_batch_that_was_resumed_from_a_grown_file_is_found_by_that_content(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 1)
        file.write_text(CONTENT + "7,l\n")
        manager.resume_batch(batch.batch_id, **interrupted_after(1))
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id


def test_what_was_not_read_yet_may_have_been_repaired(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        file.write_text(CONTENT.replace("y,k", "9,k"))
        done = manager.resume_batch(batch.batch_id)
    assert (done.failed_items, done.completed_items) == (batch.failed_items, len(ROWS) - batch.failed_items)
    assert (9, "k") in workbench.sql("SELECT * FROM t")


@pytest.mark.parametrize(
    "changed",
    [
        CONTENT.replace("1,a", "1,A"),
        CONTENT.replace("4,f", "5,f"),
        CONTENT.replace("k,v\n", "k,v\n0,new\n"),
        CONTENT.replace("1,a\n", ""),
        CONTENT.replace("x,c", '"x,c'),
        CONTENT.replace("k,v\n", "v,k\n"),
    ],
    ids=["first", "last", "inserted", "removed", "quote", "header"],
)
def test_other_content_before_the_border_is_refused_with_both_digests(workbench: Workbench, changed: str) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        before = final_state(workbench, "t")
        [(stored,)] = workbench.sql("SELECT read_digest FROM import_batches")
        file.write_text(changed)
        refused = refusal(manager.resume_batch, batch.batch_id)
        assert isinstance(refused, SourceError)
        assert (refused.code, refused.exit_code) == ("source-differs", 2)
        assert f"{stored[:16]}… then" in refused.message
        assert "… now" in refused.message
        assert final_state(workbench, "t") == before
        file.write_text(CONTENT)
        assert manager.resume_batch(batch.batch_id).status == "completed"


def test_a_file_that_ends_before_the_border_is_refused(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        file.write_text(csv_text("k,v", ROWS[:5]))
        refused = refusal(manager.resume_batch, batch.batch_id)
        assert refused.code == "source-differs"
        assert "it ends after 5 records, 6 were read before" in refused.message
        assert manager.unfinished_batches() == [batch.batch_id]


def test_a_file_that_ends_at_the_border_ends_the_batch(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        file.write_text(csv_text("k,v", ROWS[:6]))
        assert manager.resume_batch(batch.batch_id).total_items == 6


def test_before_the_first_border_any_file_will_do(workbench: Workbench) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 0)
        file.write_text("k,v\n7,new\n")
        assert manager.resume_batch(batch.batch_id).total_items == 1
    assert (7, "new") in workbench.sql("SELECT * FROM t")


def test_the_same_records_written_otherwise_are_the_same(workbench: Workbench) -> None:
    """The digest is over records as they are stored: quotes, line ends and a mark at the beginning do not count."""
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = interrupted(manager, file)
        quoted = "".join(f'"{cell}"\r\n' for cell in CONTENT.replace(",", '","').splitlines())
        file.write_bytes(b"\xef\xbb\xbf" + quoted.encode())
        assert manager.resume_batch(batch.batch_id).total_items == len(ROWS)


def _json(rows: tuple[str, ...]) -> str:
    return ", ".join('{{"k": {}, "v": "{}"}}'.format(*row.split(",")) for row in rows if row[0].isdecimal())


_GOOD_ROWS = tuple(row for row in ROWS if row[0].isdecimal())
_FORMATS = {
    "csv": csv_text("k,v", [row.replace(",", ',"two\nlines ') + '"' for row in _GOOD_ROWS]),
    "tsv": csv_text("k\tv", [row.replace(",", "\t") for row in _GOOD_ROWS]),
    "json": f"[{_json(_GOOD_ROWS)}]",
    "jsonl": _json(_GOOD_ROWS).replace("}, {", "}\n{"),
}


@pytest.mark.parametrize("format", _FORMATS)
def test_every_format_is_gone_on_with(workbench: Workbench, format: str) -> None:  # noqa: A002
    prepared(workbench, pipeline(source=f"format: {format}"))
    file = workbench.file(f"data/p.{format}", _FORMATS[format])
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = manager.run_pipeline("p", file, **interrupted_after(2))
        assert batch.counts.processed == 6
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id
    assert final_state(workbench, "t") == expected


def test_a_document_that_broke_off_is_gone_on_with_when_it_is_repaired(workbench: Workbench) -> None:
    prepared(workbench, pipeline(source="format: json"))
    whole = _FORMATS["json"]
    file = workbench.file("data/p.json", whole)
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        file.write_text(whole[: whole.index('"g"')])
        with pytest.raises(StoppedError):
            manager.run_pipeline("p", file)
        [batch] = manager.list_batches()
        assert (batch.stop_reason, batch.counts.processed) == (StopReason.SOURCE, 5)
        file.write_text(whole)
        assert manager.resume_batch(batch.batch_id).status == "completed"
    assert final_state(workbench, "t") == expected


def test_records_that_json_cannot_hold_are_known_again(workbench: Workbench) -> None:
    file = prepared(workbench, content=b"k,v\n1,a\x00b\n2,\xff\n3,\xed\xa0\x80\n4,d\n5,e\n")
    with workbench.manager() as manager:
        expected = undisturbed(workbench, manager, file)
        batch = manager.run_pipeline("p", file, **interrupted_after(1))
        assert batch.failed_items == 3
        assert manager.resume_batch(batch.batch_id).total_items == 5
    assert final_state(workbench, "t") == expected


def test_a_stop_that_is_asked_for_ends_the_verification_of_what_was_read(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten million records take the better part of a minute."""
    file = prepared(workbench)
    taken: list[int] = []
    take = Position.take
    with workbench.manager() as manager:
        batch = interrupted(manager, file, 3)
        monkeypatch.setattr(resumed, "_AT_ONCE", 1)
        monkeypatch.setattr(Position, "take", lambda position, size: taken.append(size) or take(position, size))
        with contextlib.suppress(StoppedError):
            manager.resume_batch(batch.batch_id, should_stop=lambda: True)
    assert sum(taken) < 9


# ── standard input ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def spool(workbench: Workbench) -> Path:
    return workbench.root / ".ri" / "spool"


def from_stdin(monkeypatch: pytest.MonkeyPatch, manager: BatchManager, **words: Any) -> BatchSummary:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENT.encode())))
    return manager.run_pipeline("p", "-", **words)


def test_what_came_by_standard_input_is_kept_until_its_batch_has_ended(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench)
    with workbench.manager() as manager:
        from_stdin(monkeypatch, manager)
        expected = final_state(workbench, "t")
        assert not [*spool.glob("*")]
        emptied_again(workbench)
        batch = from_stdin(monkeypatch, manager, **interrupted_after(2))
        [kept] = spool.iterdir()
        assert (kept.name, kept.read_text()) == (batch.batch_id, CONTENT)
        assert (stat.S_IMODE(kept.stat().st_mode), stat.S_IMODE(spool.stat().st_mode)) == (0o600, 0o700)
        again = manager.resume_batch(batch.batch_id, **interrupted_after(1))
        assert (again.counts.processed, kept.read_text()) == (9, CONTENT)
        done = manager.resume_batch(batch.batch_id)
    assert not [*spool.glob("*")]
    assert (done.status, done.source_info["name"], done.source_info["path"]) == ("completed", "<stdin>", None)
    assert final_state(workbench, "t") == expected


def test_what_a_killed_runner_has_kept_is_gone_on_with(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench)
    with workbench.manager() as manager:
        batch_id = killed_run(workbench, lambda **words: from_stdin(monkeypatch, manager, **words), 2)
        assert [kept.name for kept in spool.iterdir()] == [batch_id]
        assert manager.resume_batch(batch_id).total_items == len(ROWS)
    assert not [*spool.glob("*")]


def test_the_same_command_with_the_same_input_goes_on(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench)
    with workbench.manager() as manager:
        batch = from_stdin(monkeypatch, manager, **interrupted_after(2))
        again = from_stdin(monkeypatch, manager, **interrupted_after(1))
        assert (again.batch_id, again.counts.processed) == (batch.batch_id, 9)
        assert [kept.name for kept in spool.iterdir()] == [batch.batch_id]
        assert from_stdin(monkeypatch, manager).batch_id == batch.batch_id
    assert not [*spool.glob("*")]


@pytest.mark.parametrize("began_by", ["stdin", "file"])
def test_input_that_is_given_for_a_batch_is_kept_until_it_has_ended(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch, began_by: str
) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        if began_by == "stdin":
            batch = from_stdin(monkeypatch, manager, **interrupted_after(1))
            shutil.rmtree(spool)
        else:
            batch = interrupted(manager, file, 1)
            file.unlink()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENT.encode())))
        manager.resume_batch(batch.batch_id, file="-", **interrupted_after(1))
        assert manager.resume_batch(batch.batch_id).total_items == len(ROWS)
    assert not [*spool.glob("*")]


def test_nothing_is_kept_of_a_batch_that_is_abandoned(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench)
    with workbench.manager() as manager:
        kept = from_stdin(monkeypatch, manager, **interrupted_after(1))
        other = from_stdin(monkeypatch, manager, new_batch=True, **interrupted_after(1))
        assert len(list(spool.iterdir())) == 2
        manager.abandon_batch(other.batch_id)
        assert [file.name for file in spool.iterdir()] == [kept.batch_id]
        manager.abandon_batch(kept.batch_id)
    assert not [*spool.glob("*")]


@pytest.mark.parametrize("pipe_is_file", [False, True], ids=["stdin", "file"])
def test_a_spool_that_is_gone_is_replaced_by_the_same_data(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch, pipe_is_file: bool
) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = from_stdin(monkeypatch, manager, **interrupted_after(2))
        shutil.rmtree(spool)
        gone = refusal(manager.resume_batch, batch.batch_id)
        assert (gone.code, gone.exit_code) == ("source-gone", 2)
        assert f"ri resume {batch.batch_id[:8]} --file FILE" in (gone.hint or "")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONTENT.encode())))
        done = manager.resume_batch(batch.batch_id, file=file if pipe_is_file else "-")
    assert (done.batch_id, done.total_items) == (batch.batch_id, len(ROWS))
    assert not [*spool.glob("*")]


def test_the_same_bytes_in_a_file_go_on_with_what_came_by_standard_input(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepared(workbench)
    with workbench.manager() as manager:
        batch = from_stdin(monkeypatch, manager, **interrupted_after(2))
        assert manager.run_pipeline("p", file).batch_id == batch.batch_id
    assert not [*spool.glob("*")]


def test_a_run_that_is_refused_keeps_nothing(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench, pipeline(source="format: csv, same_file: refuse"))
    with workbench.manager() as manager:
        from_stdin(monkeypatch, manager)
        with pytest.raises(SourceError, match="same-file"):
            from_stdin(monkeypatch, manager)
    assert not [*spool.glob("*")]


def test_a_batch_that_its_limit_has_stopped_keeps_its_input(
    workbench: Workbench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(workbench, pipeline(more="limits: {max_failed: 0}"))
    with workbench.manager() as manager:
        batch = from_stdin(monkeypatch, manager)
        assert batch.stop_reason is StopReason.MAX_FAILED
        assert manager.resume_batch(batch.batch_id, max_failed=10).total_items == len(ROWS)
    assert not [*spool.glob("*")]
