"""Where the Python logger `ri_declarative` speaks on the command line: stderr, one line per record."""

from __future__ import annotations

import logging

from ri_declarative.cli.output import note, printable


class _ToStderr(logging.Handler):
    """Writes through `note`, which finds stderr anew each time: a progress bar may have replaced it."""

    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record))


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = f"{record.levelname.lower()}: {printable(record.getMessage())}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def to_stderr(*, verbose: bool) -> None:
    """Attach the handler once: WARNING and above, INFO with `verbose`."""
    logger = logging.getLogger("ri_declarative")
    if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
        handler = _ToStderr()
        handler.setFormatter(_OneLine())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
