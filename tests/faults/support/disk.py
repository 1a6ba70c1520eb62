"""A disk that is soon full: a tablespace on a small tmpfs of its own, filled up to a few pages by a file.

Mounting needs root. What lies in the tablespace is moved out of it before it is unmounted; a server that is killed
in between would not come up again without it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg2.sql import SQL, Identifier, Literal
from support.places import new_folder

from faults.support.server import ROLE, Database
from ri_declarative.database.embedded.server_user import make_owned_folder, server_user

NAME = "small"
SIZE_BYTES = 2_000_000


@dataclass(frozen=True)
class SmallDisk:
    """A mounted one, with the tablespace `small` on it."""

    database: Database
    mount: Path

    def hold(self, *relations: str) -> None:
        """Nothing; these tables lie on it, without their indexes."""
        for relation in relations:
            self.database.sql(SQL("ALTER TABLE {} SET TABLESPACE {}").format(SQL(relation), Identifier(NAME)))

    def fill(self, *, leaving: int) -> None:
        """Nothing; so many bytes are free."""
        with (self.mount / "filler").open("ab") as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(self.mount).free - leaving)

    def free(self) -> None:
        """Nothing; there is room again."""
        (self.mount / "filler").unlink()


@contextlib.contextmanager
def small_disk(database: Database) -> Iterator[SmallDisk]:
    """Within: one for this database; skips the test when we may not mount it."""
    mount = new_folder("ri-small-disk-")
    if not _is_mounted(mount):
        mount.rmdir()
        pytest.skip("a full disk is a small tmpfs, and mounting one needs root")
    try:
        user = server_user(mount / "data")
        mount.chmod(0o711)
        make_owned_folder(mount / "data", user)
        place = SQL("CREATE TABLESPACE {} LOCATION {}").format(Identifier(NAME), Literal(str(mount / "data")))
        database.sql(place)
        try:
            database.sql(SQL("GRANT CREATE ON TABLESPACE {} TO {}").format(Identifier(NAME), Identifier(ROLE)))
            yield SmallDisk(database, mount)
        finally:
            _drop(database)
    finally:
        subprocess.run(["umount", mount], check=True)
        mount.rmdir()


def _is_mounted(mount: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "ri-small-disk", str(mount)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def _drop(database: Database) -> None:
    database.sql(SQL("ALTER TABLE ALL IN TABLESPACE {} SET TABLESPACE pg_default").format(Identifier(NAME)))
    database.sql("CHECKPOINT")  # what was moved away leaves its first segments until then
    database.sql(SQL("DROP TABLESPACE {}").format(Identifier(NAME)))
