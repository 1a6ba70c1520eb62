"""`ri` from a file with bad records to a repaired table."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from support.command_line import killed_after

from ri_declarative.cli.main import main

PIPELINE = """\
source:
  format: csv
schema:
  required: [email, name]
  properties:
    email: {type: string, format: email}
    name: {type: string, minLength: 1}
target:
  table: public.people
  key: [email]
chunk_size: 100
"""

HEADER = "email,name\n"
THREE_OF_FIVE = HEADER + "a@x.org,A\nnot-an-address,B\nc@x.org,C\nd@x.org\ne@x.org,E\n"


class Said(NamedTuple):
    """What came out of a command."""

    returncode: int
    stdout: str
    stderr: str


class Project:
    """A folder with a pipeline, and a database that its ri is told of by the environment."""

    def __init__(self, root: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.url, self._capsys = root, url, capsys

    def ri(self, *words: str) -> Said:
        """The command in this process: a third of a second sooner than in its own."""
        self._capsys.readouterr()
        return Said(main(words), *self._capsys.readouterr())

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[bytes]:
        """The command in a process of its own."""
        command = [sys.executable, "-m", "ri_declarative.cli", *words]
        return killed_after(60, subprocess.Popen(command, stderr=subprocess.PIPE, **streams))

    def json(self, *words: str) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.ri(*words, "--json").stdout)
        return made

    def file(self, name: str, text: str) -> str:
        (self.root / name).write_text(text, encoding="utf-8")
        return name

    def names(self) -> list[str]:
        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT name FROM public.people ORDER BY email")
            return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def project(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Project:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "people.yaml").write_text(PIPELINE, encoding="utf-8")
    with contextlib.closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.people (email text PRIMARY KEY, name text NOT NULL)")
        connection.commit()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RI_DATABASE_URL", database)
    made = Project(tmp_path, database, capsys)
    assert made.ri("db", "migrate").returncode == 0
    return made


def test_from_bad_records_to_a_repaired_table(project: Project) -> None:
    run = project.ri("run", "people", project.file("people.csv", THREE_OF_FIVE))
    assert run.returncode == 1
    assert "5 records read" in run.stdout
    assert "2 failed" in run.stdout
    assert "Traceback" not in run.stderr

    errors = project.json("errors", "last")
    assert [(i["line"], i["problems"][0]["code"], i["problems"][0]["field"]) for i in errors["items"]] == [
        (3, "schema.format", "email"),
        (5, "source.ragged", None),
    ]

    assert project.ri("errors", "last", "--csv", "fix.csv").returncode == 0
    with (project.root / "fix.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["email"], rows[0]["name"] = "b@x.org", "B"
    rows[1]["email"], rows[1]["name"] = "d@x.org", "D"
    with (project.root / "fix.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

    first = project.json("status", "last")["batch_id"]
    again = project.json("reprocess", "last", "--from", "fix.csv")
    assert (again["completed"], again["failed"], again["parent_batch_id"]) == (2, 0, first)
    assert project.names() == ["A", "B", "C", "D", "E"]

    nothing = project.ri("reprocess", first)
    assert (nothing.returncode, nothing.stdout) == (0, f"nothing to reprocess in batch {first[:8]}\n")
    assert project.ri("errors", first).stderr == f"nothing needs attention in batch {first[:8]}\n"


def test_a_failed_record_is_shown_with_its_fields_in_the_order_of_the_file(project: Project) -> None:
    project.ri("run", "people", project.file("people.csv", "name,email\nA,nowhere\n"))
    assert '\t{"name": "A", "email": "nowhere"}\t' in project.ri("errors", "last").stdout


def test_the_json_of_a_run_has_the_documented_keys_only(project: Project) -> None:
    made = project.json("run", "people", project.file("people.csv", THREE_OF_FIVE))
    counts = ["total", "completed", "failed", "skipped", "pending", "inserted", "updated", "unchanged"]
    names = ["schema", "pipeline", "batch_id", "parent_batch_id", "status", "stop_reason", "database", "source"]
    assert list(made) == [*names, *counts, "duration_s", "error_message", "problems"]
    assert (made["total"], made["completed"], made["failed"], made["inserted"]) == (5, 3, 2, 3)
    assert made["source"]["name"] == "people.csv"
    assert made["source"]["size"] == len(THREE_OF_FIVE)
    assert made["problems"][0].keys() == {"code", "field", "count", "example"}


def test_stdin_is_a_file_like_any_other(project: Project) -> None:
    running = project.start("run", "people", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = running.communicate(HEADER.encode() + b"a@x.org,A\n")
    assert (running.returncode, project.names()) == (0, ["A"])
    assert b"1 record read" in out


def test_several_files_are_several_batches_and_the_worst_decides(project: Project) -> None:
    good = project.file("good.csv", HEADER + "z@x.org,Z\n")
    bad = project.file("bad.csv", THREE_OF_FIVE)
    run = project.ri("run", "people", good, "missing.csv", bad, "--json")
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 2
    assert [o["schema"] for o in objects] == ["ri.run/1", "ri.error/1", "ri.run/1"]
    assert "missing.csv" in objects[1]["message"]
    assert [b["source"]["name"] for b in project.json("status")["batches"]] == ["bad.csv", "good.csv"]


def test_an_unknown_pipeline_is_exit_2_with_the_nearest_name(project: Project) -> None:
    run = project.ri("run", "peopel", project.file("people.csv", HEADER))
    assert run.returncode == 2
    assert 'did you mean "people"?' in run.stderr


def test_an_unreachable_database_is_exit_2_and_one_readable_error(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RI_DATABASE_URL", "postgresql://ri:secret@/nowhere?host=/nowhere")
    run = project.ri("run", "people", project.file("people.csv", HEADER))
    assert run.returncode == 2
    assert run.stderr.count("error[") == 1
    assert "Traceback" not in run.stderr
    assert "secret" not in run.stderr


def test_a_changed_pipeline_is_told_with_both_fingerprints(project: Project) -> None:
    project.ri("run", "people", project.file("people.csv", THREE_OF_FIVE))
    project.file("pipelines/people.yaml", PIPELINE.replace("minLength: 1", "minLength: 0"))
    again = project.ri("reprocess", "last")
    assert "the pipeline changed since batch" in again.stderr
    assert again.returncode == 1


def test_dismissed_records_need_no_attention_any_more(project: Project) -> None:
    project.ri("run", "people", project.file("people.csv", THREE_OF_FIVE))
    first = project.json("errors", "last")["items"][0]["item_id"]
    dismissed = project.ri("errors", "last", "--dismiss", "--item", first, "--reason", "test data")
    assert dismissed.returncode == 0
    assert [i["problems"][0]["code"] for i in project.json("errors", "last")["items"]] == ["source.ragged"]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_after_the_chunk_and_leaves_a_consistent_batch(
    project: Project, signum: signal.Signals, code: int
) -> None:
    file = project.file("many.csv", HEADER + "".join(f"p{i}@x.org,P\n" for i in range(60_000)))
    running = project.start("run", "people", file, stdout=subprocess.PIPE)
    while running.poll() is None and not project.names():
        pass
    running.send_signal(signum)
    out, err = running.communicate()
    assert b"stopping after this chunk" in err
    assert (running.returncode, b"Traceback" in err) == (code, False)
    assert b"interrupted" in out
    status = project.json("status", "last")
    assert (status["status"], status["stop_reason"]) == ("failed", "interrupted")
    assert status["completed"] == len(project.names()) < 60_000
    assert project.ri("resume").returncode == 0
    assert project.json("status", "last")["completed"] == len(project.names()) == 60_000


def test_a_closed_stdout_does_not_stop_an_import(project: Project) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    file = project.file("people.csv", HEADER + "a@x.org,A\n")
    running = project.start("run", "people", file, stdout=writer)
    os.close(writer)
    _, err = running.communicate()
    assert (running.returncode, err) == (0, b"")
    assert project.names() == ["A"]
