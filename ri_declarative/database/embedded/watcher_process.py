"""Starts the watcher (watcher.py) as a process of its own, which lives on after the `ri` that started it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ri_declarative.database.embedded import locks
from ri_declarative.database.embedded.home import WATCHER_LOCK, cluster_of
from ri_declarative.database.embedded.server_user import current_user, spawn_detached
from ri_declarative.errors import DatabaseError

IDLE_S = 60.0  # how long a server that nobody uses stays; RI_EMBEDDED_IDLE_S


def ensure_watcher(home: Path) -> None:
    """Nothing; a watcher lives. It inherits its lock, so that there is never a moment without one."""
    lock = locks.open_lock(home / WATCHER_LOCK)
    log = os.open(cluster_of(home).log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        locks.give_to_owner(log, home)
        if locks.try_lock(lock):
            module = "ri_declarative.database.embedded.watcher"
            command: list[str | Path] = [sys.executable, "-P", "-m", module, home, str(lock), str(_idle_s())]
            spawn_detached(command, current_user(), log=log, keep=[lock], environment=_watcher_environment())
    finally:
        os.close(log)
        os.close(lock)


def _idle_s() -> float:
    given = os.environ.get("RI_EMBEDDED_IDLE_S", "")
    try:
        return float(given or IDLE_S)
    except ValueError:
        raise DatabaseError(
            "embedded-idle",
            f'RI_EMBEDDED_IDLE_S is a number of seconds, not "{given}"',
            hint="set it to 60, or unset it",
        ) from None


def _watcher_environment() -> dict[str, str]:
    """What the watcher gets of our environment: where its modules are. It runs in another folder."""
    names = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    package = Path(__file__).parents[2]
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if package.name not in ("site-packages", "dist-packages"):  # these are found anyway, after the standard library
        given.append(str(package))
    return {**kept, "PYTHONPATH": os.pathsep.join(given)}
