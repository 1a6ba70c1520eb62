"""Hooks and the command line: what they print, what it says when they stop a batch, its exit codes."""

from __future__ import annotations

import json
import re

import pytest
from support.command_line import GOOD, ONE_OF_TWO, PEOPLE, CommandLine


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    command_line.people()
    command_line.bench.file("good.csv", GOOD)
    return command_line


def hook(project: CommandLine, text: str) -> None:
    project.bench.file("hooks/people.py", text)


def test_what_a_hook_prints_goes_to_stderr(project: CommandLine) -> None:
    hook(project, "print('body')\ndef transform_item(item, ctx):\n    print('item')\n    return dict(item.data)\n")
    said = project.ri("run", "people", "good.csv", "--json")
    assert (said.code, said.json["completed"]) == (0, 1)
    assert said.err == "body\nitem\n"


def test_printing_into_a_stderr_that_nobody_reads_fails_no_record(project: CommandLine) -> None:
    hook(project, "def transform_item(item, ctx):\n    print('x' * 1000, flush=True)\n    return dict(item.data)\n")
    rows = "".join(f"p{n}@x.org,P\n" for n in range(300))
    project.bench.file("many.csv", f"email,name\n{rows}")
    said = project.shell("{ ri run people many.csv --json 2>&1 >&3 | head -1 >/dev/null; } 3>out.json")
    made = json.loads((project.root / "out.json").read_text(encoding="utf-8"))
    assert (said.out, made["completed"], made["failed"]) == ("", 300, 0)


def test_a_batch_that_validate_batch_refuses_is_exit_4(project: CommandLine) -> None:
    hook(project, "def validate_batch(ctx): return False\n")
    said = project.ri("run", "people", "good.csv")
    assert said.code == 4
    assert "stopped by a hook: validate_batch refused the batch" in said.out
    assert "nothing was imported" in said.out
    assert project.ri("run", "people", "good.csv", "--json").json["stop_reason"] == "hook"


def test_a_refused_batch_does_not_keep_the_next_file_from_being_imported(project: CommandLine) -> None:
    hook(project, "def validate_batch(ctx): return ctx.batch.source_info['name'] != 'bad.csv'\n")
    project.bench.file("bad.csv", GOOD)
    said = project.ri("run", "people", "bad.csv", "good.csv", "--json")
    assert said.code == 4
    assert [json.loads(line)["status"] for line in said.out.splitlines()] == ["failed", "completed"]


def test_a_hook_that_raises_before_the_first_record_is_exit_3_with_its_line(project: CommandLine) -> None:
    hook(project, "def on_batch_start(ctx):\n    raise KeyError('EUR')\n")
    said = project.ri("run", "people", "good.csv")
    assert said.code == 3
    assert "error[hook.on_batch_start] on_batch_start: KeyError: 'EUR' (hooks/people.py:2)" in said.err
    shown = project.ri("status", "last").out
    assert "stopped by a hook: on_batch_start: KeyError" in shown


def test_a_hook_that_raises_at_the_end_leaves_a_completed_batch_and_exit_1(project: CommandLine) -> None:
    hook(project, "def on_batch_complete(ctx, success):\n    raise RuntimeError('no totals')\n")
    said = project.ri("run", "people", "good.csv")
    assert said.code == 1
    told = "after the last record: on_batch_complete: RuntimeError: no totals (hooks/people.py:2)"
    assert told in said.out
    assert told in project.ri("status", "last").out
    made = project.ri("run", "people", "good.csv", "--json").json
    assert (made["status"], made["failed"]) == ("completed", 0)
    assert made["error_message"].startswith("on_batch_complete: RuntimeError")


def test_the_worst_file_decides_also_when_a_later_one_is_stopped(project: CommandLine) -> None:
    project.bench.pipeline("people", PEOPLE + "limits: {max_failed: 0}\n")
    hook(
        project, "def on_batch_start(ctx):\n    if ctx.batch.source_info['name'] == 'good.csv': raise KeyError('EUR')\n"
    )
    project.bench.file("bad.csv", ONE_OF_TWO)
    said = project.ri("run", "people", "bad.csv", "good.csv", "good.csv")
    assert said.code == 4  # of the first: the second alone gives 3
    assert re.search(r"^not imported: good.csv$", said.err, re.MULTILINE)
