"""`ri resume`, `rescue`, `abandon`, and what `run` says of batches that have stopped: texts, JSON, exit codes."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest
from support.command_line import PEOPLE, CommandLine, Said
from support.interruptions import check_accounts, interrupted_after, killed_run

ROWS = ["a@x.org,A", "not-an-address,B", "c@x.org,C", "d@x.org,D", "e@x.org,E", "nobody,F", "g@x.org,G"]
TEXT = "email,name\n" + "".join(f"{row}\n" for row in ROWS)
OWNED = (
    "UPDATE import_batches SET lease_expires_at = clock_timestamp() + interval '1 minute' WHERE status = 'processing'"
)
# A run that sends itself a signal at the fourth record, once.
STRIKE = """
import os
import signal
from pathlib import Path


def validate_item(item, ctx):
    if item.index == 3 and Path("strike").exists():
        number = signal.Signals[Path("strike").read_text()]
        Path("strike").unlink()
        os.kill(os.getpid(), number)
    return True
"""


@pytest.fixture
def people(command_line: CommandLine) -> CommandLine:
    """`ri` with a pipeline `people` in chunks of two, and a file of seven records of which two are bad."""
    command_line.people()
    command_line.bench.pipeline("people", f"{PEOPLE}chunk_size: 2\n")
    command_line.bench.file("people.csv", TEXT)
    return command_line


def interrupted(command_line: CommandLine, name: str = "people.csv", *, chunks: int = 2) -> str:
    """The id of a batch that was stopped when so many chunks were committed."""
    with command_line.bench.manager() as manager:
        file = command_line.root / name
        return manager.run_pipeline("people", file, new_batch=True, **interrupted_after(chunks)).batch_id


def killed(command_line: CommandLine) -> str:
    """The id of a batch whose runner is gone, four records behind it; for the books it still works."""
    with command_line.bench.manager() as manager:
        file = command_line.root / "people.csv"
        return killed_run(command_line.bench, lambda **words: manager.run_pipeline("people", file, **words), 2)


def resuming(batch_id: str, reason: str = "interrupted", records: int = 4) -> str:
    return f"warning: resuming batch {batch_id}, which stopped ({reason}) after {records} records\n"


def refused(said: Said, code: str, exit_code: int) -> str:
    """The whole message of an error, with its hint."""
    assert (said.code, said.out) == (exit_code, "")
    assert said.err.startswith(f"error[{code}] "), said.err
    return said.err


# ── resume ───────────────────────────────────────────────────────────────────────────────────


def test_resume_finishes_the_newest_batch_and_shows_all_of_it(people: CommandLine) -> None:
    interrupted(people, chunks=1)
    batch_id = interrupted(people)
    said = people.ri("resume")
    short = batch_id[:8]
    assert (said.code, said.err) == (1, resuming(batch_id))
    assert "people · people.csv → database" in said.out
    assert re.search(r"^  7 records read in .*\n  5 completed \(.*\n  2 failed$", said.out, re.MULTILINE)
    assert f"repair: ri errors {short} --csv fix.csv, then ri reprocess {short} --from fix.csv" in said.out
    assert "interrupted" not in said.out


@pytest.mark.parametrize("words", [["last"], ["short"], ["id"]], ids=" ".join)
def test_resume_takes_a_batch_by_all_its_names(people: CommandLine, words: list[str]) -> None:
    batch_id = interrupted(people)
    reference = {"last": "last", "short": batch_id[:8], "id": batch_id}[words[0]]
    assert people.ri("resume", reference).err == resuming(batch_id)


def test_resume_gives_0_when_all_is_good(people: CommandLine) -> None:
    people.bench.file("good.csv", TEXT.replace("not-an-address", "b@x.org").replace("nobody", "f@x.org"))
    interrupted(people, "good.csv")
    said = people.ri("resume", "-q")
    assert (said.code, said.out) == (0, "")


def test_resume_prints_the_object_of_a_run(people: CommandLine) -> None:
    batch_id = interrupted(people)
    said = people.ri("resume", "--json")
    found = said.json
    assert (said.code, found["schema"], found["batch_id"], found["status"]) == (1, "ri.run/1", batch_id, "completed")
    assert (found["total"], found["completed"], found["failed"], found["pending"]) == (7, 5, 2, 0)
    assert found["stop_reason"] is None
    run = people.ri("run", "people", "people.csv", "--json").json
    assert found.keys() == run.keys()


def test_resume_has_the_exit_codes_of_a_run(people: CommandLine) -> None:
    batch_id = interrupted(people)
    said = people.ri("resume", batch_id, "--max-failed", "0")
    assert said.code == 4
    assert "stopped by limits.max_failed" in said.out
    assert f"to finish it: ri resume {batch_id[:8]} --max-failed 50%" in said.out
    limit = refused(people.ri("resume", batch_id, "--max-failed", "0"), "limit-reached", 2)
    assert f"allow more: ri resume {batch_id[:8]} --max-failed 50%" in limit
    assert people.ri("resume", batch_id, "--max-failed", "50%").code == 1


@pytest.mark.parametrize("words", [("--max-failed", "many"), ("--max-failed", "-1"), ("--give-up-after", "-1")])
def test_resume_wants_numbers_where_it_says_so(people: CommandLine, words: tuple[str, ...]) -> None:
    assert words[0] in refused(people.ri("resume", *words), "usage", 2)


def test_resume_takes_no_share_that_a_pipeline_could_not_have(people: CommandLine) -> None:
    assert "--max-failed" in refused(people.ri("resume", "--max-failed", "101%"), "usage", 2)


def test_resume_of_nothing_says_where_batches_are_listed(people: CommandLine) -> None:
    assert "ri status" in refused(people.ri("resume"), "nothing-to-resume", 2)
    people.ri("run", "people", "people.csv")
    assert "ri status" in refused(people.ri("resume"), "nothing-to-resume", 2)


def test_resume_of_a_finished_batch_names_reprocess(people: CommandLine) -> None:
    batch_id = people.ri("run", "people", "people.csv", "--json").json["batch_id"]
    assert f"ri reprocess {batch_id[:8]}" in refused(people.ri("resume", "last"), "nothing-to-resume", 2)


def test_resume_of_an_unknown_batch_is_a_usage_error(people: CommandLine) -> None:
    interrupted(people)
    for command in ("resume", "abandon"):
        assert "ri status" in refused(people.ri(command, "ffffffff"), "unknown-batch", 2)


def test_a_refusal_is_an_object_too(people: CommandLine) -> None:
    said = people.ri("resume", "--json")
    assert (said.code, said.json["schema"], said.json["code"]) == (2, "ri.error/1", "nothing-to-resume")
    assert said.json["exit_code"] == 2


def test_resume_says_that_the_pipeline_has_changed(people: CommandLine) -> None:
    batch_id = interrupted(people)
    people.bench.pipeline("people", f"{PEOPLE}chunk_size: 3\n")
    said = people.ri("resume")
    assert said.code == 1
    told = rf"the pipeline changed since batch {batch_id} stopped: fingerprint [0-9a-f]{{12}} then, [0-9a-f]{{12}} now"
    assert re.search(told, said.err)


# ── resume from another file ─────────────────────────────────────────────────────────────────


def test_resume_finds_a_file_that_was_moved_when_it_is_told(people: CommandLine) -> None:
    batch_id = interrupted(people)
    (people.root / "people.csv").rename(people.root / "moved.csv")
    assert "people.csv" in refused(people.ri("resume"), "source-missing", 2)
    said = people.ri("resume", "--file", "moved.csv")
    assert (said.code, said.err) == (1, resuming(batch_id))
    assert "people · moved.csv →" in said.out


def test_resume_refuses_another_file_with_both_digests_and_what_to_do(people: CommandLine) -> None:
    batch_id = interrupted(people)
    people.bench.file("other.csv", TEXT.replace(",A", ",Z"))
    message = refused(people.ri("resume", "--file", "other.csv"), "source-differs", 2)
    assert re.search(r"other\.csv: its first 4 records are others .*[0-9a-f]{16}… now, [0-9a-f]{16}… then", message)
    assert "--new-batch" in message
    assert people.ri("resume", batch_id).code == 1


# ── owners ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [("resume",), ("resume", "last"), ("abandon", "last"), ("run", "people", "people.csv"), ("reprocess", "last")],
)
def test_a_batch_that_somebody_works_on_is_left_to_him(people: CommandLine, words: tuple[str, ...]) -> None:
    batch_id = killed(people)
    people.bench.sql(OWNED)
    message = refused(people.ri(*words), "batch-running", 3)
    assert batch_id in message
    said = people.ri(*words, "--json")
    assert (said.code, said.json["code"], said.json["exit_code"]) == (3, "batch-running", 3)


@pytest.mark.parametrize("words", [("resume",), ("run", "people", "people.csv")], ids=" ".join)
def test_who_works_on_it_is_told_with_what_to_do(people: CommandLine, words: tuple[str, ...]) -> None:
    killed(people)
    people.bench.sql(OWNED)
    [(owner,)] = people.bench.sql("SELECT owner FROM import_batches")
    message = refused(people.ri(*words), "batch-running", 3)
    assert f"of people.csv ({owner})" in message
    assert "--wait" in message


@pytest.mark.parametrize("words", [("resume",), ("run", "people", "people.csv")], ids=" ".join)
def test_waiting_ends_with_the_lease_of_a_runner_that_is_gone(people: CommandLine, words: tuple[str, ...]) -> None:
    batch_id = killed(people)
    people.bench.sql(OWNED.replace("1 minute", "100 milliseconds"))
    people.bench.file("ri.yaml", "lease: 500ms\n")
    said = people.ri(*words, "--wait")
    assert said.code == 1
    assert f"resuming batch {batch_id}, which stopped (lost) after 4 records" in said.err
    check_accounts(people.bench, batch_id)


def test_rescue_lists_what_it_has_found(people: CommandLine) -> None:
    batch_id = killed(people)
    said = people.ri("rescue")
    short = batch_id[:8]
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{short} people: 4 records done; finish it: ri resume {short}\n"
    assert people.ri("rescue").out == "every batch in processing has a living runner\n"
    assert people.ri("status", short, "--json").json["stop_reason"] == "lost"
    shown = people.ri("status", short).out
    assert "stopped: its runner is gone" in shown
    assert f"ri resume {short}" in shown


def test_rescue_prints_an_object_also_of_nothing(people: CommandLine) -> None:
    empty = people.ri("rescue", "--json").json
    assert (empty["schema"], empty["batches"]) == ("ri.rescue/1", [])
    batch_id = killed(people)
    found = people.ri("rescue", "--json").json
    [batch] = found["batches"]
    assert (batch["batch_id"], batch["status"], batch["stop_reason"]) == (batch_id, "failed", "lost")
    assert (batch["total"], batch["completed"], batch["failed"]) == (None, 3, 1)
    assert "problems" not in batch
    assert found.keys() == empty.keys()


def test_rescue_takes_nothing_from_an_owner_that_lives(people: CommandLine) -> None:
    killed(people)
    people.bench.sql(OWNED)
    assert people.ri("rescue").out == "every batch in processing has a living runner\n"
    assert people.bench.sql("SELECT status FROM import_batches") == [("processing",)]


def test_another_run_names_what_has_lost_its_runner(people: CommandLine) -> None:
    batch_id = killed(people)
    people.bench.file("other.csv", "email,name\nz@x.org,Z\n")
    said = people.ri("run", "people", "other.csv")
    assert said.code == 0
    assert said.err == f"warning: batch {batch_id} has lost its runner; to finish it: ri resume {batch_id[:8]}\n"


# ── abandon ──────────────────────────────────────────────────────────────────────────────────


def test_abandon_says_what_stays_and_nothing_resumes_it(people: CommandLine) -> None:
    batch_id = interrupted(people)
    short = batch_id[:8]
    said = people.ri("abandon", "last", "--reason", "wrong file")
    assert (said.code, said.out, said.err) == (0, f"batch {short} is given up; 4 records stay as they are\n", "")
    assert "was given up" in refused(people.ri("resume", short), "nothing-to-resume", 2)
    assert "ri status" in refused(people.ri("resume"), "nothing-to-resume", 2)
    shown = people.ri("status", short).out
    assert "stopped and given up" in shown
    assert "ri resume" not in shown
    assert people.bench.sql("SELECT metadata FROM import_batches") == [({"dismissed": {"reason": "wrong file"}},)]


def test_abandon_prints_an_object(people: CommandLine) -> None:
    batch_id = interrupted(people)
    found = people.ri("abandon", batch_id, "--json").json
    assert (found["schema"], found["batch_id"]) == ("ri.abandon/1", batch_id)
    assert (found["status"], found["stop_reason"]) == ("failed", "abandoned")
    assert (found["completed"], found["failed"], found["total"]) == (3, 1, None)


def test_abandon_leaves_what_is_completed(people: CommandLine) -> None:
    people.ri("run", "people", "people.csv")
    assert "is completed" in refused(people.ri("abandon", "last"), "nothing-to-abandon", 2)


def test_abandon_needs_a_batch(people: CommandLine) -> None:
    interrupted(people)
    assert "BATCH" in refused(people.ri("abandon"), "usage", 2)


# ── run ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_run_that_a_signal_has_stopped_names_the_command_that_finishes_it(
    people: CommandLine, signal: str, code: int
) -> None:
    people.bench.file("hooks/people.py", STRIKE)
    people.bench.file("strike", signal)
    said = people.ri("run", "people", "people.csv")
    [batch_id] = [batch_id for (batch_id,) in people.bench.sql("SELECT id::text FROM import_batches")]
    assert said.code == code
    assert "  4 records read" in said.out
    assert f"  interrupted\n  what is committed stays; to finish it: ri resume {batch_id[:8]}\n" in said.out
    again = people.ri("run", "people", "people.csv")
    assert (again.code, again.err) == (1, resuming(batch_id))


def test_a_resumption_that_a_signal_has_stopped_does_so_too(people: CommandLine) -> None:
    batch_id = interrupted(people, chunks=1)
    people.bench.file("hooks/people.py", STRIKE)
    people.bench.file("strike", "SIGTERM")
    said = people.ri("resume", "--json")
    assert (said.code, said.json["stop_reason"], said.json["total"]) == (143, "interrupted", None)
    assert people.ri("resume").err == resuming(batch_id)


def test_run_goes_on_and_says_so_also_when_it_is_quiet(people: CommandLine) -> None:
    batch_id = interrupted(people)
    said = people.ri("run", "people", "people.csv", "-q")
    assert (said.code, said.out, said.err) == (1, "", resuming(batch_id))


def test_run_begins_anew_when_it_is_told_and_names_what_stays(people: CommandLine) -> None:
    batch_id = interrupted(people)
    said = people.ri("run", "people", "people.csv", "--new-batch", "--json")
    assert (said.code, said.json["batch_id"] == batch_id, said.json["total"]) == (1, False, 7)
    stays = f"batch {batch_id} of the same content stays stopped (interrupted): ri abandon {batch_id[:8]}"
    assert said.err == f"warning: {stays}\n"


def test_run_begins_anew_after_a_limit_and_resume_does_not(people: CommandLine) -> None:
    people.bench.pipeline("people", f"{PEOPLE}chunk_size: 2\nlimits: {{max_failed: 0}}\n")
    first = people.ri("run", "people", "people.csv", "--json")
    assert first.code == 4
    batch_id = first.json["batch_id"]
    again = people.ri("run", "people", "people.csv", "--json")
    assert (again.code, again.json["batch_id"] == batch_id) == (4, False)
    assert f"ri abandon {batch_id[:8]}" in again.err
    assert people.ri("resume", batch_id, "--max-failed", "9").code == 1


def test_run_of_several_files_goes_on_with_the_one_that_was_interrupted(people: CommandLine) -> None:
    people.bench.file("other.csv", "email,name\nz@x.org,Z\n")
    batch_id = interrupted(people)
    said = people.ri("run", "people", "other.csv", "people.csv", "--json")
    assert said.code == 1
    assert said.err == resuming(batch_id)
    assert people.bench.sql("SELECT count(*) FROM import_batches") == [(2,)]


def test_a_file_that_is_refused_as_imported_does_not_keep_the_next_one(people: CommandLine) -> None:
    people.bench.pipeline("people", PEOPLE.replace("format: csv", "format: csv, same_file: refuse"))
    people.bench.file("other.csv", "email,name\nz@x.org,Z\n")
    batch_id = people.ri("run", "people", "people.csv", "--json").json["batch_id"]
    said = people.ri("run", "people", "people.csv", "other.csv")
    assert said.code == 2
    assert "error[same-file] people.csv: the same content was imported " in said.err
    assert f"by batch {batch_id}" in said.err
    assert "1 completed (1 inserted" in said.out


def test_reprocess_goes_on_and_says_so(people: CommandLine) -> None:
    people.ri("run", "people", "people.csv")
    people.bench.pipeline("people", f"{PEOPLE}chunk_size: 1\n")
    with people.bench.manager() as manager:
        [parent] = manager.list_batches()
        again = manager.reprocess_batch(parent.batch_id, **interrupted_after(1))
    assert again is not None
    said = people.ri("reprocess", parent.batch_id, "--json")
    assert (said.code, said.json["batch_id"], said.json["total"]) == (1, again, 2)
    assert resuming(again, records=1) in said.err


# ── standard input ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def piped(people: CommandLine, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an interrupted batch that came by standard input."""
    people.bench.file("hooks/people.py", STRIKE)
    people.bench.file("strike", "SIGTERM")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    said = people.ri("run", "people", "-", "--json")
    assert said.code == 143
    return str(said.json["batch_id"])


def spooled(people: CommandLine) -> list[Path]:
    return list((people.root / ".ri").rglob("spool/*"))


def test_what_came_by_standard_input_is_resumed_without_it(people: CommandLine, piped: str) -> None:
    assert [kept.name for kept in spooled(people)] == [piped]
    said = people.ri("resume")
    assert (said.code, said.err) == (1, resuming(piped))
    assert "people · <stdin> →" in said.out
    assert spooled(people) == []


def test_abandon_removes_what_came_by_standard_input(people: CommandLine, piped: str) -> None:
    assert people.ri("abandon", piped).code == 0
    assert spooled(people) == []


def test_input_of_which_nothing_is_kept_is_asked_for(people: CommandLine, piped: str) -> None:
    [kept] = spooled(people)
    kept.unlink()
    message = refused(people.ri("resume"), "source-gone", 2)
    assert f"ri resume {piped[:8]} --file FILE" in message
    assert people.ri("resume", "--file", "people.csv").code == 1
