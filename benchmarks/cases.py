"""What is measured, as data: the cases in the order of a round, and the targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import commands
import imports
import others
import peers
import records
import shop as tables
from processes import Run
from results import Peak, Ratio, Seconds, Target
from shop import Shop


class Case(NamedTuple):
    """Something that is measured once in each round."""

    name: str
    what: str
    run: Callable[[Shop, int], Run]  # of so many records
    share: float = 1.0  # of the number of records that the benchmark is asked for
    fixed: int | None = None  # so many records, whatever it is asked for
    peer: peers.Peer | None = None  # whose program it runs
    large: bool = False  # only when asked for
    rated: bool = True  # records a second say something about it

    @property
    def is_there(self) -> bool:
        """Whether it can be run here."""
        return self.peer is None or self.peer.is_there

    def records(self, asked: int) -> int:
        """How many records a run has."""
        return self.fixed or max(1, round(self.share * asked))


CASES = (
    Case("floor", "psql by hand, first load", others.floor),
    Case("first", "ri, first load", imports.first),
    *(Case(peer.name, f"{peer.what}, first load", partial(peers.first, peer=peer), peer=peer) for peer in peers.PEERS),
    Case("floor-again", "psql by hand, the same file again", others.floor_again),
    Case("again", "ri, the same file again", imports.again),
    *(
        Case(f"{peer.name}-again", f"{peer.what}, again", partial(peers.again, peer=peer), peer=peer)
        for peer in peers.PEERS
        if peer.merges
    ),
    Case("schema-1", "1 % refused by the schema", partial(imports.refused_by_schema, every=100)),
    Case("schema-5", "5 % refused by the schema", partial(imports.refused_by_schema, every=20)),
    Case(
        "key-5",
        "5 % refused by a foreign key (predicted)",
        partial(imports.first, tables_sql=tables.FOREIGN_KEY, refused=records.refused_country),
    ),
    Case(
        "check-5",
        "5 % refused by a CHECK (predicted)",
        partial(imports.first, tables_sql=tables.CHECK, refused=records.refused_points),
    ),
    Case(
        "domain-5",
        "5 % refused by a domain (not predicted)",
        partial(imports.first, tables_sql=tables.DOMAIN, refused=records.refused_points),
    ),
    Case(
        "domain-100",
        "100 % refused by a domain (not predicted)",
        partial(imports.first, tables_sql=tables.DOMAIN_OF_NONE, refused=imports.all_of),
    ),
    Case("lookup", "with a look-up", partial(imports.first, pipeline="looked_up", tables_sql=tables.COUNTRY_ID)),
    Case("hook", "with a transform_item that does nothing", partial(imports.first, pipeline="hooked")),
    Case("jsonl", "from JSON Lines", partial(imports.first, file=imports.jsonl)),
    Case("few", "a tenth of the records, first load", imports.first, share=0.1),
    Case("reprocess", "reprocessing a tenth, all failed", imports.reprocess, share=0.1),
    Case("loop", "the plain loop, a tenth of the records", others.loop, share=0.1),
    Case("million", "ten times the records, first load", imports.first, share=10),
    Case(
        "wide",
        "ten times the records of 50 fields",
        partial(imports.first, pipeline="wide", tables_sql=tables.WIDE, file=imports.wide_csv),
        share=10,
        large=True,
    ),
    Case("ten", "10 records, running server", commands.ten, fixed=commands.TEN, rated=False),
    Case("ten-embedded", "10 records, embedded server started", commands.ten_embedded, fixed=commands.TEN, rated=False),
    Case(
        "ten-cold",
        "10 records, embedded server made first",
        commands.ten_embedded_cold,
        fixed=commands.TEN,
        rated=False,
    ),
    Case("help", "ri --help", commands.help_text, fixed=1, rated=False),
    Case("check", "ri check --offline", commands.check_offline, fixed=1, rated=False),
    Case("status", "ri status of ten times the records", commands.status, share=10, rated=False),
    Case("status-inside", "the same, inside the database", commands.status_in_database, share=10, rated=False),
)

TARGETS: tuple[Target, ...] = (
    Ratio("first", "floor", 1.2),
    Ratio("first", "sling", 1.2),
    Ratio("first", "dlt", 1 / 3),
    Ratio("first", "dlt-arrow"),  # near the floor: three times as fast as this is nothing
    Ratio("first", "pgloader"),
    Ratio("again", "floor-again", 0.6),
    Ratio("again", "sling-again"),
    Ratio("again", "dlt-again"),
    Ratio("schema-1", "first"),
    Ratio("schema-5", "first", 1.1),
    Ratio("key-5", "first", 1.6),
    Ratio("check-5", "first", 1.6),
    Ratio("domain-5", "first", 1.6),
    Ratio("domain-100", "first", 4.0),
    Ratio("lookup", "first", 1.15),
    Ratio("hook", "first"),
    Ratio("jsonl", "first"),
    Ratio("reprocess", "first", 1.0),
    Ratio("reprocess", "few"),
    Ratio("loop", "first"),
    Ratio("million", "first", 1 / 0.9),  # rows a second within 10 %
    Peak("million", 150),
    Ratio("wide", "first"),
    Peak("wide", 150),
    Seconds("ten", 0.4),
    Seconds("ten-embedded", 0.4),
    Seconds("ten-cold", 2.0),
    Seconds("help", 0.1),
    Seconds("status-inside", 0.1),
)


def chosen(only: Collection[str], *, large: bool) -> list[Case]:
    """The cases to run, in their order: all, or those named and what they are measured against.

    A peer is never brought along by a case of ri, only the other way round.
    """
    cases = {case.name: case for case in CASES if case.is_there}
    if not only:
        return [case for case in cases.values() if large or not case.large]
    return [case for case in cases.values() if case.name in {*only, *_partners(only, cases)}]


def _partners(only: Collection[str], cases: Mapping[str, Case]) -> Iterator[str]:
    for target in TARGETS:
        if isinstance(target, Ratio) and target.against in cases:
            of_peer = cases[target.against].peer is not None
            if of_peer and target.against in only:
                yield target.case
            if not of_peer and target.case in only:
                yield target.against
