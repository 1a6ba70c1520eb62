from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from cli.scripted_batches import ScriptedManager, batch
from ri_declarative.cli.main import main

LOGGER = logging.getLogger("ri_declarative")


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    handlers, level = list(LOGGER.handlers), LOGGER.level
    yield
    LOGGER.handlers[:] = handlers
    LOGGER.setLevel(level)


def _logging_run() -> object:
    LOGGER.info("chunk 1 committed")
    LOGGER.warning("deadlock, trying again\x1b[31m")
    return batch(failed_items=0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "p", "a.csv", "-q"], "warning: deadlock, trying again\\x1b[31m\n"),
        (["-v", "run", "p", "a.csv", "-q"], "info: chunk 1 committed\nwarning: deadlock, trying again\\x1b[31m\n"),
        (["run", "p", "a.csv", "-qv"], "info: chunk 1 committed\nwarning: deadlock, trying again\\x1b[31m\n"),
    ],
)
def test_the_log_goes_to_stderr_and_v_shows_more(
    manager: type[ScriptedManager], capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    manager.runs = [_logging_run]
    assert main(words) == 0
    assert capsys.readouterr() == ("", expected)


def test_a_second_command_in_one_process_does_not_log_twice(
    manager: type[ScriptedManager], capsys: pytest.CaptureFixture[str]
) -> None:
    manager.runs = [_logging_run, _logging_run]
    main(["run", "p", "a.csv", "-q"])
    main(["run", "p", "a.csv", "-q"])
    assert capsys.readouterr().err.count("deadlock") == 2
