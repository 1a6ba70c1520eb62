"""The sample files in the repository are what the generator writes, on every machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_generator_writes_the_sample_files_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-B", EXAMPLES / "generate.py", "--to", tmp_path], check=True)
    kept = {path.name: path.read_bytes() for path in (EXAMPLES / "data").iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
