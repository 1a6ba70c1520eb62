"""The nearest right word for a wrong one. Imports nothing of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The likeliest candidate that was meant by `word`, or None when none is near.

    >>> nearest("emial", ["email", "name"])
    'email'
    """
    folded = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """The end of an error's sentence, empty when nothing is near.

    >>> did_you_mean("emial", ["email", "name"])
    '; did you mean "email"?'
    """
    found = nearest(word, (candidate for candidate in candidates if candidate != word))
    return f'; did you mean "{found}"?' if found else ""
