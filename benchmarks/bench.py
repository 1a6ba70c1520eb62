"""How fast ri is, on a PostgreSQL of the benchmark's own, against psql by hand and whatever peers are installed.

    make bench                                          all cases, 100,000 records, 5 rounds
    python benchmarks/bench.py --only first again --records 20000 --rounds 1
    python benchmarks/bench.py --docs docs/performance.md       the table in the docs, too

Each round runs every case once, so that what else the machine does meets all of them alike. A case runs a whole
process, from its start to its end, with everything before it on the disk, and its result is checked: a fast wrong run
ends the benchmark. The JSON holds every sample; the plot is drawn when all cases were run, or when --svg is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import peers
import plot
import report
from cases import CASES, TARGETS, Case, chosen
from processes import WrongResult
from results import Sample, Samples, rate, verdicts
from server import FOLDER, running_server
from shop import HERE, Shop, open_shop

DOCS = HERE.parent / "docs"
PLOTTED = ("first", "floor", "again", "floor-again", "loop", *(peer.name for peer in peers.PEERS))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000, help="default: 100,000")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    names = [case.name for case in CASES]
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=names, default=[], help="see --list")
    parser.add_argument("--large", action="store_true", help="with a file of 1 GB, too")
    parser.add_argument("--list", action="store_true", help="the cases, and what can be run here")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the server's folder is made: {FOLDER}")
    parser.add_argument("--json", type=Path, default=HERE / "results.json", metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="the plot; default: docs/performance.svg")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="the page whose table is filled in")
    return parser.parse_args()


def measured(shop: Shop, cases: Sequence[Case], *, records: int, rounds: int) -> Samples:
    """A sample for each case and round. A peer that fails is left out from then on, and said so."""
    samples: dict[str, list[Sample]] = {case.name: [] for case in cases}
    for number in range(1, rounds + 1):
        for case in cases:
            if len(samples[case.name]) < number - 1:
                continue
            count = case.records(records)
            try:
                run = case.run(shop, count)
            except WrongResult as error:
                if case.peer is None:
                    raise
                print(f"{case.name} is left out: {error}", file=sys.stderr)
                continue
            samples[case.name].append(Sample(count, run.seconds, run.cpu_s, run.peak_mb))
            print(f"round {number}/{rounds}  {case.name:16} {run.seconds:8.3f} s", file=sys.stderr)
    return {name: found for name, found in samples.items() if len(found) == rounds}


def svg(samples: Samples, facts: dict[str, Any]) -> str:
    """The plot of the ways to load a file."""
    named = {case.name: case for case in CASES if case.name in samples}
    shown = [
        plot.Bar(named[name].what, rate(samples[name]), named[name].what.startswith("ri,"))
        for name in PLOTTED
        if name in named
    ]
    title = f"Records a second, from a file of {facts['records']:,} records of 10 fields"
    return plot.bars(title, machine.in_short(facts), sorted(shown, key=lambda bar: -bar.value))


def main() -> None:
    """Measure, and write down."""
    given = arguments()
    if given.list:
        print("\n".join(f"{case.name:16} {case.what}{'' if case.is_there else ' (not installed)'}" for case in CASES))
        return
    cases = chosen(given.only, large=given.large)
    with running_server(given.folder) as server:
        shop = open_shop(server)
        shop.ri("--help")  # compiles what has no bytecode yet
        taking_part = [case.peer for case in cases if case.peer is not None]
        facts = {**machine.facts(server, taking_part), "records": given.records, "rounds": given.rounds}
        samples = measured(shop, cases, records=given.records, rounds=given.rounds)
    found = verdicts(TARGETS, samples)
    table = list(report.rows(cases, samples, found))
    print(f"{machine.in_words(facts)}\n\n{report.as_text(table)}")
    given.json.write_text(json.dumps(report.as_json(facts, cases, samples, found), indent=1) + "\n", encoding="utf-8")
    plot_file = given.svg or (None if given.only else DOCS / "performance.svg")
    if plot_file is not None:
        plot_file.write_text(svg(samples, facts), encoding="utf-8")
    if given.docs:
        text = f"Measured on {machine.in_words(facts)}.\n\n{report.as_markdown(table)}"
        report.fill_in(given.docs, "bench", f"\n{text}\n")


if __name__ == "__main__":
    try:
        main()
    except WrongResult as error:
        sys.exit(f"{error}")
