"""Where a project's embedded database lives: its home, the folder of data, locks and log.

That is `.ri/` in the project. As root the server runs as another user; when that user cannot enter the project
(anything below /root), the home is below /var/lib/ri and `.ri/postgres.path` points to it. Starts nothing.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ri_declarative.database.embedded.postmaster import Cluster
from ri_declarative.database.embedded.server_user import can_enter, server_user
from ri_declarative.errors import DatabaseError

FOLDER = ".ri"
DATA = "postgres"
POINTER = "postgres.path"
PROJECT = "project"  # in a home elsewhere: the project it belongs to
ELSEWHERE = Path("/var/lib/ri")  # persistent; only root comes here

START_LOCK = "postgres.lock"  # around start and stop
USERS_LOCK = "postgres.users.lock"  # shared by every process that uses the server
SERVER_LOCK = "postgres.server.lock"  # held by the server itself
WATCHER_LOCK = "postgres.watcher.lock"  # held by the watcher itself
KEEP = "postgres.keep"  # there: runs until `ri db stop`


def find_home(root: Path) -> Path:
    """The home of the project's database, whether or not it has been made."""
    project = root.resolve()
    pointer = project / FOLDER / POINTER
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        home = Path(pointer.read_text(encoding="utf-8").strip())
        if _belongs_to(home, project):
            return home
    return project / FOLDER


def make_home(root: Path) -> Path:
    """The home of the project's database, made when it is missing."""
    project = root.resolve()
    home = find_home(project)
    if home != project / FOLDER:
        (home / PROJECT).write_text(f"{project}\n", encoding="utf-8")
        return home
    _make_folder(home)
    if can_enter(home, server_user(home / DATA)):
        return home
    return _make_elsewhere(project)


def cluster_of(home: Path) -> Cluster:
    """The cluster in a home. Its socket's folder is always a short one in /tmp, named by owner and home."""
    data = home / DATA
    user = server_user(data)
    return Cluster(
        data=data,
        lock=home / SERVER_LOCK,
        log=home / "postgres.log",
        socket_dir=Path("/tmp", f"ri-{user.uid}-{_hash(home)}"),
        user=user,
    )


@contextlib.contextmanager
def readable_errors(root: Path) -> Iterator[None]:
    """Within: the file system's refusals become DatabaseError "embedded-folder"."""
    try:
        yield
    except OSError as error:
        message = f"the embedded database cannot use {error.filename or root / FOLDER}: {_reason(error)}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(message) from error
        raise DatabaseError(
            "embedded-folder",
            message,
            hint=f"make {root} writable for this user, or set RI_DATABASE_URL to use another database",
        ) from error


def disk_full(message: str) -> DatabaseError:
    """The error of a disk without space. Nothing that was committed is in danger."""
    return DatabaseError(
        "embedded-full",
        message,
        hint="make room (a new database takes 50 MB) and run the command again, or set RI_DATABASE_URL to use "
        "another database; what was committed is safe",
    )


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        owner = folder.parent.stat()  # so that the project's owner can use it, too
        os.chown(folder, owner.st_uid, owner.st_gid)
    try:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError:  # a full disk: an empty .gitignore would be taken for a written one next time
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _make_elsewhere(project: Path) -> Path:
    ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
    home = ELSEWHERE / _hash(project)
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    (home / PROJECT).write_text(f"{project}\n", encoding="utf-8")
    pointer = project / FOLDER / POINTER
    part = pointer.with_name(f"{POINTER}.{os.getpid()}")
    part.write_text(f"{home}\n", encoding="utf-8")
    part.replace(pointer)
    return home


def _belongs_to(home: Path, project: Path) -> bool:
    """Whether the home is this project's: made for it, or for a place that the project has since moved from.

    The copy of a project brings a pointer along, too; the original, which still points there, keeps the home.
    """
    try:
        made_for = Path((home / PROJECT).read_text(encoding="utf-8").strip())
        if made_for == project:
            return True
        return (made_for / FOLDER / POINTER).read_text(encoding="utf-8").strip() != str(home)
    except FileNotFoundError:
        return home.is_dir()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
