"""Processor classes on the command line: run, reprocess, look, list, complete."""

from __future__ import annotations

import json

import pytest
from support.class_project import write_class
from support.command_line import ONE_OF_TWO, PEOPLE, CommandLine


@pytest.fixture
def project(classes: CommandLine) -> CommandLine:
    """The class `customers`, its table, the pipeline `people`, and a file with one good record of two."""
    classes.people()
    write_class(classes.root)
    classes.bench.file("two.csv", ONE_OF_TWO)
    return classes


def test_a_class_imports_a_file_by_its_ending(project: CommandLine) -> None:
    said = project.ri("run", "customers", "two.csv", "--json")
    assert (said.code, said.json["completed"], said.json["failed"], said.json["inserted"]) == (1, 1, 1, 1)
    assert said.json["problems"][0]["example"] == {"line": 3, "message": "no address"}
    project.bench.file("one.jsonl", '{"email": "b@x.org", "name": "B"}\n')
    assert project.ri("run", "customers", "one.jsonl").code == 0
    assert project.bench.sql("SELECT email FROM public.people ORDER BY 1") == [("a@x.org",), ("b@x.org",)]


def test_failed_records_of_a_class_are_seen_repaired_and_reprocessed(project: CommandLine) -> None:
    project.ri("run", "customers", "two.csv")
    assert "hook.validate_item\tno address" in project.ri("errors", "last").out
    assert project.ri("errors", "last", "--csv", "fix.csv").code == 0
    fixed = (project.root / "fix.csv").read_text(encoding="utf-8").replace("not-an-address", "b@x.org")
    project.bench.file("fix.csv", fixed)
    said = project.ri("reprocess", "last", "--from", "fix.csv", "--json")
    assert (said.code, said.json["pipeline"], said.json["completed"]) == (0, "customers", 1)
    assert "the pipeline changed" not in said.err
    assert project.ri("status", "last", "--json").json["parent_batch_id"]
    assert len(project.ri("status", "--pipeline", "customers", "--json").json["batches"]) == 2


def test_reprocessing_says_when_the_class_changed(project: CommandLine) -> None:
    project.ri("run", "customers", "two.csv")
    file = project.root / "myapp/customers.py"
    file.write_text(file.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
    assert "the pipeline changed since batch" in project.ri("reprocess", "last").err


def test_an_unknown_name_is_told_with_the_classes_that_there_are(project: CommandLine) -> None:
    said = project.ri("run", "custommers", "two.csv")
    assert said.code == 2
    assert "Available types: customers, people" in said.err
    assert 'did you mean "customers"?' in said.err


def test_a_package_that_cannot_be_imported_is_exit_2_before_anything_is_read(project: CommandLine) -> None:
    project.bench.file("myapp/broken.py", "import no_such_module\n")
    said = project.ri("run", "people", "two.csv", "--json")
    assert (said.code, said.json["code"]) == (2, "processor-import")
    assert "myapp.broken cannot be imported: ModuleNotFoundError" in said.json["message"]


def test_a_class_is_listed_with_its_place_and_its_last_batch(project: CommandLine) -> None:
    project.ri("run", "customers", "two.csv")
    said = project.ri("list")
    assert said.out.splitlines()[1].startswith("customers\t-\tmyapp.customers.CustomersProcessor\t")
    assert said.out.splitlines()[2].startswith("people\tcsv\tpublic.people\t-")
    one, other = project.ri("list", "--json").json["pipelines"]
    assert (one["processor"], one["target"], one["errors"]) == ("myapp.customers.CustomersProcessor", None, 0)
    assert (one["description"], one["last_batch"]["failed"]) == ("Customers, one by one.", 1)
    assert other["processor"] is None


def test_what_cannot_be_imported_is_a_note_of_the_list(project: CommandLine) -> None:
    project.bench.file("myapp/broken.py", "1 / 0\n")
    said = project.ri("list")
    assert said.code == 0
    assert "people\tcsv" in said.out
    assert (
        "ri.yaml:1:14: error[processor-import] processors: myapp.broken cannot be imported: ZeroDivisionError"
        in said.err
    )


@pytest.mark.parametrize("words", ["run", "check", "explain", "status --pipeline"])
def test_names_of_classes_are_completed_and_what_imports_print_is_not(project: CommandLine, words: str) -> None:
    said = project.shell(
        "ri", COMP_WORDS=f"ri {words} ", COMP_CWORD=str(len(words.split()) + 1), _RI_COMPLETE="bash_complete"
    )
    assert said.out.split() == ["plain,people", "plain,customers"]
    assert said.err == ""


def test_completion_without_a_sound_package_offers_the_pipelines(project: CommandLine) -> None:
    project.bench.file("myapp/broken.py", "raise SystemExit(3)\n")
    said = project.shell("ri", COMP_WORDS="ri run ", COMP_CWORD="2", _RI_COMPLETE="bash_complete")
    assert (said.out.split()[0], said.err) == ("plain,people", "")


# ── what is printed ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["run customers two.csv", "list", "explain customers", "check"])
def test_what_a_package_prints_does_not_get_into_results(project: CommandLine, words: str) -> None:
    said = project.shell(f"ri {words} --json")
    json.loads(said.out)
    assert "imported by somebody" in said.err


def test_what_a_class_prints_goes_to_stderr_when_it_reprocesses(project: CommandLine) -> None:
    project.ri("run", "customers", "two.csv")
    said = project.ri("reprocess", "last", "--all", "--json")
    assert said.json["completed"] == 1
    assert "working on a@x.org" in said.err


def test_a_pipeline_and_a_class_of_one_name_are_refused_with_both_places(project: CommandLine) -> None:
    project.bench.pipeline("customers", PEOPLE)
    said = project.ri("run", "customers", "two.csv")
    assert said.code == 2
    assert "pipelines/customers.yaml and myapp.customers.CustomersProcessor" in said.err
