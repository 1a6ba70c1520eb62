"""The tables of docs/python-api.md and docs/hooks.md name what the code has: all of it, and nothing else."""

from __future__ import annotations

import inspect
import re
import textwrap

import pytest
from support import pages

import ri_declarative
from ri_declarative import BaseProcessor, BatchManager, ImportContext, ImportItem, ProcessorRegistry, Retry, errors
from ri_declarative.spec.hook_names import HOOKS

API, HOOKS_PAGE = pages.text_of("python-api.md"), pages.text_of("hooks.md")
CALL = re.compile(r"`(?:ctx\.)?(\w+)\((.*?)\)`")


def section(page: str, heading: str) -> str:
    """The part of a page below a heading, up to the next one of its rank."""
    rank = heading.split()[0]
    return re.split(rf"^{rank} ", page.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def documented(text: str) -> dict[str, str]:
    """Name → parameters, of the calls in the first column of tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {name: parameters for cell in cells for name, parameters in CALL.findall(cell)}


def methods(cls: type) -> dict[str, str]:
    """Name → parameters, of the public methods of a class."""
    found = {name: value for name, value in vars(cls).items() if not name.startswith("_") and callable(value)}
    return {name: parameters_of(value) for name, value in found.items()}


def parameters_of(function: object) -> str:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    plain = [p.replace(annotation=p.empty) for name, p in signature.parameters.items() if name != "self"]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))[1:-1]


def test_every_method_of_batch_manager_is_in_the_reference_with_its_parameters() -> None:
    told = documented(section(API, "### BatchManager"))
    assert told.pop("BatchManager") == parameters_of(BatchManager)
    assert told == methods(BatchManager), "docs/python-api.md: bring the reference of BatchManager up to date"


def test_every_property_of_batch_manager_is_in_the_reference() -> None:
    properties = [name for name, value in vars(BatchManager).items() if name[0] != "_" and not callable(value)]
    assert [name for name in properties if f"`{name}`" not in section(API, "### BatchManager")] == []


def test_every_method_of_the_registry_is_described() -> None:
    assert documented(section(API, "## The registry")) == methods(ProcessorRegistry)


def test_every_hook_of_a_processor_class_is_described() -> None:
    assert documented(section(API, "## A processor class")) == methods(BaseProcessor)


def test_the_defaults_of_a_processor_class_are_those_shown() -> None:
    text = section(API, "## A processor class")
    assert f"| `chunk_size` | `{BaseProcessor.chunk_size}` |" in text
    assert f"| `retry` | `{Retry()!r}` |" in text


def test_every_public_name_is_on_the_page() -> None:
    assert [name for name in ri_declarative.__all__ if not re.search(rf"\b{name}\b", API)] == []


def test_the_tree_of_errors_is_that_of_the_code() -> None:
    tree = textwrap.dedent(re.findall(r"(?:^ {4}.*\n)+", errors.__doc__ or "", re.MULTILINE)[0]).strip()
    assert tree in section(API, "## Errors")


def test_every_hook_is_in_the_table_with_its_parameters() -> None:
    told = documented(section(HOOKS_PAGE, "## The hooks, in the order in which they run"))
    assert told == {name: ", ".join(parameters) for name, parameters in HOOKS.items()}


def test_every_method_of_the_context_is_described_or_said_to_be_the_engines() -> None:
    text = section(HOOKS_PAGE, "## What `ctx` can do")
    told = documented(text)
    rest = {name: parameters for name, parameters in methods(ImportContext).items() if name not in told}
    assert {name: methods(ImportContext)[name] for name in told} == told
    assert [name for name in rest if f"`{name}`" not in text] == []


@pytest.mark.parametrize(("cls", "word"), [(ImportContext, "ctx"), (ImportItem, "item")])
def test_every_property_of_what_hooks_get_is_described(cls: type, word: str) -> None:
    properties = [name for name, value in vars(cls).items() if isinstance(value, property)]
    text = section(HOOKS_PAGE, "## What `ctx` can do")
    assert [name for name in properties if f"`{word}.{name}`" not in text and f"`{name}`" not in text] == []
