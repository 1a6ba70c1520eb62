"""As whom PostgreSQL's tools run, and how they are started: never as root, never with the caller's environment.

PostgreSQL refuses to run as root. When `ri` is root, the tools run as the owner of the data folder, at first
as `postgres` or else `nobody`; everywhere else they run as the caller. Knows nothing of locks and projects.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ri_declarative.errors import DatabaseError

CLEAN_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}

# `sh` starts the program in the background and ends, so that it is nobody's child: no zombie, no terminal.
DETACH = '"$@" &'


class ServerUser(NamedTuple):
    """The user that the server runs as. `dropped`: we are root, and it is somebody else."""

    uid: int
    gid: int
    name: str
    dropped: bool


def server_user(data: Path) -> ServerUser:
    """The owner of the data folder, or who shall own it when it is missing.

    Raises DatabaseError "embedded-owner" when the folder belongs to somebody whom we cannot become.
    """
    mine = os.geteuid()
    if not data.exists():
        return _named(_unprivileged() if mine == 0 else mine)
    owner = data.stat().st_uid
    if owner == 0 or mine not in (0, owner):
        raise DatabaseError(
            "embedded-owner",
            f"the embedded database in {data} belongs to user {_named(owner).name}, not to {_named(mine).name}",
            hint="run ri as the user who made it, remove the folder to start afresh, or set RI_DATABASE_URL",
        )
    return _named(owner)


def run_tool(command: Sequence[str | Path], user: ServerUser, *, keep: Sequence[int] = ()) -> tuple[int, str]:
    """The exit code and all output of a tool that ran as `user`. `keep`: descriptors that it inherits."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=CLEAN_ENVIRONMENT,
        encoding="utf-8",
        errors="replace",
        pass_fds=keep,
        start_new_session=True,  # the terminal's Ctrl-C is for ri, which then ends the tool
        user=user.uid if user.dropped else None,
        group=user.gid if user.dropped else None,
        extra_groups=[] if user.dropped else None,
    )
    return done.returncode, done.stdout


def spawn_detached(
    command: Sequence[str | Path],
    user: ServerUser,
    *,
    log: int,
    keep: Sequence[int],
    environment: Mapping[str, str] = CLEAN_ENVIRONMENT,
) -> None:
    """Nothing; the program runs on after we end, writes to `log` and inherits the descriptors in `keep`."""
    subprocess.run(
        ["/bin/sh", "-c", DETACH, "sh", *(str(word) for word in command)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=environment,
        check=True,
        pass_fds=keep,
        start_new_session=True,
        user=user.uid if user.dropped else None,
        group=user.gid if user.dropped else None,
        extra_groups=[] if user.dropped else None,
    )


def current_user() -> ServerUser:
    """Ourselves."""
    return _named(os.geteuid())


def can_enter(folder: Path, user: ServerUser) -> bool:
    """Whether `user` can reach what is in `folder`. Asked by trying: parents, groups and ACLs all have a say."""
    if not user.dropped:
        return True
    return run_tool(["/bin/sh", "-c", '[ -x "$1" ]', "sh", folder], user)[0] == 0


def make_owned_folder(folder: Path, user: ServerUser) -> None:
    """Nothing; `folder` is new, empty, and only `user` (and root) can look into it."""
    folder.mkdir(mode=0o700)
    if user.dropped:
        os.chown(folder, user.uid, user.gid)


def ensure_private_folder(folder: Path, user: ServerUser) -> None:
    """Nothing; `folder`, in a place where anybody can write, is there and is private to `user`.

    Raises DatabaseError "embedded-socket" when somebody else was there first, or could look into it.
    """
    try:
        make_owned_folder(folder, user)
    except FileExistsError:
        if user.dropped and folder.lstat().st_uid == 0:  # a killed ri made it and did not come to give it away
            os.chown(folder, user.uid, user.gid, follow_symlinks=False)
        if is_private(folder, user):
            return
        raise DatabaseError(
            "embedded-socket",
            f"{folder} is needed for the embedded database's socket, but is not a private folder of user {user.name}",
            hint="remove it, or set RI_DATABASE_URL to use another database",
        ) from None


def is_private(folder: Path, user: ServerUser) -> bool:
    """Whether `folder` is a real folder of `user` that nobody else can look into."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user.uid and not found.st_mode & 0o077


def _unprivileged() -> int:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise DatabaseError(
        "embedded-owner",
        "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as",
        hint="run ri as an ordinary user, or set RI_DATABASE_URL",
    )


def _named(uid: int) -> ServerUser:
    dropped = os.geteuid() == 0 and uid != 0
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # containers run under numbers without a name
        return ServerUser(uid, uid if dropped else os.getegid(), str(uid), dropped)
    return ServerUser(uid, entry.pw_gid, entry.pw_name, dropped)
