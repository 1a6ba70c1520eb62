"""File locks that the kernel gives back when their last holder ends, even by `kill -9`.

`flock` belongs to the open file, not to the process: a child that inherits the descriptor holds the lock as
well, which is how a server and its backends prove that they live without anybody trusting a process id.
A lock is given back by closing the descriptor, never by LOCK_UN (that would take it from the children, too).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

SHARED = fcntl.LOCK_SH
EXCLUSIVE = fcntl.LOCK_EX

POLL_S = 0.02


def open_lock(path: Path) -> int:
    """A descriptor of the lock file at `path`, which is made when missing; nothing is locked yet.

    Made by root, the file belongs to the owner of its folder, so that both can use it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    give_to_owner(lock, path.parent)
    return lock


def give_to_owner(descriptor: int, folder: Path) -> None:
    """Nothing; as root, an open file then belongs to the owner of `folder`."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def try_lock(lock: int, how: int = EXCLUSIVE) -> bool:
    """Whether the lock is held now."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_lock(lock: int, how: int, timeout_s: float) -> bool:
    """Whether the lock is held now; waits `timeout_s` for those who hold it."""
    deadline = time.monotonic() + timeout_s
    while not try_lock(lock, how):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds a lock on the file at `path`; a missing file is held by nobody."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        return try_lock(lock)
    finally:
        os.close(lock)


@contextlib.contextmanager
def held(path: Path, *, timeout_s: float) -> Iterator[bool]:
    """Within: True with the file at `path` locked for us alone, False when `timeout_s` was not enough."""
    lock = open_lock(path)
    try:
        yield wait_lock(lock, EXCLUSIVE, timeout_s)
    finally:
        os.close(lock)
