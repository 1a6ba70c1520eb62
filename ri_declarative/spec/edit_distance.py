"""How many slips of the finger lie between two names: for names that were surely meant to be others.

Stricter than words.nearest, which proposes a cure once something is known to be wrong: here the
distance itself decides whether anything is. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 2


def edit_distance(one: str, other: str) -> int:
    """Letters added, left out or replaced, and neighbours swapped (Damerau and Levenshtein, restricted).

    >>> edit_distance("on_item_eror", "on_item_error"), edit_distance("transfrom", "transform")
    (1, 1)
    """
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = above, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(row[-1] + 1, above[j] + 1, above[j - 1] + (letter != wanted))
            if i > 1 < j and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
    return row[-1]


def near(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is at most two slips away, fewer for a short one; None when none is. Case does not count.

    >>> near("onItemError", ["on_item_error"]), near("validate_email", ["validate_item"])
    ('on_item_error', None)
    """
    told = ((edit_distance(name.lower(), candidate.lower()), candidate) for candidate in candidates)
    return min((found for found in told if found[0] <= min(_MOST, len(found[1]) // 3)), default=(0, None))[1]
