"""`ri status --stats`: what an operator sees, on a terminal, through a pipe and as JSON."""

from __future__ import annotations

import pytest
from support.command_line import PEOPLE, CommandLine

from cli.test_cli_tables import on_terminal

HEADER = "pipeline batches stopped records failed success average rate"
LATE = "lease_expires_at = clock_timestamp() - interval '1 hour', completed_at = NULL"


def make_stuck(command_line: CommandLine, batch_id: str) -> None:
    """What a killed worker leaves behind."""
    command_line.bench.sql(f"UPDATE import_batches SET status = 'processing', {LATE} WHERE id = %s", (batch_id,))


def test_without_batches_it_says_so_and_how_to_import(command_line: CommandLine) -> None:
    said = command_line.ri("status", "--stats")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("no batches in database ")
    assert "ri run PIPELINE FILE" in said.err


def test_without_batches_json_is_zeros_and_nulls(command_line: CommandLine) -> None:
    made = command_line.ri("status", "--stats", "--json").json
    assert (made["schema"], made["days"], made["pipelines"], made["stuck"]) == ("ri.status.stats/1", 7, [], [])
    assert (made["overall"]["completed"], made["overall"]["success_rate"]) == (0, None)


def test_json_tells_rates_for_all_and_for_each_pipeline(command_line: CommandLine) -> None:
    batch = command_line.failed_batch()
    command_line.bench.sql("UPDATE import_batches SET started_at = completed_at - interval '4 seconds'")
    made = command_line.ri("status", "--stats", "--json").json
    numbers = {
        "completed_batches": 1,
        "failed_batches": 0,
        "completed": 1,
        "failed": 1,
        "skipped": 0,
        "success_rate": 0.5,
        "average_duration_s": 4.0,
        "records_per_s": 0.5,
    }
    assert made["overall"] == numbers
    assert made["pipelines"] == [{"pipeline": "people", **numbers}]
    assert made["failing"] == [], batch


def test_json_names_the_batches_to_look_at(command_line: CommandLine) -> None:
    stuck = command_line.failed_batch()
    command_line.bench.file("bad.csv", "email,name\nnowhere,A\n")
    failing = command_line.ri("run", "people", "bad.csv", "--json").json["batch_id"]
    make_stuck(command_line, stuck)
    made = command_line.ri("status", "--stats", "--json").json
    assert [(one["batch_id"], one["source_name"], one["processed"]) for one in made["stuck"]] == [
        (stuck, "people.csv", 2)
    ]
    assert [(one["batch_id"], one["failed"]) for one in made["failing"]] == [(failing, 1)]
    assert made["waiting"] == []


def test_piped_it_is_a_summary_and_tables_with_tabs(command_line: CommandLine) -> None:
    batch = command_line.failed_batch()
    command_line.failed_batch()
    make_stuck(command_line, batch)
    said = command_line.ri("status", "--stats")
    summary, pipelines, notable = said.out.rstrip("\n").split("\n\n")
    assert summary.splitlines()[1:] == [
        "  50.0 % of 2 records completed, 1 failed, 0 skipped",
        "  1 batch ended, 0 of them stopped early",
    ]
    header, row = pipelines.splitlines()
    shown = dict(zip(header.split("\t"), row.split("\t"), strict=True))
    assert (shown["pipeline"], shown["batches"], shown["records"], shown["success"]) == ("people", "1", "2", "50.0 %")
    assert notable.splitlines()[1].split("\t")[:6] == ["stuck", batch[:8], "people", "people.csv", "2", "1"]
    assert "stuck: it should be worked on, but its worker is gone" in said.err


def test_a_reprocessing_is_told_apart(command_line: CommandLine) -> None:
    command_line.ri("reprocess", command_line.failed_batch())
    out = command_line.ri("status", "--stats").out
    assert "  50.0 % of 2 records completed, 1 failed" in out
    assert "  reprocessing, not counted above: 0.0 % of 1 record completed, in 1 batch\n" in out


def test_a_reprocessing_that_failed_again_names_the_batch_it_took(command_line: CommandLine) -> None:
    first = command_line.failed_batch()
    command_line.ri("reprocess", first)
    assert f"\tpeople.csv, again from {first[:8]}\t1\t1\t" in command_line.ri("status", "--stats").out


