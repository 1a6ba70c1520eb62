"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers import Peer
from server import Server


def facts(server: Server, peers: Iterable[Peer] = ()) -> dict[str, Any]:
    """Date, machine, and the versions of what takes part."""
    today = datetime.now(UTC).date().isoformat()
    return {"date": today, "machine": _machine(), "versions": _versions(server, peers)}


def in_words(told: dict[str, Any]) -> str:
    """One line of `facts`."""
    machine, versions = told["machine"], ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return (
        f"{told['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; {versions}"
    )


def in_short(told: dict[str, Any]) -> str:
    """Still fewer words, for a picture."""
    machine = told["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, PostgreSQL {told['versions']['PostgreSQL']}, {told['date']}"


def _machine() -> dict[str, Any]:
    return {
        "cpu": _found(r"model name\s*: (.*)", Path("/proc/cpuinfo")) or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}",
    }


def _versions(server: Server, peers: Iterable[Peer]) -> dict[str, str]:
    ours = {
        "ri": version("ri-declarative"),
        "Python": platform.python_version(),
        "PostgreSQL": str(server.value("SHOW server_version")),
    }
    return ours | {name: number for peer in peers for name, number in peer.versions.items()}


def _found(pattern: str, file: Path) -> str | None:
    try:
        found = re.search(pattern, file.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None
