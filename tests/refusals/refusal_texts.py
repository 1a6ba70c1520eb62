"""Reading a pipeline's text as a person does: where a word stands, and what a run says before it begins."""

from __future__ import annotations

import textwrap

import pytest
from support.workbench import Workbench

from ri_declarative.errors import ConfigError, Diagnostic, RiError


def place(text: str, marked: str) -> tuple[str, int, int]:
    """Path, line and column of the first `marked` in pipelines/p.yaml, which holds this text dedented."""
    before, found, _ = textwrap.dedent(text).partition(marked)
    assert found, f"{marked!r} is not in the pipeline"
    return "pipelines/p.yaml", before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def refused(workbench: Workbench) -> RiError:
    """What a run says that is refused before its first write, with exit code 2."""
    with pytest.raises(RiError) as caught:
        workbench.run("p", "k,v\n1,a\n")
    assert caught.value.exit_code == 2
    return caught.value


def diagnosed(workbench: Workbench) -> tuple[Diagnostic, ...]:
    """The findings of a run that is refused before its first write; it left no batch and no item."""
    error = refused(workbench)
    assert isinstance(error, ConfigError), error
    assert_nothing_was_booked(workbench)
    return error.diagnostics


def assert_nothing_was_booked(workbench: Workbench) -> None:
    """No trace of a run."""
    assert workbench.sql("SELECT (SELECT count(*) FROM import_batches), (SELECT count(*) FROM import_batch_items)") == [
        (0, 0)
    ]
