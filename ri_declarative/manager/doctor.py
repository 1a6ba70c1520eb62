"""Whether an import could run here, checked step by step; works all the better the more is broken.

Nothing is raised and nothing is changed, but for the embedded server, which is started as any command would.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import time
from collections.abc import Iterator
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import psycopg2

from ri_declarative.database import embedded
from ri_declarative.database.connect import DatabaseChoice, choose_database, open_engine
from ri_declarative.database.embedded.binaries import find_binaries
from ri_declarative.database.health import ServerHealth, examine_server
from ri_declarative.errors import ConfigError, DatabaseError, RiError, UsageError
from ri_declarative.manager.overview import list_pipelines
from ri_declarative.spec.project import Project, find_project

DISTRIBUTION = "ri-declarative"
PACKAGES = ("SQLAlchemy", "psycopg2-binary", "pydantic", "jsonschema", "jsonschema-rs", "msgspec", "PyYAML", "click")
LOW_SPACE_BYTES, NO_SPACE_BYTES = 1_000_000_000, 100_000_000
CLOCK_TOLERANCE_S = 5.0


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"  # imports run, but look at it
    FAIL = "fail"  # imports do not run


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    status: CheckStatus
    message: str
    hint: str | None = None  # what to do


_WHERE = {"database-version": "version", "database-encoding": "encoding"}


def examine(database: str | None = None, *, folder: Path | None = None) -> Iterator[Check]:
    """Every check, one after the other: the software, the project, the database from address to disk."""
    yield _software()
    project, checks = _project(folder)
    yield from checks
    yield from _database(database, project, (project.root if project else folder or Path.cwd()).resolve())


def _ok(name: str, message: str) -> Check:
    return Check(name, CheckStatus.OK, message)


def _failed(name: str, error: RiError) -> Check:
    return Check(name, CheckStatus.FAIL, error.message, error.hint or "correct it at the place named")


# ── software and project ─────────────────────────────────────────────────────────────────────


def _software() -> Check:
    missing = [name for name in (DISTRIBUTION, *PACKAGES) if _version(name) is None]
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES if name not in missing)
    libpq = psycopg2.__libpq_version__ // 10_000
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    message = f"ri {_version(DISTRIBUTION) or 'of unknown version'}, {python}, {versions}, libpq {libpq}"
    if missing:
        hint = f"these are not installed as packages: {', '.join(missing)}; install again: pip install {DISTRIBUTION}"
        return Check("software", CheckStatus.WARN, message, hint)
    return _ok("software", message)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _project(folder: Path | None) -> tuple[Project | None, list[Check]]:
    try:
        project = find_project(folder)
    except UsageError as error:
        return None, [Check("project", CheckStatus.WARN, error.message, error.hint)]
    except ConfigError as error:
        return None, [_failed("project", error)]
    return project, [_ok("project", str(project.root)), _pipelines(project)]


def _pipelines(project: Project) -> Check:
    found = list_pipelines(project)
    broken = [f"{one.name} ({len(one.diagnostics)})" for one in found if one.diagnostics]
    if broken:
        message = f"{len(broken)} of {len(found)} with errors: {', '.join(broken)}"
        return Check("pipelines", CheckStatus.FAIL, message, "the errors with their places: ri check --offline")
    if not found:
        return Check("pipelines", CheckStatus.WARN, "there is none in pipelines/", "make an example: ri init")
    return _ok("pipelines", f"{len(found)} in pipelines/, all valid by themselves; against the database: ri check")


# ── database ─────────────────────────────────────────────────────────────────────────────────


def _database(database: str | None, project: Project | None, root: Path) -> Iterator[Check]:
    try:
        configured = project.database() if project and not database else None
        choice = choose_database(database, root=root, configured=configured)
    except (ConfigError, DatabaseError) as error:
        yield _failed("database", error)
        yield _space("disk", root)
        return
    yield _chosen(choice)
    if choice.embedded:
        checks = list(_embedded(root, in_project=project is not None))
        yield from checks
        if any(check.status is not CheckStatus.OK for check in checks):
            yield _space("disk", root)
            return
    yield from _connected(choice, root, project.spec.bookkeeping_schema if project else "public")
    yield _space("disk", root)


def _chosen(choice: DatabaseChoice) -> Check:
    why = "nothing names another one" if choice.origin == "default" else f"named by {choice.origin}"
    if choice.warnings:
        return Check("database", CheckStatus.WARN, f"{choice.label}, {why}", "; ".join(choice.warnings))
    return _ok("database", f"{choice.label}, {why}")


def _embedded(root: Path, *, in_project: bool) -> Iterator[Check]:
    """The server before we use it; not OK when it should not, or cannot, be started."""
    try:
        found = embedded.status(root)
        binaries = find_binaries(major=found.version)
    except DatabaseError as error:
        yield _failed("embedded", error)
        return
    if found.version is None and not in_project:
        hint = "go to your project's folder, or make one with: ri init"
        yield Check("embedded", CheckStatus.WARN, "not looked at: its data would be in this folder", hint)
        return
    state = "not made yet" if found.version is None else "running" if found.running else "stopped; starts when needed"
    size = "" if found.size_bytes is None else f", {_size(found.size_bytes)} in {found.data_dir}"
    yield _ok("embedded", f"PostgreSQL {binaries.version} from {binaries.origin}, {state}{size}")


def _connected(choice: DatabaseChoice, root: Path, schema: str) -> Iterator[Check]:
    begun = time.monotonic()
    try:
        engine = open_engine(choice, root)
    except DatabaseError as error:
        yield _failed(_WHERE.get(error.code, "reachable"), error)
        return
    try:
        yield _ok("reachable", f"answers after {(time.monotonic() - begun) * 1000:,.0f} ms")
        health = examine_server(engine, schema)
    except DatabaseError as error:
        yield _failed("reachable", error)
        return
    finally:
        engine.dispose()
    yield from _server(health, choice, schema)


def _server(health: ServerHealth, choice: DatabaseChoice, schema: str) -> Iterator[Check]:
    yield _ok("version", f"PostgreSQL {health.version}")
    yield _ok("encoding", health.encoding)
    yield _writable(health)
    yield _tables(health, schema, embedded=choice.embedded)
    yield _privileges(health, schema)
    yield _temporary(health)
    yield _clock(health)
    if health.data_dir is not None:
        with contextlib.suppress(OSError):  # a socket may lead into a container, whose folders are not ours
            yield _judged("database disk", Path(health.data_dir), shutil.disk_usage(health.data_dir).free)


def _writable(health: ServerHealth) -> Check:
    if health.standby:
        return Check("writable", CheckStatus.FAIL, "the server is a standby", "connect to the primary")
    if health.read_only:
        hint = f"ALTER ROLE {health.role} RESET default_transaction_read_only, or ask who set it"
        return Check("writable", CheckStatus.FAIL, "the server only reads (default_transaction_read_only)", hint)
    return _ok("writable", f"database {health.name} takes changes")


def _tables(health: ServerHealth, schema: str, *, embedded: bool) -> Check:
    """The bookkeeping tables."""
    version, newest = health.books_version, health.newest_books
    if version is None:
        message = f'role {health.role} may not read which version of ri\'s tables is in schema "{schema}"'
        return Check("tables", CheckStatus.FAIL, message, "see privileges")
    if version == newest:
        return _ok("tables", f'ri\'s tables in schema "{schema}" are current (version {version})')
    if version > newest:
        message = f'ri\'s tables in schema "{schema}" have version {version}, this ri knows {newest} at most'
        return Check("tables", CheckStatus.FAIL, message, "install a newer ri")
    state = f"are of version {version}, this ri needs {newest}" if version else "are not there yet"
    if embedded:
        return _ok("tables", f"ri's tables {state}: the next command sees to it")
    return Check("tables", CheckStatus.FAIL, f'ri\'s tables {state} in schema "{schema}"', "run: ri db migrate")


def _privileges(health: ServerHealth, schema: str) -> Check:
    if health.denied:
        message = f'role {health.role} lacks {", ".join(health.denied)} in schema "{schema}"'
        hint = "let the owner of ri's tables GRANT this"
        return Check("privileges", CheckStatus.FAIL, message, hint)
    current = health.books_version == health.newest_books
    if not current and not health.may_migrate:
        message = f'role {health.role} may not create tables in schema "{schema}"'
        return Check("privileges", CheckStatus.FAIL, message, "run `ri db migrate` as the schema's owner")
    return _ok("privileges", f"role {health.role} may keep the books")


def _temporary(health: ServerHealth) -> Check:
    if health.may_temp:
        return _ok("temporary", f"role {health.role} may create temporary tables")
    message = f"role {health.role} may not create temporary tables"
    hint = f'GRANT TEMPORARY ON DATABASE "{health.name}" TO "{health.role}"'
    return Check("temporary", CheckStatus.FAIL, message, hint)


def _clock(health: ServerHealth) -> Check:
    ahead = health.clock_ahead_s
    if abs(ahead) <= CLOCK_TOLERANCE_S:
        return _ok("clock", f"{abs(ahead):.1f} s between the server's clock and this machine's")
    message = f"the server's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    return Check("clock", CheckStatus.WARN, message, "all times in the books are the server's; set the wrong one right")


# ── disk ─────────────────────────────────────────────────────────────────────────────────────


def _space(name: str, folder: Path) -> Check:
    try:
        return _judged(name, folder, shutil.disk_usage(folder).free)
    except OSError as error:
        return Check(name, CheckStatus.WARN, f"{folder}: {(error.strerror or str(error)).lower()}")


def _judged(name: str, folder: Path, free_bytes: int) -> Check:
    message = f"{_size(free_bytes)} free in {folder}"
    if free_bytes < NO_SPACE_BYTES:
        return Check(name, CheckStatus.FAIL, message, "make room before you import")
    if free_bytes < LOW_SPACE_BYTES:
        return Check(name, CheckStatus.WARN, message, "make room before you import much")
    return _ok(name, message)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
