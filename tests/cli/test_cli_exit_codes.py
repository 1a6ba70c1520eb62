"""Exit codes of real runs, as DESIGN section 8 lists them. Those of signals: test_cli_interrupts.py."""

from __future__ import annotations

import pytest
from support.command_line import FATAL, PEOPLE, CommandLine

CODES = [
    ("run people good.csv", 0),
    ("run people good.csv good.csv --quiet", 0),
    ("run ignore old.csv", 0),  # every record is skipped
    ("run people bad.csv", 1),
    ("run people good.csv bad.csv good.csv", 1),
    ("reprocess {batch}", 1),
    ("run", 2),
    ("run people", 2),
    ("run people good.csv --no-such-option", 2),
    ("run nobody good.csv", 2),
    ("run broken good.csv", 2),
    ("run people missing.csv good.csv", 2),
    ("run people header.csv", 2),
    ("run people good.csv --database host=/nowhere", 2),
    ("run tableless good.csv", 2),
    ("reprocess ffff", 2),
    ("status ffff", 2),
    ("errors ffff", 2),
    ("check broken --offline", 2),
    ("check tableless", 2),
    ("doctor", 2),  # the broken pipeline
    ("run people fatal.csv --give-up-after 1", 3),
    ("run people fatal.csv good.csv --give-up-after 1", 3),
    ("run strict bad.csv", 4),
    ("run strict bad.csv good.csv", 4),
    ("--help", 0),
    ("run --help", 0),
    ("--version", 0),
    ("", 2),
    ("runn", 2),
    ("list", 0),
    ("status", 0),
    ("errors {batch}", 0),
    ("check people --offline", 0),
    ("explain people --offline", 0),
    ("completion bash", 0),
]


@pytest.fixture
def project(command_line: CommandLine) -> CommandLine:
    command_line.people()
    bench = command_line.bench
    bench.pipeline("broken", PEOPLE + "limit: 1\n")
    bench.pipeline("strict", PEOPLE + "limits: {max_failed: 0}\n")
    bench.pipeline("ignore", PEOPLE.replace("key: email", "key: email, on_conflict: ignore"))
    bench.pipeline("tableless", PEOPLE.replace("public.people", "public.nobody"))
    bench.sql(FATAL)
    bench.sql("INSERT INTO public.people VALUES ('old@x.org', 'Old')")
    for name, rows in {"good": "a@x.org,A\n", "bad": "nowhere,A\nb@x.org,B\n", "old": "old@x.org,New\n",
                       "fatal": "c@x.org,the end\n"}.items():  # fmt: skip
        bench.file(f"{name}.csv", f"email,name\n{rows}")
    bench.file("header.csv", "email,nme\na@x.org,A\n")
    return command_line


@pytest.mark.parametrize("code", sorted({code for _, code in CODES}))
def test_a_command_ends_with_the_exit_code_of_the_design(project: CommandLine, code: int) -> None:
    batch = project.failed_batch()
    tried = [words for words, expected in CODES if expected == code]
    said = {words: project.ri(*words.format(batch=batch).split()) for words in tried}
    assert {words: one.code for words, one in said.items()} == dict.fromkeys(tried, code)
    assert not any("Traceback" in one.err for one in said.values())


def test_what_was_committed_before_the_end_of_the_world_stays(project: CommandLine) -> None:
    project.ri("run", "people", "good.csv")
    said = project.ri("run", "people", "fatal.csv", "--json", "--give-up-after", "1")
    assert said.code == 3
    assert project.bench.sql("SELECT email FROM public.people ORDER BY 1") == [("a@x.org",), ("old@x.org",)]
