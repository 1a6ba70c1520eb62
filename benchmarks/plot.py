"""Horizontal bars as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABELS, VALUES = 800, 290, 80  # of the whole, of the names to the left and of the figures to the right
BAR, STEP, TOP = 18, 28, 56

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.note { fill: #57606a; font-size: 12px; }
.ri { fill: #1a7f37; }
.other { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #9198a1; }
  .ri { fill: #3fb950; }
  .other { fill: #6e7681; }
}"""


class Bar(NamedTuple):
    """A name and its figure."""

    label: str
    value: float
    ours: bool


def bars(title: str, note: str, shown: Sequence[Bar]) -> str:
    """The picture; all bars begin at zero."""
    height = TOP + STEP * len(shown) + 8
    most = max(bar.value for bar in shown)
    scale = (WIDTH - LABELS - VALUES) / most
    drawn = "\n".join(_bar(bar, TOP + STEP * k, bar.value * scale) for k, bar in enumerate(shown))
    told = "; ".join(f"{bar.label}: {bar.value:,.0f}" for bar in shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(f"{title}. {told}")}">\n<style>\n{STYLE}\n</style>\n'
        f'<text class="title" x="8" y="22">{escape(title)}</text>\n'
        f'<text class="note" x="8" y="42">{escape(note)}</text>\n{drawn}\n</svg>\n'
    )


def _bar(bar: Bar, y: int, length: float) -> str:
    middle, kind = y + BAR - 4, "ri" if bar.ours else "other"
    return (
        f'<text x="{LABELS - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>'
        f'<text x="{LABELS + length + 6:.1f}" y="{middle}">{bar.value:,.0f}</text>'
    )
