"""How far a run is, on stderr: a bar on a terminal, now and then a line elsewhere, nothing for short runs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from ri_declarative.cli.output import note, printable
from ri_declarative.cli.texts import duration
from ri_declarative.records import Progress

Listener = Callable[[Progress], None]

EVERY_S = 5.0  # between two plain lines
REFRESH_S = 0.1  # between two pictures of the bar


@contextlib.contextmanager
def shown(name: str, *, quiet: bool = False) -> Iterator[Listener]:
    """A listener for `on_progress`; what it shows on a terminal is gone when the block ends."""
    if quiet:
        yield lambda progress: None
    elif _stderr_is_terminal():
        with _bar(printable(name)) as listener:
            yield listener
    else:
        yield plain_lines(printable(name))


def plain_lines(name: str, *, every_s: float = EVERY_S) -> Listener:
    """A listener that writes a line when `every_s` seconds of the run have passed since the last one."""
    next_at = every_s

    def listen(progress: Progress) -> None:
        nonlocal next_at
        if progress.elapsed_s >= next_at:
            next_at = progress.elapsed_s + every_s
            note(f"{name}: {in_words(progress)}")

    return listen


def in_words(progress: Progress) -> str:
    """'120,000 records, 15,200/s, 28 failed, 34%, 12.0 s to go', as far as it is known."""
    parts = [f"{progress.counts.processed:,} records", f"{progress.rate:,.0f}/s", f"{progress.counts.failed:,} failed"]
    if progress.size_bytes:
        parts.append(f"{min(1.0, progress.bytes_read / progress.size_bytes):.0%}")
    if progress.eta_s is not None and progress.eta_s >= 1:
        parts.append(f"{duration(progress.eta_s)} to go")
    return ", ".join(parts)


def _stderr_is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[words]}", markup=False),
    )
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    # no refreshing thread: it would write to a closed terminal, where nobody could catch its OSError
    bars = Bars(*columns, console=console, transient=True, redirect_stdout=False, auto_refresh=False)
    task = bars.add_task(name, total=None, words="starting")
    next_at = 0.0

    def listen(progress: Progress) -> None:
        nonlocal next_at
        if progress.elapsed_s < next_at:
            return
        next_at = progress.elapsed_s + REFRESH_S
        with contextlib.suppress(OSError):
            bars.update(
                task,
                completed=progress.bytes_read,
                total=progress.size_bytes or None,
                refresh=True,
                words=in_words(progress),
            )

    with contextlib.suppress(OSError):
        bars.start()
    try:
        yield listen
    finally:
        with contextlib.suppress(OSError):
            bars.stop()
