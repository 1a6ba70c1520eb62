"""Codes of hooks and processor classes: what one of them did to an item, and why a run cannot use them."""

from __future__ import annotations

from ri_declarative.codes.entry import Code, Group, Origin, of_run, on_record

HOOK = Group(
    "Records: hooks",
    "A hook of hooks/NAME.py, or a method of a processor class, refused or skipped the record. The traceback of what "
    "it raised is in import_logs, at the item.",
    (
        on_record(
            "hook.process_item",
            ends="item failed, or skipped by SkipItem",
            cause="The hook raised, returned what it may not, or tried to end its chunk's transaction.",
            example="ValueError: no price for SKU 4711 (hooks/orders.py:14)",
            cure="Repair the line that is named, or the record, and reprocess the batch.",
        ),
        Code(
            "hook.transform_chunk",
            (Origin.RECORD, Origin.RUN),
            "item failed or skipped; exit 3 for a wrong number of results",
            "The hook raised for this record alone, put an exception in its place, or gave too few or many results.",
            "transform_chunk gave 3 results for 5 items",
            "Return one result for each item, in their order: a dict, None to skip it, or an exception to fail it.",
        ),
        on_record(
            "hook.transform_item",
            ends="item failed, or skipped by None and SkipItem",
            cause="The hook raised or returned no dict; None skips the record.",
            example="transform_item returned list, expected a dict, or None to skip the record "
            "(transform_item in hooks/orders.py)",
            cure="Repair the line that is named, or the record, and reprocess the batch.",
        ),
        on_record(
            "hook.validate_item",
            ends="item failed, or skipped by SkipItem",
            cause="The hook returned False, and this is a warning that it logged; or it raised.",
            example="the order has no lines",
            cure="Correct the record, or the rule, and reprocess the batch.",
        ),
    ),
)

_EITHER = (Origin.FILE, Origin.RUN)  # `ri check` names the line of ri.yaml

PROCESSOR = Group(
    "Runs: hooks and processor classes",
    "The Python of the project cannot be used, or a hook that speaks for the whole batch stopped it.",
    (
        Code(
            "duplicate-batch-type",
            _EITHER,
            "exit 2",
            cause="Two processor classes, or a class and a pipeline, have one name.",
            example="batch type customer_data is defined twice: pipelines/customer_data.yaml and "
            "myapp.processors.CustomerDataProcessor",
            cure="Rename one of them; a class names its type with the attribute `batch_type`.",
        ),
        of_run(
            "hook-import",
            cause="The body of the hook file raised when it was imported.",
            example="hooks/orders.py cannot be imported: KeyError: 'RATES_URL' (hooks/orders.py:3)",
            cure="Repair the line. The project's folder is importable, so that `from myapp import rates` works.",
        ),
        of_run(
            "hook-transaction",
            ends="exit 3",
            cause="A hook ended the chunk's transaction behind our back: what it had written is committed without its "
            "items.",
            example="a hook ended the transaction of its chunk: what it had written is committed without its items",
            cure="Take BEGIN, COMMIT and ROLLBACK out of the hook; raise an exception to undo an item.",
        ),
        of_run(
            "hook.on_batch_complete",
            ends="exit 3 in a run that stopped; else exit 1, told with the batch, which stays completed",
            cause="The hook raised. The records are committed; what it wrote itself is undone.",
            example='on_batch_complete: UndefinedTable: relation "totals" does not exist (hooks/orders.py:30)',
            cure="Repair the line that is named, and do by hand what it should have done.",
        ),
        of_run(
            "hook.on_batch_start",
            ends="exit 3",
            cause="The hook raised: no record was processed.",
            example="on_batch_start: KeyError: 'EUR' (hooks/orders.py:7)",
            cure="Repair the line that is named, then run it again.",
        ),
        of_run(
            "hook.validate_batch",
            ends="exit 3",
            cause="The hook raised: no record was processed.",
            example="validate_batch: KeyError: 'tenant' (hooks/orders.py:7)",
            cure="Repair the line that is named, then run it again. To refuse a batch, return False.",
        ),
        of_run(
            "item-type",
            cause="An item given to create_batch is no mapping, or holds what JSON cannot. Nothing was stored.",
            example="item 3 is of type list, expected a mapping",
            cure="Give mappings of texts, numbers, booleans, None, dates, lists and mappings.",
        ),
        of_run(
            "nothing-pending",
            cause="There is nothing to process: the batch has no pending items.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 is completed: none of its 24 items is pending",
            cure="Reprocess the batch to take its failed items again.",
        ),
        Code(
            "processor-class",
            _EITHER,
            "exit 2",
            cause="What was to be registered is no complete subclass of BaseProcessor, its batch type is no name, or "
            "another attribute of it cannot be used.",
            example="myapp.processors.OrdersProcessor lacks process_item",
            cure="Define validate_item and process_item; batch types have small letters, digits and _. `retry` is "
            "written as in a pipeline.",
        ),
        Code(
            "processor-import",
            _EITHER,
            "exit 2",
            cause="A package with processor classes, or a module in it, cannot be imported.",
            example="myapp.processors.orders cannot be imported: ModuleNotFoundError: No module named 'rates'",
            cure="Repair the import that the message names; `processors` in ri.yaml lists the packages.",
        ),
        of_run(
            "requires",
            cause="The pipeline requires another one, which has never completed here or has an unfinished batch.",
            example="orders requires product_catalog, which has never completed here",
            cure="Import that one first, or finish or dismiss its batch.",
        ),
        of_run(
            "unknown-batch-type",
            cause="No pipeline and no processor class is registered under this name.",
            example="No processor registered for batch type 'orderz'. Available types: customer_data, orders; did you "
            'mean "orders"?',
            cure="Correct the name, or register the class: registry.discover, or `processors` in ri.yaml.",
        ),
    ),
)
