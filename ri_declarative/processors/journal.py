"""What hooks log, until it is written into `import_logs` together with their chunk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ri_declarative.database.jsonb import loggable
from ri_declarative.processors import blame
from ri_declarative.records import LogEntry

_NUMBERS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Journal:
    """The lines of one run that are not stored yet. Each goes to the Python logger at once."""

    def __init__(self, batch_type: str) -> None:
        self._logger = logging.getLogger(f"ri_declarative.hooks.{batch_type}")
        self._entries: list[LogEntry] = []
        self._repeated: set[int] = set()  # places of entries that a new attempt will write again

    def add(self, level: str, message: object, details: Mapping[str, Any] | None, item_index: int | None) -> None:
        """One line; `level` is debug, info, warning or error."""
        text = blame.text_of(message)
        self._entries.append(LogEntry(level, text, loggable(details) if details else None, item_index))
        number = _NUMBERS[level]
        if self._logger.isEnabledFor(number):
            where = "" if item_index is None else f" (item {item_index})"
            self._logger.log(number, "%s%s", text, where)

    def mark(self) -> int:
        """Where we are; entries from here on are those of a call that begins now."""
        return len(self._entries)

    def since(self, mark: int) -> list[LogEntry]:
        """The entries of the call that began at `mark`."""
        return self._entries[mark:]

    def repeats_since(self, mark: int) -> None:
        """The call that began at `mark` is made again when its transaction fails: so are its lines."""
        self._repeated.update(range(mark, len(self._entries)))

    def forget_attempt(self, since: int = 0) -> None:
        """The transaction, or what was done in it `since` a mark, is undone and tried again."""
        undone = {place for place in self._repeated if place >= since}
        self._entries = [entry for place, entry in enumerate(self._entries) if place not in undone]
        self._repeated -= undone

    def pending(self) -> list[LogEntry]:
        """What is not stored yet."""
        return list(self._entries)

    def stored(self) -> None:
        """All of it is stored now."""
        self._entries.clear()
        self._repeated.clear()
