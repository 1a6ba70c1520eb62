"""Runs `ri`, or a Python program, with strace on one of its threads: python -m faults.support.traced …

    … count LOGS             -- WORDS      every thread is watched; LOGS/THREAD says what it sent and received
    … THREAD=RULE LOGS       -- WORDS      strace -e inject=RULE on that thread, as "sendto:signal=SIGKILL:when=3"

WORDS are those of `ri`, or `-c PROGRAM WORD…`. A thread is known by its name and a number: "ri-writer_0.1" is the
first of that name. Only this way is every point hit: strace counts `when=N` for each thread on its own, so that with
`strace -f` the third send of the writer is never reached when the main thread was the first to send three times.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

COUNT = "count"
CALLS = "sendto,recvfrom"
ATTACHED = b"attached"

_started: Counter[str] = Counter()
_counting = threading.Lock()
_tracers: list[subprocess.Popen[bytes]] = []  # their pipes stay open: a tracer that cannot write would let us go


def main(arguments: Sequence[str]) -> None:
    """Nothing; the program has run as if it had been started without us."""
    what, logs, _, *words = arguments
    _trace(what, Path(logs))
    threading.setprofile(lambda *_: _in_new_thread(what, Path(logs)))  # called in each new thread, before its work
    run(words)


def run(words: Sequence[str]) -> None:
    """Nothing; `ri` has run, or -c PROGRAM."""
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<program>", "exec"), {"__name__": "__main__"})
        return
    sys.argv = ["ri", *words]
    runpy.run_module("ri_declarative.cli", run_name="__main__", alter_sys=True)


def _in_new_thread(what: str, logs: Path) -> None:
    sys.setprofile(None)
    _trace(what, logs)


def _trace(what: str, logs: Path) -> None:
    """Nothing; strace follows the current thread, if it is the one."""
    with _counting:
        name = threading.current_thread().name
        _started[name] += 1
        name = f"{name}.{_started[name]}"
    thread, _, rule = what.partition("=")
    if what != COUNT and thread != name:
        return
    # -yy: with the addresses at both ends of a socket
    words = ["strace", "-yy", "-p", str(threading.get_native_id()), "-e", f"trace={CALLS}", "-o", str(logs / name)]
    rules = [] if what == COUNT else ["-e", f"inject={rule}"]
    tracer = subprocess.Popen(
        [*words, *rules], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _tracers.append(tracer)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if ATTACHED not in said:
        sys.exit(f"strace: {said.decode()}")


if __name__ == "__main__":
    main(sys.argv[1:])
