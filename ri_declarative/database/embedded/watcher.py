"""The process that stops an embedded server which nobody uses: `python -m ri_declarative.database.embedded.watcher`.

Started detached, just before the server, so that a server has a watcher however early the `ri` that starts it is
killed. Holds the watcher lock as long as it lives, and ends after the server. Used is: an `ri` holds the users'
lock, or somebody is connected, or `ri db start` said to keep it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from ri_declarative.database.embedded import locks
from ri_declarative.database.embedded.cluster import halt
from ri_declarative.database.embedded.connecting import connect
from ri_declarative.database.embedded.home import KEEP, SERVER_LOCK, START_LOCK, USERS_LOCK, WATCHER_LOCK, cluster_of
from ri_declarative.errors import DatabaseError

LONGEST_POLL_S = 5.0
SHORTEST_POLL_S = 0.05

_CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class Watch:
    """What is watched. `lock`: the watcher lock's descriptor, inherited from the `ri` that started us."""

    home: Path
    lock: int
    idle_s: float


def watch(watch: Watch) -> None:
    """Nothing; the server has ended, or its home has been removed."""
    poll_s = min(LONGEST_POLL_S, max(SHORTEST_POLL_S, watch.idle_s / 4))
    last_used = time.monotonic()
    while not _is_over(watch):
        if _is_used(watch):
            last_used = time.monotonic()
        elif time.monotonic() - last_used >= watch.idle_s and _stop_unless_used(watch):
            return
        time.sleep(poll_s)


def _is_over(watch: Watch) -> bool:
    """Whether there is nothing left to watch; the watcher lock is given back then.

    Looked at under the start lock: an `ri` that starts the server just now must find us gone, or staying.
    """
    try:
        if os.fstat(watch.lock).st_ino != (watch.home / WATCHER_LOCK).stat().st_ino:
            return True  # the home was removed and made anew: it has a watcher of its own
        with locks.held(watch.home / START_LOCK, timeout_s=0) as alone:
            if alone and locks.is_free(watch.home / SERVER_LOCK):
                os.close(watch.lock)
                return True
    except FileNotFoundError:
        return True
    return False


def _is_used(watch: Watch) -> bool:
    return (watch.home / KEEP).exists() or not locks.is_free(watch.home / USERS_LOCK) or _has_clients(watch)


def _stop_unless_used(watch: Watch) -> bool:
    """Whether the server was stopped. Whoever comes meanwhile waits for the users' lock, then starts it again."""
    with (
        locks.held(watch.home / USERS_LOCK, timeout_s=0) as unused,
        locks.held(watch.home / START_LOCK, timeout_s=0) as alone,
    ):
        if not unused or not alone or (watch.home / KEEP).exists() or _has_clients(watch):
            return False
        halt(cluster_of(watch.home))
        os.close(watch.lock)
        return True


def _has_clients(watch: Watch) -> bool:
    """Whether anybody is connected; a server that does not answer is left alone."""
    try:
        connection = connect(cluster_of(watch.home), "postgres")
    except psycopg2.OperationalError:
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLIENTS)
            row = cursor.fetchone()
            return row is None or row[0] > 0
    except psycopg2.OperationalError:
        return True
    finally:
        connection.close()


def main(arguments: Sequence[str]) -> None:
    """Nothing; see `watch`. Arguments: home, descriptor of the watcher lock, seconds of patience."""
    home, lock, idle_s = arguments
    try:
        watch(Watch(Path(home), int(lock), float(idle_s)))
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
