"""Which records a runner takes next: a chunk, or less where a record may have killed the runner before.

A runner that dies of a record (a hook that crashes the process, a parser that eats all memory) leaves its claim
behind. Who takes the batch over does not know which record it was, and narrows down to it: the claimed chunk and the
one that was being read ahead in parts of about the square root of a chunk, then the part in which the runner dies
again one by one. What kills a third runner alone is poison: it fails, and the batch goes on.
"""

from __future__ import annotations

import math

from ri_declarative.database.ownership import Claim, Stopped

POISON_AFTER = 3  # runners


def first_claim(chunk_size: int) -> Claim:
    """Of a batch that begins."""
    return Claim(chunk_size)


def next_claim(claim: Claim, chunk_size: int) -> Claim:
    """Of the records behind a claim that has been booked.

    >>> next_claim(Claim(70, attempts=2, suspect=10_000), 5000)
    Claim(size=71, attempts=2, suspect=9930)
    >>> next_claim(Claim(71, attempts=2, suspect=71), 5000)
    Claim(size=5000, attempts=1, suspect=0)
    """
    suspect = claim.suspect - claim.size
    return _narrowed(claim.attempts, suspect, chunk_size) if suspect > 0 else Claim(chunk_size)


def claim_after_death(claim: Claim, chunk_size: int) -> Claim:
    """Of the same records, for the successor of a runner that died.

    >>> claim_after_death(Claim(5000), 5000)
    Claim(size=71, attempts=2, suspect=10000)
    >>> claim_after_death(Claim(71, attempts=2, suspect=6000), 5000)
    Claim(size=1, attempts=3, suspect=71)
    >>> is_poison(claim_after_death(Claim(1, attempts=3, suspect=40), 5000))
    True
    """
    # A runner that was not suspicious yet read a chunk ahead of the one that it had claimed.
    suspect = claim.size if claim.suspect else claim.size + chunk_size
    return _narrowed(claim.attempts + 1, suspect, chunk_size)


def claim_of(stopped: Stopped, chunk_size: int) -> Claim:
    """Of the first records that a stopped batch has still to do."""
    if not stopped.lost_its_runner or stopped.claim.size < 1:
        return first_claim(chunk_size)
    return claim_after_death(stopped.claim, chunk_size) if stopped.begun else stopped.claim


def is_poison(claim: Claim) -> bool:
    """Whether its only record has killed runners often enough."""
    return claim.size == 1 and claim.attempts > POISON_AFTER


def _narrowed(attempts: int, suspect: int, chunk_size: int) -> Claim:
    size = {1: chunk_size, 2: math.isqrt(chunk_size - 1) + 1}.get(attempts, 1)
    return Claim(min(size, suspect), attempts, suspect)
