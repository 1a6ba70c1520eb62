"""PostgreSQL's own programs on the database of a run: psql to look around, pg_dump to keep a copy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ri_declarative.database import embedded
from ri_declarative.database.connect import DatabaseChoice, conninfo
from ri_declarative.database.embedded.binaries import find_binaries
from ri_declarative.errors import DatabaseError, UsageError

STDOUT = Path("-")


class Command(NamedTuple):
    """A program to become: for os.execve."""

    program: Path
    words: tuple[str, ...]
    environment: Mapping[str, str]


def psql(choice: DatabaseChoice, root: Path, arguments: Sequence[str]) -> Command:
    """psql on the database; the embedded one is started, and stays until the program that we become ends.

    Its own psql comes first for the embedded database, that of PATH for another one: there it is the user's.
    Raises DatabaseError "no-program" when there is none. No password is among the words (ps shows these).
    """
    if choice.embedded:
        attached = embedded.attach(root)
        program = _program("psql", embedded.status(root).version)
        attached.pass_on()
        return Command(program, ("psql", "-d", attached.dsn, *arguments), embedded.no_pg_variables(os.environ))
    address, password = conninfo(choice)
    environment = dict(os.environ) if password is None else {**os.environ, "PGPASSWORD": password}
    return Command(_on_path("psql") or _program("psql", None), ("psql", "-d", address, *arguments), environment)


def dump(root: Path, file: Path) -> int:
    """The bytes written: the embedded database as SQL in a new `file` (`-`: stdout, 0), whole or not at all.

    Raises DatabaseError "embedded-none" when there is none yet, "dump-failed" with what pg_dump said, UsageError
    "file-exists" or "file-not-written".
    """
    version = embedded.status(root).version
    if version is None:
        raise DatabaseError(
            "embedded-none",
            f"there is no embedded database in {root} yet: nothing to dump",
            hint="it is made by the first run that uses it, or by: ri db start",
        )
    if file != STDOUT and os.path.lexists(file):
        raise _exists(file)
    with embedded.attach(root) as attached:
        # --no-owner: another server need not have our superuser's name
        words: list[str | Path] = [_program("pg_dump", version), "--no-owner", "--encoding=UTF8", "-d", attached.dsn]
        if file == STDOUT:
            sys.stdout.flush()
            _run(words, None)
            return 0
        return _written(words, file)


def _written(words: Sequence[str | Path], file: Path) -> int:
    """The size of `file`, which appears under its name when it is whole."""
    part = file.with_name(f"{file.name}.part-{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _run(words, descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _name(part, file)
        return file.stat().st_size
    except OSError as error:
        raise UsageError("file-not-written", f"cannot write {file}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _name(part: Path, file: Path) -> None:
    """Nothing; `file` is what `part` was. Nobody else's file is replaced."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise _exists(file) from None
    except OSError:  # a file system without hard links
        part.rename(file)


def _run(words: Sequence[str | Path], stdout: int | None) -> None:
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, env=embedded.no_pg_variables(os.environ)
    )
    if done.returncode == 0:
        return
    if done.returncode == -signal.SIGPIPE and stdout is None:
        raise BrokenPipeError  # `ri db dump - | head`
    said = done.stderr.decode(errors="replace").strip() or f"pg_dump ended with {done.returncode}"
    raise DatabaseError("dump-failed", said, hint="no file was written; the database is as it was")


def _program(name: str, major: int | None) -> Path:
    """The program next to the server's own, else that of PATH."""
    bin_dir = find_binaries(major=major).bin_dir
    found = bin_dir / name if (bin_dir / name).is_file() else _on_path(name)
    if found is None:
        raise DatabaseError(
            "no-program",
            f"there is no {name} in {bin_dir}, nor in PATH",
            hint="install PostgreSQL's client programs (Debian: apt install postgresql-client)",
        )
    return found


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _exists(file: Path) -> UsageError:
    return UsageError("file-exists", f"{file} exists", hint="name another file; a dump never replaces one")
