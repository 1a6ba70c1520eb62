"""What the operating system refuses becomes a line, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine, Said
from support.embedded import AS_NOBODY

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become another user"
)


def refused(said: Said, code: str) -> str:
    """The message of the one error that was told; exit code 2."""
    assert (said.code, said.err.count("error["), "Traceback" in said.err) == (2, 1, False), said
    assert f"error[{code}]" in said.err
    return said.err


def in_a_process(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=60)
    return Said(process.returncode, out or "", err)


@pytest.mark.parametrize("file", ["/proc/self/mem", ".", "pipelines", "/dev/fd/99", "x" * 300])
def test_a_file_that_cannot_be_read(command_line: CommandLine, file: str) -> None:
    said = command_line.ri("run", command_line.people(), file)
    assert (said.code, said.err.count("error["), "Traceback" in said.err) == (2, 1, False), said
    assert "internal" not in said.err


@pytest.fixture
def open_folder(command_line: CommandLine) -> Iterator[Path]:
    """A copy of the project that everybody can enter and only we can write."""
    folder = Path(tempfile.mkdtemp(prefix="ri-refusals-", dir="/tmp"))
    command_line.people()
    shutil.copytree(command_line.root, folder, dirs_exist_ok=True)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@AS_ROOT
def test_a_folder_that_may_not_be_written(command_line: CommandLine, open_folder: Path) -> None:
    for words in (["init"], ["init", "new"], ["schema", "--output", "x.json"]):
        refused(in_a_process(command_line.start(*words, prefix=AS_NOBODY, cwd=open_folder)), "file-not-written")


@pytest.mark.parametrize("file", ["/sys/fix.csv", "nowhere/fix.csv", "people.csv/fix.csv", "x" * 300, "/proc/fix.csv"])
def test_an_export_that_cannot_be_written(command_line: CommandLine, file: str) -> None:
    command_line.failed_batch()
    refused(command_line.ri("errors", "last", "--csv", file), "file-not-written")


@AS_ROOT
def test_an_embedded_database_in_a_folder_that_may_not_be_written(command_line: CommandLine, open_folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "RI_DATABASE_URL"}
    said = in_a_process(command_line.start("status", prefix=AS_NOBODY, cwd=open_folder, env=environment))
    refused(said, "embedded-folder")


def test_a_full_disk_behind_stdout(command_line: CommandLine) -> None:
    command_line.failed_batch()
    for words in ("status", "errors last --json", "errors last --csv -", "doctor", "--help", "schema"):
        with Path("/dev/full").open("w") as full:
            said = in_a_process(command_line.start(*words.split(), stdout=full))
        assert "cannot write to stdout: No space left on device" in refused(said, "file-not-written")


def test_a_full_disk_does_not_undo_a_run(command_line: CommandLine) -> None:
    command_line.bench.file("good.csv", "email,name\na@x.org,A\n")
    with Path("/dev/full").open("w") as full:
        said = in_a_process(command_line.start("run", command_line.people(), "good.csv", stdout=full))
    assert (said.code, said.err) == (0, "warning: the result could not be printed: No space left on device\n")


def test_a_full_disk_under_an_export(command_line: CommandLine) -> None:
    command_line.failed_batch()
    said = command_line.ri("errors", "last", "--csv", "/dev/full")
    assert "cannot write /dev/full: No space left on device" in refused(said, "file-not-written")
    assert Path("/dev/full").is_char_device()


def test_an_export_is_written_to_a_pipe_or_a_device_and_does_not_replace_it(command_line: CommandLine) -> None:
    command_line.failed_batch()
    said = command_line.shell("ri errors last --csv /dev/stdout | head -1; ri errors last --csv >(cat >&2) --force")
    assert (said.code, said.out.split("\n")[0]) == (0, '"email","name","_ri_item","_ri_code","_ri_error"')
    assert '"not-an-address","B"' in said.err
    assert Path("/dev/stdout").exists()


def test_an_export_over_a_link_replaces_what_it_leads_to(command_line: CommandLine) -> None:
    command_line.failed_batch()
    link = command_line.root / "link.csv"
    link.symlink_to("real.csv")
    command_line.bench.file("real.csv", "mine")
    refused(command_line.ri("errors", "last", "--csv", "link.csv"), "file-exists")
    assert command_line.ri("errors", "last", "--csv", "link.csv", "--force").code == 0
    assert link.is_symlink()
    assert "not-an-address" in (command_line.root / "real.csv").read_text(encoding="utf-8-sig")


READERS = (
    "ri status | head -0",
    "ri errors last --limit 0 | true",
    "ri errors last --json | head -c 5",
    "ri errors last --csv - | true",
    "ri doctor | head -1",
    "ri explain people | head -1",
    "ri --help | true",
    "ri completion bash | true",
)


def test_a_reader_that_goes_away_is_no_error(command_line: CommandLine) -> None:
    command_line.failed_batch()
    for line in READERS:
        said = command_line.shell(line, shell=("bash", "-c"))
        assert said.err == "", line


def test_closed_streams_are_no_reason_for_a_traceback(command_line: CommandLine) -> None:
    command_line.failed_batch()
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        for words in ("--help", "run people people.csv"):
            said = command_line.shell(f"ri {words} {closed}", shell=("bash", "-c"))
            assert "Traceback" not in said.err, (words, closed)
            assert "internal" not in said.err, (words, closed)
