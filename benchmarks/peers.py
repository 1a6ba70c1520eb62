"""Other programs that load the same file, where they are installed: `make bench-peers`; each has a script in peers/.

They reach nothing but the benchmark's server: telemetry is off, and what asks for the web all the same (Sling for newer
versions of itself) meets a proxy that is not there. Their home is a folder of the benchmark.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from imports import expect
from processes import Run, timed
from server import Server, clean_environment
from shop import HERE, Shop

from ri_declarative.database.embedded.postmaster import SUPERUSER

VENV = HERE.parent / ".venv-peers"
SCRIPTS = HERE / "peers"
ALONE = {"RUNTIME__DLTHUB_TELEMETRY": "false", "SLING_DISABLE_TELEMETRY": "true", "HTTPS_PROXY": "http://127.0.0.1:9"}

Command = list[str | Path]


class Peer(NamedTuple):
    """A program: how it is called, what it needs, where it writes, and whether it takes the same file again.

    dlt wants a host and a password; what the URL says behind its question mark is stronger, and nobody asks for the
    password. pgloader reads its command's words from the environment.
    """

    name: str
    what: str
    command: Callable[[Server, Path, Path], Command]  # from the file, and the folder of what it remembers
    needs: tuple[str, ...]  # packages in VENV; none: a program in PATH
    table: str = "customers"
    merges: bool = True

    @property
    def versions(self) -> dict[str, str]:
        """Of what it needs."""
        found = {package.name: package.version for package in distributions(path=[str(_packages())])}
        return {name: found[name] for name in self.needs if name in found}

    @property
    def is_there(self) -> bool:
        """Whether it can be run."""
        return len(self.versions) == len(self.needs) if self.needs else shutil.which(self.name) is not None


def first(shop: Shop, count: int, *, peer: Peer) -> Run:
    """A file into an empty table."""
    file, memory = shop.csv(count), _memory(shop, peer)
    shutil.rmtree(memory, ignore_errors=True)
    memory.mkdir(parents=True)
    shop.start_afresh()
    shop.server.run("DROP SCHEMA IF EXISTS dlt_bench, dlt_bench_staging CASCADE")
    return _run(shop, peer, file, count)


def again(shop: Shop, count: int, *, peer: Peer) -> Run:
    """The same file once more."""
    first(shop, count, peer=peer)
    shop.settle()
    return _run(shop, peer, shop.csv(count), count)


def _run(shop: Shop, peer: Peer, file: Path, count: int) -> Run:
    memory = _memory(shop, peer)
    environment = {
        **clean_environment(),
        **ALONE,
        **{name: str(memory) for name in ("HOME", "DLT_DATA_DIR", "SLING_HOME_DIR")},
        "BENCH_FILE": str(file),
        "BENCH_USER": SUPERUSER,
        "BENCH_DATABASE": shop.server.database,
        "BENCH_SOCKET_DIR": str(shop.server.socket_dir),
    }
    run = timed(peer.command(shop.server, file, memory), cwd=memory, environment=environment)
    expect(shop.server.value(f"SELECT count(*) FROM {peer.table}"), count, f"rows of {peer.name}")
    return run


def _memory(shop: Shop, peer: Peer) -> Path:
    return shop.server.home / "peers" / peer.name


def _packages() -> Path:
    return next(VENV.glob("lib/python3*/site-packages"), VENV)


def _sling(server: Server, file: Path, memory: Path) -> Command:
    return [SCRIPTS / "sling.sh", _packages() / "sling_linux_amd64/bin/sling-linux-amd64", server.url, file]


def _dlt(server: Server, file: Path, memory: Path) -> Command:
    return [VENV / "bin/python", SCRIPTS / "dlt_merge.py", server.url.replace("@/", ":unused@localhost/"), file, memory]


def _dlt_arrow(server: Server, file: Path, memory: Path) -> Command:
    return [*_dlt(server, file, memory), "--arrow"]


def _pgloader(server: Server, file: Path, memory: Path) -> Command:
    return ["pgloader", "--root-dir", memory, SCRIPTS / "pgloader.load"]


PEERS = (
    Peer("sling", "Sling, incremental", _sling, ("sling-linux-amd64",)),
    Peer("dlt", "dlt merge", _dlt, ("dlt",), table="dlt_bench.customers"),
    Peer("dlt-arrow", "dlt merge from pyarrow", _dlt_arrow, ("dlt", "pyarrow"), table="dlt_bench.customers"),
    Peer("pgloader", "pgloader, appending", _pgloader, (), merges=False),
)
