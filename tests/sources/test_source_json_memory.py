"""Law 7 for JSON: an array is read in memory bounded by its biggest element, whatever stands around it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FILE_BYTES = 30_000_000
GROWTH_KB = 8_000  # a copy of the file, or of what stands beside the records, would be 14,000 and more

_READ = """
import sys
from ri_declarative.sources.open import open_source
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
small, big, *path = sys.argv[1:]
with open_source(small, records=path) as source:
    list(source)
before = peak()
with open_source(big, records=path) as source:
    print(sum(1 for _ in source), peak() - before)
"""
ELEMENT = b'{"id": 1, "email": "ann@example.org", "address": {"city": "K\xc3\xb6ln"}, "tags": ["a", "b", {"c": 1}]}'


def one_line(count: int) -> Iterator[bytes]:
    yield b"[" + b",".join([ELEMENT] * 1000)
    for _ in range(count // 1000 - 1):
        yield b"," + b",".join([ELEMENT] * 1000)
    yield b"]"


def varied_and_damaged(count: int) -> Iterator[bytes]:
    yield b"[\n" + ELEMENT
    for n in range(count - 1):
        yield (b" ,\n" if n % 3 else b",\n") + (ELEMENT.replace(b"1", b"NaN") if n % 100 == 0 else ELEMENT)
    yield b"]"


def beside_other_things(count: int) -> Iterator[bytes]:
    other = b"[" + b",".join([ELEMENT + b',"x",1.5'] * (count // 2)) + b"]"
    yield b'{"a": ' + other + b', "rows": [' + ELEMENT + b'], "b": ' + other + b"}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("document", "path"), [(one_line, []), (varied_and_damaged, []), (beside_other_things, ["rows"])]
)
def test_a_big_document_takes_no_more_memory_than_a_small_one(tmp_path: Path, document, path: list[str]) -> None:
    small, big = tmp_path / "small.json", tmp_path / "big.json"
    count = FILE_BYTES // len(ELEMENT) // 1000 * 1000
    for file, records in ((small, 4000), (big, count)):
        with file.open("wb") as out:
            out.writelines(document(records))
    command = [sys.executable, "-c", _READ, str(small), str(big), *path]
    read, grown_kb = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert read == (1 if path else count)
    assert grown_kb < GROWTH_KB
