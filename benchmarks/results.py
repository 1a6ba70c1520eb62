"""What the samples say: medians, ratios, and whether a target is met."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """One run."""

    records: int
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def per_record_s(self) -> float:
        """So that runs of different length can be compared."""
        return self.seconds / self.records


Samples = Mapping[str, Sequence[Sample]]  # by case, a sample per round


class Verdict(NamedTuple):
    """A figure and its target."""

    case: str
    figure: str  # "1.14 × floor", "132 MB"
    value: float
    at_most: float | None
    target: str  # "≤ 1.2", or nothing

    @property
    def met(self) -> bool | None:
        """None: there is no target."""
        return None if self.at_most is None else self.value <= self.at_most


class Ratio(NamedTuple):
    """`case` takes at most so many times what `against` takes, per record.

    The median of the rounds' own ratios, which a busy machine disturbs least.
    """

    case: str
    against: str
    at_most: float | None = None  # None: only told

    def verdict(self, samples: Samples) -> Verdict | None:
        """None when one of the two was not measured."""
        own, other = samples.get(self.case), samples.get(self.against)
        if not own or not other:
            return None
        value = statistics.median(a.per_record_s / b.per_record_s for a, b in zip(own, other, strict=True))
        target = "" if self.at_most is None else f"≤ {self.at_most:.2f}"
        return Verdict(self.case, f"{value:.2f} × {self.against}", value, self.at_most, target)


class Seconds(NamedTuple):
    """The whole of `case` takes at most so long."""

    case: str
    at_most: float

    def verdict(self, samples: Samples) -> Verdict | None:
        """None when it was not measured."""
        if not samples.get(self.case):
            return None
        value = median_s(samples[self.case])
        return Verdict(self.case, f"{value * 1000:,.0f} ms", value, self.at_most, f"≤ {self.at_most * 1000:,.0f} ms")


class Peak(NamedTuple):
    """The process of `case` never has more memory than so much."""

    case: str
    at_most_mb: float

    def verdict(self, samples: Samples) -> Verdict | None:
        """None when it was not measured."""
        if not samples.get(self.case):
            return None
        value = max(sample.peak_mb for sample in samples[self.case])
        return Verdict(self.case, f"{value:,.1f} MB", value, self.at_most_mb, f"≤ {self.at_most_mb:,.0f} MB")


Target = Ratio | Seconds | Peak


def verdicts(targets: Sequence[Target], samples: Samples) -> list[Verdict]:
    """One for each target that can be judged."""
    found = (target.verdict(samples) for target in targets)
    return [verdict for verdict in found if verdict is not None]


def median_s(samples: Sequence[Sample]) -> float:
    """The median of the seconds."""
    return statistics.median(sample.seconds for sample in samples)


def rate(samples: Sequence[Sample]) -> float:
    """Records a second, by the median."""
    return samples[0].records / median_s(samples)
