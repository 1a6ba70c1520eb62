"""Runs samples through a real pipeline, and compares what the database holds with the oracle."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from law_oracle import End, Policy, Table, apply_all, counts_of
from law_records import Sample, rendered
from support.workbench import Workbench

from ri_declarative.records import BatchSummary


@dataclass(frozen=True)
class Case:
    """A target and its pipeline. `ddl` makes and fills the table anew; `select` reads it for comparison."""

    ddl: str
    columns: str  # the YAML of target.columns
    key: str
    table: Callable[[], Table]
    select: str
    schema: str = "{}"
    numbers: tuple[str, ...] = ()
    target: str = "t"
    tells_fields: bool = True  # False: only the codes of problems are compared


def compare(
    bench: Workbench,
    case: Case,
    samples: Sequence[Sample],
    *,
    policy: Policy,
    sizes: Sequence[int],
    seed: object,
    format: str = "csv",  # noqa: A002
) -> None:
    """Nothing; fails where the table, the items or the counts differ from the oracle's."""
    file = rendered(samples, format, numbers=case.numbers)
    oracle = copy.deepcopy(case.table())
    ends = apply_all(oracle, samples, file.lines, policy=policy, typed=format == "jsonl")
    rows = sorted((tuple(row.values()) for row in oracle.rows.values()), key=repr)
    for size in sizes:
        bench.sql(case.ddl)
        batch = run(bench, case, file.text, format=format, policy=policy, size=size)
        where = f"seed={seed} format={format} policy={policy} chunk_size={size}"
        found = ends_of(bench, batch)
        if not case.tells_fields:
            found, ends = [_without_fields(end) for end in found], [_without_fields(end) for end in ends]
        assert found == ends, _first_difference(found, ends, samples, where)
        assert sorted(bench.sql(case.select), key=repr) == rows, where
        assert counts_in(batch) == counts_of(ends), where


def run(bench: Workbench, case: Case, text: str, *, format: str, policy: Policy, size: int) -> BatchSummary:  # noqa: A002
    """The batch of a file with this content."""
    bench.pipeline("p", pipeline_text(case, policy=policy, size=size))
    return bench.run("p", text, ending=format)


def pipeline_text(case: Case, *, policy: Policy, size: int) -> str:
    """The YAML of the case's pipeline; flow style, so that it stays short."""
    return (
        f"schema: {case.schema}\n"
        f"target: {{table: {case.target}, key: {case.key}, columns: {case.columns}, "
        f"on_conflict: {policy.on_conflict}, on_duplicate: {policy.on_duplicate}}}\n"
        f"chunk_size: {size}\n"
    )


def ends_of(bench: Workbench, batch: BatchSummary) -> list[End]:
    """How the batch's items ended, in file order."""
    items = bench.items(batch)
    assert [item.index for item in items] == list(range(len(items)))
    return [
        End(
            item.status.value,
            item.action.value if item.action else None,
            tuple((p.code, p.field) for p in item.problems),
            item.line or 0,
        )
        for item in items
    ]


def counts_in(batch: BatchSummary) -> dict[str, int]:
    """The batch's counters in the words of `counts_of`."""
    words = ("completed", "failed", "skipped", "inserted", "updated", "unchanged")
    return {word: getattr(batch, f"{word}_items") for word in words}


def _without_fields(end: End) -> End:
    return end._replace(problems=tuple((code, None) for code, _ in end.problems))


def _first_difference(found: Sequence[End], wanted: Sequence[End], samples: Sequence[Sample], where: str) -> str:
    if len(found) != len(wanted):
        return f"{where}: {len(found)} items for {len(wanted)} records"
    n = next(n for n, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    return f"{where}: record {n} {samples[n]}: found {found[n]}, expected {wanted[n]}"
