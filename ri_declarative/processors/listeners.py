"""Callbacks of those who watch a run: none of them can stop it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ri_declarative.processors.blame import cause_of
from ri_declarative.records import Progress

log = logging.getLogger("ri_declarative")


def forgiving(on_progress: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    """The callback; when it raises, that is told once and it is called no more."""
    callback = on_progress

    def told(progress: Progress) -> None:
        nonlocal callback
        if callback is None:
            return
        try:
            callback(progress)
        except Exception as error:
            callback = None
            log.warning("on_progress raised and is not called any more: %s", cause_of(error))

    return told
