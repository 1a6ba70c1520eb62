"""Completion as real shells ask for it, and as their protocol says where a shell is not here."""

from __future__ import annotations

import shutil
import socket
import time

import pytest
from support.command_line import CommandLine

from ri_declarative.cli import completing
from ri_declarative.cli.group import COMMANDS

SHELLS = ("bash", "zsh", "fish")
# What zsh's own function would show, printed: it works only while a person presses a key.
ZSH = """
autoload -U compinit && compinit -u -D
_describe() { local array=$3; print -rl -- ${(P)array} }
compadd() { print -rl -- ${(P)${@[-1]}} }
_path_files() { print FILES }
eval "$(ri completion zsh)"
words=(%s); CURRENT=$#words
_ri_completion
"""
BASH = """
eval "$(ri completion bash)"
compopt() { echo FILES; }
COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_ri_completion ri
printf '%%s\\n' "${COMPREPLY[@]}"
"""


def completed(command_line: CommandLine, shell: str, words: str) -> list[str]:
    """What the shell offers for the last of the words, without descriptions; `''` is an empty one."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    if shell == "fish":
        typed = words.replace("''", "")
        said = command_line.shell(f"ri completion fish | source; complete -C '{typed}'", shell=("fish", "-N", "-c"))
        lines = [line.partition("\t")[0] for line in said.out.splitlines()]
    elif shell == "bash":
        said = command_line.shell(BASH % words, shell=("bash", "--norc", "-c"))
        lines = said.out.splitlines()
    else:
        said = command_line.shell(ZSH % words, shell=("zsh", "-f", "-c"))
        lines = [line.partition(":")[0] for line in said.out.splitlines()]
    assert said.err == ""
    return [line for line in lines if line]


def asked(command_line: CommandLine, words: str, **environment: str) -> list[str]:
    """Values by click's protocol of bash: type,value on each line."""
    said = command_line.shell(
        "ri", _RI_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1), **environment
    )
    assert (said.code, said.err) == (0, "")
    return [line.partition(",")[2] for line in said.out.splitlines() if line]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands(command_line: CommandLine, shell: str) -> None:
    assert completed(command_line, shell, "ri re") == [name for name in COMMANDS if name.startswith("re")]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_pipelines(command_line: CommandLine, shell: str) -> None:
    command_line.people()
    command_line.bench.pipeline("pets", "target: {}\n")
    command_line.bench.pipeline("orders", "target: {}\n")
    assert completed(command_line, shell, "ri run pe") == ["people", "pets"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_batches(command_line: CommandLine, shell: str) -> None:
    batch = command_line.failed_batch()[:8]
    assert completed(command_line, shell, f"ri errors {batch[:3]}") == [batch]
    assert sorted(completed(command_line, shell, "ri status ''")) == sorted(["last", batch])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_options(command_line: CommandLine, shell: str) -> None:
    assert completed(command_line, shell, "ri reprocess --fr") == ["--from"]


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_completes_files(command_line: CommandLine, shell: str) -> None:
    command_line.bench.file("customers.csv", "")
    expected = {"bash": ["FILES", "customers"], "fish": ["customers.csv"]}[shell]
    found = completed(command_line, shell, "ri run people customers")
    assert set(found) & set(expected)


def test_a_database_named_on_the_line_is_asked(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = command_line.failed_batch()[:8]
    monkeypatch.delenv("RI_DATABASE_URL")
    assert asked(command_line, "ri errors ") == ["last"]
    words = f"ri errors --database {command_line.bench.dsn} "
    assert asked(command_line, words) == ["last", batch]


def test_the_embedded_server_is_not_started_for_completing(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RI_DATABASE_URL")
    assert asked(command_line, "ri status ") == ["last"]
    assert not (command_line.root / ".ri").exists()


@pytest.mark.parametrize("address", ["host=/nowhere dbname=x", "postgresql://[", "postgresql://ri@/nope?host=/tmp"])
def test_a_database_that_cannot_be_asked_is_passed_over_in_silence(command_line: CommandLine, address: str) -> None:
    assert asked(command_line, "ri status ", RI_DATABASE_URL=address) == ["last"]


def test_a_database_that_does_not_answer_is_waited_for_two_seconds(command_line: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://ri@127.0.0.1:{silent.getsockname()[1]}/x"
        begun = time.monotonic()
        assert asked(command_line, "ri status ", RI_DATABASE_URL=address) == ["last"]
    assert time.monotonic() - begun < completing.PATIENCE_S + 5


def test_a_wrong_ri_yaml_does_not_speak_into_the_line(command_line: CommandLine) -> None:
    command_line.bench.file("ri.yaml", "databse: x\n")
    assert asked(command_line, "ri run ") == []
    assert asked(command_line, "ri status ") == ["last"]


def test_the_scripts_are_printed_without_any_shell(command_line: CommandLine) -> None:
    for shell in SHELLS:
        said = command_line.ri("completion", shell)
        assert (said.code, said.err) == (0, "")
        assert "_RI_COMPLETE" in said.out
    assert command_line.ri("completion", "tcsh").code == 2
