"""Where the tests' databases lie: in memory where there is enough of it, so that to sync costs nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 2_000_000_000  # some 50 MB per database; a container has 64 MB in all


def new_folder(prefix: str) -> Path:
    """A new folder in a place that every user may enter (tmp_path is closed to PostgreSQL's user)."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if _has_room() else "/tmp"))


def _has_room() -> bool:
    return os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _NEEDED_BYTES
