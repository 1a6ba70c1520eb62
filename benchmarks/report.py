"""The results as a table for people, as Markdown for the docs, and as JSON with every sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cases import Case
from results import Samples, Verdict, median_s, rate

HEADERS = ("case", "median", "range", "records/s", "ratio or limit", "target", "")
NUMBERS = (1, 2, 3)  # columns that are aligned to the right

Row = tuple[str, ...]


def rows(cases: Sequence[Case], samples: Samples, found: Sequence[Verdict]) -> Iterator[Row]:
    """A row for each case, and one more for each further figure of it."""
    for case in cases:
        own = samples.get(case.name, ())
        if not own:
            continue
        seconds = [sample.seconds for sample in own]
        start: Row = (
            f"{case.what} [{case.name}]",
            _time(median_s(own)),
            f"{_time(min(seconds))}–{_time(max(seconds))}",
            f"{rate(own):,.0f}" if case.rated else "",
        )
        for verdict in [v for v in found if v.case == case.name] or [None]:
            yield start + (("", "", "") if verdict is None else (verdict.figure, verdict.target, _word(verdict)))
            start = ("", "", "", "")


def as_text(table: Sequence[Row]) -> str:
    """Columns of equal width."""
    lines = [HEADERS, *table]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEADERS))]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in lines)


def _aligned(line: Row, widths: Sequence[int]) -> Iterator[str]:
    for k, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.rjust(width) if k in NUMBERS else cell.ljust(width)


def as_markdown(table: Sequence[Row]) -> str:
    """A table for docs/."""
    bar = "|" + "|".join("---:" if k in NUMBERS else "---" for k in range(len(HEADERS))) + "|"
    return "\n".join(["| " + " | ".join(HEADERS) + " |", bar, *("| " + " | ".join(row) + " |" for row in table)])


def as_json(facts: dict[str, Any], cases: Sequence[Case], samples: Samples, found: Sequence[Verdict]) -> dict[str, Any]:
    """Everything."""
    return {
        "schema": "ri.bench/1",
        **facts,
        "cases": {
            case.name: {
                "what": case.what,
                "median_s": median_s(samples[case.name]),
                "records_per_s": rate(samples[case.name]),
                "samples": [sample._asdict() for sample in samples[case.name]],
            }
            for case in cases
            if samples.get(case.name)
        },
        "targets": [{**verdict._asdict(), "met": verdict.met} for verdict in found],
    }


def fill_in(page: Path, name: str, text: str) -> None:
    """Nothing; `text` stands between the page's two markers of that name."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    old = page.read_text(encoding="utf-8")
    new, count = re.subn(f"({begin}\n).*?({end})", lambda m: f"{m[1]}{text}\n{m[2]}", old, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{page}: {begin} and {end} are needed once")
    page.write_text(new, encoding="utf-8")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _word(verdict: Verdict) -> str:
    return {None: "", True: "ok", False: "missed"}[verdict.met]
