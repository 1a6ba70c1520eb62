"""A pipeline with twenty different mistakes: all told in one go, each at its place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from support.command_line import CommandLine

# Each «…» stands around the place of a finding; the code is told by a comment at the end of the line.
MARKED = """\
«descripton»: nightly                                   # unknown-key
source:
  «format»: cvs                                         # unknown-value
  «encoding»: utf-88                                    # invalid-value
  «null_values»: none                                   # wrong-type
  fields:
    email: {«from»: [], clean: [trim, «lowr»]}          # invalid-value unknown-value
    born: {«date»: YYYY}                                # invalid-value
    phone: {«form»: Phone}                              # unknown-key
    name: {from: Name}
    other: {«from»: Name}                               # duplicate-header
schema:
  required: [email, «nmae»]                             # unknown-field
  properties:
    email: {type: string, «format»: e-mail}             # schema-format
    name: {«type»: text, «minLenght»: 1}                # schema-invalid schema-keyword
    born: {type: string, «pattern»: "["}                # schema-pattern
    country: {enum: [DE, «NO»]}                         # yaml-ambiguous
    city: {«$ref»: "#/$defs/city"}                      # schema-ref
target:
  table: people
  key: [«mail»]                                         # unknown-column
  columns:
    «email»: emial                                      # unknown-field
    born: {field: born, «on_update»: never}             # unknown-value
    «place»: {lookup: cities}                           # invalid-value
    «place»: city                                       # duplicate-key
«limits»: 5                                             # wrong-type
«chunk_size»: 0                                         # invalid-value
"""


PIPELINE = re.sub("[«»]", "", MARKED)


def _marked() -> Iterator[tuple[int, int, str, str]]:
    """Line, column, marked word and code of every finding, as the marks say."""
    for number, line in enumerate(MARKED.splitlines(), 1):
        text, _, codes = line.partition(" # ")
        marks = list(re.finditer("«(.*?)»", text))
        for before, (mark, code) in enumerate(zip(marks, codes.split(), strict=True)):
            yield number, mark.start() + 1 - 2 * before, mark[1], code


EXPECTED = list(_marked())


def test_there_are_at_least_twenty() -> None:
    assert len(EXPECTED) >= 20
    assert len({code for *_, code in EXPECTED}) >= 12


def test_every_mistake_is_told_in_one_go_at_its_place(command_line: CommandLine) -> None:
    command_line.bench.file("pipelines/p.yaml", PIPELINE)
    said = command_line.ri("check", "--json")
    found = [(d["line"], d["column"], d["code"]) for d in said.json["diagnostics"]]
    assert found == [(line, column, code) for line, column, _, code in EXPECTED]
    assert said.code == 2


def test_a_person_sees_each_line_with_carets_under_the_word(command_line: CommandLine) -> None:
    command_line.bench.file("pipelines/p.yaml", PIPELINE)
    lines = command_line.ri("check", "--offline").out.splitlines()
    shown = [lines[place : place + 3] for place in range(0, 3 * len(EXPECTED), 3)]
    source = PIPELINE.splitlines()
    for (line, column, word, code), (head, excerpt, carets) in zip(EXPECTED, shown, strict=True):
        assert head.startswith(f"pipelines/p.yaml:{line}:{column}: error[{code}] ")
        assert excerpt == f"{line:>5} | {source[line - 1]}"
        assert carets == "      | " + " " * (column - 1) + "^" * len(word)
    assert lines[-1].startswith(f"1 pipeline checked (files only): {len(EXPECTED)} errors, 0 warnings")


def test_a_run_tells_the_same(command_line: CommandLine) -> None:
    command_line.bench.file("pipelines/p.yaml", PIPELINE)
    command_line.bench.file("p.csv", "email\n")
    checked, ran = command_line.ri("check", "p"), command_line.ri("run", "p", "p.csv")
    assert ran.code == 2
    assert ran.err == "".join(line + "\n" for line in checked.out.splitlines()[:-1])
