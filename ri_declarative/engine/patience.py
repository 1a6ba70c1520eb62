"""How long a run waits for a database that is away: reconnecting with backoff, within a limit."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from ri_declarative.errors import ConnectionLost, PassingFault, StoppedError

log = logging.getLogger("ri_declarative")
T = TypeVar("T")

GIVE_UP_AFTER_S = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


class Patience:
    """Of one run. The clock runs from the first loss until a step is done; steps that always fail end, too."""

    def __init__(
        self, give_up_after_s: float = GIVE_UP_AFTER_S, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.give_up_after_s = give_up_after_s
        self.should_stop = should_stop
        self._hurry = threading.Event()

    def hurry(self) -> None:
        """Nobody wants to wait any more: pauses end, and nothing is tried again."""
        self._hurry.set()

    @property
    def hurried(self) -> bool:
        """Whether `hurry` was called, or a stop was asked for."""
        return self._hurry.is_set() or self.should_stop()

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody is in a hurry; a stop that is asked for ends it within a moment."""
        end = time.monotonic() + seconds
        while not self.hurried and (left := end - time.monotonic()) > 0:
            self._hurry.wait(min(left, 0.2))

    def through_all(self, step: Callable[[], T]) -> T:
        """As `through`, also after a deadlock, a lock or a timeout: for steps that have no attempts of their own."""
        return self.through(step, faults=(ConnectionLost, PassingFault))

    def through(
        self,
        step: Callable[[], T],
        *,
        again: Callable[[], T] | None = None,
        faults: tuple[type[StoppedError], ...] = (ConnectionLost,),
    ) -> T:
        """What `step` gives; after one of `faults`, what `again` (default: `step`) gives later.

        Raises ConnectionLost when the database stays away for too long, or when a stop was asked for.
        """
        lost_at, pause_s = 0.0, _FIRST_PAUSE_S
        attempt = step
        while True:
            try:
                return attempt()
            except faults as lost:
                now = time.monotonic()
                if not lost_at:
                    lost_at = now
                    log.warning("%s; trying again for %g s", lost.message, self.give_up_after_s)
                if self.hurried or now + pause_s > lost_at + self.give_up_after_s:
                    raise
            self.pause(pause_s * random.uniform(0.5, 1))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            attempt = again or step
