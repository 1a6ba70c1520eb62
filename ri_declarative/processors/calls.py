"""Calls hooks. What they raise is their item's problem; what they wrote is undone then.

Runs in the writer's thread only: signals reach the main thread, so that a KeyboardInterrupt met here
was raised by a hook, and does not end the run as if the user had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ri_declarative.database.hook_transaction import HookMisuse, TransactionStopped
from ri_declarative.errors import StoppedError
from ri_declarative.processors.blame import cause_of, place_of, shown, traceback_of
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.hooks import Hooks
from ri_declarative.processors.item import ImportItem, SkipItem
from ri_declarative.records import LogEntry, Problem


class Refused(NamedTuple):
    """An item that a hook failed or skipped."""

    problems: tuple[Problem, ...]
    skipped: bool = False
    error: BaseException | None = None  # that the hook raised


class WrongReturn(Exception):
    """A hook returned what no hook of its name may return; the text says what."""


class Calls:
    """The hooks of one run, called for one item or for the batch."""

    def __init__(self, hooks: Hooks, context: ImportContext) -> None:
        self.hooks = hooks
        self.running = ""  # name of the hook, for the codes of its problems
        self._context = context
        self._mark = 0  # of the lines that another attempt logs again

    def for_item(self, hook: str, work: Callable[[ImportItem, ImportContext], Any], item: ImportItem) -> Any:
        """What `work` gives, or `Refused`. Raises only what stops the chunk or the run."""
        context, transaction, journal = self._context, self._context.transaction, self._context.journal
        self.running, context.item = hook, item
        self._mark = journal.mark()
        transaction.begin_call()
        try:
            result = work(item, context)
            transaction.keep()
        except BaseException as error:
            result = self._refused(error)
        finally:
            context.item = None
            if transaction.used:
                journal.repeats_since(self._mark)
        return result

    def keep_lines(self) -> None:
        """What the call has logged so far is not logged again by another attempt: its hook is not called again."""
        self._mark = self._context.journal.mark()

    def for_batch(self, hook: str, *arguments: Any) -> Any:
        """What the hook returns. Raises StoppedError with what it raised, and where."""
        function = self.hooks.get(hook)
        if function is None:
            return None
        transaction, journal = self._context.transaction, self._context.journal
        self.running, mark = hook, journal.mark()
        transaction.begin_call()
        try:
            result = function(*arguments)
            transaction.keep()
        except BaseException as error:
            raise StoppedError(f"hook.{hook}", f"{hook}: {self._reason(error)}") from error
        finally:
            if transaction.used:
                journal.repeats_since(mark)
        return result

    def _reason(self, error: BaseException) -> str:
        """Why the hook failed, also when its own SQL fits the database no longer. Raises what may pass."""
        try:
            refused = self._refused(error)
            return f"{cause_of(error)} ({self._place(error)})" if refused.skipped else refused.problems[0].message
        except StoppedError as stopped:
            if stopped.code != "db.pipeline":
                raise
            self._context.transaction.undo()
            return stopped.message

    def _refused(self, error: BaseException) -> Refused:
        """Undo what the call wrote, and say why it failed."""
        transaction = self._context.transaction
        if isinstance(error, TransactionStopped):  # a lost or an ended transaction: the engine decides
            raise error
        problem = transaction.judged(error, place=f"hook {self.running} ({self._place(error)})")
        transaction.undo()
        if problem is not None:
            return Refused((problem,), error=error)
        code = f"hook.{self.running}"
        if isinstance(error, SkipItem):
            return Refused((Problem(code, None, f"skipped: {error}"),), skipped=True)
        if isinstance(error, HookMisuse | WrongReturn):
            return Refused((Problem(code, None, f"{error} ({self._place(error)})"),), error=error)
        self._context.error(f"{self.running} raised {type(error).__name__}", {"traceback": traceback_of(error)})
        message = f"{cause_of(error)} ({self._place(error)})"
        return Refused((Problem(code, None, message, {"exception": type(error).__name__}),), error=error)

    def _place(self, error: BaseException) -> str:
        """The user's own line, or at least the hook."""
        file = self.hooks.file
        return place_of(error, file) or (f"{self.running} in {shown(file)}" if file else self.running)


def reasons(entries: Iterable[LogEntry]) -> tuple[Problem, ...]:
    """The problems of an item that `validate_item` refused: the warnings that it logged."""
    warnings = [entry.message for entry in entries if entry.level == "warning"]
    said = warnings or ["validate_item returned False and logged no warning that says why"]
    return tuple(Problem("hook.validate_item", None, message) for message in said)
