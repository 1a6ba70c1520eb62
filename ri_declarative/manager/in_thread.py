"""A call that blocks, awaited: it runs in a thread, and the loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from ri_declarative.processors.listeners import forgiving

T = TypeVar("T")
_PAGE = 500


async def in_thread(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """What the call gives. Cancelling waits for its end: no thread is left behind with a transaction."""
    return await _ended(asyncio.ensure_future(asyncio.to_thread(call, *arguments, **named)), lambda: None)


async def run_in_thread(
    call: Callable[..., T],
    *arguments: Any,
    on_progress: Callable[[Any], None] | None,
    should_stop: Callable[[], bool] | None = None,
    **named: Any,
) -> T:
    """As `in_thread` for a run: cancelling stops it after its chunk; `on_progress` is called in the loop's thread."""
    loop, stop = asyncio.get_running_loop(), threading.Event()
    told = forgiving(on_progress)

    def progress(now: Any) -> None:
        loop.call_soon_threadsafe(told, now)

    def told_to_stop() -> bool:
        return stop.is_set() or (should_stop is not None and should_stop())

    running = asyncio.to_thread(call, *arguments, on_progress=progress, should_stop=told_to_stop, **named)
    return await _ended(asyncio.ensure_future(running), stop.set)


async def iterate_in_thread(iterator: Iterator[T]) -> AsyncIterator[T]:
    """The members, fetched page by page."""
    while page := await in_thread(lambda: list(islice(iterator, _PAGE))):
        for member in page:
            yield member


async def _ended(running: asyncio.Future[T], stop: Callable[[], None]) -> T:
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([running])
        raise
