"""Law 7: memory is bounded by the chunk, not by the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.workbench import Workbench

_PEAK = """
import sys
from pathlib import Path
from ri_declarative.manager import BatchManager
dsn, root, file = sys.argv[1:]
with BatchManager(dsn, project=Path(root)) as manager:
    batch = manager.run_pipeline("p", file)
assert batch.total_items == batch.completed_items + batch.failed_items, batch
# Not getrusage: its maximum is inherited from the process that started this one.
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def _peak_kb(workbench: Workbench, file: Path) -> int:
    """Most memory that an import of this file has taken, in a process of its own."""
    command = [sys.executable, "-c", _PEAK, workbench.dsn, str(workbench.root), str(file)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _file(workbench: Workbench, records: int, ending: str) -> Path:
    """One in a hundred is refused: what is kept of failures must not grow either."""
    numbers = ("x" if k % 100 == 0 else str(k) for k in range(records))
    if ending == "csv":
        return workbench.file(f"{records}.csv", "k,w\n" + "".join(f"{k},some words of text\n" for k in numbers))
    if ending == "json":
        elements = ",\n".join(f'{{"k": "{k}", "w": "some words of text"}}' for k in numbers)
        return workbench.file(f"{records}.json", f"[\n{elements}\n]\n")
    lines = (f'{{"k": "{k}", "w": "some words of text"}}\n' for k in numbers)
    return workbench.file(f"{records}.jsonl", "".join(lines))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("ending", "small", "big"), [("csv", 10_000, 200_000), ("jsonl", 10_000, 60_000), ("json", 10_000, 60_000)]
)
def test_a_bigger_file_takes_no_more_memory(workbench: Workbench, ending: str, small: int, big: int) -> None:
    workbench.sql("CREATE UNLOGGED TABLE t (k int PRIMARY KEY, w text)")
    workbench.pipeline("p", "target: {table: t, key: k, columns: {k: k, w: w}}")
    little = _peak_kb(workbench, _file(workbench, small, ending))
    workbench.sql("TRUNCATE t")
    much = _peak_kb(workbench, _file(workbench, big, ending))
    assert much - little < 30_000, f"{little} kB for {small} records, {much} kB for {big}"
