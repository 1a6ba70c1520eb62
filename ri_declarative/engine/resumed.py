"""A source from where an earlier run stopped, once its read part has proved to be the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from ri_declarative.blocks import Piece, RecordBlock, joined
from ri_declarative.database.items import source_texts
from ri_declarative.errors import SourceError, SourceFault, StoppedError
from ri_declarative.records import Record

_AT_ONCE = 5000  # records


class ReadDigest:
    """A SHA-256 over the records of a source as they are stored; it does not depend on chunks."""

    def __init__(self, source_data: Iterable[str] = (), *, before: ReadDigest | None = None) -> None:
        """Of the records behind those that `before` covers, as JSON texts."""
        self._hash: hashlib._Hash = hashlib.sha256() if before is None else before._hash.copy()
        self._hash.update("\n".join([*source_data, ""]).encode())  # no JSON text of ours holds a line feed

    def after(self, source_data: Iterable[str]) -> ReadDigest:
        """With the next records."""
        return ReadDigest(source_data, before=self)

    def hex(self) -> str:
        """Of all records so far."""
        return self._hash.hexdigest()


class Position:
    """How far a source has been read: the records that follow, and the digest of those before.

    `verifiable`: the records come from outside and may have changed; items of the database do not.
    """

    def __init__(self, pieces: Iterable[Piece], *, start: int = 0, verifiable: bool = True) -> None:
        self.start = start  # the index behind which the records lie
        self.verifiable = verifiable
        self.digest = ReadDigest()
        self._pieces = iter(pieces)
        self._rest: RecordBlock | None = None  # of a block that was more than a chunk wanted
        self._fault: SourceFault | None = None

    def take(self, size: int) -> Sequence[Record]:
        """The next `size` records, fewer at the end. When the source breaks off, what it gave before comes first."""
        if self._fault is not None:
            raise self._fault
        taken: list[Piece] = []
        left = size
        try:
            while left and (piece := self._rest or next(self._pieces, None)) is not None:
                if isinstance(piece, RecordBlock):
                    self._rest = piece.between(left) if len(piece) > left else None
                    piece = piece.between(0, left)
                    left -= len(piece)
                else:
                    left -= 1
                taken.append(piece)
        except SourceFault as fault:
            self._fault = fault
            if not taken:
                raise
        return joined(taken)

    def move_to(
        self, next_index: int, read_digest: str | None, *, name: str, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Pass over the records that are done. Raises SourceError "source-differs" when they are others.

        Raises SourceFault when the source cannot be read that far, StoppedError when a stop is asked for.
        """
        passed = 0
        while passed < next_index:
            chunk = self.take(min(_AT_ONCE, next_index - passed))
            if not chunk:
                raise _differs(name, f"it ends after {passed:,} records, {next_index:,} were read before")
            self.digest = self.digest.after(source_texts(chunk)[0])
            passed += len(chunk)
            if should_stop():
                raise StoppedError("interrupted", f"{name}: stopped before the first new record")
        self.start = next_index
        found = self.digest.hex()
        if read_digest is not None and found != read_digest:
            raise _differs(
                name,
                f"its first {next_index:,} records are others than those that were read before "
                f"(SHA-256 over them {found[:16]}… now, {read_digest[:16]}… then)",
            )


def _differs(name: str, why: str) -> SourceError:
    return SourceError(
        "source-differs",
        f"{name}: {why}",
        hint="resume with the file that was begun, or one that only adds to it; "
        "`ri run … --new-batch` imports this one from its start",
    )
