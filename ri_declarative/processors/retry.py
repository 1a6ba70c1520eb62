"""How a chunk is tried again after a passing fault: a deadlock, a serialization failure, a timeout."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from ri_declarative.spec.retry import RetrySpec


class Retry(NamedTuple):
    """The chunk is tried `attempts` times as a whole, then as often with its records isolated."""

    attempts: int = 3
    backoff_s: float = 0.5  # the first pause; doubled each time
    max_s: float = 30.0  # the longest pause

    @classmethod
    def of(cls, spec: RetrySpec) -> Self:
        """From a pipeline's words."""
        return cls(spec.attempts, spec.backoff_s, spec.max_s)

    @classmethod
    def parse(cls, words: Mapping[str, Any]) -> Self:
        """From a class's words, which are the pipeline's: {"attempts": 3, "backoff": "500ms", "max": "30s"}.

        Raises ValueError.
        """
        if not isinstance(words, Mapping):
            raise ValueError(f"retry is {words!r}, expected a Retry or a mapping of attempts, backoff and max")
        try:
            return cls.of(RetrySpec(**words))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["retry", *map(str, first["loc"])])
            raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None

    def isolates(self, attempt: int) -> bool:
        """Whether the attempt (1, 2, …) isolates the records, so that only the bad ones fail.

        >>> Retry(attempts=3).isolates(3), Retry(attempts=3).isolates(4)
        (False, True)
        """
        return attempt > self.attempts

    def is_last(self, attempt: int) -> bool:
        """Whether nothing is tried after this attempt."""
        return attempt >= 2 * self.attempts

    def pause_s(self, attempt: int) -> float:
        """How long to wait after the attempt; jittered, so that two runners do not meet again."""
        return float(min(self.max_s, self.backoff_s * 2 ** (attempt - 1)) * random.uniform(0.5, 1))
