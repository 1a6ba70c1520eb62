"""`BaseProcessor`: what somebody extends to import records by hand."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ri_declarative.errors import UsageError
from ri_declarative.processors.blame import cause_of, place_of
from ri_declarative.processors.context import ImportContext
from ri_declarative.processors.hooks import Hooks
from ri_declarative.processors.item import ImportItem
from ri_declarative.processors.retry import Retry
from ri_declarative.spec.hook_names import HOOKS

_SUFFIX = "Processor"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")


class BaseProcessor(ABC):
    """Validates and writes one item at a time; one object is made for each batch.

    Each item has a savepoint of its own in its chunk's transaction: what `process_item` wrote is undone
    when it raises, and its neighbours stay. The books are written in the same transaction.
    """

    batch_type: ClassVar[str] = ""  # default: the class's name, CustomerDataProcessor → customer_data
    chunk_size: ClassVar[int] = 500  # items per transaction; 1: a transaction for each
    concurrency: ClassVar[Literal["one", "many"]] = "one"  # batches of it that are worked on at once
    retry: ClassVar[Retry | Mapping[str, Any]] = Retry()

    @abstractmethod
    def validate_item(self, item: ImportItem, ctx: ImportContext) -> bool:
        """Whether the item may be processed. False fails it; the warnings logged before are the reasons."""

    @abstractmethod
    def process_item(self, item: ImportItem, ctx: ImportContext) -> dict[str, Any] | None:
        """Write the item with `ctx.execute`; raise to fail it, `SkipItem` to skip it.

        Stored with the item: `target_table`, `target_id`, `action` (inserted, updated, unchanged),
        `processed_data`, and any further keys under "returned" in its metadata.
        """

    def validate_batch(self, ctx: ImportContext) -> bool:
        """Whether the batch may begin; asked before the first item. False fails it."""
        return True

    def on_batch_start(self, ctx: ImportContext) -> None:  # noqa: B027
        """Called before the first item, also when a batch is taken up again: the place to load reference data."""

    def on_batch_complete(self, ctx: ImportContext, success: bool) -> None:  # noqa: B027
        """Called when the batch ends; in one transaction with its end. `success`: it did not stop early."""

    def on_item_error(self, item: ImportItem, error: Exception, ctx: ImportContext) -> bool:
        """Called for each failed item; False stops the batch."""
        return True


def batch_type_of(cls: type[BaseProcessor]) -> str:
    """The name under which batches of the class are known.

    >>> class CustomerDataProcessor(BaseProcessor): pass
    >>> batch_type_of(CustomerDataProcessor)
    'customer_data'
    """
    if cls.batch_type:
        return cls.batch_type
    words = _WORD.findall(cls.__name__.removesuffix(_SUFFIX) or cls.__name__)
    return "_".join(word.lower() for word in words)


def retry_of(cls: type[BaseProcessor]) -> Retry:
    """The class's own words on retrying, as the pipeline language has them, or a `Retry`."""
    return cls.retry if isinstance(cls.retry, Retry) else Retry.parse(cls.retry)


def hooks_of_class(cls: type[BaseProcessor]) -> Hooks:
    """The hooks of a new object of the class: those that it defines itself, not our defaults.

    Raises UsageError "processor-class" naming the line when the object cannot be made.
    """
    file = inspect.getsourcefile(cls)
    try:
        processor = cls()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # it may call sys.exit
        where = place_of(error, file) or cls.__module__
        message = f"{cls.__module__}.{cls.__qualname__} cannot be made: {cause_of(error)} ({where})"
        raise UsageError("processor-class", message, hint="a processor is made without arguments") from error
    return Hooks(
        file,
        {
            name: getattr(processor, name)
            for name, default in vars(BaseProcessor).items()
            if name in HOOKS and getattr(cls, name) is not default
        },
    )
