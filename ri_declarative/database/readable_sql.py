"""SQL laid out for a person: the same words, broken over lines where a line would be too long. Pure text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

_WIDTH = 110
_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
_PIECES = re.compile(rf"{_QUOTED}|\s+|[^\s'\"]+|.", re.DOTALL)
_MARKS = re.compile(rf"{_QUOTED}|[(),]", re.DOTALL)
# Where to break first, and where when nothing else is left.
_CLAUSES = re.compile(
    r"(?<![\w.])(?:UNION ALL|SELECT|(?<!DISTINCT )FROM|CROSS JOIN|LEFT JOIN|(?<!LEFT )(?<!CROSS )JOIN|WHERE|ORDER BY"
    r"|ON CONFLICT|RETURNING|INSERT INTO|UPDATE|(?<!UPDATE )SET)\b"
)
_CASES = re.compile(r"(?<![\w.])(?:WHEN|ELSE|END)\b")
_CONDITIONS = re.compile(r"(?<![\w.])AND\b")


def readable_sql(sql: str) -> str:
    """The statement over several lines; without its white space it is the same text.

    >>> readable_sql("SELECT  a,\\n b FROM t WHERE c = 'd  e'")
    "SELECT a, b FROM t WHERE c = 'd  e'"
    """
    one_line = "".join(" " if piece.isspace() else piece for piece in _PIECES.findall(sql.strip()))
    return "\n".join(_laid_out(one_line, 0))


def _laid_out(text: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if len(indent) + len(text) <= _WIDTH:
        yield indent + text
    elif len(clauses := _split_before(text, _CLAUSES)) > 1:
        for clause in clauses:
            yield from _laid_out(clause, depth)
    elif len(parts := _split_at_commas(text)) > 1:
        yield from _listed(parts, depth)
    elif len(branches := _split_before(text, _CASES)) > 1:
        yield indent + branches[0]
        for branch in branches[1:]:
            yield from _laid_out(branch, depth if branch.startswith("END") else depth + 1)
    elif group := _longest_group(text):
        yield from _opened(text, group, depth)
    elif len(conditions := _split_before(text, _CONDITIONS)) > 1:
        yield from (line for condition in conditions for line in _laid_out(condition, depth))
    else:
        yield indent + text


def _listed(parts: Sequence[str], depth: int) -> Iterator[str]:
    """A keyword (SELECT, SET) on a line of its own, then one entry a line."""
    keyword, _, first = parts[0].partition(" ")
    if keyword.isupper() and first:
        yield "  " * depth + keyword
        parts, depth = [first, *parts[1:]], depth + 1
    for place, part in enumerate(parts):
        comma = "," if place < len(parts) - 1 else ""
        *lines, last = _laid_out(part, depth)
        yield from lines
        yield last + comma


def _opened(text: str, group: tuple[int, int], depth: int) -> Iterator[str]:
    """The parentheses opened: what is before, what is inside one step to the right, what is behind."""
    start, end = group
    yield "  " * depth + text[: start + 1]
    yield from _laid_out(text[start + 1 : end].strip(), depth + 1)
    yield from _laid_out(text[end:], depth)


def _groups(text: str) -> Iterator[tuple[int, int]]:
    """Where parentheses that are in no others open and close."""
    opened: list[int] = []
    for found in _MARKS.finditer(text):
        if found[0] == "(":
            opened.append(found.start())
        elif found[0] == ")" and opened:
            start = opened.pop()
            if not opened:
                yield start, found.start()


def _longest_group(text: str) -> tuple[int, int] | None:
    groups = [(start, end) for start, end in _groups(text) if end > start + 1]
    return max(groups, key=lambda group: group[1] - group[0], default=None)


def _hidden(text: str) -> list[tuple[int, int]]:
    """What is not to be broken at: parentheses and quoted texts."""
    return [*_groups(text), *((q.start(), q.end()) for q in _MARKS.finditer(text) if q[0] not in "(),")]


def _split_before(text: str, words: re.Pattern[str]) -> list[str]:
    hidden = _hidden(text)
    places = [
        found.start()
        for found in words.finditer(text)
        if found.start() > 0 and not any(start <= found.start() < end for start, end in hidden)
    ]
    edges = [0, *places, len(text)]
    return [text[a:b].strip() for a, b in pairwise(edges)]


def _split_at_commas(text: str) -> list[str]:
    hidden = _hidden(text)
    places = [
        found.start()
        for found in re.finditer(",", text)
        if not any(start <= found.start() < end for start, end in hidden)
    ]
    edges = [-1, *places, len(text)]
    return [text[a + 1 : b].strip() for a, b in pairwise(edges)]
