"""`limits.max_failed`: when a batch has failed enough."""

from __future__ import annotations

from typing import NamedTuple

from ri_declarative.records import Counts

SHARE_FROM_RECORDS = 1000


class Limits(NamedTuple):
    """A count is checked after every chunk; a share from 1,000 records on and at the end."""

    max_failed: int | None = None
    max_failed_share: float | None = None  # 0.0 to 1.0

    @classmethod
    def parse(cls, max_failed: int | str | None) -> Limits:
        """From the pipeline's words.

        >>> Limits.parse("20%"), Limits.parse(7)
        (Limits(max_failed=None, max_failed_share=0.2), Limits(max_failed=7, max_failed_share=None))
        """
        if isinstance(max_failed, str):
            return cls(max_failed_share=float(max_failed.removesuffix("%")) / 100)
        return cls(max_failed=max_failed)

    def exceeded(self, counts: Counts) -> bool:
        """Whether to stop now, between two chunks."""
        if self.max_failed is not None and counts.failed > self.max_failed:
            return True
        return counts.processed >= SHARE_FROM_RECORDS and self._share_exceeded(counts)

    def exceeded_at_end(self, counts: Counts) -> bool:
        """Whether a source that has ended failed too often."""
        return self.exceeded(counts) or self._share_exceeded(counts)

    def _share_exceeded(self, counts: Counts) -> bool:
        if self.max_failed_share is None or counts.processed == 0:
            return False
        return counts.failed / counts.processed > self.max_failed_share