def test_success_is_never_rounded_up_to_all(command_line: CommandLine) -> None:
    command_line.failed_batch()
    command_line.bench.sql("UPDATE import_batches SET completed = 99999999")
    assert "  99.9 % of 100,000,000 records completed" in command_line.ri("status", "--stats").out
    assert command_line.ri("status", "--stats", "--json").json["overall"]["success_rate"] < 1


def test_an_empty_file_has_no_rate(command_line: CommandLine) -> None:
    command_line.bench.file("people.csv", "email,name\n")
    assert command_line.ri("run", command_line.people(), "people.csv").code == 0
    out = command_line.ri("status", "--stats").out
    assert "  no records, 0 failed, 0 skipped\n  1 batch ended" in out
    assert "people\t1\t0\t0\t0\t-\t" in out


def test_days_widen_the_window(command_line: CommandLine) -> None:
    command_line.failed_batch()
    command_line.bench.sql("UPDATE import_batches SET completed_at = completed_at - interval '8 days'")
    assert "the last 7 days\n  no import ended\n" in command_line.ri("status", "--stats").out
    assert "50.0 % of 2 records" in command_line.ri("status", "--stats", "--days", "9").out
    assert command_line.ri("status", "--stats", "--days", "1").out.splitlines()[0].endswith(", the last 24 hours")


def test_a_terminal_of_80_columns_shows_one_line_a_pipeline_and_a_batch(command_line: CommandLine) -> None:
    command_line.failed_batch()
    command_line.bench.pipeline("customer_data_of_all_shops", PEOPLE)
    assert command_line.ri("run", "customer_data_of_all_shops", "people.csv").code == 1
    big = "completed = 12345678, started_at = completed_at - interval '59 minutes 59 seconds'"
    command_line.bench.sql(f"UPDATE import_batches SET {big} WHERE batch_type = 'people'")
    make_stuck(command_line, command_line.failed_batch())
    lines = on_terminal("status --stats", columns=80)
    assert max(map(len, lines[1:])) <= 80  # the first names the database
    assert any(" ".join(line.split()) == HEADER for line in lines)
    assert any(line.split()[:5] == ["people", "1", "0", "12345679", "1"] for line in lines)
    assert any(line.startswith("stuck    ") and "people.csv" in line for line in lines)


def test_a_terminal_shows_the_newest_of_many_batches_and_says_how_many_more(command_line: CommandLine) -> None:
    command_line.bench.sql(
        "INSERT INTO import_batches (id, batch_type, created_at) "
        "SELECT gen_random_uuid(), 'p' || n, now() - n * interval '2 hours' FROM generate_series(1, 13) n"
    )
    lines = on_terminal("status --stats", columns=80)
    shown = [line.split()[2] for line in lines if line.startswith("waiting  ")]
    assert shown == [f"p{n}" for n in range(1, 11)]
    assert "waiting: nobody has begun it for more than an hour (3 more: --json)" in lines
    assert len([line for line in command_line.ri("status", "--stats").out.splitlines() if "waiting" in line]) == 13


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["last", "--stats"], "give a BATCH or --stats, not both"),
        (["--stats", "--pipeline", "people"], "give --pipeline or --stats, not both"),
        (["--stats", "--limit", "20"], "give --limit or --stats, not both"),
        (["--days", "3"], "--days is for --stats"),
        (["--stats", "--days", "36501"], "days must be from 1 to 36500, not 36501"),
    ],
)
def test_what_would_be_ignored_is_a_usage_error(command_line: CommandLine, words: list[str], message: str) -> None:
    said = command_line.ri("status", *words, "--json")
    assert (said.code, said.json["code"]) == (2, "usage")
    assert message in said.json["message"]


def test_without_ris_tables_it_says_how_to_make_them(command_line: CommandLine) -> None:
    command_line.bench.file("ri.yaml", "bookkeeping_schema: books\n")
    said = command_line.ri("status", "--stats", "--json")
    assert (said.code, said.json["code"]) == (2, "not-migrated")
