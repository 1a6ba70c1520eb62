"""`ri check` and `ri explain` about processor classes: imported to be looked at, unless offline."""

from __future__ import annotations

import pytest
from support.class_project import write_class
from support.command_line import CommandLine

TARGET = "target: {table: people, key: email, columns: {email: email, name: name}}\n"


@pytest.fixture
def project(classes: CommandLine) -> CommandLine:
    """The class `customers` and the sound pipeline `people`."""
    classes.people()
    write_class(classes.root)
    return classes


def found(project: CommandLine, *words: str) -> list[tuple[str, int, str]]:
    said = project.ri("check", "--json", *words)
    assert said.code == (2 if said.json["errors"] else 0)
    return [(one["path"], one["line"], one["code"]) for one in said.json["diagnostics"]]


def test_sound_classes_are_counted_and_listed(project: CommandLine) -> None:
    assert found(project) == []
    assert "1 pipeline and 1 class checked" in project.ri("check").out
    made = project.ri("check", "--json").json
    assert made["classes"] == [{"name": "customers", "processor": "myapp.customers.CustomersProcessor"}]


def test_a_module_that_cannot_be_imported_is_a_finding_at_its_package(project: CommandLine) -> None:
    project.bench.file("ri.yaml", "processors:\n  - myapp\n  - other_app\n")
    project.bench.file("other_app/__init__.py", "")
    project.bench.file("other_app/orders.py", "import no_such_module\n")
    assert found(project) == [("ri.yaml", 3, "processor-import")]
    message = project.ri("check").out.splitlines()[0]
    assert message.endswith(
        "other_app.orders cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_a_class_named_like_a_pipeline_is_a_finding_with_both_places(project: CommandLine) -> None:
    project.bench.pipeline("customers", TARGET)
    assert found(project, "people") == [("ri.yaml", 1, "duplicate-batch-type")]
    assert "pipelines/customers.yaml and myapp.customers.CustomersProcessor" in project.ri("check").out


@pytest.mark.parametrize("attribute", ["chunk_size = 0", "retry = {'attemts': 3}", "batch_type = 'Customers'"])
def test_attributes_that_no_run_could_use_are_findings(project: CommandLine, attribute: str) -> None:
    write_class(project.root, more=f"\n\nCustomersProcessor.{attribute}\n")
    assert found(project) == [("ri.yaml", 1, "processor-class")]
    assert "processors: myapp.customers.CustomersProcessor: " in project.ri("check").out


def test_a_requirement_may_be_a_class_and_one_that_is_nothing_is_found(project: CommandLine) -> None:
    project.bench.pipeline("people", TARGET + "requires: [customers]\n")
    assert found(project) == []
    project.bench.pipeline("people", TARGET + "requires: [custommers]\n")
    assert found(project) == [("pipelines/people.yaml", 2, "requires-unknown")]
    assert 'there is no pipeline and no class "custommers"; did you mean "customers"?' in project.ri("check").out


def test_a_class_can_be_asked_for_by_its_name(project: CommandLine) -> None:
    project.bench.pipeline("broken", TARGET + "limit: 1\n")
    assert found(project, "customers") == []
    assert "0 pipelines and 1 class checked" in project.ri("check", "customers").out


def test_offline_nothing_is_imported(project: CommandLine) -> None:
    write_class(project.root, more="\n\nopen('imported', 'w').close()\n")
    said = project.ri("check", "--offline", "--json")
    assert (said.code, said.json["classes"]) == (0, [])
    assert project.ri("explain", "customers", "--offline").code == 2
    assert not (project.root / "imported").exists()


def test_no_hook_file_is_run_to_check_or_explain(project: CommandLine) -> None:
    project.bench.file("hooks/people.py", "open('run', 'w').close()\ndef validate_item(item, ctx): return True\n")
    for words in (["check"], ["check", "--offline"], ["explain", "people"], ["explain", "customers"], ["list"]):
        assert project.ri(*words).code == 0
    assert not (project.root / "run").exists()


def test_findings_come_also_without_a_database(project: CommandLine) -> None:
    project.bench.file("myapp/broken.py", "1 / 0\n")
    said = project.ri("check", "--json", "--database", "host=/nowhere")
    assert [one["code"] for one in said.json["diagnostics"]] == ["processor-import"]


# ── explain ──────────────────────────────────────────────────────────────────────────────────────


def test_a_class_is_explained(project: CommandLine) -> None:
    more = "\n\nCustomersProcessor.on_batch_start = lambda self, ctx: None\nCustomersProcessor.chunk_size = 50\n"
    write_class(project.root, more=more)
    said = project.ri("explain", "customers")
    assert said.code == 0
    head = "customers · processor class myapp.customers.CustomersProcessor · myapp/customers.py:6 · fingerprint "
    assert said.out.startswith(head)
    for line in ("  Customers, one by one.", "  With a second line.", "  50 items a transaction",
                 "  it defines, in the order of the calls: on_batch_start, validate_item, process_item"):  # fmt: skip
        assert line in said.out.splitlines()


def test_the_json_of_a_class_holds_the_same(project: CommandLine) -> None:
    made = project.ri("explain", "customers", "--json").json
    assert (made["schema"], made["name"], made["path"], made["line"]) == (
        "ri.explain.class/1", "customers", "myapp/customers.py", 6
    )  # fmt: skip
    assert made["retry"] == {"attempts": 3, "backoff_s": 0.5, "max_s": 30.0}


def test_a_class_has_no_sql(project: CommandLine) -> None:
    said = project.ri("explain", "customers", "--sql")
    assert (said.code, said.out) == (2, "")
    assert "customers is a processor class" in said.err


def test_a_package_that_cannot_be_imported_hides_no_code_and_no_pipeline(project: CommandLine) -> None:
    project.bench.file("myapp/unfinished.py", "1 / 0\n")
    assert project.ri("explain", "people").code == 0
    said = project.ri("explain", "usage")
    assert said.out.startswith("usage: an error of a run")
    assert "error[processor-import]" in said.err
    assert 'did you mean "customers"?' in project.ri("explain", "custommers").err
